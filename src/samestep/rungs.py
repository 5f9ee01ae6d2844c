"""The rungs of the ladder: how far what was observed is from the reference, each in its measure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from samestep import reference
from samestep.audit import AuditBatches
from samestep.plan import Plan
from samestep.proof_record import Rung, RungName
from samestep.reference import Form
from samestep.reference.arrays import Array, Weights, largest
from samestep.yardstick import Yardstick, yardstick_of

TOLERANCE = 1e-9

SMALLEST_STEP = 1e-6
"""A step is judged by the change of the weights, but not below this share of the weights,
where float64 itself no longer holds nine digits of it."""

Worst = tuple[float, str]


@dataclass(frozen=True)
class Observation:
    """What a framework did with the plan, in float64 and canonical layout."""

    logits: Array
    loss: float
    accuracy: float
    gradient: dict[str, Array]
    step: dict[str, Array]
    trajectory: dict[str, Array]
    losses: list[float]
    trained_loss: float
    """On the test rows, after the trajectory."""
    audit: AuditBatches
    dropout_gradient: dict[str, Array] | None = None
    """As `gradient`, but with dropout at its rate: one sample."""
    rounding: str = ""
    """What the framework rounds in float64, lifted for everything but `rounded_logits`."""
    rounded_logits: Array | None = None
    dtypes: dict[str, str] = field(default_factory=dict)


def climb(plan: Plan, observation: Observation, form: Form) -> Iterator[Rung]:
    """The rungs one by one, each computed when it is asked for."""
    yardstick = yardstick_of(plan, form)
    for name, error in _ERRORS.items():
        # What one framework's proof has computed, another's takes as it is.
        with yardstick.lock:
            worst = error(yardstick, observation)
        yield _rung(name, worst, observation)


def relative_error(observed: Array, expected: Array, scale: float | None = None) -> float:
    """max|a - b| / max|b|, absolute if the expected are all 0; infinite for NaN or shapes."""
    observed, expected = np.asarray(observed), np.asarray(expected)
    if observed.shape != expected.shape:
        return float("inf")
    if expected.size == 0:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        distance = float(np.max(np.abs(observed - expected)))
    size = float(np.max(np.abs(expected))) if scale is None else scale
    error = distance / size if size > 0 else distance
    return error if np.isfinite(error) else float("inf")


def worst_error(
    observed: dict[str, Array], expected: dict[str, Array], least: dict[str, float] | None = None
) -> Worst:
    """The largest error over the arrays, and its array's name.

    Each is relative to the array's largest value, or to its `least` scale if that is more.
    """
    odd = sorted(set(observed) ^ set(expected))
    if odd:
        return float("inf"), odd[0]
    errors = []
    for name, array in expected.items():
        scale = max(largest(array), least[name] if least else 0.0)
        errors.append((relative_error(observed[name], array, scale), name))
    return _worst(errors)


def _forward_error(yardstick: Yardstick, observation: Observation) -> Worst:
    return relative_error(observation.logits, yardstick.logits), "logits"


def _loss_error(yardstick: Yardstick, observation: Observation) -> Worst:
    _, y = reference.held_out_data(yardstick.plan)
    expected = reference.loss_of_logits(yardstick.logits, y, yardstick.form)
    loss_error = relative_error(np.array(observation.loss), np.array(expected))
    return _worst(
        [(loss_error, "loss"), (_accuracy_error(yardstick.logits, y, observation), "accuracy")]
    )


def _accuracy_error(logits: Array, y: NDArray[np.int64], observation: Observation) -> float:
    """0 if the same number of rows is right; rows whose largest logits tie may go either way."""
    difference = abs(observation.accuracy - reference.accuracy_of_logits(logits, y))
    tied = 0
    if logits.shape[1] > 1:
        second, first = np.partition(logits, -2, axis=1)[:, -2:].T
        tied = int((first - second <= TOLERANCE * np.abs(logits).max()).sum())
    # Frameworks keep the mean in float32, so rows are counted, not digits.
    return 0.0 if difference * len(y) < tied + 0.5 else difference


def _gradient_error(yardstick: Yardstick, observation: Observation) -> Worst:
    expected = yardstick.batch.gradients
    least = {name: reach / TOLERANCE for name, reach in yardstick.batch.rounding.items()}
    return worst_error(observation.gradient, expected, least)


def _step_error(yardstick: Yardstick, observation: Observation) -> Worst:
    """How far each step is from the reference's, or from where its own gradient leads."""
    odd = sorted(set(observation.step) ^ set(yardstick.step))
    if odd:
        return float("inf"), odd[0]
    worst = _worst_step(yardstick, observation.step, yardstick.step)
    if worst[0] <= TOLERANCE:
        return worst
    low, high = _step_bounds(yardstick, observation.gradient)
    nearest = {
        name: np.clip(observation.step[name], low[name], high[name])
        if observation.step[name].shape == expected.shape
        else expected
        for name, expected in yardstick.step.items()
    }
    return _worst_step(yardstick, observation.step, nearest)


