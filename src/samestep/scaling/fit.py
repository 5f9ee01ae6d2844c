"""A line through times of growing work, and where two lines cross. Pure; no worker, no clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import TypeVar

import numpy as np

from samestep.stats import ALPHA, Blocks, paired_logs

RESAMPLES = 1000

Answer = TypeVar("Answer")

Samples = Mapping[float, Blocks]
"""Work of a step, in FLOPs -> seconds a step, by block."""
ByWork = Mapping[float, Sequence[float]]
"""Work of a step -> values, block by block."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval; infinite where nothing bounds it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """Seconds a step: `overhead` and the seconds that each FLOP adds."""

    overhead: float
    per_flop: float

    def seconds(self, work: float) -> float:
        """What a step of so much work takes."""
        return self.overhead + self.per_flop * work


@dataclass(frozen=True)
class Fit:
    """A framework's line, with intervals, and by which share its worst point lies off it."""

    overhead: Estimate
    """Seconds a step."""
    rate: Estimate
    """FLOPs a second."""
    misfit: float


@dataclass(frozen=True)
class Crossing:
    """The work at which two lines cross; below it `below` is the faster."""

    below: str
    above: str
    work: Estimate


def fit_line(work: Sequence[float], seconds: Sequence[float]) -> Line:
    """The line of the least relative errors; neither part of it is negative."""
    from scipy.optimize import nnls

    x, y = np.asarray(work, dtype=float), np.asarray(seconds, dtype=float)
    unit = x.max()
    solution, _ = nnls(np.column_stack([1 / y, x / unit / y]), np.ones(len(x)))
    return Line(float(solution[0]), float(solution[1]) / unit)


def fit(samples: Samples, seed: int = 0) -> Fit:
    """Through the medians of the trials; intervals by the bootstrap over trials."""
    seconds = {work: list(blocks.values()) for work, blocks in samples.items()}
    line = _line_of(seconds)
    lines = _resampled(seconds, seed, _line_of)
    misfit = max(abs(median(taken) / line.seconds(work) - 1) for work, taken in seconds.items())
    return Fit(
        overhead=_estimate(line.overhead, [one.overhead for one in lines]),
        rate=_estimate(_rate(line), [_rate(one) for one in lines]),
        misfit=misfit,
    )


def find_crossing(
    names: tuple[str, str], samples: tuple[Samples, Samples], seed: int = 0
) -> Crossing | None:
    """Where two frameworks cross inside the measured range, or None.

    A crossing is where their ratio, paired within blocks, passes 1. Between measured sizes it is
    joined by straight lines in logarithms, so that this needs no line through all of them.
    """
    one, other = samples
    logs = {work: paired_logs(one[work], other[work]) for work in one.keys() & other.keys()}
    logs = {work: logs[work] for work in sorted(logs) if logs[work]}
    found = _cross(logs)
    if found is None:
        return None
    work, first_is_faster_below = found
    drawn = _resampled(logs, seed, _cross)
    places = [place[0] for place in drawn if place is not None]
    missed = len(drawn) - len(places)
    below, above = names if first_is_faster_below else names[::-1]
    interval = _estimate(work, places)
    if missed > ALPHA * len(drawn):
        # Nobody knows on which side of the measured range it would be.
        interval = Estimate(work, 0.0, float("inf"))
    return Crossing(below, above, interval)


def _cross(logs: ByWork) -> tuple[float, bool] | None:
    works, middles = list(logs), [median(values) for values in logs.values()]
    changes = [n for n in range(len(middles) - 1) if middles[n] * middles[n + 1] < 0]
    if len(changes) != 1:
        return None
    n = changes[0]
    share = middles[n] / (middles[n] - middles[n + 1])
    log_work = np.log(works[n]) + share * (np.log(works[n + 1]) - np.log(works[n]))
    return float(np.exp(log_work)), bool(middles[n] < 0)


def _line_of(seconds: ByWork) -> Line:
    return fit_line(list(seconds), [median(taken) for taken in seconds.values()])


def _rate(line: Line) -> float:
    return 1 / line.per_flop if line.per_flop > 0 else float("inf")


def _resampled(values: ByWork, seed: int, compute: Callable[[ByWork], Answer]) -> list[Answer]:
    generator = Random(seed)
    return [
        compute({x: generator.choices(drawn, k=len(drawn)) for x, drawn in values.items()})
        for _ in range(RESAMPLES)
    ]


def _estimate(value: float, resampled: Sequence[float]) -> Estimate:
    ordered = sorted(resampled)
    cut = round(ALPHA / 2 * len(ordered))
    if not ordered:
        return Estimate(value, 0.0, float("inf"))
    return Estimate(value, min(value, ordered[cut]), max(value, ordered[-1 - cut]))
