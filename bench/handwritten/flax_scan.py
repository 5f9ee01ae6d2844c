"""Flax NNX and Optax, one jitted epoch: the batches are a `jax.lax.scan`.

From flax.readthedocs.io ('Performance considerations') and docs.jax.dev (`jax.lax.scan`,
'Pseudorandom numbers').
"""

import time

import jax
import jax.numpy as jnp
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
    x, y = jnp.asarray(x), jnp.asarray(y)
    whole = len(x) // batch_size * batch_size

    def train_step(state, rows):
        model, optimizer = nnx.merge(graphdef, state)
        loss, gradients = nnx.value_and_grad(loss_function)(model, x[rows], y[rows])
        optimizer.update(model, gradients)
        return nnx.state((model, optimizer)), loss * len(rows)

    @jax.jit
    def train_epoch(state, key):
        order = jax.random.permutation(key, len(x))
        batches = order[:whole].reshape(-1, batch_size)
        state, losses = jax.lax.scan(train_step, state, batches)
        total = losses.sum()
        if whole < len(x):
            state, loss = train_step(state, order[whole:])
            total += loss
        return state, total / len(x)

    key = jax.random.key(0)
    times = [time.perf_counter()]
    for _ in range(epochs):
        key, subkey = jax.random.split(key)
        state, loss = train_epoch(state, subkey)
        _ = float(loss)
        times.append(time.perf_counter())
    nnx.update((model, optimizer), state)
    return times
