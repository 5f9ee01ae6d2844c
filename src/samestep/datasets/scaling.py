"""Features on a common scale."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from samestep.datasets.arrays import Dataset, Floats
from samestep.errors import BadInput


def standardize(where: str, dataset: Dataset) -> Dataset:
    """Shift and scale each feature by its mean and deviation over the training rows."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = dataset.x_train.mean(axis=0)
        # A constant feature has a deviation of 0, or by rounding almost; it is only shifted.
        constant = np.ptp(dataset.x_train, axis=0) == 0
        scale = np.where(constant, 1.0, dataset.x_train.std(axis=0))
    if not np.isfinite(mean + scale).all():
        raise BadInput(f"{where}: data.standardize: features are too large; scale them down")

    def scaled(x: NDArray[np.floating[Any]]) -> Floats:
        # In place on the one copy: 60,000 images are 376 MB.
        shifted: Floats = x - mean
        shifted /= scale
        return shifted

    return Dataset(
        scaled(dataset.x_train),
        dataset.y_train,
        scaled(dataset.x_test),
        dataset.y_test,
        dataset.classes,
    )
