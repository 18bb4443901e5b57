"""Finds in Python source what does not work on S3: paths of files, folders of uploads, routes that serve them.

By the syntax tree, so that comments and strings are none. What a condition on DEBUG, S3 or FileSystemStorage decides,
or `except NotImplementedError` catches, knows about S3 already.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, field

from .code_places import CodePlace, Lookout
from .python_scopes import Scopes

_SETTINGS = (
    b"MEDIA_ROOT", b"STATIC_ROOT", b"MEDIA_URL", b"STATIC_URL", b"FileSystemStorage(", b"staticfiles_urlpatterns",
)  # fmt: skip
_BUILDERS = frozenset({"join", "urljoin", "build_absolute_uri", "format", "format_html", "safe_join"})
_ROUTES = frozenset({"path", "re_path", "url"})


def places_in(source: bytes, lookout: Lookout) -> list[CodePlace] | None:
    """The places in this module, by their lines; None if it is not Python."""
    if not _is_suspect(source, lookout):
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the project's escapes and comparisons, which are not our affair
            tree = ast.parse(source)
        reader = _Reader(lookout)
        reader.visit(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return sorted({(place.line, place.title): place for place in reversed(reader.found)}.values())


def _is_suspect(source: bytes, lookout: Lookout) -> bool:
    """Whether the text has the words at all: parsing takes a hundred times as long as looking for them."""
    if any(word in source for word in _SETTINGS):
        return True
    if b".path" not in source.replace(b"os.path", b"").replace(b"request.path", b""):
        return False
    return b"storage" in source or any(b"." + name.encode() in source for name in lookout.fields)


@dataclass(slots=True)
class _Reader(Scopes):
    """Notes what does not work."""

    found: list[CodePlace] = field(default_factory=list)

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: N802
        if isinstance(node.ctx, ast.Load):
            if node.attr == "path":
                self._path(node)
            elif node.attr in ("MEDIA_ROOT", "STATIC_ROOT") and self._is(node.value, "settings"):
                self._root(node, node.attr)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:  # noqa: N802
        name = _last_name(node.func)
        if name == "static" and self._full_name(node.func) == "django.conf.urls.static.static":
            self._add(node, "debug-route", "static() for the development server", verdict="ok")
        elif name == "staticfiles_urlpatterns":
            self._add(node, "debug-route", "staticfiles_urlpatterns()", verdict="ok")
        elif name in (*_ROUTES, "serve") and self._serves(node):
            self._serve(node)
        elif name == "FileSystemStorage":
            self._disk_storage(node)
        else:
            self._other_call(node, name)

    def _other_call(self, node: ast.Call, name: str) -> None:
        if name == "getattr" and len(node.args) > 1 and self._is(node.args[0], "settings"):
            match node.args[1]:
                case ast.Constant(value=("MEDIA_ROOT" | "STATIC_ROOT") as setting):
                    self._root(node, setting)
        if name in _BUILDERS:
            for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                self._url(argument)
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:  # noqa: N802
        # A callable for `FileField(storage=...)`: the field itself is looked at.
        if not (isinstance(node.value, ast.Call) and _last_name(node.value.func) == "FileSystemStorage"):
            self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:  # noqa: N802
        if isinstance(node.op, (ast.Add, ast.Mod)):
            for side in (node.left, node.right, *(node.right.elts if isinstance(node.right, ast.Tuple) else ())):
                self._url(side)
        self.generic_visit(node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> None:  # noqa: N802
        self._url(node.value)
        self.generic_visit(node)

    def _path(self, node: ast.Attribute) -> None:
        owner, fields = node.value, self.lookout.fields
        held = self._held_by(owner)
        if held:
            self._add(node, "field-path", f"{_text(node)} of the file field {held!r}", verdict=fields[held])
        elif isinstance(owner, ast.Attribute) and owner.attr == "storage" and (held := self._held_by(owner.value)):
            self._add(node, "storage-path", f"{_text(node)}() of the file field {held!r}", verdict=fields[held])
        elif (alias := self._alias_of(owner)) in self.lookout.aliases:
            seen = f"{_text(node)}(), the storage {alias!r}"
            self._add(node, "storage-path", seen, verdict=self.lookout.aliases[alias])

    def _held_by(self, node: ast.expr) -> str:
        """The field whose file this is; empty if it is none."""
        if isinstance(node, ast.Name):
            return next((scope[node.id] for scope in reversed(self.locals) if node.id in scope), "")
        return node.attr if isinstance(node, ast.Attribute) and self.is_field(node) else ""

    def _alias_of(self, node: ast.expr) -> str:
        match node:
            case ast.Subscript(value=ast.Name() | ast.Attribute() as store, slice=ast.Constant(value=str(alias))):
                return alias if self._is(store, "storages") else ""
        if self._is(node, "default_storage"):
            return "default"
        return "staticfiles" if self._is(node, "staticfiles_storage") else ""

    def _full_name(self, node: ast.expr) -> str:
        """The dotted name of what this expression is, by the module's imports; empty if it is no name."""
        if isinstance(node, ast.Name):
            return self.imported.get(node.id, node.id)
        owner = self._full_name(node.value) if isinstance(node, ast.Attribute) else ""
        return f"{owner}.{node.attr}" if owner and isinstance(node, ast.Attribute) else ""

    def _is(self, node: ast.expr, name: str) -> bool:
        """Whether the expression is something of this name, wherever it comes from."""
        return f".{self._full_name(node)}".endswith(f".{name}")

    def _root(self, node: ast.expr, setting: str) -> None:
        if self.lookout.media if setting == "MEDIA_ROOT" else self.lookout.static:
            self._add(node, setting.lower().replace("_", "-"), f"settings.{setting}")

    def _url(self, node: ast.expr) -> None:
        """An address that is put together from a setting."""
        if isinstance(node, ast.Attribute) and self._is(node.value, "settings"):
            if node.attr == "MEDIA_URL" and self.lookout.media_url:
                self._add(node, "media-url", "an address made of settings.MEDIA_URL")
            elif node.attr == "STATIC_URL" and self.lookout.static_url:
                self._add(node, "static-url", "an address made of settings.STATIC_URL")

    def _serves(self, node: ast.Call) -> bool:
        """Whether this is Django's view for folders, or a route to it."""
        views = (part for part in ast.walk(node) if isinstance(part, (ast.Name, ast.Attribute)))
        return any(self._full_name(view) == "django.views.static.serve" for view in views)

    def _serve(self, node: ast.Call) -> None:
        roots = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
        for setting, moved in (("MEDIA_ROOT", self.lookout.media), ("STATIC_ROOT", self.lookout.static)):
            if setting in roots and moved:
                needed = self.lookout.falls_back and setting == "MEDIA_ROOT"
                title, verdict = ("cutover-route", "ok") if needed else ("serve-route", "warning")
                self._add(node, title, f"django.views.static.serve of {setting}", verdict=verdict)

    def _disk_storage(self, node: ast.Call) -> None:
        """A storage that is made where it is used; those of fields are looked at by the fields."""
        named = any(isinstance(part, ast.Attribute) and part.attr == "MEDIA_ROOT" for part in ast.walk(node))
        if len(self.locals) > 1 and self.lookout.media and (named or not (node.args or node.keywords)):
            self._add(node, "disk-storage", _text(node))

    def _add(self, node: ast.expr, title: str, seen: str, *, verdict: str = "warning") -> None:
        if not self.guarded and (title != "debug-route" or self.lookout.media or self.lookout.static):
            self.found.append(CodePlace(node.lineno, title, verdict, seen))


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else f"...{text[-57:]}"
