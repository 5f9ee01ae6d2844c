"""What a steady epoch takes, and whether a trial's epochs keep one speed at all.

A change of level or a trend is reported, not averaged away: many runtimes warm up, slow down or
never settle (Barrett et al. 2017, Virtual machine warmup blows hot and cold, OOPSLA).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, quantiles
from typing import Literal

FEWEST = 12
"""Epochs after the first, below which nothing can be told."""

CHANGE = 0.05
"""A change of speed that is not worth a word, as a share."""

CHANCE = 1e-3
"""How often an even trial may be called uneven."""

State = Literal["steady", "slows down", "speeds up", "changes level", "too short"]


@dataclass(frozen=True)
class Steadiness:
    """How a trial went, and by which share its speed changed: last against first, or at most."""

    state: State
    change: float = 0.0


def steady_epoch(seconds: Sequence[float]) -> float | None:
    """What nine in ten of the epochs after the first take at least; None where there are none.

    A shared machine only ever adds to a time. A neighbour on the same core that doubles every
    second epoch moves the median as it likes, and leaves the lower end where it was.

    Source: Chen and Revels 2016, arXiv:1608.04295, who take the minimum.

    >>> steady_epoch([9.0, 1.0, 1.0, 2.0])
    1.0
    """
    after = seconds[1:]
    return (
        quantiles(after, n=10, method="inclusive")[0] if len(after) > 1 else next(iter(after), None)
    )


def judge_steadiness(seconds: Sequence[float]) -> Steadiness:
    """Judge the epochs after the first, by their quarters.

    A trend is a monotone one by Kendall's tau, a level another median of some quarter by the test
    of Kruskal and Wallis; both must be more than chance and more than a trifle.
    """
    if len(seconds) < FEWEST:
        return Steadiness("too short")
    if min(seconds) == max(seconds):
        return Steadiness("steady")
    quarters = _quarters(seconds)
    medians = [median(quarter) for quarter in quarters]
    drift = medians[-1] / medians[0] - 1
    if _matters(drift) and _trend_by_chance(seconds) < CHANCE / 2:
        return Steadiness("slows down" if drift > 0 else "speeds up", drift)
    spread = max(medians) / min(medians) - 1
    if spread > CHANGE and _levels_by_chance(quarters) < CHANCE / 2:
        return Steadiness("changes level", spread)
    return Steadiness("steady")


def _trend_by_chance(seconds: Sequence[float]) -> float:
    """How often Kendall's tau of an even trial is as far from 0."""
    # Imported by those who need it: of a small report it would be a third of the time.
    from scipy.stats import kendalltau

    return float(kendalltau(range(len(seconds)), seconds).pvalue)


def _levels_by_chance(quarters: Sequence[Sequence[float]]) -> float:
    """How often the quarters of an even trial differ as much, by Kruskal and Wallis."""
    from scipy.stats import kruskal

    return float(kruskal(*quarters).pvalue)


def _matters(change: float) -> bool:
    return change > CHANGE or change < 1 / (1 + CHANGE) - 1


def _quarters(seconds: Sequence[float]) -> list[Sequence[float]]:
    ends = [round(len(seconds) * part / 4) for part in range(5)]
    return [seconds[start:end] for start, end in pairwise(ends)]
