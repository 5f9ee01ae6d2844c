"""Which rows train and which test, each class in proportion."""

import numpy as np
from numpy.typing import NDArray

from samestep.datasets.arrays import Labels, Rows
from samestep.errors import BadInput


def split_rows(where: str, rows: Rows, test: float | int, seed: int) -> tuple[Rows, Rows]:
    """Training and test part; `test` is the latter's share or its number of rows."""
    from sklearn.model_selection import train_test_split

    y = rows.y
    try:
        x_train, x_test, y_train, y_test = train_test_split(
            rows.x, y, test_size=test, stratify=y, random_state=seed
        )
    except ValueError as error:
        present = np.unique_counts(y)
        rare = int(present.values[present.counts.argmin()])
        raise BadInput(
            f"{where}: cannot be split by classes with data.test = {test} "
            f"({len(y)} rows, {present.counts.min()} of class {rare}): {str(error).splitlines()[0]}"
        ) from None
    return Rows(x_train, y_train), Rows(x_test, y_test)


def cut_rows(
    train: Rows, test: Rows, rows: int | None, test_rows: int | None, seed: int
) -> tuple[Rows, Rows]:
    """So many rows of either part, each class in proportion; all of them where None."""
    if rows is not None and rows > len(train):
        raise BadInput(f"data.rows: {rows} rows asked for, but training has {len(train)}")
    if test_rows is not None and test_rows > len(test):
        raise BadInput(
            f"data.test_rows: {test_rows} rows asked for, but the test part has {len(test)}"
        )
    generator = np.random.default_rng(seed)
    if rows is not None:
        train = train.take(stratified_rows(train.y, rows, generator))
    if test_rows is not None:
        test = test.take(stratified_rows(test.y, test_rows, generator))
    return train, test


def stratified_rows(labels: Labels, rows: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of so many rows, ascending, each class in proportion."""
    # Each row's rank within its class, as a share of the class: the smallest shares go first.
    shares = np.empty(len(labels))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        shares[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(np.argsort(shares, kind="stable")[:rows])
