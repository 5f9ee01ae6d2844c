"""NumPy alone: im2col, matrix products and Adam (Kingma and Ba 2015, Algorithm 1) by hand.

From numpy.org (`sliding_window_view`).
"""

import time

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Dense:
    """A matrix product; `backward` gives the gradients and that of the input."""

    def __init__(self, rng, inputs, units, dtype):
        bound = np.sqrt(6 / (inputs + units))
        self.kernel = rng.uniform(-bound, bound, (inputs, units)).astype(dtype)
        self.bias = np.zeros(units, dtype)

    def forward(self, x):
        self.x = x
        return x @ self.kernel + self.bias

    def backward(self, delta, inner=True):
        gradients = [self.x.T @ delta, delta.sum(axis=0)]
        return gradients, delta @ self.kernel.T if inner else None


class Conv(Dense):
    """A dense layer on every patch of the image: (rows, height, width, channels)."""

    def __init__(self, rng, channels, filters, size, dtype):
        super().__init__(rng, size * size * channels, filters, dtype)
        self.size = size

    def forward(self, x):
        self.shape = x.shape
        patches = sliding_window_view(x, (self.size, self.size), axis=(1, 2))
        patches = patches.transpose(0, 1, 2, 4, 5, 3)
        self.places = patches.shape[:3]
        columns = patches.reshape(-1, len(self.kernel))
        return super().forward(columns).reshape(*self.places, -1)

    def backward(self, delta, inner=True):
        gradients, columns = super().backward(delta.reshape(-1, delta.shape[-1]), inner)
        if not inner:
            return gradients, None
        _, height, width = self.places
        columns = columns.reshape(*self.places, self.size, self.size, -1)
        outer = np.zeros(self.shape, delta.dtype)
        for i in range(self.size):
            for j in range(self.size):
                outer[:, i : i + height, j : j + width] += columns[:, :, :, i, j]
        return gradients, outer


class ReluMaxPool:
    """Relu after a max pool of 2, which is a max pool of relus with a quarter of the work."""

    def forward(self, x):
        self.shape = x.shape
        rows, height, width, channels = x.shape
        height, width = height // 2, width // 2
        x = x[:, : 2 * height, : 2 * width]
        blocks = x.reshape(rows, height, 2, width, 2, channels)
        corners = [blocks[:, :, i, :, j] for i in (0, 1) for j in (0, 1)]
        top = np.maximum(np.maximum(*corners[:2]), np.maximum(*corners[2:]))
        self.masks, free = [], top > 0
        for corner in corners:  # the first of equals gets the gradient
            mask = (corner == top) & free
            free &= ~mask
            self.masks.append(mask)
        return np.maximum(top, 0)

    def backward(self, delta):
        outer = np.zeros(self.shape, delta.dtype)
        _, height, width, _ = delta.shape
        for k, mask in enumerate(self.masks):
            i, j = divmod(k, 2)
            outer[:, i : 2 * height : 2, j : 2 * width : 2] = delta * mask
        return outer


class Cnn:
    def __init__(self, rng, dtype):
        self.conv1, self.pool1 = Conv(rng, 1, 32, 3, dtype), ReluMaxPool()
        self.conv2, self.pool2 = Conv(rng, 32, 64, 3, dtype), ReluMaxPool()
        self.dense1 = Dense(rng, 5 * 5 * 64, 128, dtype)
        self.dense2 = Dense(rng, 128, 10, dtype)
        layers = [self.conv1, self.conv2, self.dense1, self.dense2]
        self.parameters = [p for layer in layers for p in (layer.kernel, layer.bias)]

    def forward(self, x):
        x = self.pool1.forward(self.conv1.forward(x))
        x = self.pool2.forward(self.conv2.forward(x))
        self.shape = x.shape
        self.hidden = np.maximum(self.dense1.forward(x.reshape(len(x), -1)), 0)
        return self.dense2.forward(self.hidden)

    def loss_and_gradients(self, x, y):
        logits = self.forward(x)
        logits -= logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits)
        sums = exponentials.sum(axis=1, keepdims=True)
        rows = np.arange(len(y))
        loss = (np.log(sums[:, 0]) - logits[rows, y]).mean()
        delta = exponentials / sums
        delta[rows, y] -= 1
        delta /= len(y)
        dense2, delta = self.dense2.backward(delta)
        dense1, delta = self.dense1.backward(delta * (self.hidden > 0))
        conv2, delta = self.conv2.backward(self.pool2.backward(delta.reshape(self.shape)))
        conv1, _ = self.conv1.backward(self.pool1.backward(delta), inner=False)
        return loss, conv1 + conv2 + dense1 + dense2


def run(x, y, epochs, batch_size):
    rng = np.random.default_rng(0)
    model = Cnn(rng, x.dtype)
    first = [np.zeros_like(parameter) for parameter in model.parameters]
    second = [np.zeros_like(parameter) for parameter in model.parameters]
    step = 0
    times = [time.perf_counter()]
    for _ in range(epochs):
        order = rng.permutation(len(x))
        total = 0.0
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            loss, gradients = model.loss_and_gradients(x[batch], y[batch])
            total += float(loss) * len(batch)
            step += 1
            correction_1, correction_2 = 1 - 0.9**step, 1 - 0.999**step
            for w, m, v, g in zip(model.parameters, first, second, gradients, strict=True):
                m *= 0.9
                m += 0.1 * g
                v *= 0.999
                v += 0.001 * g * g
                w -= 1e-3 * (m / correction_1) / (np.sqrt(v / correction_2) + 1e-8)
        _ = total / len(x)
        times.append(time.perf_counter())
    return times
