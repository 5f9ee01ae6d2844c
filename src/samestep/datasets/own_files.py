"""Files of one's own: tables (.csv, .parquet) and arrays (.npz) with a label column."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from samestep.datasets.arrays import Floats, Labels, Rows
from samestep.errors import BadInput, not_read

MAX_FILE_BYTES = 4 * 2**30


def load_own_file(path: Path, label: str) -> Rows:
    """All rows of a file; raise BadInput in one sentence if it cannot be used."""
    readers: dict[str, Callable[[Path, str], tuple[Floats, Labels]]] = {
        ".csv": _read_table,
        ".parquet": _read_table,
        ".npz": _read_npz,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"data.path: {path}: unknown kind of file; use .csv, .npz or .parquet")
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise not_read(f"data.path: {path}", error) from None
    if size is None:
        raise BadInput(f"data.path: {path}: there is no such file; the path is relative to the "
                       "experiment's own folder")  # fmt: skip
    if size > MAX_FILE_BYTES:
        raise BadInput(f"data.path: {path}: larger than {MAX_FILE_BYTES:,} bytes; use a part of it")
    return Rows(*reader(path, label))


def _read_table(path: Path, label: str) -> tuple[Floats, Labels]:
    import pyarrow as pa

    table = _parse_table(path)
    try:
        names: list[str] = table.column_names
    except UnicodeDecodeError:
        raise BadInput(f"{path}: the header is not text in UTF-8; write it as UTF-8") from None
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
        # The last is what zipfile says of an encrypted member.
        *(zipfile.BadZipFile, zlib.error, RuntimeError),
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
