"""Judge what a worker observed against the reference: the ladder and the search for causes.

Pure: arrays in, a verdict out; `proof` runs the workers.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from samestep import reference
from samestep.audit import AuditBatches, judge_audit
from samestep.dropout import Draws, draw_gradients, judge_dropout
from samestep.plan import Plan
from samestep.proof_record import FrameworkProof, Rung, RungName, Shift
from samestep.reference import EXACT, Form
from samestep.traps import Trap, form_with, variants

TOLERANCE = 1e-9

SMALLEST_STEP = 1e-6
"""A step is judged by the change of the weights, but not below this share of the weights,
where float64 itself no longer holds nine digits of it."""

Array = NDArray[np.float64]
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


class Diverged(Exception):
    """The reference itself is not finite, so that nothing can be proved."""


def judge(plan: Plan, observation: Observation) -> FrameworkProof:
    """The verdict on one observation: the ladder, its causes, and the audit."""
    audit = judge_audit(plan.experiment.training, plan.rows, observation.audit)
    try:
        rungs = list(climb(plan, observation, EXACT))
        passed = all(rung.passed for rung in rungs)
        causes = [] if passed else find_causes(plan, observation)
    except Diverged as error:
        return FrameworkProof(verdict="failed", stage="reference", message=str(error), audit=audit)
    departs = next((rung.name for rung in rungs if not rung.passed), None)
    proof = FrameworkProof(verdict="identical", rungs=rungs, audit=audit, departs=departs)
    if causes is None:
        return proof.model_copy(update={"verdict": "different"})
    if causes:
        form = form_with(causes)
        explained = {
            "verdict": "equivalent",
            "rungs_with_causes": list(climb(plan, observation, form)),
            "causes": [trap.name for trap in causes],
            "shift": measure_shift(plan, form),
        }
        proof = proof.model_copy(update=explained)
    if observation.rounded_logits is not None:
        proof = name_rounding(plan, observation, proof)
    if observation.dropout_gradient is not None:
        yardstick = _yardstick(plan, EXACT)
        with yardstick.lock:
            draws = yardstick.dropout
        dropout = judge_dropout(draws, observation.dropout_gradient)
        proof = proof.model_copy(update={"dropout": dropout})
        if not dropout.passed:
            failed = {"verdict": "different", "departs": "dropout", "message": dropout.problems[0]}
            proof = proof.model_copy(update=failed)
    if not audit.passed:
        failed = {"verdict": "different", "departs": "audit", "message": audit.problems[0]}
        proof = proof.model_copy(update=failed)
    return proof


def name_rounding(plan: Plan, observation: Observation, proof: FrameworkProof) -> FrameworkProof:
    """Add the rounding that the proof lifted, and its size, if it can be seen at all."""
    assert observation.rounded_logits is not None
    error = relative_error(observation.rounded_logits, _yardstick(plan, EXACT).logits)
    if error <= TOLERANCE:
        return proof
    cause = f"{observation.rounding} (logits by {error:.0e}; lifted for the proof)"
    return proof.model_copy(update={"verdict": "equivalent", "causes": [*proof.causes, cause]})


def find_causes(plan: Plan, observation: Observation) -> list[Trap] | None:
    """The smallest set of variants with which every rung passes, or None."""
    known = variants(plan.experiment)
    for size in range(1, len(known) + 1):
        for traps in combinations(known, size):
            # The climb is lazy: a set of variants falls at its first rung that departs.
            if all(rung.passed for rung in climb(plan, observation, form_with(list(traps)))):
                return list(traps)
    return None


def climb(plan: Plan, observation: Observation, form: Form) -> Iterator[Rung]:
    """The rungs one by one, each computed when it is asked for."""
    yardstick = _yardstick(plan, form)
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


def worst_error(observed: dict[str, Array], expected: dict[str, Array]) -> Worst:
    """The largest error over the parameters, and the parameter's name."""
    odd = sorted(set(observed) ^ set(expected))
    if odd:
        return float("inf"), odd[0]
    return _worst([(relative_error(observed[name], expected[name]), name) for name in expected])


def measure_shift(plan: Plan, form: Form) -> Shift:
    """How far a form moves the trajectory's end, by the reference alone."""
    moved, exact = _yardstick(plan, form), _yardstick(plan, EXACT)
    with moved.lock, exact.lock:
        return Shift(
            weights=worst_error(moved.run.weights, exact.run.weights)[0],
            logits=relative_error(moved.trained_logits, exact.trained_logits),
            loss=relative_error(np.array(moved.trained_loss), np.array(exact.trained_loss)),
        )


