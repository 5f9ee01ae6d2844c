"""Flax NNX and Optax, one jitted step a batch.

From flax.readthedocs.io: 'MNIST tutorial', and 'Performance considerations', which keeps the
objects out of the loop with `nnx.split` and `nnx.merge`.
"""

import time
from functools import partial

import jax
import numpy as np
import optax
from flax import nnx


class Cnn(nnx.Module):
    def __init__(self, rngs):
        self.conv1 = nnx.Conv(1, 32, kernel_size=(3, 3), padding="VALID", rngs=rngs)
        self.conv2 = nnx.Conv(32, 64, kernel_size=(3, 3), padding="VALID", rngs=rngs)
        self.max_pool = partial(nnx.max_pool, window_shape=(2, 2), strides=(2, 2))
        self.linear1 = nnx.Linear(5 * 5 * 64, 128, rngs=rngs)
        self.linear2 = nnx.Linear(128, 10, rngs=rngs)

    def __call__(self, x):
        x = self.max_pool(nnx.relu(self.conv1(x)))
        x = self.max_pool(nnx.relu(self.conv2(x)))
        x = nnx.relu(self.linear1(x.reshape(len(x), -1)))
        return self.linear2(x)


def loss_function(model, x, y):
    return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()


def run(x, y, epochs, batch_size):
    model = Cnn(rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
    graphdef, state = nnx.split((model, optimizer))

    @jax.jit
    def train_step(state, x, y):
        model, optimizer = nnx.merge(graphdef, state)
        loss, gradients = nnx.value_and_grad(loss_function)(model, x, y)
        optimizer.update(model, gradients)
        return nnx.state((model, optimizer)), loss

    rng = np.random.default_rng(0)
    times = [time.perf_counter()]
    for _ in range(epochs):
        order = rng.permutation(len(x))
        losses, sizes = [], []
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            state, loss = train_step(state, x[rows], y[rows])
            losses.append(loss)
            sizes.append(len(rows))
        _ = np.average(jax.device_get(losses), weights=sizes)
        times.append(time.perf_counter())
    nnx.update((model, optimizer), state)
    return times
