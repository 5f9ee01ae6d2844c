"""NumPy alone: forward, backward and Adam (Kingma and Ba 2015, Algorithm 1) by hand."""

import time

import numpy as np


def forward(weights, x):
    inputs = [x]
    for kernel, bias in weights[:-1]:
        inputs.append(np.maximum(inputs[-1] @ kernel + bias, 0))
    kernel, bias = weights[-1]
    return inputs, inputs[-1] @ kernel + bias


def loss_and_gradients(weights, x, y):
    inputs, logits = forward(weights, x)
    logits = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(logits)
    sums = exponentials.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = (np.log(sums[:, 0]) - logits[rows, y]).mean()
    delta = exponentials / sums
    delta[rows, y] -= 1
    delta /= len(y)
    gradients = []
    for (kernel, _), inner in zip(reversed(weights), reversed(inputs), strict=True):
        gradients += [delta.sum(axis=0), inner.T @ delta]
        delta = (delta @ kernel.T) * (inner > 0)
    return loss, gradients[::-1]


def run(x, y, epochs, hidden, batch_size):
    x = x.reshape(len(x), -1)
    rng = np.random.default_rng(0)
    widths = [x.shape[1], *hidden, int(y.max()) + 1]
    weights = []
    for width, units in zip(widths, widths[1:]):  # noqa: B905, RUF007
        bound = np.sqrt(6 / (width + units))
        kernel = rng.uniform(-bound, bound, (width, units)).astype(x.dtype)
        weights.append((kernel, np.zeros(units, x.dtype)))
    parameters = [parameter for pair in weights for parameter in pair]
    first = [np.zeros_like(parameter) for parameter in parameters]
    second = [np.zeros_like(parameter) for parameter in parameters]
    step = 0
    times = [time.perf_counter()]
    for _ in range(epochs):
        order = rng.permutation(len(x))
        total = 0.0
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            loss, gradients = loss_and_gradients(weights, x[batch], y[batch])
            total += float(loss) * len(batch)
            step += 1
            correction_1, correction_2 = 1 - 0.9**step, 1 - 0.999**step
            for w, m, v, g in zip(parameters, first, second, gradients, strict=True):
                m *= 0.9
                m += 0.1 * g
                v *= 0.999
                v += 0.001 * g * g
                w -= 1e-3 * (m / correction_1) / (np.sqrt(v / correction_2) + 1e-8)
        _ = total / len(x)
        times.append(time.perf_counter())
    return times
