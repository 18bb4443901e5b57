"""Checks of what `collectstatic --s3` leans on: that the command is ours, and that the redirect view can be reached."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from django.core import checks
from django.core.management import get_commands
from django.urls import NoReverseMatch, reverse

from s3sync.checks import ids
from s3sync.conf import conf
from s3sync.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS: Final = "s3sync"
_DJANGOS: Final = "django.contrib.staticfiles"


def check_static() -> list[checks.CheckMessage]:
    """What is wrong around the command and the view."""
    return [*_shadowed_command(), *_missing_view()]


def _shadowed_command() -> Iterator[checks.CheckMessage]:
    """Of two apps with a command of one name, Django takes the one that comes first in INSTALLED_APPS."""
    app = get_commands().get("collectstatic", _OURS)
    if not isinstance(app, str) or app == _OURS or _extends_ours(app):
        return
    whose = "Django's" if app == _DJANGOS else f"that of {app!r}"
    hint = f"In INSTALLED_APPS, move this line above {app!r}; without --s3 nothing changes:\n\n"
    if app != _DJANGOS:
        hint = f"If you don't need the command of {app!r}, move this line above it in INSTALLED_APPS:\n\n"
    yield checks.Warning(
        f"collectstatic is {whose}, because {app!r} comes before {_OURS!r} in INSTALLED_APPS: it knows no --s3.",
        hint=f'{hint}    "{_OURS}",\n\nOr run s3_collectstatic, which is collectstatic --s3 under a name of its own.',
        id=ids.SHADOWED_COMMAND,
    )


def _extends_ours(app: str) -> bool:
    """Whether the app's command is a subclass of ours. The class is not made: that may do anything."""
    if app == _DJANGOS:
        return False
    try:
        command = import_module(f"{app}.management.commands.collectstatic").Command
    except Exception:  # noqa: BLE001  whatever it is, it is not our command
        return False
    # By name: the checks know nothing of the commands, which stand before them.
    return any(base.__module__.startswith(f"{_OURS}.management.") for base in getattr(command, "__mro__", ()))


def _missing_view() -> Iterator[checks.CheckMessage]:
    try:
        mode = conf.css.urls
    except ConfigurationError:  # that is said elsewhere
        return
    if mode == "redirect" and not is_mounted():
        yield checks.Warning(
            "S3SYNC['CSS']['URLS'] is 'redirect', and the view that redirects is not in the URLconf: stylesheets would"
            " refer to addresses that are not there.",
            hint='path("s3sync/", include("s3sync.urls")),  # in urlpatterns',
            id=ids.VIEW_NOT_MOUNTED,
        )


def is_mounted() -> bool:
    """Whether the view has an address. An URLconf that can't be read is reported by Django, and taken for right."""
    if not any(conf.project_settings(["ROOT_URLCONF"]).values()):
        return False
    try:
        reverse("s3sync:static", args=["x"])
    except NoReverseMatch:
        return False
    except Exception:  # noqa: BLE001  a module of the project can fail in any way
        return True
    return True
