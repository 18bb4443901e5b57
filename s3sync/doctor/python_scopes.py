"""Where in a Python module one is: what conditions hold there, and what its variables are."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from .code_places import Lookout

_NOT_INSTANCES = frozenset({"os", "sys", "settings", "request"})
_KNOWING = frozenset({"debug", "s3", "aws", "boto", "boto3", "local"})


@dataclass(slots=True)
class Scopes(ast.NodeVisitor):
    """Walks one module in the order of its text."""

    lookout: Lookout
    imported: dict[str, str] = field(default_factory=dict)
    """Local name -> full name, of the imports so far, in whichever function."""
    guarded: int = 0
    """How many conditions around this node know about S3."""
    locals: list[dict[str, str]] = field(default_factory=lambda: [{}])
    """By function: its variables, with the field whose file they hold, or an empty string."""
    foreign: list[frozenset[str]] = field(default_factory=lambda: [frozenset()])
    """By class: attributes of `self` that are no fields, as the class gives them something else."""

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self.imported[name] = alias.name if alias.asname else name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.imported |= {alias.asname or alias.name: f"{node.module or ''}.{alias.name}" for alias in node.names}

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        self.locals.append({argument.arg: "" for argument in ast.walk(node.args) if isinstance(argument, ast.arg)})
        if isinstance(node, ast.Lambda):
            self.generic_visit(node)
        else:
            for part in (*node.decorator_list, node.args):
                self.visit(part)
            self._block(node.body)
        self.locals.pop()

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        is_model = node.name in self.lookout.models
        self.foreign.append(frozenset() if is_model else frozenset(_own_attributes(node, self.lookout)))
        self.generic_visit(node)
        self.foreign.pop()

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        with self._guard(_knows(node.test)):
            self._block(node.body)
            self._block(node.orelse)

    def visit_IfExp(self, node: ast.IfExp | ast.BoolOp) -> None:
        with self._guard(_knows(node.test if isinstance(node, ast.IfExp) else node)):
            self.generic_visit(node)

    visit_BoolOp = visit_IfExp  # noqa: N815

    def visit_Try(self, node: ast.Try) -> None:
        catches = any(
            handler.type is not None and _names(handler.type, "NotImplementedError") for handler in node.handlers
        )
        with self._guard(catches):
            self._block(node.body)
            self._block(node.orelse)
        for handler in node.handlers:
            self.visit(handler)
        self._block(node.finalbody)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item)
        with self._guard(any(_names(item.context_expr, "NotImplementedError") for item in node.items)):
            self._block(node.body)

    visit_AsyncWith = visit_With  # noqa: N815

    def _block(self, body: Sequence[ast.stmt]) -> None:
        """Statements of which one may leave early, so that the rest is for the other case."""
        before = self.guarded
        for statement in body:
            self.visit(statement)
            if isinstance(statement, ast.If) and _knows(statement.test) and _leaves(statement.body):
                self.guarded += 1
        self.guarded = before

    @contextmanager
    def _guard(self, knows: bool) -> Iterator[None]:
        self.guarded += knows
        try:
            yield
        finally:
            self.guarded -= knows

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._bind(target, node.value)
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign | ast.NamedExpr) -> None:
        if node.value is not None:
            self.visit(node.value)
            self._bind(node.target, node.value)

    visit_NamedExpr = visit_AnnAssign  # noqa: N815

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._bind(node.target, node.iter)
        self.generic_visit(node)

    visit_AsyncFor = visit_For  # noqa: N815

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        for name in (node.id for node in ast.walk(target) if isinstance(node, ast.Name)):
            self.locals[-1][name] = ""
        if isinstance(target, ast.Name) and isinstance(value, ast.Attribute) and self.is_field(value):
            self.locals[-1][target.id] = value.attr

    def is_field(self, node: ast.Attribute) -> bool:
        """Whether this is a file field of some object."""
        if node.attr not in self.lookout.fields:
            return False
        if isinstance(node.value, ast.Name):
            name = node.value.id
            if name in _NOT_INSTANCES or name in self.imported:
                return False
            return not (name == "self" and node.attr in self.foreign[-1])
        return True


def _own_attributes(node: ast.ClassDef, lookout: Lookout) -> Iterator[str]:
    """Attributes that this class, which is no model, gives something else than a field's file."""
    for statement in ast.walk(node):
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        if isinstance(value, ast.Attribute) and value.attr in lookout.fields:
            continue
        for target in targets:
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
                yield target.attr
            elif isinstance(target, ast.Name) and statement in node.body:
                yield target.id


def _knows(test: ast.expr) -> bool:
    """Whether a condition asks where files are."""
    for node in ast.walk(test):
        word = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if word.endswith("FileSystemStorage") or not _KNOWING.isdisjoint(word.lower().split("_")):
            return True
    return False


def _leaves(body: Sequence[ast.stmt]) -> bool:
    return isinstance(body[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break))


def _names(node: ast.expr, name: str) -> bool:
    return any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node))
