"""The order in which stylesheets that import each other are finished."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from s3sync.css import groups, levels
from tests.strategies import QUICK

NODES = "abcdef"
Graph = dict[str, set[str]]
graphs = st.dictionaries(st.sampled_from(NODES), st.sets(st.sampled_from(NODES + "xy")))


def reached(graph: Graph, start: str) -> set[str]:
    """All names that one leads to, in any number of steps, by brute force."""
    found: set[str] = set()
    left = set(graph[start])
    while left:
        name = left.pop()
        found.add(name)
        left |= graph.get(name, set()) - found
    return found


@QUICK
@given(graphs)
@example({"a": {"b"}, "b": {"a"}})
@example({"a": {"a"}})
def test_groups_are_those_that_reach_each_other(graph: Graph) -> None:
    """A cycle has to be hashed as one; anything else by itself."""
    expected = {
        name: {name} | {other for other in graph if other in reached(graph, name) and name in reached(graph, other)}
        for name in graph
    }
    found = list(groups(graph))
    assert sorted(graph) == sorted(name for group in found for name in group)
    for group in found:
        assert sorted(group) == list(group)
        for name in group:
            assert expected[name] == set(group)


@QUICK
@given(graphs)
def test_what_a_group_refers_to_comes_first(graph: Graph) -> None:
    """Its hash is part of what refers to it."""
    done: set[str] = set()
    for group in groups(graph):
        done.update(group)
        assert {target for name in group for target in graph[name] if target in graph} <= done


@QUICK
@given(graphs)
def test_order_depends_on_names_alone(graph: Graph) -> None:
    """The same files have to give the same hashes on every machine."""
    other = dict(sorted(graph.items(), reverse=True))
    assert list(groups(graph)) == list(groups(other))


@QUICK
@given(graphs)
def test_levels_are_above_all_that_is_referred_to(graph: Graph) -> None:
    """All of one level can be finished at the same time."""
    found = levels(graph)
    assert set(graph) == set(found)
    for group in groups(graph):
        below = {found[target] for name in group for target in graph[name] if target in graph and target not in group}
        assert {max(below, default=-1) + 1} == {found[name] for name in group}


def test_long_chains_and_rings_are_no_trouble() -> None:
    """Python's recursion limit must not be ours."""
    size = 20_000
    chain = {f"{number:06}": [f"{number + 1:06}"] for number in range(size)}
    assert size == len(list(groups(chain)))
    assert size - 1 == levels(chain)["000000"]
    ring = {**chain, f"{size:06}": ["000000"]}
    assert [tuple(sorted(ring))] == list(groups(ring))
