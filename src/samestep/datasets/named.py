"""The data sets that have a name: iris and digits with scikit-learn, two of images as files."""

from collections.abc import Callable

import numpy as np

from samestep.datasets.arrays import Rows
from samestep.datasets.image_sets import IMAGE_SETS, ImageSet
from samestep.datasets.storage import read_array


def load_named(name: str) -> Rows:
    """All rows of a data set that is split by the experiment."""
    return _WHOLE[name]()


def load_parts(name: str) -> tuple[Rows, Rows]:
    """Training and test part of a data set that has both: images (N, 28, 28, 1), 10 classes."""
    images = IMAGE_SETS[name]
    return _load_part(images, "train"), _load_part(images, "t10k")


def _load_part(images: ImageSet, part: str) -> Rows:
    x = read_array(images, f"{part}-images-idx3-ubyte.gz")
    y = read_array(images, f"{part}-labels-idx1-ubyte.gz")
    return Rows(x[..., np.newaxis], y.astype(np.int64))


def _load_iris() -> Rows:
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    return Rows(x.astype(np.float64), y.astype(np.int64))


def _load_digits() -> Rows:
    """Images as (8, 8, 1), grey levels from 0 to 16."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return Rows(x.reshape(-1, 8, 8, 1).astype(np.float64), y.astype(np.int64))


_WHOLE: dict[str, Callable[[], Rows]] = {
    "iris": _load_iris,
    "digits": _load_digits,
}
