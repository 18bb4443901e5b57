"""The site's addresses."""

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

urlpatterns = [
    path("", include("photos.urls")),
    path("login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("s3sync/", include("s3sync.urls")),  # for stylesheets in a private bucket: see docs/css.md
]

# Pictures on the local disk are served by runserver; static() adds nothing unless DEBUG is on.
# Pictures on S3 have addresses of their own, so this route is then never asked for.
urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)
