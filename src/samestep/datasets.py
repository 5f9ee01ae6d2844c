"""Where data comes from, and how it is checked before anything is trained on it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samestep.errors import BadInput
from samestep.experiment import Data

MAX_FILE_BYTES = 4 * 2**30
MAX_CLASSES = 65_536

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Rows split into training and test: features (N, ...), labels (N,) counted from 0."""

    x_train: Floats
    y_train: Labels
    x_test: Floats
    y_test: Labels
    classes: int


def load_dataset(data: Data, seed: int) -> Dataset:
    """Load, check, split (stratified), cut and standardise; raise BadInput in one sentence."""
    where, x, y = _load_rows(data)
    _check_features(where, x)
    classes = _check_labels(where, y)
    dataset = _split(where, data, x, y, classes, seed)
    absent = sorted(set(range(classes)) - set(dataset.y_train.tolist()))
    if absent:
        raise BadInput(
            f"{where}: class {absent[0]} has no row in training (labels count from 0 to "
            f"{classes - 1}); renumber the labels, or use more rows"
        )
    return _standardize(where, dataset) if data.standardize else dataset


def _load_rows(data: Data) -> tuple[str, Floats, Labels]:
    if data.name is not None:
        x, y = _NAMED[data.name]()
        return data.name, x, y
    assert data.path is not None and data.label is not None
    path = Path(data.path)
    readers: dict[str, Callable[[Path, str], tuple[Floats, Labels]]] = {
        ".csv": _read_table,
        ".parquet": _read_table,
        ".npz": _read_npz,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"data.path: {path}: unknown kind of file; use .csv, .npz or .parquet")
    if not path.is_file():
        raise BadInput(f"data.path: {path}: there is no such file; the path is relative to the "
                       "experiment's own folder")  # fmt: skip
    if path.stat().st_size > MAX_FILE_BYTES:
        raise BadInput(f"data.path: {path}: larger than {MAX_FILE_BYTES:,} bytes; use a part of it")
    x, y = reader(path, data.label)
    return str(path), x, y


def _load_iris() -> tuple[Floats, Labels]:
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    return x.astype(np.float64), y.astype(np.int64)


