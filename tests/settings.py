"""Django's settings for tests that run inside pytest; tests of commands make a project of their own (`project.py`)."""

SECRET_KEY = "not a secret"
USE_TZ = True
INSTALLED_APPS = ["s3sync", "django.contrib.contenttypes", "django.contrib.staticfiles"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
STATIC_URL = "/static/"
MEDIA_URL = "/media/"
