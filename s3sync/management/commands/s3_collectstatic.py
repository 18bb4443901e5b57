"""`manage.py s3_collectstatic`: `collectstatic --s3` for projects in which that name is another app's."""

from __future__ import annotations

from typing import Any

from .collectstatic import Command as CollectStatic


class Command(CollectStatic):
    help = "Collect static files on S3: what collectstatic --s3 does, whichever app has the name collectstatic."

    def handle(self, **options: Any) -> str | None:
        if options["s3"] is False:
            self.usage_error("--no-s3 makes no sense here: use collectstatic")
        return super().handle(**{**options, "s3": True})
