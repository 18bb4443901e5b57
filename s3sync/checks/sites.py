"""An alias on S3 as the checks see it: what is written, what it comes to, and the line that would change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3sync.s3.options import Backend, OfflineError, Reading, read_storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An alias on S3 with its OPTIONS as written and as they come to."""

    alias: str
    storage_class: type
    written: Mapping[str, Any]
    reading: Reading

    @property
    def place(self) -> tuple[str, str]:
        """Endpoint and bucket; aliases that differ in it never meet."""
        return self.text("endpoint_url").rstrip("/").lower(), self.text("bucket_name")

    @property
    def folder(self) -> str:
        """The location with one slash behind it, as keys begin with it; empty for the whole bucket."""
        parts = [part for part in self.text("location").split("/") if part]
        return "".join(f"{part}/" for part in parts)

    @property
    def is_usable(self) -> bool:
        """Whether the storage can be constructed, as far as can be told; where it can't, that is what to say."""
        return self.reading.error is None or isinstance(self.reading.error, OfflineError)

    def text(self, option: str) -> str:
        return str(self.reading.options.get(option) or "")

    def paste(self, option: str, value: str) -> str:
        options = f'STORAGES["{self.alias}"]["OPTIONS"]'
        return f'{options}["{option}"] = "{value}"' if self.written else f'{options} = {{"{option}": "{value}"}}'

    def assign(self, option: str, source: str) -> str:
        """The line that gives the option this Python source, and can stand beside others of its kind."""
        options = '["OPTIONS"]' if self.written else '.setdefault("OPTIONS", {})'
        return f'STORAGES["{self.alias}"]{options}["{option}"] = {source}'


def sites_of(storages: Mapping[str, Mapping[str, Any]], backends: Mapping[str, Backend]) -> list[Site]:
    """The aliases on S3 whose OPTIONS are a dictionary."""
    sites = []
    for alias, backend in backends.items():
        written = storages[alias].get("OPTIONS", {})
        if backend.s3_class is not None and isinstance(written, Mapping):
            reading = read_storage(backend.s3_class, written)
            sites.append(Site(alias=alias, storage_class=backend.s3_class, written=written, reading=reading))
    return sites
