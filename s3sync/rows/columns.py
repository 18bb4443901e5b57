"""The fields that hold names of files, or texts that may, of all models of a project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import connections, models, router
from django.db.models.fields.files import FieldFile
from django.utils.functional import LazyObject, empty

Model = type[models.Model]


@dataclass(frozen=True, slots=True)
class Column:
    """One field of one table."""

    model: str
    """`photos.Post`."""
    name: str
    storage: Any
    """None: its values are names, but nobody reads files by them (a history keeps them)."""
    attr_class: type[FieldFile] | None = None
    """A class that may choose another storage for each row; None where the field's own serves all."""


@dataclass(frozen=True, slots=True)
class Table:
    """A model and the columns of its own table."""

    model: Model
    columns: list[Column] = field(default_factory=list)

    @property
    def label(self) -> str:
        """`photos.Post`."""
        return str(self.model._meta.label)


def find_models(labels: Sequence[str] = ()) -> list[Model]:
    """All models with a table of their own, in the order of their labels; or those of these labels, and their parents.

    A proxy stands for its model. Raises LookupError or ValueError for a label that there is not.
    """
    if not labels:
        found: Iterable[Model] = apps.get_models(include_auto_created=True)
    else:
        for label in labels:
            if label.count(".") != 1:
                raise ValueError(f"{label!r} is no app label and model name")
        named = [apps.get_model(label) for label in labels]
        found = [each for model in named for each in (model, *model._meta.get_parent_list())]
    own = {model._meta.concrete_model or model for model in found}
    return sorted((model for model in own if not model._meta.swapped), key=lambda model: model._meta.label)


def file_tables(of: Iterable[Model]) -> list[Table]:
    """The models that have fields of files, with these."""
    tables = [Table(model, list(_columns(model))) for model in of]
    return [table for table in tables if table.columns]


def text_tables(of: Iterable[Model]) -> list[Table]:
    """The models that have fields of text or JSON, with these: rich text, Markdown and stream fields are such."""
    kinds = ("TextField", "JSONField")
    tables = []
    for model in of:
        columns = [
            Column(model._meta.label, each.name, None) for each in model._meta.local_concrete_fields
            if each.get_internal_type() in kinds
        ]  # fmt: skip
        if columns:
            tables.append(Table(model, columns))
    return tables


def databases(wanted: Sequence[str] = ()) -> list[str]:
    """The aliases of DATABASES that are wanted, or all; without one that is there for no use (`{}`)."""
    usable = [alias for alias in connections if connections[alias].settings_dict["ENGINE"] != _DUMMY]
    return [alias for alias in usable if alias in wanted] if wanted else usable


_DUMMY = "django.db.backends.dummy"


def lives_in(model: Model, database: str) -> bool:
    """Whether the routers let this database have the model's table, or send its rows there.

    They need not let Django migrate what they send there: somebody else makes the tables of a legacy database.
    """
    return router.allow_migrate_model(database, model) or router.db_for_write(model) == database


def real(storage: Any) -> Any:
    """The storage itself, out of the wrappers that make it when it is first used. Raises what making it raises."""
    while isinstance(storage, LazyObject):
        if storage._wrapped is empty:
            storage._setup()
        storage = storage._wrapped
    return storage


def thumbnail_tables() -> list[Table]:
    """Where easy_thumbnails writes down what it has made, if it is installed."""
    model = apps.all_models.get("easy_thumbnails", {}).get("thumbnail")
    return [] if model is None else [Table(model, [Column(model._meta.label, "name", None)])]


def _columns(model: Model) -> Iterable[Column]:
    label, copied = model._meta.label, _copied(model)
    for each in model._meta.local_concrete_fields:
        if each.name in copied:
            yield Column(label, each.name, None)
        elif isinstance(each, models.FileField):
            yield Column(label, each.name, each.storage, each.attr_class if _chooses(each.attr_class) else None)


def _copied(model: Model) -> set[str]:
    """Fields of a history (django-simple-history, django-pghistory) that are copies of the original's files."""
    original = getattr(model, "instance_type", None) or getattr(model, "pgh_tracked_model", None)
    if not (isinstance(original, type) and issubclass(original, models.Model)) or original is model:
        return set()
    return {each.name for each in original._meta.concrete_fields if isinstance(each, models.FileField)}


def _chooses(attr_class: type[FieldFile]) -> bool:
    """Whether a file of this class may have another storage than its field (django-filer's chooses by the row)."""
    return attr_class.__init__ is not FieldFile.__init__ or hasattr(attr_class, "storage")
