"""What the reference expects of a plan: computed once, for all frameworks that are proved on it."""

from functools import cached_property
from threading import Lock

import numpy as np

from samestep import reference
from samestep.dropout import Draws, draw_gradients
from samestep.plan import Plan
from samestep.reference import Form
from samestep.reference.arrays import Array


class Diverged(Exception):
    """The reference itself is not finite, so that nothing can be proved."""


class Yardstick:
    """What the reference expects of each rung, computed once and when needed."""

    def __init__(self, plan: Plan, form: Form) -> None:
        self.plan = plan
        self.form = form
        self.lock = Lock()

    @cached_property
    def logits(self) -> Array:
        """On the proof's test rows (N, classes), before any training."""
        x, _ = reference.held_out_data(self.plan)
        return _finite(reference.forward(self.plan.layers, self.plan.weights, x, self.form))

    @cached_property
    def batch(self) -> reference.Backward:
        """The first batch, forward and backward."""
        x, y = reference.first_batch(self.plan)
        return reference.loss_and_gradients(
            self.plan.layers, self.plan.weights, x, y, self.form, with_rounding=True
        )

    @cached_property
    def step(self) -> dict[str, Array]:
        """Weights and state after the first batch."""
        return reference.one_step(self.plan, self.batch, self.form)

    @cached_property
    def run(self) -> reference.Run:
        """Weights and losses after the whole trajectory."""
        return self._train()

    @cached_property
    def moved_run(self) -> reference.Run:
        """The same with its gradients moved at random, as far as rounding may move them."""
        return self._train(rounding=1)

    def _train(self, rounding: float = 0.0) -> reference.Run:
        with np.errstate(all="ignore"):
            run = reference.train(self.plan, self.form, rounding)
        for array in run.weights.values():
            _finite(array)
        _finite(np.array(run.losses))
        return run

    @cached_property
    def trained_logits(self) -> Array:
        """On the proof's test rows, after the trajectory."""
        return self._logits(self.run)

    @cached_property
    def trained_loss(self) -> float:
        """On the proof's test rows, after the trajectory."""
        return self._loss(self.trained_logits)

    @cached_property
    def moved_loss(self) -> float:
        """The same after the moved trajectory."""
        return self._loss(self._logits(self.moved_run))

    def _logits(self, run: reference.Run) -> Array:
        x, _ = reference.held_out_data(self.plan)
        return reference.forward(self.plan.layers, run.weights, x, self.form)

    def _loss(self, logits: Array) -> float:
        _, y = reference.held_out_data(self.plan)
        return reference.loss_of_logits(logits, y, self.form)

    @cached_property
    def dropout(self) -> Draws:
        """The first batch's gradients under masks of the reference's own."""
        return draw_gradients(self.plan)


_latest: tuple[Plan, dict[Form, Yardstick]] | None = None
"""The plan that was proved last: an older one would keep its whole data in memory."""

_YARDSTICKS = 64


def yardstick_of(plan: Plan, form: Form) -> Yardstick:
    """One yardstick a form, shared by all frameworks that are proved on the same plan."""
    global _latest
    latest = _latest
    if latest is None or latest[0] is not plan:
        latest = _latest = (plan, {})
    yardsticks = latest[1]
    while len(yardsticks) >= _YARDSTICKS and form not in yardsticks:
        yardsticks.pop(next(iter(yardsticks)), None)
    return yardsticks.setdefault(form, Yardstick(plan, form))


def _finite(array: Array) -> Array:
    if not np.isfinite(array).all():
        raise Diverged(
            "the reference itself leaves the range of float64, so nothing can be proved; "
            "use a smaller learning rate, or standardize the data"
        )
    return array
