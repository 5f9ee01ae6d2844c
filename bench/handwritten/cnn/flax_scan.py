"""Flax NNX and Optax, several jitted steps a call: the batches are a `jax.lax.scan`.

From flax.readthedocs.io ('MNIST tutorial', 'Performance considerations') and docs.jax.dev
(`jax.lax.scan`).

On a CPU a convolution is several times slower inside a loop's body than outside
(github.com/jax-ml/jax/issues/12868). A scan that is unrolled entirely leaves no loop, but compiles
the step once for every batch: a few batches a call are enough.
"""

import time
from functools import partial

import jax
import jax.numpy as jnp
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


STEPS = 4


def run(x, y, epochs, batch_size):
    model = Cnn(rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
    graphdef, state = nnx.split((model, optimizer))
    x, y = jnp.asarray(x), jnp.asarray(y)

    def train_step(state, rows):
        model, optimizer = nnx.merge(graphdef, state)
        loss, gradients = nnx.value_and_grad(loss_function)(model, x[rows], y[rows])
        optimizer.update(model, gradients)
        return nnx.state((model, optimizer)), loss * len(rows)

    @jax.jit
    def train_steps(state, order):
        whole = len(order) // batch_size * batch_size
        batches = order[:whole].reshape(-1, batch_size)
        state, losses = jax.lax.scan(train_step, state, batches, unroll=True)
        total = losses.sum()
        if whole < len(order):
            state, loss = train_step(state, order[whole:])
            total += loss
        return state, total

    rng = np.random.default_rng(0)
    times = [time.perf_counter()]
    for _ in range(epochs):
        order = rng.permutation(len(x))
        total = 0.0
        for start in range(0, len(x), STEPS * batch_size):
            state, loss = train_steps(state, order[start : start + STEPS * batch_size])
            total += loss
        _ = float(total) / len(x)
        times.append(time.perf_counter())
    nnx.update((model, optimizer), state)
    return times
