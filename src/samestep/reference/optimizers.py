"""The optimizers and the learning-rate schedules."""

import math

import numpy as np

from samestep.experiment import (
    Adam,
    AdamW,
    ConstantRate,
    CosineRate,
    LearningRateSchedule,
    Momentum,
    Optimizer,
    RmsProp,
    Sgd,
    StepRate,
)
from samestep.reference.arrays import Array, Weights
from samestep.reference.form import EXACT, Form


def learning_rate(schedule: LearningRateSchedule, initial: float, epoch: int, epochs: int) -> float:
    """The learning rate of an epoch, counted from 0, in a training of so many."""
    match schedule:
        case ConstantRate():
            return initial
        case StepRate(every=every, factor=factor):
            return float(initial * factor ** (epoch // every))
        case CosineRate(final=final):
            share = (1 + math.cos(math.pi * epoch / epochs)) / 2
            return final + (initial - final) * share


class Stepper:
    """One optimizer with its state; `step` returns new weights and leaves the old alone."""

    def __init__(self, optimizer: Optimizer, form: Form = EXACT) -> None:
        self.rate = optimizer.learning_rate
        """The learning rate, which a schedule may change between steps."""
        self._optimizer = optimizer
        self._form = form
        self._steps = 0
        self._first: Weights = {}
        self._second: Weights = {}

    def step(self, weights: Weights, gradients: Weights) -> Weights:
        """The weights after one more update; what has no gradient stays."""
        self._steps += 1
        return {
            name: w - self._update(name, w, gradients[name]) if name in gradients else w
            for name, w in weights.items()
        }

    def _update(self, name: str, weight: Array, gradient: Array) -> Array:
        rate = self.rate
        match self._optimizer:
            case Sgd():
                return rate * gradient
            case Momentum(momentum=momentum):
                return self._momentum_update(name, gradient, momentum)
            case Adam() as adam:
                return self._adam_update(name, gradient, adam)
            case AdamW(weight_decay=decay) as adam:
                if self._form.float32_decay:
                    decay = float(np.float32(decay))
                return self._adam_update(name, gradient, adam) + rate * decay * weight
            case RmsProp() as rmsprop:
                return self._rmsprop_update(name, gradient, rmsprop)

    def _momentum_update(self, name: str, gradient: Array, momentum: float) -> Array:
        """Heavy ball (Polyak 1964), with the rate outside the buffer as in torch.optim.SGD."""
        if self._form.float32_momentum:
            momentum = float(np.float32(momentum))
        inside, outside = (self.rate, 1.0) if self._form.rate_inside else (1.0, self.rate)
        buffer = momentum * self._first.get(name, np.zeros_like(gradient)) + inside * gradient
        self._first[name] = buffer
        return outside * buffer

    def _adam_update(self, name: str, gradient: Array, adam: Adam | AdamW) -> Array:
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
            scale = self.rate * np.sqrt(correction_2) / correction_1
            return np.asarray(scale * first / (np.sqrt(second) + adam.epsilon))
        root = np.sqrt(second / correction_2)
        return np.asarray(self.rate * (first / correction_1) / (root + adam.epsilon))

    def _rmsprop_update(self, name: str, gradient: Array, rmsprop: RmsProp) -> Array:
        """Tieleman and Hinton 2012, with epsilon beside the root as in torch.optim.RMSprop."""
        before = self._second.get(name, np.zeros_like(gradient))
        second = rmsprop.decay * before + (1 - rmsprop.decay) * gradient**2
        self._second[name] = second
        if self._form.epsilon_in_root:
            return np.asarray(self.rate * gradient / np.sqrt(second + rmsprop.epsilon))
        return np.asarray(self.rate * gradient / (np.sqrt(second) + rmsprop.epsilon))
