"""The yardstick of every proof: forward, backward and optimizers in float64 NumPy.

Each formula is written out as its source states it. A `Form` switches on, one by one, the
other forms that frameworks are known to use, so that a cause can be proved, not guessed.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from samestep.experiment import Adam, Momentum, Optimizer, Sgd
from samestep.layers import Activation, ActivationName, Dense, Flatten, PlacedLayer
from samestep.plan import Plan, split_batches

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Weights = dict[str, Array]

CLIP = 1e-7
"""Where Keras clips probabilities (keras.config.epsilon()) if it takes no logits."""


@dataclass(frozen=True)
class Form:
    """Which form of a formula is meant; every default is the experiment's own meaning."""

    epsilon_hat: bool = False
    """Adam: epsilon beside the root of the uncorrected second moment (end of section 2)."""
    float32_powers: bool = False
    """Adam: the powers in the bias correction are of betas rounded to float32."""
    rate_inside: bool = False
    """Momentum: v <- momentum * v + learning_rate * g, then w <- w - v."""
    float32_momentum: bool = False
    """Momentum: the momentum is rounded to float32."""
    clipped_softmax: bool = False
    """Loss: probabilities clipped to [1e-7, 1 - 1e-7] before the logarithm."""
    batch_mean_loss: bool = False
    """Epoch loss: the mean over batches, however many rows the last one has."""

    def switched_on(self) -> list[str]:
        """The names of the variants that depart from the experiment's meaning."""
        return [field.name for field in fields(self) if getattr(self, field.name)]


EXACT = Form()


@dataclass(frozen=True)
class Run:
    """What training gives: the weights at its end and the loss of every epoch."""

    weights: Weights
    losses: list[float]


def forward(layers: list[PlacedLayer], weights: Weights, x: Array) -> Array:
    """Logits (N, classes) of rows (N, ...)."""
    return _forward(layers, weights, x)[-1]


def loss_of_logits(logits: Array, y: Labels, form: Form = EXACT) -> float:
    """Mean over rows of the cross-entropy of softmax(logits) with labels y."""
    return _loss_and_slope(logits, y, form)[0]


def accuracy_of_logits(logits: Array, y: Labels) -> float:
    """The share of rows whose largest logit (the first, if several) is the label's."""
    return float(np.mean(logits.argmax(axis=1) == y))


def loss_and_gradients(
    layers: list[PlacedLayer], weights: Weights, x: Array, y: Labels, form: Form = EXACT
) -> tuple[float, Weights]:
    """The mean loss over the rows, and its gradient by every parameter."""
    values = _forward(layers, weights, x)
    loss, slope = _loss_and_slope(values[-1], y, form)
    gradients: Weights = {}
    for placed, value, output in zip(layers[::-1], values[-2::-1], values[:0:-1], strict=True):
        match placed.layer:
            case Dense(activation=activation):
                slope = slope * _activation_slope(activation, output)
                gradients[f"{placed.name}.kernel"] = value.T @ slope
                gradients[f"{placed.name}.bias"] = slope.sum(axis=0)
                slope = slope @ weights[f"{placed.name}.kernel"].T
            case Flatten():
                slope = slope.reshape(value.shape)
            case Activation(function=activation):
                slope = slope * _activation_slope(activation, output)
    return loss, {name: gradients[name] for name in weights}


class Stepper:
    """One optimizer with its state; `step` returns new weights and leaves the old alone."""

    def __init__(self, optimizer: Optimizer, form: Form = EXACT) -> None:
        self._optimizer = optimizer
        self._form = form
        self._steps = 0
        self._first: Weights = {}
        self._second: Weights = {}

    def step(self, weights: Weights, gradients: Weights) -> Weights:
        """The weights after one more update."""
        self._steps += 1
        return {name: w - self._update(name, gradients[name]) for name, w in weights.items()}

    def _update(self, name: str, gradient: Array) -> Array:
        rate = self._optimizer.learning_rate
        match self._optimizer:
            case Sgd():
                return rate * gradient
            case Momentum(momentum=momentum):
                return self._momentum_update(name, gradient, rate, momentum)
            case Adam() as adam:
                return self._adam_update(name, gradient, rate, adam)

    def _momentum_update(self, name: str, gradient: Array, rate: float, momentum: float) -> Array:
        """Heavy ball (Polyak 1964), with the rate outside the buffer as in torch.optim.SGD."""
        if self._form.float32_momentum:
            momentum = float(np.float32(momentum))
        inside, outside = (rate, 1.0) if self._form.rate_inside else (1.0, rate)
        buffer = momentum * self._first.get(name, np.zeros_like(gradient)) + inside * gradient
        self._first[name] = buffer
        return outside * buffer

    def _adam_update(self, name: str, gradient: Array, rate: float, adam: Adam) -> Array:
        """Kingma and Ba 2015, Algorithm 1; `epsilon_hat` as at the end of section 2."""
        zeros = np.zeros_like(gradient)
        first = adam.beta_1 * self._first.get(name, zeros) + (1 - adam.beta_1) * gradient
        second = adam.beta_2 * self._second.get(name, zeros) + (1 - adam.beta_2) * gradient**2
        self._first[name], self._second[name] = first, second
        beta_1, beta_2 = adam.beta_1, adam.beta_2
        if self._form.float32_powers:
            beta_1, beta_2 = float(np.float32(beta_1)), float(np.float32(beta_2))
        correction_1, correction_2 = 1 - beta_1**self._steps, 1 - beta_2**self._steps
        if self._form.epsilon_hat:
            scale = rate * np.sqrt(correction_2) / correction_1
            return np.asarray(scale * first / (np.sqrt(second) + adam.epsilon))
        root = np.sqrt(second / correction_2)
        return np.asarray(rate * (first / correction_1) / (root + adam.epsilon))


