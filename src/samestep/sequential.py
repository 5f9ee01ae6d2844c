"""When a race has run long enough: looks at the blocks so far, with an error rate that holds.

Whoever looks after every block and stops at the first difference finds one in the end, for noise
alone. So the 5% are spent over looks that are fixed before the race: a look at a share of the
planned blocks may have spent that share (Lan and DeMets 1983, Biometrika 70(3), the uniform
spending function). Each look's pairs are judged at what it newly spends, divided by their
number; by Bonferroni's inequality the chance of any false difference is 5% at most, however the
looks and the pairs hang together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import ceil, log1p
from statistics import median
from typing import Literal

from samestep.stats import ALPHA, EQUAL, Blocks, log_ratio_interval

FIRST_LOOK = 3
GROWTH = 1.3
"""Every look comes after so many times the blocks of the one before."""

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
    return [Look(end, ALPHA * (end - before) / most) for before, end in pairwise([0, *ends])]


def judge_pairs(
    times: Mapping[str, Blocks], looks: Sequence[Look], precision: float
) -> dict[frozenset[str], State]:
    """What the looks so far say of every pair of frameworks.

    `apart` is a difference for certain; `close`, none of more than `precision`, a share; both stay
    once a look has found them. A pair whose blocks have ended is judged by what it has.
    """
    pairs = list(combinations(sorted(times), 2))
    near = log1p(precision)
    found: dict[frozenset[str], State] = {}
    for one, other in pairs:
        shared = sorted(times[one].keys() & times[other].keys())
        state: State = "open"
        for look in looks:
            if look.blocks > len(shared) or state != "open":
                break
            first = shared[: look.blocks]
            alpha = look.alpha / len(pairs)
            low, high = log_ratio_interval(times[one], times[other], first, alpha)
            if low > EQUAL or high < -EQUAL:
                state = "apart"
            elif -near < low and high < near:
                state = "close"
        found[frozenset((one, other))] = state
    return found


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
