"""Hosts that browsers take for one site."""

from __future__ import annotations

_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gov", "gob", "net", "or", "org", "ne", "go", "nom"})


def is_same_site(one: str, other: str) -> bool:
    """Whether two hosts are, as far as names tell, of one owner: cookies of the one may be the other's.

    Without the Public Suffix List this is a guess: what is left of a name without its first label has to be more than
    what registries give out (`example.co.uk` against `co.uk`).
    """
    one, other = one.lower().rstrip("."), other.lower().rstrip(".")
    if not one or not other:
        return False
    if one == other or one.endswith("." + other) or other.endswith("." + one):
        return True
    above = one.partition(".")[2]
    return above == other.partition(".")[2] and _is_registered(above)


def _is_registered(domain: str) -> bool:
    labels = domain.split(".")
    if len(labels) < 2 or all(label.isdigit() for label in labels):
        return False
    return len(labels) > 2 or not (len(labels[1]) == 2 and labels[0] in _SECOND_LEVEL)
