"""Is this data to learn from? Each function raises BadInput in one sentence if not."""

import numpy as np

from samestep.datasets.arrays import Features, Labels
from samestep.errors import BadInput

MAX_CLASSES = 65_536


def check_features(where: str, x: Features) -> None:
    """At least two rows (N, ...) of finite numbers."""
    if len(x) < 2:
        raise BadInput(f"{where}: has {len(x)} row(s); at least two are needed")
    if x.size == 0:
        raise BadInput(f"{where}: features of shape {x.shape} hold no number; give at least one")
    finite = np.isfinite(x)
    if not finite.all():
        bad = np.unravel_index(np.argmin(finite), x.shape)
        row, *column = (int(i) + 1 for i in bad)
        value = x[bad]
        kind = "NaN or missing" if np.isnan(value) else "infinite"
        raise BadInput(
            f"{where}: row {row}, feature {'.'.join(map(str, column))} is {kind}; "
            "fill it in or drop the row"
        )


def check_labels(where: str, y: Labels) -> int:
    """The number of classes, by the largest label."""
    if y.min() < 0:
        row = int(np.argmax(y < 0)) + 1
        raise BadInput(f"{where}: row {row} has label {y.min()}; labels count from 0")
    classes = int(y.max()) + 1
    if classes > MAX_CLASSES:
        raise BadInput(f"{where}: label {classes - 1} is beyond the {MAX_CLASSES} classes allowed")
    if classes < 2:
        raise BadInput(f"{where}: has one class alone; there is nothing to learn")
    return classes


def check_every_class(where: str, y_train: Labels, classes: int) -> None:
    """Every class from 0 occurs in training."""
    absent = sorted(set(range(classes)) - set(y_train.tolist()))
    if absent:
        raise BadInput(
            f"{where}: class {absent[0]} has no row in training (labels count from 0 to "
            f"{classes - 1}); renumber the labels, or use more rows"
        )
