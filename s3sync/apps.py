"""What `INSTALLED_APPS` needs: system checks, and nothing else at start-up."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks


class S3SyncConfig(AppConfig):
    """Registers the checks of `manage.py check`; opens nothing and reads no storage."""

    name = "s3sync"
    label = "s3sync"
    verbose_name = "S3 sync"

    def ready(self) -> None:
        from s3sync.checks import check_project

        checks.register(check_project, "s3sync")
