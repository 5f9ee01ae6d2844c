"""Group letters: who can be told apart from whom, in as few letters as are found."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import combinations
from string import ascii_letters

Group = frozenset[str]
Pairs = set[frozenset[str]]


def compact_letters(order: Sequence[str], apart: AbstractSet[frozenset[str]]) -> dict[str, str]:
    """Letters such that two names share one exactly if they are not told apart.

    Source: insert, absorb and sweep, Piepho 2004, J. Comput. Graph. Stat. 13(2).

    >>> compact_letters("abc", {frozenset("ac")})
    {'a': 'a', 'b': 'ab', 'c': 'b'}
    """
    place = {name: number for number, name in enumerate(order)}
    groups = sorted(
        _swept(_needed(_groups(order, apart)), order),
        key=lambda group: sorted(place[name] for name in group),
    )
    return {
        name: "".join(_letter(n) for n, group in enumerate(groups) if name in group)
        for name in order
    }


def _groups(order: Sequence[str], apart: AbstractSet[frozenset[str]]) -> list[Group]:
    """All groups that hold no pair told apart and are part of no other: insert and absorb."""
    groups = [frozenset(order)]
    for pair in combinations(order, 2):
        if frozenset(pair) not in apart:
            continue
        split = [
            part
            for group in groups
            for part in ([group - {name} for name in pair] if group >= set(pair) else [group])
        ]
        groups = [
            group
            for number, group in enumerate(split)
            if not any(group < other for other in split) and group not in split[:number]
        ]
    return groups


def _needed(groups: list[Group]) -> list[Group]:
    """The groups less those whose every pair is in another too, the smallest asked first."""
    kept = groups
    for group in sorted(groups, key=len):
        others = [other for other in kept if other != group]
        if _pairs([group]) <= _pairs(others):
            kept = others
    return kept


def _swept(groups: list[Group], order: Sequence[str]) -> list[Group]:
    """The groups less the members whose every pair is in another too."""
    kept = list(groups)
    for number, group in enumerate(groups):
        elsewhere = _pairs(kept[:number] + kept[number + 1 :])
        for name in order:
            without = kept[number] - {name}
            if name in group and _pairs([kept[number]]) <= elsewhere | _pairs([without]):
                kept[number] = without
    return [group for group in kept if group]


def _pairs(groups: Iterable[Group]) -> Pairs:
    """The pairs in them; a member with itself counts as one, so that nobody is left out."""
    return {frozenset((one, other)) for group in groups for one in group for other in group}


def _letter(number: int) -> str:
    return ascii_letters[number] if number < len(ascii_letters) else f"({number + 1})"
