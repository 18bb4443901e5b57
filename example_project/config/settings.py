"""Settings of the example project: they run as they are, and everything is steered by the environment.

README.md lists the variables. In short: nothing set means SQLite and local files below ``data/``; ``DATABASE_URL``
means PostgreSQL; ``AWS_STORAGE_BUCKET_NAME`` means S3; ``MEDIA_ON=local`` beside it is the time before the cut-over.
"""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from .database import parse_database_url
from .secrets import aws_credentials, secret

BASE_DIR = Path(__file__).resolve().parent.parent
#: Everything that the site itself writes: the database, pictures, collected static files.
DATA_DIR = Path(os.environ.get("EXAMPLE_DATA_DIR") or BASE_DIR / "data")
DATA_DIR.mkdir(parents=True, exist_ok=True)


def listed(name: str, default: str = "") -> list[str]:
    """The words of a comma-separated environment variable."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


# Security

DEBUG = os.environ.get("DJANGO_DEBUG", "1").lower() not in ("", "0", "false", "no", "off")
SECRET_KEY = secret("SECRET_KEY") or ("only-for-development-" * 3 if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "Without DEBUG, SECRET_KEY must be set: environment, AWS Secrets Manager or secrets.json."
    )
ALLOWED_HOSTS = listed("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if DEBUG else "")
CSRF_TRUSTED_ORIGINS = listed("DJANGO_CSRF_TRUSTED_ORIGINS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = not DEBUG
if os.environ.get("BEHIND_TLS_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Application

INSTALLED_APPS = [
    "photos",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "s3sync",  # before staticfiles: its collectstatic is the one that knows --s3
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "photos:feed"
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

# Database

DATABASE_URL = secret("DATABASE_URL")
DATABASES = {
    "default": parse_database_url(DATABASE_URL)
    if DATABASE_URL
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA_DIR / "db.sqlite3"}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Files

MEDIA_URL = "media/"
MEDIA_ROOT = DATA_DIR / "media"
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

BUCKET_NAME = secret("AWS_STORAGE_BUCKET_NAME")
MEDIA_ON = os.environ.get("MEDIA_ON") or ("s3" if BUCKET_NAME else "local")
if MEDIA_ON not in ("local", "s3"):
    raise ImproperlyConfigured(f"MEDIA_ON is {MEDIA_ON!r}. It must be 'local' or 's3'.")
if MEDIA_ON == "s3" and not BUCKET_NAME:
    raise ImproperlyConfigured("MEDIA_ON is 's3', but AWS_STORAGE_BUCKET_NAME names no bucket.")

if BUCKET_NAME:
    S3_OPTIONS = {
        "bucket_name": BUCKET_NAME,
        "region_name": secret("AWS_S3_REGION_NAME") or None,
        "endpoint_url": secret("AWS_S3_ENDPOINT_URL") or None,
        "addressing_style": secret("AWS_S3_ADDRESSING_STYLE") or None,  # "path" for many servers other than AWS
        **aws_credentials(),
    }
    STORAGES["staticfiles"] = {"BACKEND": "config.storages.StaticStorage", "OPTIONS": S3_OPTIONS}
    if MEDIA_ON == "s3":
        STORAGES["default"] = {"BACKEND": "config.storages.MediaStorage", "OPTIONS": S3_OPTIONS}
    else:
        # Before the cut-over: the site still reads and writes the local disk, and s3_push_media fills the bucket
        # meanwhile, as often as you like. The cut-over is then the removal of MEDIA_ON=local, and one last push.
        STORAGES["media_s3"] = {"BACKEND": "config.storages.MediaStorage", "OPTIONS": S3_OPTIONS}
        S3SYNC = {"MEDIA_STORAGE": "media_s3"}
