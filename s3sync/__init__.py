"""Moves a Django project's media and static files to S3, keeps them in step, and proves who can read them."""

__version__ = "0.1.0"
