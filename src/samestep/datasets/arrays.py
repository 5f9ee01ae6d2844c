"""What data is made of: features beside their labels, in canonical layout."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
GreyLevels = NDArray[np.uint8]
Features = Floats | GreyLevels
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Rows split into training and test: features (N, ...), labels (N,) counted from 0.

    Features are float64 as they are loaded, and in the experiment's precision in a plan.
    """

    x_train: NDArray[np.floating[Any]]
    y_train: Labels
    x_test: NDArray[np.floating[Any]]
    y_test: Labels
    classes: int


@dataclass(frozen=True)
class Rows:
    """Features (N, ...) and labels (N,), as they were read.

    Images may come as grey levels, one byte a pixel: they are made floats after the rows are
    chosen, because floats take eight times the memory.
    """

    x: Features
    y: Labels

    def __len__(self) -> int:
        return len(self.y)

    def take(self, numbers: NDArray[np.int64]) -> "Rows":
        """These rows, in this order."""
        return Rows(self.x[numbers], self.y[numbers])

    def features(self) -> Floats:
        """As float64; the grey levels 0 to 255 become 0 to 1."""
        if self.x.dtype == np.uint8:
            return self.x / np.float64(255)
        return self.x.astype(np.float64, copy=False)
