"""Stylesheets whose references a browser would be denied, as nobody reads the static files without a signature."""

from __future__ import annotations

from typing import Any

from django.apps import apps

from .. import css
from ..core.judged import AliasSummary
from ..local.spool import open_spool
from ..s3.target import Target
from .access_wishes import AccessSettings
from .delivery import Delivery
from .render import Workshop, finding_of
from .run import Run
from .wishes import StaticOptions


def report_denied_references(
    run: Run, target: Target, settings: AccessSettings, summary: AliasSummary, *, unreachable: bool = False
) -> None:
    """Names them, for the storage of the static files. Says nothing where everybody reads those, or none are found."""
    unreadable = unreachable or bool(summary.verdicts["UNREACHABLE"])
    if target.alias != settings.static_storage or not (unreadable or summary.intent == "private"):
        return
    if not apps.is_installed("django.contrib.staticfiles"):
        return
    config: Any = apps.get_app_config("staticfiles")
    with open_spool() as spool:
        workshop = Workshop(run, target, settings, StaticOptions(ignore_patterns=tuple(config.ignore_patterns)), spool)
        delivery = workshop.delivery
        for sheet in workshop.read_stylesheets().sheets.values():
            for found in css.lint(
                sheet, denied=lambda ref: _is_denied(delivery, ref, unreadable), crosses_origin=lambda _: False
            ):
                if found.code == "denied":
                    run.emit(finding_of(found._replace(level="warning")))


def _is_denied(delivery: Delivery, ref: css.Reference, unreadable: bool) -> bool:
    """Where addresses are unsigned and yet nobody reads, no address helps; only what is inlined needs none."""
    if not unreadable:
        return delivery.is_denied(ref)
    return ref.context != "inert" and ref.kind != "sourcemap" and not delivery.is_inlined(ref)
