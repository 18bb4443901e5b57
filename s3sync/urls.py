"""The redirect view's address: `path("s3sync/", include("s3sync.urls"))` in the project's URLconf."""

from __future__ import annotations

from django.urls import path

from . import views

app_name = "s3sync"
urlpatterns = [path("static/<path:name>", views.static, name="static")]
