"""Addresses of the photo pages."""

from django.urls import path

from . import views

app_name = "photos"
urlpatterns = [
    path("", views.FeedView.as_view(), name="feed"),
    path("by/<str:username>/", views.AuthorView.as_view(), name="author"),
    path("post/<int:pk>/", views.PostView.as_view(), name="detail"),
    path("upload/", views.UploadView.as_view(), name="upload"),
]
