"""The elementwise functions and their slopes."""

import numpy as np
from scipy.special import ndtr

from samestep.layers import LEAKY_SLOPE, ActivationName
from samestep.reference.arrays import Array
from samestep.reference.form import Form


def activate(name: ActivationName, z: Array) -> Array:
    """The function's value at z."""
    match name:
        case "relu":
            return np.maximum(z, 0.0)
        case "sigmoid":
            # The tanh form can't overflow.
            return 0.5 * (1.0 + np.tanh(0.5 * z))
        case "tanh":
            return np.tanh(z)
        case "leaky_relu":
            return np.where(z > 0, z, LEAKY_SLOPE * z)
        case "elu":
            return np.where(z > 0, z, np.expm1(np.minimum(z, 0.0)))
        case "gelu":
            return np.asarray(z * ndtr(z))
        case "none":
            return z


def activation_slope(name: ActivationName, z: Array, form: Form) -> Array:
    """The derivative at z; 0 for relu at 0, where it has none."""
    match name:
        case "relu":
            return (z > 0).astype(np.float64)
        case "sigmoid":
            value = activate("sigmoid", z)
            return value * (1.0 - value)
        case "tanh":
            return 1.0 - np.tanh(z) ** 2
        case "leaky_relu":
            above = z >= 0 if form.leaky_slope_at_zero else z > 0
            return np.where(above, 1.0, LEAKY_SLOPE)
        case "elu":
            return np.where(z > 0, 1.0, np.exp(np.minimum(z, 0.0)))
        case "gelu":
            # d/dz z * Phi(z), with the normal density as Phi's derivative.
            return np.asarray(ndtr(z) + z * np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi))
        case "none":
            return np.ones_like(z)
