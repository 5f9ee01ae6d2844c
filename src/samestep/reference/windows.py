"""Convolution and pooling over images (N, rows, columns, channels)."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from samestep.placing import NO_PADDING, Padding
from samestep.reference.arrays import Array

Pair = tuple[int, int]

NEAR = float(np.sqrt(np.finfo(np.float64).eps))
"""Values that differ by this share of the larger one are equal to Julia's isapprox."""


def convolve(x: Array, kernel: Array, stride: Pair, padding: Padding) -> Array:
    """Correlation with kernel (rows, columns, in, filters), which is not flipped."""
    patches = _windows(x, kernel.shape[:2], stride, padding)
    # The channel axis of the windows stands before their two own axes.
    return np.asarray(np.tensordot(patches, kernel, axes=((3, 4, 5), (2, 0, 1))))


def convolution_slopes(
    slope: Array, x: Array, kernel: Array, stride: Pair, padding: Padding
) -> tuple[Array, Array]:
    """The derivatives by the kernel and by x, from that by the output."""
    patches = _windows(x, kernel.shape[:2], stride, padding)
    by_kernel = np.tensordot(patches, slope, axes=((0, 1, 2), (0, 1, 2))).transpose(1, 2, 0, 3)
    by_patches = np.tensordot(slope, kernel, axes=(3, 3))
    return by_kernel, _add_windows(by_patches, x.shape, stride, padding)


def max_pool(x: Array, size: Pair, stride: Pair) -> Array:
    """The largest value of each window."""
    return np.asarray(_windows(x, size, stride).max(axis=(4, 5)))


def max_pool_slope(
    slope: Array, x: Array, size: Pair, stride: Pair, near_ties: bool = False
) -> Array:
    """The derivative by x: a window's largest value, the first of several, has it all."""
    windows = _windows(x, size, stride)
    flat = windows.reshape(*windows.shape[:4], -1)
    largest = flat.max(axis=-1, keepdims=True)
    equal = flat == largest
    if near_ties:
        equal |= largest - flat <= NEAR * np.maximum(np.abs(largest), np.abs(flat))
    first = np.arange(flat.shape[-1]) == equal.argmax(axis=-1)[..., np.newaxis]
    by_windows = (first * slope[..., np.newaxis]).reshape(windows.shape)
    return _add_windows(by_windows.transpose(0, 1, 2, 4, 5, 3), x.shape, stride)


def avg_pool(x: Array, size: Pair, stride: Pair) -> Array:
    """The mean of each window."""
    return np.asarray(_windows(x, size, stride).mean(axis=(4, 5)))


def avg_pool_slope(slope: Array, x: Array, size: Pair, stride: Pair) -> Array:
    """The derivative by x: each value of a window has an equal share."""
    share = slope[:, :, :, np.newaxis, np.newaxis, :] / (size[0] * size[1])
    by_windows = np.broadcast_to(share, (*slope.shape[:3], *size, slope.shape[3]))
    return _add_windows(by_windows, x.shape, stride)


def _windows(x: Array, size: Pair, stride: Pair, padding: Padding = NO_PADDING) -> Array:
    """All windows of x: (N, rows, columns, channels, window rows, window columns)."""
    if padding != NO_PADDING:
        x = np.pad(x, ((0, 0), *padding, (0, 0)))
    return sliding_window_view(x, size, axis=(1, 2))[:, :: stride[0], :: stride[1]]


def _add_windows(
    by_windows: Array, shape: tuple[int, ...], stride: Pair, padding: Padding = NO_PADDING
) -> Array:
    """Add up (N, rows, columns, window rows, window columns, channels) where windows overlap."""
    (above, below), (left, right) = padding
    total = np.zeros((shape[0], shape[1] + above + below, shape[2] + left + right, shape[3]))
    rows, columns = by_windows.shape[1:3]
    for row in range(by_windows.shape[3]):
        for column in range(by_windows.shape[4]):
            last_row, last_column = row + stride[0] * rows, column + stride[1] * columns
            total[:, row : last_row : stride[0], column : last_column : stride[1]] += by_windows[
                :, :, :, row, column
            ]
    return total[:, above : above + shape[1], left : left + shape[2]]
