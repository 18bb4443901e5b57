"""The order in which files that refer to each other can be finished: each group once, no passes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field


def groups(graph: Mapping[str, Collection[str]]) -> Iterator[tuple[str, ...]]:
    """Names that lead to each other, as sorted tuples; what a group refers to comes before it.

    A name in no cycle is a group of its own. Names that are referred to but are no keys yield nothing. The order
    depends on the names alone. Tarjan's algorithm, with a stack of its own in place of recursion.
    """
    walk = _Walk(graph)
    for name in sorted(graph):
        if name not in walk.lowest:
            yield from walk.below(name)


def levels(graph: Mapping[str, Collection[str]]) -> dict[str, int]:
    """How many steps each name is above what refers to nothing (0); members of one group share theirs."""
    found: dict[str, int] = {}
    for group in groups(graph):
        # Its members have no level yet, and all else that it refers to has one.
        above = max((found[target] + 1 for name in group for target in graph[name] if target in found), default=0)
        found.update(dict.fromkeys(group, above))
    return found


@dataclass(slots=True)
class _Walk:
    graph: Mapping[str, Collection[str]]
    lowest: dict[str, int] = field(default_factory=dict)
    """The smallest number of an open name that this name is known to lead to; its own number at first."""
    open: dict[str, int] = field(default_factory=dict)
    """Names whose group is not complete, in the order of their numbers."""

    def below(self, root: str) -> Iterator[tuple[str, ...]]:
        path = [(root, self._enter(root))]
        while path:
            name, targets = path[-1]
            for target in targets:
                if target not in self.lowest:
                    path.append((target, self._enter(target)))
                    break
                if target in self.open:
                    self.lowest[name] = min(self.lowest[name], self.lowest[target])
            else:
                path.pop()
                if path:
                    above = path[-1][0]
                    self.lowest[above] = min(self.lowest[above], self.lowest[name])
                if self.lowest[name] == self.open[name]:
                    yield self._close(name)

    def _enter(self, name: str) -> Iterator[str]:
        self.lowest[name] = self.open[name] = len(self.lowest)
        return iter(sorted(target for target in set(self.graph[name]) if target in self.graph))

    def _close(self, name: str) -> tuple[str, ...]:
        group = []
        while name in self.open:
            group.append(self.open.popitem()[0])
        return tuple(sorted(group))
