"""Flax NNX and Optax, one jitted epoch: the batches are a `jax.lax.scan`.

From flax.readthedocs.io ('MNIST tutorial', 'Performance considerations') and docs.jax.dev
(`jax.lax.scan`, 'Pseudorandom numbers').

On a CPU a convolution is several times slower inside a loop's body than outside
(github.com/jax-ml/jax/issues/12868). A scan unrolled entirely escapes that, but would have to
compile the step once for every batch of the epoch.
"""

import time
from functools import partial

import jax
import jax.numpy as jnp
import optax
from flax import nnx


class Cnn(nnx.Module):
    def __init__(self, rngs):
        self.conv1 = nnx.Conv(1, 32, kernel_size=(3, 3), padding="VALID", rngs=rngs)
        self.conv2 = nnx.Conv(32, 64, kernel_size=(3, 3), padding="VALID", rngs=rngs)
        self.max_pool = partial(nnx.max_pool, window_shape=(2, 2), strides=(2, 2))
        self.linear = nnx.Linear(5 * 5 * 64, 10, rngs=rngs)

    def __call__(self, x):
        x = self.max_pool(nnx.relu(self.conv1(x)))
        x = self.max_pool(nnx.relu(self.conv2(x)))
        return self.linear(x.reshape(len(x), -1))


def loss_function(model, x, y):
    return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()


def run(x, y, epochs, batch_size):
    model = Cnn(rngs=nnx.Rngs(0))
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
