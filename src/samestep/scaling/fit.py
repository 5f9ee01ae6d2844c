"""A line through times of growing work, and where two lines cross. Pure; no worker, no clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import TypeVar

import numpy as np

from samestep.stats import ALPHA

RESAMPLES = 1000

Answer = TypeVar("Answer")

Samples = Mapping[float, Sequence[float]]
"""Work of a step, in FLOPs -> seconds a step, trial by trial."""


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
    line = _line_of(samples)
    lines = _resampled([samples], seed, lambda drawn: _line_of(drawn[0]))
    misfit = max(abs(median(seconds) / line.seconds(work) - 1) for work, seconds in samples.items())
    return Fit(
        overhead=_estimate(line.overhead, [one.overhead for one in lines]),
        rate=_estimate(_rate(line), [_rate(one) for one in lines]),
        misfit=misfit,
    )


def find_crossing(
    names: tuple[str, str], samples: tuple[Samples, Samples], seed: int = 0
) -> Crossing | None:
    """Where two frameworks cross inside the measured range, or None.

    Between measured sizes the medians are joined by straight lines, so that this needs no line
    through all of them: a crossing is where the difference of the times changes its sign.
    """
    found = _cross(samples)
    if found is None:
        return None
    work, first_is_faster_below = found
    drawn = _resampled(list(samples), seed, lambda pair: _cross((pair[0], pair[1])))
    places = [one[0] for one in drawn if one is not None]
    missed = len(drawn) - len(places)
    below, above = names if first_is_faster_below else names[::-1]
    interval = _estimate(work, places)
    if missed > ALPHA * len(drawn):
        # Nobody knows on which side of the measured range it would be.
        interval = Estimate(work, 0.0, float("inf"))
    return Crossing(below, above, interval)


def _cross(samples: tuple[Samples, Samples]) -> tuple[float, bool] | None:
    shared = sorted(samples[0].keys() & samples[1].keys())
    logs = [np.log(median(samples[0][x])) - np.log(median(samples[1][x])) for x in shared]
    changes = [n for n in range(len(logs) - 1) if logs[n] * logs[n + 1] < 0]
    if len(changes) != 1:
        return None
    n = changes[0]
    share = logs[n] / (logs[n] - logs[n + 1])
    log_work = np.log(shared[n]) + share * (np.log(shared[n + 1]) - np.log(shared[n]))
    return float(np.exp(log_work)), bool(logs[n] < 0)


def _line_of(samples: Samples) -> Line:
    return fit_line(list(samples), [median(seconds) for seconds in samples.values()])


def _rate(line: Line) -> float:
    return 1 / line.per_flop if line.per_flop > 0 else float("inf")


def _resampled(
    samples: Sequence[Samples], seed: int, compute: Callable[[list[Samples]], Answer]
) -> list[Answer]:
    generator = Random(seed)
    return [
        compute(
            [
                {x: generator.choices(list(seconds), k=len(seconds)) for x, seconds in one.items()}
                for one in samples
            ]
        )
        for _ in range(RESAMPLES)
    ]


def _estimate(value: float, resampled: Sequence[float]) -> Estimate:
    ordered = sorted(resampled)
    cut = round(ALPHA / 2 * len(ordered))
    if not ordered:
        return Estimate(value, 0.0, float("inf"))
    return Estimate(value, min(value, ordered[cut]), max(value, ordered[-1 - cut]))