def _worst_step(yardstick: Yardstick, seen: Weights, expected: Weights) -> Worst:
    """Relative to the change of the weights."""
    errors = []
    for name, step in yardstick.step.items():
        start = yardstick.plan.weights[name]
        scale = max(largest(step - start), SMALLEST_STEP * largest(start))
        errors.append((relative_error(seen[name], expected[name], scale), name))
    return _worst(errors)


def _step_bounds(yardstick: Yardstick, seen: dict[str, Array]) -> tuple[Weights, Weights]:
    """The weights after a step by the seen gradient less or more its rounding.

    The optimizers' first steps all grow with the gradient, value by value.
    """
    ends = []
    for sign in (-1, 1):
        gradients = {}
        for name, expected in yardstick.batch.gradients.items():
            gradient = seen.get(name, expected)
            # A gradient that the rung before has refused explains no step.
            if not relative_error(gradient, expected) < float("inf"):
                gradient = expected
            rounding = max(largest(gradient - expected), yardstick.batch.rounding[name])
            gradients[name] = gradient + sign * rounding
        batch = replace(yardstick.batch, gradients=gradients)
        ends.append(reference.one_step(yardstick.plan, batch, yardstick.form))
    low = {name: np.minimum(end, ends[1][name]) for name, end in ends[0].items()}
    high = {name: np.maximum(end, ends[1][name]) for name, end in ends[0].items()}
    return low, high


def _trajectory_error(yardstick: Yardstick, observation: Observation) -> Worst:
    expected = yardstick.run
    if len(observation.losses) != len(expected.losses):
        where = f"{len(observation.losses)} epochs instead of {len(expected.losses)}"
        return float("inf"), where
    seen = observation.trajectory | _losses(observation.losses, observation.trained_loss)
    path = expected.weights | _losses(expected.losses, yardstick.trained_loss)
    worst = worst_error(seen, path)
    if worst[0] <= TOLERANCE:
        return worst
    # What rounding alone moves by so much, nothing can hold more closely.
    moved = yardstick.moved_run
    moved_path = moved.weights | _losses(moved.losses, yardstick.moved_loss)
    least = {name: largest(moved_path[name] - array) / TOLERANCE for name, array in path.items()}
    return worst_error(seen, path, least)


def _losses(losses: list[float], trained: float) -> dict[str, Array]:
    by_epoch = {f"loss of epoch {n}": np.array(loss) for n, loss in enumerate(losses, start=1)}
    return {**by_epoch, "test loss after it": np.array(trained)}


_ERRORS: dict[RungName, Callable[[Yardstick, Observation], Worst]] = {
    "forward": _forward_error,
    "loss": _loss_error,
    "gradient": _gradient_error,
    "step": _step_error,
    "trajectory": _trajectory_error,
}


def _worst(errors: list[Worst]) -> Worst:
    return max(errors, key=lambda pair: pair[0], default=(0.0, ""))


def _rung(name: RungName, worst: Worst, observation: Observation) -> Rung:
    error, where = worst
    passed = error <= TOLERANCE
    dtype = observation.dtypes.get(where if name == "forward" else f"{name}/{where}", "float64")
    if not passed and dtype != "float64":
        where = f"{where} ({dtype})"
    return Rung(name=name, error=error, where=where, passed=passed)
