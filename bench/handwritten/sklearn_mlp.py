"""scikit-learn's MLPClassifier, one `partial_fit` an epoch.

From scikit-learn.org: 'Neural network models (supervised)', 'More control with warm_start', and
the reference of `MLPClassifier.partial_fit`.
"""

import time

import numpy as np
from sklearn.neural_network import MLPClassifier


def run(x, y, epochs, hidden, batch_size):
    x = x.reshape(len(x), -1)
    classes = np.unique(y)
    model = MLPClassifier(
        hidden_layer_sizes=hidden,
        alpha=0.0,
        batch_size=batch_size,
        learning_rate_init=1e-3,
        random_state=0,
    )
    times = [time.perf_counter()]
    for _ in range(epochs):
        model.partial_fit(x, y, classes=classes)
        _ = model.loss_
        times.append(time.perf_counter())
    return times
