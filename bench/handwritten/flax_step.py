"""Flax NNX and Optax, one jitted step a batch.

From flax.readthedocs.io: 'MNIST tutorial', and 'Performance considerations', which keeps the
objects out of the loop with `nnx.split` and `nnx.merge`.
"""

import time

import jax
import numpy as np
import optax
from flax import nnx


class Mlp(nnx.Module):
    def __init__(self, widths, rngs):
        self.layers = nnx.List(
            [
                nnx.Linear(width, units, rngs=rngs)
                for width, units in zip(widths, widths[1:])  # noqa: B905, RUF007
            ]
        )

    def __call__(self, x):
        x = x.reshape(len(x), -1)
        for layer in self.layers[:-1]:
            x = nnx.relu(layer(x))
        return self.layers[-1](x)


def loss_function(model, x, y):
    return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()


def run(x, y, epochs, hidden, batch_size):
    model = Mlp([x[0].size, *hidden, int(y.max()) + 1], rngs=nnx.Rngs(0))
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
