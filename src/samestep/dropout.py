"""Judge one training step with dropout by its statistics: is it there, and scaled as asked?

The masks of a framework can't be known, but the reference can draw its own, many times. The
first batch's gradient is compared with its form without dropout in two numbers a parameter:
how far it lies from that (the noise), and how long it is along that (the scaling). Both must
lie where the reference's draws lie.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from samestep import reference
from samestep.layers import Dropout
from samestep.plan import Plan
from samestep.proof_record import DropoutCheck
from samestep.reference.arrays import largest

CHANCE = 1e-7
"""How likely an honest gradient may be to fail one comparison (Student's t prediction interval)."""

DRAWS = 200
DRAW_FLOPS = 5e10
"""All draws together may cost so much; a few are enough for large models."""

FEWEST_DRAWS = 24
LEAST_SPREAD = 0.003
"""So much of a difference may be rounding, where draws agree more closely."""

Array = NDArray[np.float64]
Gradients = Mapping[str, Array]


def has_dropout(plan: Plan) -> bool:
    """Whether any value is dropped at all."""
    return any(isinstance(p.layer, Dropout) and p.layer.rate > 0 for p in plan.layers)


@dataclass(frozen=True)
class Draws:
    """The first batch's gradient without dropout, and under the reference's own masks."""

    without: Gradients
    rounding: Mapping[str, float]
    """How far rounding may move each gradient without dropout."""
    samples: Sequence[Gradients]


def draw_gradients(plan: Plan) -> Draws:
    """What every framework's gradient with dropout is compared with."""
    x, y = reference.first_batch(plan)
    without = reference.loss_and_gradients(plan.layers, plan.weights, x, y, with_rounding=True)
    generator = np.random.default_rng(plan.experiment.training.seed)
    samples = [_draw(plan, generator) for _ in range(_draw_count(plan, len(y)))]
    return Draws(without.gradients, without.rounding, samples)


def judge_dropout(draws: Draws, observed: Gradients) -> DropoutCheck:
    """Compare one observed gradient with the reference's draws; every problem is a sentence."""
    problems = []
    for name, without in draws.without.items():
        if name not in observed or observed[name].shape != without.shape:
            problems.append(f"there is no gradient of {name} in training with dropout")
            continue
        # A gradient of nothing but rounding says nothing of what was dropped.
        if largest(without) <= draws.rounding[name]:
            continue
        samples = [sample[name] for sample in draws.samples]
        problems += _parameter_problems(name, observed[name], without, samples)
    return DropoutCheck(passed=not problems, problems=problems)


def _parameter_problems(
    name: str, observed: Array, without: Array, draws: list[Array]
) -> list[str]:
    noises = [_noise(draw, without) for draw in draws]
    # Where a draw may drop nothing at all, nothing can be said of one that did.
    if min(noises) < 1e-20:
        return []
    noise = _noise(observed, without)
    if noise < 1e-20:
        return [f"nothing is dropped: {name} has the gradient of a model without dropout"]
    expected = [log(value) for value in noises]
    if _departs(log(noise), expected):
        ratio = float(np.sqrt(noise / np.exp(np.mean(expected))))
        return [f"dropout moves the gradient of {name} {ratio:.3g} times as far as it should"]
    lengths = [_length(draw, without) for draw in draws]
    if _departs(_length(observed, without), lengths):
        ratio = _length(observed, without) / float(np.mean(lengths))
        return [f"with dropout the gradient of {name} is {ratio:.3g} times as long as it should be"]
    return []


def _departs(value: float, draws: list[float]) -> bool:
    count = len(draws)
    spread = max(float(np.std(draws, ddof=1)), LEAST_SPREAD)
    reach = float(stdtrit(count - 1, 1 - CHANCE / 2)) * spread * np.sqrt(1 + 1 / count)
    return not abs(value - float(np.mean(draws))) <= reach


def _noise(gradient: Array, without: Array) -> float:
    """The squared distance to the gradient without dropout, relative to its squared length."""
    return float(((gradient - without) ** 2).sum() / (without**2).sum())


def _length(gradient: Array, without: Array) -> float:
    """The gradient's length along that without dropout, in lengths of that."""
    return float((gradient * without).sum() / (without**2).sum())


def _draw_count(plan: Plan, rows: int) -> int:
    flops = rows * plan.flops_per_row
    return int(min(DRAWS, max(FEWEST_DRAWS, DRAW_FLOPS / max(flops, 1))))


def _draw(plan: Plan, generator: np.random.Generator) -> dict[str, Array]:
    """The first batch's gradient under one draw of all masks."""
    x, y = reference.first_batch(plan)
    masks = {}
    for placed in plan.layers:
        if isinstance(placed.layer, Dropout):
            kept = generator.random((len(y), *placed.input_shape)) >= placed.layer.rate
            masks[placed.name] = kept / (1 - placed.layer.rate)
    return reference.loss_and_gradients(plan.layers, plan.weights, x, y, masks=masks).gradients
