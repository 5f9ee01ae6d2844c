"""The reference trains on a plan, as every script must."""

from dataclasses import dataclass

import numpy as np

from samestep.plan import Plan, split_batches
from samestep.reference.arrays import Array, Labels, Weights
from samestep.reference.form import EXACT, Form
from samestep.reference.model import Backward, loss_and_gradients
from samestep.reference.optimizers import Stepper, learning_rate


@dataclass(frozen=True)
class Run:
    """What training gives: weights and state at its end, and the loss of every epoch."""

    weights: Weights
    losses: list[float]


def train(plan: Plan, form: Form = EXACT, rounding: float = 0.0) -> Run:
    """Train on the plan's proof rows in the plan's orders, epoch by epoch.

    With `rounding`, every gradient is moved at random, at most so many times as far as rounding
    may, to see what hangs on its last digits.
    """
    training = plan.experiment.training
    x, y = proof_data(plan)
    stepper = Stepper(training.optimizer, form)
    generator = np.random.default_rng(training.seed)
    weights = plan.weights
    losses = []
    epochs = len(plan.orders)
    for epoch, order in enumerate(plan.orders):
        stepper.rate = learning_rate(
            training.learning_rate_schedule, training.optimizer.learning_rate, epoch, epochs
        )
        batch_losses, sizes = [], []
        for rows in split_batches(order, training.batch_size, training.last_batch):
            batch = loss_and_gradients(
                plan.layers, weights, x[rows], y[rows], form, with_rounding=rounding > 0
            )
            gradients = _moved(batch, rounding, generator)
            weights = stepper.step(weights, gradients) | batch.state
            batch_losses.append(batch.loss)
            sizes.append(1 if form.batch_mean_loss else len(rows))
        losses.append(float(np.average(batch_losses, weights=sizes)))
    return Run(weights, losses)


def _moved(batch: Backward, rounding: float, generator: np.random.Generator) -> Weights:
    if rounding == 0:
        return batch.gradients
    most = {name: rounding * reach for name, reach in batch.rounding.items()}
    return {
        name: gradient + generator.uniform(-most[name], most[name], gradient.shape)
        for name, gradient in batch.gradients.items()
    }


def one_step(plan: Plan, batch: Backward, form: Form = EXACT) -> Weights:
    """Weights and state after the first batch."""
    stepper = Stepper(plan.experiment.training.optimizer, form)
    return stepper.step(plan.weights, batch.gradients) | batch.state


def proof_data(plan: Plan) -> tuple[Array, Labels]:
    """The training rows of the proof, with the values that a trial sees."""
    rows = plan.proof_rows
    return plan.dataset.x_train[:rows].astype(np.float64), plan.dataset.y_train[:rows]


def held_out_data(plan: Plan) -> tuple[Array, Labels]:
    """The proof's test rows, with the values that a trial sees."""
    rows = plan.proof_test_rows
    return plan.dataset.x_test[:rows].astype(np.float64), plan.dataset.y_test[:rows]


def first_batch(plan: Plan) -> tuple[Array, Labels]:
    """The one batch of the gradient and step rungs."""
    x, y = proof_data(plan)
    rows = plan.orders[0][: plan.experiment.training.batch_size]
    return x[rows], y[rows]