def train(plan: Plan, form: Form = EXACT) -> Run:
    """Train on the plan's proof rows in the plan's orders, epoch by epoch."""
    training = plan.experiment.training
    x, y = proof_data(plan)
    stepper = Stepper(training.optimizer, form)
    weights = plan.weights
    losses = []
    for order in plan.orders:
        batch_losses, sizes = [], []
        for rows in split_batches(order, training.batch_size, training.last_batch):
            loss, gradients = loss_and_gradients(plan.layers, weights, x[rows], y[rows], form)
            weights = stepper.step(weights, gradients)
            batch_losses.append(loss)
            sizes.append(1 if form.batch_mean_loss else len(rows))
        losses.append(float(np.average(batch_losses, weights=sizes)))
    return Run(weights, losses)


def proof_data(plan: Plan) -> tuple[Array, Labels]:
    """The training rows of the proof, with the values that a trial sees."""
    rows = plan.proof_rows
    return as_stored(plan, plan.dataset.x_train[:rows]), plan.dataset.y_train[:rows]


def held_out_data(plan: Plan) -> tuple[Array, Labels]:
    """The test rows, with the values that a trial sees."""
    return as_stored(plan, plan.dataset.x_test), plan.dataset.y_test


def as_stored(plan: Plan, x: Array) -> Array:
    """Features rounded to the experiment's precision, as the plan's files hold them."""
    return x.astype(plan.experiment.training.precision).astype(np.float64)


def first_batch(plan: Plan) -> tuple[Array, Labels]:
    """The one batch of the gradient and step rungs."""
    x, y = proof_data(plan)
    rows = plan.orders[0][: plan.experiment.training.batch_size]
    return x[rows], y[rows]


def _forward(layers: list[PlacedLayer], weights: Weights, x: Array) -> list[Array]:
    """The input and then the output of every layer."""
    values = [x]
    for placed in layers:
        value = values[-1]
        match placed.layer:
            case Dense(activation=activation):
                kernel, bias = weights[f"{placed.name}.kernel"], weights[f"{placed.name}.bias"]
                values.append(_activate(activation, value @ kernel + bias))
            case Flatten():
                values.append(value.reshape(len(value), -1))
            case Activation(function=activation):
                values.append(_activate(activation, value))
    return values


def _activate(name: ActivationName, value: Array) -> Array:
    match name:
        case "relu":
            return np.maximum(value, 0.0)
        case "sigmoid":
            # The tanh form can't overflow.
            return 0.5 * (1.0 + np.tanh(0.5 * value))
        case "tanh":
            return np.tanh(value)
        case "none":
            return value


def _activation_slope(name: ActivationName, output: Array) -> Array:
    """The derivative by the activation's input, from its output; 0 for relu at 0."""
    match name:
        case "relu":
            return (output > 0).astype(np.float64)
        case "sigmoid":
            return output * (1.0 - output)
        case "tanh":
            return 1.0 - output**2
        case "none":
            return np.ones_like(output)


def _loss_and_slope(logits: Array, y: Labels, form: Form) -> tuple[float, Array]:
    """Mean cross-entropy and its derivative by the logits."""
    rows = np.arange(len(y))
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    slope = np.exp(log_p)
    slope[rows, y] -= 1.0
    picked = log_p[rows, y]
    if form.clipped_softmax:
        low, high = np.log(CLIP), np.log1p(-CLIP)
        # Where the clip holds, the loss is flat and the row teaches nothing.
        slope *= ((picked >= low) & (picked <= high))[:, np.newaxis]
        picked = np.clip(picked, low, high)
    return float(-picked.mean()), slope / len(y)
