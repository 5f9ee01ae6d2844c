"""Cross-entropy on logits, and accuracy."""

import numpy as np

from samestep.reference.arrays import Array, Labels
from samestep.reference.form import EXACT, Form

CLIP = 1e-7
"""Where Keras clips probabilities (keras.config.epsilon()) if it takes no logits."""


def loss_of_logits(logits: Array, y: Labels, form: Form = EXACT) -> float:
    """Mean over rows of the cross-entropy of softmax(logits) with labels y."""
    return loss_and_slope(logits, y, form)[0]


def accuracy_of_logits(logits: Array, y: Labels) -> float:
    """The share of rows whose largest logit (the first, if several) is the label's."""
    return float(np.mean(logits.argmax(axis=1) == y))


def loss_and_slope(logits: Array, y: Labels, form: Form) -> tuple[float, Array]:
    """Mean cross-entropy and its derivative by the logits."""
    rows = np.arange(len(y))
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    slope = np.exp(log_p)
    slope[rows, y] -= 1.0
    picked = log_p[rows, y]
    if form.clipped_softmax:
        low, high = np.log(CLIP), np.log1p(-CLIP)
        # Where the clip holds, the loss is flat and the row teaches nothing.
        slope *= ((picked >= low) & (picked <= high))[:, np.newaxis]
        picked = np.clip(picked, low, high)
    return float(-picked.mean()), slope / len(y)