class _Yardstick:
    """What the reference expects of each rung, computed once and when needed."""

    def __init__(self, plan: Plan, form: Form) -> None:
        self.plan = plan
        self.form = form
        self.lock = Lock()

    @cached_property
    def logits(self) -> Array:
        x, _ = reference.held_out_data(self.plan)
        return _finite(reference.forward(self.plan.layers, self.plan.weights, x, self.form))

    @cached_property
    def batch(self) -> reference.Backward:
        x, y = reference.first_batch(self.plan)
        return reference.loss_and_gradients(self.plan.layers, self.plan.weights, x, y, self.form)

    @cached_property
    def step(self) -> dict[str, Array]:
        return reference.one_step(self.plan, self.batch, self.form)

    @cached_property
    def run(self) -> reference.Run:
        with np.errstate(all="ignore"):
            run = reference.train(self.plan, self.form)
        for array in run.weights.values():
            _finite(array)
        _finite(np.array(run.losses))
        return run

    @cached_property
    def trained_logits(self) -> Array:
        x, _ = reference.held_out_data(self.plan)
        return reference.forward(self.plan.layers, self.run.weights, x, self.form)

    @cached_property
    def dropout(self) -> Draws:
        return draw_gradients(self.plan)

    @property
    def trained_loss(self) -> float:
        _, y = reference.held_out_data(self.plan)
        return reference.loss_of_logits(self.trained_logits, y, self.form)


_latest: tuple[Plan, dict[Form, _Yardstick]] | None = None
"""The plan that was proved last: an older one would keep its whole data in memory."""

_YARDSTICKS = 64


def _yardstick(plan: Plan, form: Form) -> _Yardstick:
    """One yardstick a form, shared by all frameworks that are proved on the same plan."""
    global _latest
    latest = _latest
    if latest is None or latest[0] is not plan:
        latest = _latest = (plan, {})
    yardsticks = latest[1]
    while len(yardsticks) >= _YARDSTICKS and form not in yardsticks:
        yardsticks.pop(next(iter(yardsticks)), None)
    return yardsticks.setdefault(form, _Yardstick(plan, form))


def _finite(array: Array) -> Array:
    if not np.isfinite(array).all():
        raise Diverged(
            "the reference itself leaves the range of float64, so nothing can be proved; "
            "use a smaller learning rate, or standardize the data"
        )
    return array


def _forward_error(yardstick: _Yardstick, observation: Observation) -> Worst:
    return relative_error(observation.logits, yardstick.logits), "logits"


def _loss_error(yardstick: _Yardstick, observation: Observation) -> Worst:
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


def _gradient_error(yardstick: _Yardstick, observation: Observation) -> Worst:
    return worst_error(observation.gradient, yardstick.batch.gradients)


def _step_error(yardstick: _Yardstick, observation: Observation) -> Worst:
    odd = sorted(set(observation.step) ^ set(yardstick.step))
    if odd:
        return float("inf"), odd[0]
    errors = []
    for name, expected in yardstick.step.items():
        start = yardstick.plan.weights[name]
        change = float(np.max(np.abs(expected - start)))
        scale = max(change, SMALLEST_STEP * float(np.max(np.abs(start))))
        errors.append((relative_error(observation.step[name], expected, scale), name))
    return _worst(errors)


def _trajectory_error(yardstick: _Yardstick, observation: Observation) -> Worst:
    run = yardstick.run
    if len(observation.losses) != len(run.losses):
        return float("inf"), f"{len(observation.losses)} epochs instead of {len(run.losses)}"
    pairs = zip(observation.losses, run.losses, strict=True)
    losses = [
        (relative_error(np.array(seen), np.array(expected)), f"loss of epoch {number}")
        for number, (seen, expected) in enumerate(pairs, start=1)
    ]
    expected = np.array(yardstick.trained_loss)
    trained = (relative_error(np.array(observation.trained_loss), expected), "test loss after it")
    return _worst([worst_error(observation.trajectory, run.weights), *losses, trained])


_ERRORS: dict[RungName, Callable[[_Yardstick, Observation], Worst]] = {
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
