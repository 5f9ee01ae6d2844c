"""When a race has run long enough: looks at the blocks so far, with an error rate that holds.

Whoever looks after every block and stops at the first difference finds one in the end, for noise
alone. So the 5% are spent over looks that are fixed before the race (Lan and DeMets 1983,
Biometrika 70(3)): after a share of the planned blocks its root may be spent (the power family of
Kim and DeMets 1987, Biometrika 74(1)). Each look judges its pairs at what it newly spends, by
Holm's steps: the pairs that are told apart leave their part of it to the others (Maurer and Bretz
2013, Statistics in Biopharmaceutical Research 5(4)). By Bonferroni's inequality the chance of any
false difference is 5% at most, however the looks and the pairs hang together; so is that of a pair
called close that is not, which every pair is judged for at its own part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log1p
from statistics import median
from typing import Literal

from samestep.stats import ALPHA, Blocks, log_ratios, told_apart, trimmed_interval

FIRST_LOOK = 4
GROWTH = 1.25
"""Every look comes after so many times the blocks of the one before."""
POWER = 0.5
"""Of the share of the blocks, in what is spent: early, for most races are of frameworks that are
far apart, and not so early that small differences are not found in the end."""

State = Literal["apart", "close", "open"]


@dataclass(frozen=True)
class Look:
    """After so many blocks, what may be spent on all pairs of frameworks."""

    blocks: int
    alpha: float


def plan_looks(most: int) -> list[Look]:
    """The looks of a race of at most so many blocks; together they spend 5%."""
    ends = []
    blocks = min(FIRST_LOOK, most)
    while blocks < most:
        ends.append(blocks)
        blocks = max(blocks + 1, ceil(blocks * GROWTH))
    ends.append(most)
    spent = [ALPHA * (end / most) ** POWER for end in (0, *ends)]
    return [
        Look(end, after - before)
        for end, (before, after) in zip(ends, pairwise(spent), strict=True)
    ]


def judge_pairs(
    times: Mapping[str, Blocks], looks: Sequence[Look], precision: float
) -> dict[frozenset[str], State]:
    """What the looks so far say of every pair of frameworks.

    `apart` is a difference for certain; `close`, none of more than `precision`, a share; both stay
    once a look has found them. A pair whose blocks have ended is judged by what it has.
    """
    logs = log_ratios(times)
    states: dict[frozenset[str], State] = dict.fromkeys(logs, "open")
    for look in looks:
        seen = {
            pair: values[: look.blocks]
            for pair, values in logs.items()
            if states[pair] == "open" and len(values) >= look.blocks
        }
        waiting = sum(state != "apart" for state in states.values())
        for pair in told_apart(seen, look.alpha, waiting):
            states[pair] = "apart"
        for pair, values in seen.items():
            if states[pair] == "open" and _is_close(values, look.alpha / len(logs), precision):
                states[pair] = "close"
    return states


def _is_close(values: Sequence[float], alpha: float, precision: float) -> bool:
    low, high = trimmed_interval(values, alpha)
    near = log1p(precision)
    return -near < low and high < near


def still_open(times: Mapping[str, Blocks], states: Mapping[frozenset[str], State]) -> set[str]:
    """The frameworks that another block may still settle: both of every open pair of neighbours.

    Neighbours are next to each other by their medians. One without a time is always open.
    """
    waiting = {name for name, blocks in times.items() if not blocks}
    order = sorted(
        (name for name in times if name not in waiting), key=lambda n: median(times[n].values())
    )
    for pair in pairwise(order):
        if states[frozenset(pair)] == "open":
            waiting |= set(pair)
    return waiting
