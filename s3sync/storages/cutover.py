"""A storage for the time of a move: S3, and behind it the place where the files were until now."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage
from django.utils.deconstruct import deconstructible
from storages.backends.s3 import S3Storage
from storages.utils import clean_name, is_seekable

from .counting import Fallbacks, fallbacks
from .drafts import Draft, spooled
from .local import has_file, old_place, place_of, put_exactly
from .ready import MediaS3Storage
from .sightings import Sightings
from .versions import S3_ERRORS, ask, is_later, modified_at, require_bucket, says_missing

OPTIONS: Final = ("local", "local_url", "write_to_local", "url_from", "on_s3_error", "recheck")
_CHOICES: Final = {"url_from": ("auto", "s3", "local"), "on_s3_error": ("raise", "local")}

_Answer = TypeVar("_Answer")
if TYPE_CHECKING:
    from storages.backends.s3 import S3Storage as _Base
else:
    _Base = object


class CutoverMixin(_Base):  # type: ignore[misc]
    """Stands before a subclass of `S3Storage`, whose options and methods go on deciding all that is about S3:

        class MediaCutover(CutoverMixin, MyMediaStorage):
            pass

    What is on S3 is read there, and what is not there yet in the old place. Uploads go to S3, or to both. Each option
    is one in OPTIONS or an attribute of the class. Any number of threads may use an instance, as of `S3Storage`.
    """

    local: Any = None
    """The old place: a folder, or an entry as in STORAGES (`{"BACKEND": ..., "OPTIONS": {...}}`). None: MEDIA_ROOT."""
    local_url: str | None = None
    """What addresses of files in the old place begin with. None: MEDIA_URL."""
    write_to_local: bool = False
    """Whether uploads go to both places, so that one can switch back."""
    url_from: str = "auto"
    """Where `url()` leads for a file that is in the old place. `auto`: to S3 if it is there too, which is asked of S3;
    `s3`: always there; `local`: never. The last two ask nothing."""
    on_s3_error: str = "raise"
    """Whether the old place answers (`local`) where S3 can't, or refuses to, in reading."""
    recheck: float = 60
    """Seconds for which it is believed that something is not on S3 yet. That it is there is believed for ever."""

    fallbacks: ClassVar[Fallbacks] = fallbacks
    """What the old place had to help out with in this process."""

    _alone = False

    def __init__(self, *args: Any, **options: Any) -> None:
        own = {name: options.pop(name) for name in OPTIONS if name in options}
        super().__init__(*args, **options)
        for option, value in own.items():
            setattr(self, option, value)
        for name, choices in _CHOICES.items():
            if (said := getattr(self, name)) not in choices:
                raise ImproperlyConfigured(f"{name} is {said!r}; write {' or '.join(map(repr, choices))}.")
        if not isinstance(self.recheck, (int, float)):
            raise ImproperlyConfigured(f"recheck is {self.recheck!r}; write a number of seconds, such as 60.")
        self._begin()

    def get_default_settings(self) -> dict[str, Any]:
        """The options of the class behind, and ours."""
        return {**super().get_default_settings(), **{name: getattr(type(self), name) for name in OPTIONS}}

    def _begin(self) -> None:
        self._local_storage = old_place(self.local, self.local_url)
        self._sightings = Sightings()
        self._buckets: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name not in ("_local_storage", "_sightings")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._begin()

    @property
    def local_storage(self) -> Storage:
        """The storage of the old place. Raises ImproperlyConfigured where there is none."""
        storage = self._local_storage
        if isinstance(storage, FileSystemStorage) and not str(storage.base_location):
            raise ImproperlyConfigured(
                "There is no old place to fall back to: MEDIA_ROOT is empty, and the storage has no option local."
            )
        return storage

    def s3_alone(self) -> Any:
        """A copy that knows nothing of the old place, for whoever wants to see what is on S3 itself."""
        alone = copy.copy(self)
        alone._alone = True
        return alone

    # Reading

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        if "w" in mode and self.write_to_local and not self._alone:
            return Draft(self, name)
        if not set(mode) <= set("rbt"):
            opened: File[Any] = super()._open(name, mode)
            return opened
        return self._read("open", name, lambda: super(CutoverMixin, self)._open(name, mode),
                          lambda local: local.open(name, mode))  # fmt: skip

    def size(self, name: str) -> int:
        return self._read("size", name, lambda: int(super(CutoverMixin, self).size(name)),
                          lambda local: local.size(name))  # fmt: skip

    def get_modified_time(self, name: str) -> Any:
        return self._read("get_modified_time", name, lambda: super(CutoverMixin, self).get_modified_time(name),
                          lambda local: local.get_modified_time(name))  # fmt: skip

    def exists(self, name: str) -> bool:
        """Whether the name is taken in either place. Raises what boto3 raises: an error never makes a name free."""
        if super().exists(name):
            return True
        if self._alone or not self.local_storage.exists(name):
            return False
        self._helped("exists", name)
        return True

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """The folders and files of both places."""
        if self._alone:
            return super().listdir(path)  # type: ignore[no-any-return]
        try:
            folders, files = super().listdir(path)
        except S3_ERRORS as error:
            self._must_help("listdir", path, error)
            return self.local_storage.listdir(path)
        try:
            old_folders, old_files = self.local_storage.listdir(path)
        except (FileNotFoundError, NotADirectoryError):
            return folders, files
        if set(old_files) - set(files):
            self._helped("listdir", path)
        return [*dict.fromkeys([*folders, *old_folders])], [*dict.fromkeys([*files, *old_files])]

    def url(self, name: str, parameters: Any = None, expire: Any = None, http_method: Any = None) -> str:
        """S3's address; that of the old place for what is there and not on S3 yet, or in an older version only.

        The other arguments are S3's and mean nothing in the old place. One HEAD for each name in each process, while it
        is in both places; none for what is not in the old one.
        """
        if not self._alone and self._leads_to_local(name):
            return str(self.local_storage.url(name))
        wanted = {"parameters": parameters, "expire": expire, "http_method": http_method}
        return str(super().url(name, **{key: value for key, value in wanted.items() if value is not None}))

    def _leads_to_local(self, name: str) -> bool:
        if self.url_from == "s3":
            return False
        if self.url_from == "local":
            if not has_file(self.local_storage, name):
                return False
            self.fallbacks.note(self, name, "url", place_of(self.local_storage))
            return True
        return self._is_ahead("url", name)

    def _is_ahead(self, method: str, name: str) -> bool:
        """Whether the old place has what S3 has not: the file, or a later version of it. Counts, if so.

        One HEAD for each file of the old place and each of its versions, in each process; S3's copy gets only newer.
        """
        version = self._version(name)
        if version is None:
            return False
        written, key = version
        now = time.monotonic()
        known = self._sightings.get(key, now)
        if known is None:
            try:
                known = not is_later(self.local_storage, name, written, ask(self, self._object_key(name)))
            except S3_ERRORS as error:
                if not says_missing(error):
                    self._must_help(method, name, error)
                    return True
                known = False
            self._sightings.put(key, known, until=now + self.recheck)
        if not known:
            self._helped(method, name)
        return not known

    def _version(self, name: str) -> tuple[float, str] | None:
        """When the old place's file was written, and under what to remember it; None where there is none."""
        written = modified_at(self.local_storage, name)
        return None if written is None else (written, f"{self.bucket_name}/{self._object_key(name)}@{written}")

    def _remember(self, name: str) -> None:
        """S3 has this version, or a later one."""
        version = None if self._alone else self._version(name)
        if version is not None:
            self._sightings.put(version[1], True)

    def _read(
        self, method: str, name: str, of_s3: Callable[[], _Answer], of_local: Callable[[Storage], _Answer]
    ) -> _Answer:
        """What S3 says, unless the old place is ahead of it. Raises what S3 said if neither has it."""
        if self._alone:
            return of_s3()
        try:
            if not self._is_ahead(method, name):
                return of_s3()
        except (FileNotFoundError, *S3_ERRORS) as error:
            if not says_missing(error):
                self._must_help(method, name, error)
            elif not has_file(self.local_storage, name):
                raise
            else:
                self._helped(method, name)
        return of_local(self.local_storage)

    def _helped(self, method: str, name: str) -> None:
        """Counts; and makes sure, once, that the bucket is there: HEAD says the same of both."""
        bucket = str(self.bucket.name)
        if bucket not in self._buckets:
            require_bucket(self, bucket, name)
            self._buckets.add(bucket)
        self.fallbacks.note(self, name, method, place_of(self.local_storage))

    def _must_help(self, method: str, name: str, error: Exception) -> None:
        """S3 could not answer: raises that, unless the old place is to help out then, and can."""
        can = self.on_s3_error == "local" and (method == "listdir" or has_file(self.local_storage, name))
        self.fallbacks.note_error(name, method, error, helped=can)
        if not can:
            raise error

    def _object_key(self, name: str) -> str:
        return str(self._normalize_name(clean_name(name)))

    # Writing

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """As the class behind decides; but no new upload takes the name of a file that has still to go to S3."""
        found: str = super().get_available_name(name, max_length)
        if self._alone or self.local_storage.is_name_available(found, max_length) or super().exists(found):
            return found
        return Storage.get_available_name(self, found, max_length)

    def _save(self, name: str, content: Any) -> str:
        if self._alone or not self.write_to_local:
            return self._save_to_s3(name, content)
        if is_seekable(content):
            return self._save_to_both(name, content)
        with spooled(content) as copied:
            return self._save_to_both(name, copied)

    def _save_to_s3(self, name: str, content: Any) -> str:
        saved: str = super()._save(name, content)
        self._remember(saved)
        return saved

    def _save_to_both(self, name: str, content: Any) -> str:
        began = math.floor(time.time())  # as S3 has it: whole seconds, cut off
        saved = self._save_to_s3(name, content)
        self._copy(saved, content, began)
        self._remember(saved)
        return saved

    def _copy(self, name: str, content: Any, began: float) -> None:
        """Behind S3, and exactly under its name: whoever is told of an upload can rely on S3 having it.

        The file is as old as the upload's beginning, and so no newer than any object of that name that has come since:
        of two uploads at once, S3 may keep one and the old place the other, which a push must not take for the later.
        """
        try:
            content.seek(0)
            put_exactly(self.local_storage, name, content, began)
        except Exception as error:  # noqa: BLE001  the other storage's own; the upload itself is safe
            self.fallbacks.note_failed_copy(name, place_of(self._local_storage), error)

    def delete(self, name: str) -> None:
        """Deletes in both places: a file that stayed in the old one would come back, here and with the next push.

        The old place comes first, so that an error there leaves all as it was.
        """
        if not self._alone:
            if not name:
                raise ValueError("The name must be given to delete().")
            if self.local_storage.exists(name):
                self.local_storage.delete(name)
        super().delete(name)


@deconstructible(path="s3sync.storages.CutoverStorage")
class CutoverStorage(CutoverMixin, S3Storage):  # type: ignore[misc]
    """`S3Storage`, and behind it the place where the files were until now."""


@deconstructible(path="s3sync.storages.MediaCutoverStorage")
class MediaCutoverStorage(CutoverMixin, MediaS3Storage):
    """The same with `MediaS3Storage`, for those who are about to use that."""


def s3_alone(storage: Any) -> Any:
    """The storage as it is on S3: of one that has an old place behind it a copy without, any other one itself."""
    return storage.s3_alone() if isinstance(storage, CutoverMixin) else storage


def written(cls: type, name: str) -> Any:
    """What a class has under this name, not counting what `CutoverMixin` puts before it."""
    if not issubclass(cls, CutoverMixin):
        return getattr(cls, name)
    return next((vars(base)[name] for base in cls.__mro__ if base is not CutoverMixin and name in vars(base)), None)