def _load_digits() -> tuple[Floats, Labels]:
    """Images as (8, 8, 1), grey levels from 0 to 16."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x.reshape(-1, 8, 8, 1).astype(np.float64), y.astype(np.int64)


_NAMED: dict[str, Callable[[], tuple[Floats, Labels]]] = {
    "iris": _load_iris,
    "digits": _load_digits,
}


def _read_table(path: Path, label: str) -> tuple[Floats, Labels]:
    import pyarrow as pa

    table = _parse_table(path)
    names: list[str] = table.column_names
    if table.num_rows == 0 or not names:
        raise BadInput(f"{path}: has no rows; it needs a header and at least two rows")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"{path}: column {twice!r} stands there twice; rename one of them")
    if label not in names:
        raise BadInput(f"{path}: data.label: there is no column {label!r}; there are: "
                       f"{', '.join(map(repr, names[:20]))}")  # fmt: skip
    if len(names) == 1:
        raise BadInput(f"{path}: has one column alone; it needs a label column and features")
    labels = table.column(label)
    if labels.null_count:
        row = labels.is_null().to_pylist().index(True) + 1
        raise BadInput(f"{path}: label column {label!r}: row {row} has no label; fill or drop it")
    if not pa.types.is_integer(labels.type):
        labels = _whole_numbers(path, label, labels)
    features = [_feature(path, name, table.column(name)) for name in names if name != label]
    return np.column_stack(features), np.asarray(labels.to_numpy(), dtype=np.int64)


def _parse_table(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    try:
        if path.suffix.lower() == ".parquet":
            return pyarrow.parquet.read_table(path)
        return pyarrow.csv.read_csv(path)
    except pa.ArrowException as error:
        if "Empty CSV" in str(error):
            raise BadInput(f"{path}: is empty; it needs a header and rows") from None
        kind = path.suffix.lower().removeprefix(".")
        raise BadInput(f"{path}: cannot be read as {kind}: {str(error).splitlines()[0]}") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None


def _whole_numbers(path: Path, label: str, column: Any) -> Any:
    """A float column of whole numbers is taken as integers; anything else is refused."""
    import pyarrow as pa

    try:
        return column.cast(pa.float64()).cast(pa.int64())
    except pa.ArrowException:
        example = next((v for v in column.to_pylist() if not _is_whole(v)), column[0].as_py())
        raise BadInput(
            f"{path}: label column {label!r}: {example!r} is not an integer; "
            "number the classes from 0"
        ) from None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _feature(path: Path, name: str, column: Any) -> Floats:
    import pyarrow as pa

    numeric = (
        pa.types.is_integer(column.type)
        or pa.types.is_floating(column.type)
        or pa.types.is_boolean(column.type)
        or pa.types.is_null(column.type)
    )
    if not numeric:
        raise BadInput(
            f"{path}: column {name!r} holds {column.type}, not numbers; encode or drop it"
        )
    # Nulls become NaN here, which _check_features refuses with its row.
    values = column.cast(pa.float64()).fill_null(float("nan"))
    return np.asarray(values.to_numpy(), dtype=np.float64)


def _read_npz(path: Path, label: str) -> tuple[Floats, Labels]:
    import zipfile
    import zlib

    try:
        with np.load(path, allow_pickle=False) as archive:
            names = archive.files
            if label not in names:
                raise BadInput(
                    f"{path}: data.label: there is no array {label!r}; there are: "
                    f"{', '.join(map(repr, names[:20]))}"
                )
            if len(names) != 2:
                raise BadInput(
                    f"{path}: holds {len(names)} arrays; it needs two, the labels {label!r} "
                    "and the features"
                )
            y = archive[label]
            x = archive[next(name for name in names if name != label)]
    except (
        *(OSError, ValueError, EOFError, KeyError, TypeError, MemoryError),
        *(zipfile.BadZipFile, zlib.error, NotImplementedError),
    ) as error:
        raise BadInput(f"{path}: cannot be read as npz: {error}") from None
    if y.ndim != 1 or x.ndim < 2 or len(x) != len(y):
        raise BadInput(
            f"{path}: features of shape {x.shape} and labels of shape {y.shape} do not fit; "
            "needed are (N, ...) and (N,)"
        )
    if not (np.issubdtype(x.dtype, np.number) and not np.iscomplexobj(x)):
        raise BadInput(f"{path}: the features are {x.dtype}, not real numbers; convert them")
    if not np.issubdtype(y.dtype, np.integer):
        raise BadInput(f"{path}: the labels {label!r} are {y.dtype}, not integers; number the "
                       "classes from 0")  # fmt: skip
    return x.astype(np.float64), y.astype(np.int64)


def _check_features(where: str, x: Floats) -> None:
    if len(x) < 2:
        raise BadInput(f"{where}: has {len(x)} row(s); at least two are needed")
    if x.size == 0:
        raise BadInput(f"{where}: features of shape {x.shape} hold no number; give at least one")
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, *column = (int(i) + 1 for i in bad[0])
        value = x[tuple(bad[0])]
        kind = "NaN or missing" if np.isnan(value) else "infinite"
        raise BadInput(
            f"{where}: row {row}, feature {'.'.join(map(str, column))} is {kind}; "
            "fill it in or drop the row"
        )


def _check_labels(where: str, y: Labels) -> int:
    if y.min() < 0:
        row = int(np.argmax(y < 0)) + 1
        raise BadInput(f"{where}: row {row} has label {y.min()}; labels count from 0")
    classes = int(y.max()) + 1
    if classes > MAX_CLASSES:
        raise BadInput(f"{where}: label {classes - 1} is beyond the {MAX_CLASSES} classes allowed")
    if classes < 2:
        raise BadInput(f"{where}: has one class alone; there is nothing to learn")
    return classes


def _split(where: str, data: Data, x: Floats, y: Labels, classes: int, seed: int) -> Dataset:
    from sklearn.model_selection import train_test_split

    try:
        x_train, x_test, y_train, y_test = train_test_split(
            x, y, test_size=data.test, stratify=y, random_state=seed
        )
    except ValueError as error:
        present = np.unique_counts(y)
        rare = int(present.values[present.counts.argmin()])
        raise BadInput(
            f"{where}: cannot be split by classes with data.test = {data.test} "
            f"({len(y)} rows, {present.counts.min()} of class {rare}): {str(error).splitlines()[0]}"
        ) from None
    if data.rows is not None and data.rows > len(x_train):
        raise BadInput(f"data.rows: {data.rows} rows asked for, but training has {len(x_train)}")
    if data.test_rows is not None and data.test_rows > len(x_test):
        raise BadInput(
            f"data.test_rows: {data.test_rows} rows asked for, but the test part has {len(x_test)}"
        )
    generator = np.random.default_rng(seed)
    train = _stratified_rows(y_train, data.rows, generator)
    test = _stratified_rows(y_test, data.test_rows, generator)
    return Dataset(x_train[train], y_train[train], x_test[test], y_test[test], classes)


def _stratified_rows(
    labels: Labels, rows: int | None, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Numbers of so many rows, each class in proportion; all rows if `rows` is None."""
    if rows is None:
        return np.arange(len(labels))
    # Each row's rank within its class, as a share of the class: the smallest shares go first.
    shares = np.empty(len(labels))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        shares[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(np.argsort(shares, kind="stable")[:rows])


def _standardize(where: str, dataset: Dataset) -> Dataset:
    """Shift and scale each feature by its mean and deviation over the training rows."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = dataset.x_train.mean(axis=0)
        # A constant feature has a deviation of 0, or by rounding almost; it is only shifted.
        constant = np.ptp(dataset.x_train, axis=0) == 0
        scale = np.where(constant, 1.0, dataset.x_train.std(axis=0))
    if not np.isfinite(mean + scale).all():
        raise BadInput(f"{where}: data.standardize: features are too large; scale them down")
    return Dataset(
        (dataset.x_train - mean) / scale,
        dataset.y_train,
        (dataset.x_test - mean) / scale,
        dataset.y_test,
        dataset.classes,
    )
