"""Checks of the BACKEND paths in `STORAGES`: the misspelt ones, and those that cannot be imported."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from django.core import checks

from s3sync.checks import ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from s3sync.s3.options import Backend

S3_STORAGE: Final = "storages.backends.s3.S3Storage"
S3_BOTO3_STORAGE: Final = "storages.backends.s3boto3.S3Boto3Storage"

#: Storages by their right names. The others stand here so that their misspellings are not taken for S3's.
_KNOWN: Final = (
    S3_STORAGE,
    "storages.backends.s3.S3StaticStorage",
    "storages.backends.s3.S3ManifestStaticStorage",
    S3_BOTO3_STORAGE,
    "storages.backends.s3boto3.S3StaticStorage",
    "storages.backends.s3boto3.S3ManifestStaticStorage",
    "s3sync.storages.CutoverStorage",
    "s3sync.storages.MediaCutoverStorage",
    "s3sync.storages.MediaS3Storage",
    "s3sync.storages.StaticS3Storage",
    "s3sync.storages.ManifestStaticS3Storage",
    "storages.backends.apache_libcloud.LibCloudStorage",
    "storages.backends.azure_storage.AzureStorage",
    "storages.backends.dropbox.DropboxStorage",
    "storages.backends.ftp.FTPStorage",
    "storages.backends.gcloud.GoogleCloudStorage",
    "storages.backends.sftpstorage.SFTPStorage",
    "django_s3_storage.storage.S3Storage",
)

#: What old guides and typing errors make of them, where the nearest name is not the one meant. In lower case: boto 2's
#: backend was removed in django-storages 1.10, and `S3BotoStorage` with it.
_MEANT: Final[Mapping[str, str]] = {
    "storages.backends.s3": S3_STORAGE,
    "storages.backends.s3boto": S3_STORAGE,
    "storages.backends.s3boto3": S3_BOTO3_STORAGE,
    "storages.backends.s3boto.s3botostorage": S3_STORAGE,
    "storages.backends.s3.s3boto3storage": S3_STORAGE,
    "storages.backends.s3.s3botostorage": S3_STORAGE,
    "s3storage": S3_STORAGE,
    "s3boto3storage": S3_BOTO3_STORAGE,
}


def check_backends(backends: Mapping[str, Backend]) -> list[checks.CheckMessage]:
    """A message for each alias whose BACKEND Django could not use."""
    return list(_messages(backends))


def meant_backend(path: str) -> str | None:
    """The dotted path that this one was probably meant to be, or None; the path itself if it is right."""
    if path in _KNOWN:
        return path
    if path.lower() in _MEANT:
        return _MEANT[path.lower()]
    spelled = {known.lower(): known for known in _KNOWN}
    near = difflib.get_close_matches(path.lower(), spelled, n=1, cutoff=0.78)
    return spelled[near[0]] if near else None


def _messages(backends: Mapping[str, Backend]) -> Iterator[checks.CheckMessage]:
    for alias, backend in backends.items():
        if backend.error is None:
            continue
        meant = meant_backend(backend.path) if backend.missing else None
        if meant and meant != backend.path:
            yield _misspelt(alias, backend, meant)
        else:
            yield _broken(alias, backend)


def _misspelt(alias: str, backend: Backend, meant: str) -> checks.CheckMessage:
    also = {S3_STORAGE: S3_BOTO3_STORAGE, S3_BOTO3_STORAGE: S3_STORAGE}.get(meant)
    hint = f'"BACKEND": "{meant}",'
    if also:
        hint += f"  # or {also}, the same class"
    return checks.Error(
        f"STORAGES[{alias!r}]: there is no backend {backend.path!r}; it looks like a misspelt {meant!r}.",
        hint=hint,
        id=ids.MISSPELT_BACKEND,
    )


def _broken(alias: str, backend: Backend) -> checks.CheckMessage:
    reason = f"{type(backend.error).__name__}: {backend.error}"
    return checks.Warning(
        f"STORAGES[{alias!r}]: backend {backend.path!r} cannot be imported ({reason}), so the alias cannot be used.",
        hint="Correct the dotted path, or install what its module imports. See the whole error with: "
        f"python manage.py shell -c \"from django.core.files.storage import storages; storages['{alias}']\"",
        id=ids.BROKEN_BACKEND,
    )
