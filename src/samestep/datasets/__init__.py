"""Where data comes from, and how it is checked before anything is trained on it."""

from pathlib import Path

from samestep.datasets.arrays import Dataset, Rows
from samestep.datasets.checking import check_every_class, check_features, check_labels
from samestep.datasets.named import load_named, load_parts
from samestep.datasets.own_files import load_own_file
from samestep.datasets.scaling import standardize
from samestep.datasets.splitting import cut_rows, split_rows
from samestep.experiment import Data

__all__ = ["Dataset", "load_dataset"]


def load_dataset(data: Data, seed: int) -> Dataset:
    """Load, check, split (stratified), cut and standardise; raise BadInput in one sentence."""
    where, train, test = _load_both_parts(data, seed)
    classes = int(max(train.y.max(), test.y.max())) + 1
    train, test = cut_rows(train, test, data.rows, data.test_rows, seed)
    check_every_class(where, train.y, classes)
    dataset = Dataset(train.features(), train.y, test.features(), test.y, classes)
    return standardize(where, dataset) if data.standardize else dataset


def _load_both_parts(data: Data, seed: int) -> tuple[str, Rows, Rows]:
    """What to call the data in a message, its training part and its test part."""
    if data.name is not None and data.has_test_part:
        return data.name, *load_parts(data.name)
    where, rows = _load_rows(data)
    assert data.test is not None
    check_features(where, rows.x)
    check_labels(where, rows.y)
    return where, *split_rows(where, rows, data.test, seed)


def _load_rows(data: Data) -> tuple[str, Rows]:
    if data.name is not None:
        return data.name, load_named(data.name)
    assert data.path is not None and data.label is not None
    path = Path(data.path)
    return str(path), load_own_file(path, data.label)
