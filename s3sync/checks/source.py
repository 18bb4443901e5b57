"""Finds keys in the syntax tree of a module: string constants under the names that keys have."""

from __future__ import annotations

import ast
import re
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import resolve_name
from pathlib import Path
from typing import Final

from s3sync.checks.transport import is_this_machine
from s3sync.s3.options import OPTION_OF_SETTING

#: Names of settings and variables. Not `AWS_SECRET_NAME` or `AWS_SECRET_ARN`: those only say where a key is.
_is_key_name = re.compile(
    r"(\w+_)?(AWS|S3|R2|B2|MINIO|SPACES|WASABI|LINODE|SCALEWAY|SCW|STORAGE)_(\w+_)?"
    r"(SECRET|SECRET_ACCESS_KEY|SECRET_KEY|ACCESS_KEY|ACCESS_KEY_ID|SESSION_TOKEN|SECURITY_TOKEN|CLOUDFRONT_KEY)"
    r"|AWS_(SECRET|ACCESS_KEY|ACCESS_KEY_ID|SECRET_KEY|SECRET_ACCESS_KEY|SESSION_TOKEN|SECURITY_TOKEN|CLOUDFRONT_KEY)"
).fullmatch

_KEY_OPTIONS: Final[Mapping[str, str]] = {
    "access_key": "AWS_ACCESS_KEY_ID",
    "secret_key": "AWS_SECRET_ACCESS_KEY",
    "security_token": "AWS_SESSION_TOKEN",
    "session_token": "AWS_SESSION_TOKEN",
    "cloudfront_key": "AWS_CLOUDFRONT_KEY",
}
_OPTIONS: Final = frozenset({*OPTION_OF_SETTING.values(), "session_token"})

#: What tests write that speak to no S3 at all. Shorter than any key of AWS.
_NO_KEYS: Final = frozenset({"test", "testing", "dummy", "fake", "mock"})

Pairs = Sequence[tuple[str, ast.expr]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Where a key stands. Its value is not kept."""

    name: str
    line: int
    hint: str
    """What to write instead."""


def tree_of(path: Path) -> ast.Module:
    """The syntax tree of this file; an empty one if it can't be read."""
    try:
        with tokenize.open(path) as file:
            return ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ast.Module(body=[], type_ignores=[])


def starred_in(tree: ast.Module, package: str) -> list[str]:
    """The full names of the modules of which this one takes everything."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            try:
                found.append(resolve_name("." * node.level + (node.module or ""), package))
            except ImportError:
                continue
    return found


def keys_in(path: Path) -> list[Key]:
    """The keys that are written into this file, by their lines."""
    tree = tree_of(path)
    written = list(_assignments(tree.body))
    times = Counter(name for name, _, _ in written)
    # A name that is given more than once says nothing of what it is where it is used.
    names = {name: value for name, value, _ in written if times[name] == 1 and not _is_key_name(name)}
    return sorted(_keys(tree.body, names, near=False), key=lambda key: key.line)


def _keys(body: Sequence[ast.stmt], names: Mapping[str, ast.expr], *, near: bool) -> Iterator[Key]:
    """Keys of these statements; `near` is whether they are about a server on this machine, which is nobody's secret."""
    own = list(_assignments(body, deep=False))
    near = near or any("ENDPOINT" in name and _is_near(value, names) for name, value, _ in own)
    for name, value, line in () if near else own:
        if _is_key_name(name) and _is_key(value, names):
            yield Key(name=name, line=line, hint=f'{name} = os.environ["{name}"]')
        elif name in _KEY_OPTIONS and _is_key(value, names):
            yield _option(name, line)
    for statement in body:
        inner = [*_blocks(statement)]
        for block in inner:
            yield from _keys(block, names, near=near)
        if not near and not inner:
            yield from _in_dictionaries(statement, names)


def _assignments(body: Sequence[ast.stmt], *, deep: bool = True) -> Iterator[tuple[str, ast.expr, int]]:
    """Name, value and line of what is given to names and to constant keys, such as `os.environ["AWS_..."]`."""
    for node in body:
        match node:
            case ast.Assign(targets=targets, value=value):
                yield from ((name, value, value.lineno) for target in targets if (name := _target(target)))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                if name := _target(target):
                    yield name, value, value.lineno
            case ast.Expr(ast.Call(func=ast.Attribute(attr="setdefault"), args=[ast.Constant(str(name)), value])):
                yield name, value, value.lineno
        if deep:
            for block in _blocks(node):
                yield from _assignments(block)


def _target(target: ast.expr) -> str | None:
    match target:
        case ast.Name(id=name) | ast.Subscript(slice=ast.Constant(str(name))):
            return name
    return None


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The statements inside this one; not those of functions, which may be about anything."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    for name in ("body", "orelse", "finalbody"):
        if block := getattr(statement, name, None):
            yield block
    for part in [*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())]:
        yield part.body


def _in_dictionaries(statement: ast.stmt, names: Mapping[str, ast.expr]) -> Iterator[Key]:
    """Keys among options of a storage: under "OPTIONS", or beside another option of S3Storage."""
    options = set()
    for node in ast.walk(statement):
        pairs = _pairs(node)
        options |= {id(value) for name, value in pairs if name == "OPTIONS"}
        if id(node) not in options and len(_OPTIONS.intersection(name for name, _ in pairs)) < 2:
            continue
        if any(name == "endpoint_url" and _is_near(value, names) for name, value in pairs):
            continue
        for name, value in pairs:
            if name in _KEY_OPTIONS and _is_key(value, names):
                yield _option(name, value.lineno)


def _pairs(node: ast.AST) -> Pairs:
    match node:
        case ast.Dict():
            keyed = zip(node.keys, node.values, strict=True)
            return [(str(key.value), value) for key, value in keyed if isinstance(key, ast.Constant)]
        case ast.Call():
            return [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg]
    return ()


def _option(name: str, line: int) -> Key:
    return Key(name=f'"{name}"', line=line, hint=f'"{name}": os.environ["{_KEY_OPTIONS[name]}"],')


def _is_key(value: ast.expr, names: Mapping[str, ast.expr]) -> bool:
    text = _text(value, names)
    return bool(text) and text not in _NO_KEYS


def _is_near(value: ast.expr, names: Mapping[str, ast.expr]) -> bool:
    text = _text(value, names)
    return bool(text) and is_this_machine(str(text))


def _text(value: ast.expr, names: Mapping[str, ast.expr]) -> str | None:
    """What the expression is, if it is nothing but constants; it may go through one name of the same module."""
    text = partial(_text, names=names)
    match value:
        case ast.Constant(value=str(found)):
            return found.strip()
        case ast.Constant(value=bytes(raw)):
            return raw.decode("latin-1").strip()
        case ast.JoinedStr(values=parts) if all(_is_string(part) for part in parts):
            return "".join(str(text(part)) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            one, other = text(left), text(right)
            return None if one is None or other is None else one + other
        case ast.Name(id=name) if name in names:
            return _text(names[name], {})
    return None


def _is_string(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
