"""The elementwise functions and their slopes."""

import numpy as np
from scipy.special import ndtr

from samestep.layers import LEAKY_SLOPE, ActivationName
from samestep.reference.arrays import Array
from samestep.reference.form import EXACT, Form


def activate(name: ActivationName, z: Array, form: Form = EXACT) -> Array:
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
            return np.where(z > 0, z, _leak(form) * z)
        case "elu":
            return np.where(z > 0, z, np.expm1(np.minimum(z, 0.0)))
        case "gelu":
            return np.asarray(z * ndtr(_gelu_scale(form) * z))
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
            return np.where(above, 1.0, _leak(form))
        case "elu":
            return np.where(z > 0, 1.0, np.exp(np.minimum(z, 0.0)))
        case "gelu":
            # d/dz z * Phi(c * z), with the normal density as Phi's derivative.
            scaled = _gelu_scale(form) * z
            density = np.exp(-0.5 * scaled**2) / np.sqrt(2.0 * np.pi)
            return np.asarray(ndtr(scaled) + scaled * density)
        case "none":
            return np.ones_like(z)


def _leak(form: Form) -> float:
    return float(np.float32(LEAKY_SLOPE)) if form.float32_leak else LEAKY_SLOPE


def _gelu_scale(form: Form) -> float:
    """Phi(x) is (1 + erf(x / sqrt(2))) / 2; the scale is what that root's rounding makes of x."""
    return float(np.float32(np.sqrt(0.5)) * np.sqrt(2.0)) if form.float32_gelu else 1.0
