"""The photo-sharing application."""

from django.apps import AppConfig


class PhotosConfig(AppConfig):
    name = "photos"
