import re
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from tiny_data import csv, data_of, problem

from samestep.datasets import load_dataset

GOOD = "a,b,kind\n" + "".join(f"{i},{i * i},{i % 2}\n" for i in range(20))


def test_csv_parquet_and_npz_give_the_same(tmp_path: Path) -> None:
    a = np.arange(20.0)
    features, kind = np.column_stack([a, a * a]), np.arange(20) % 2
    table = pa.table({"a": features[:, 0], "b": features[:, 1], "kind": kind})
    pyarrow.parquet.write_table(table, tmp_path / "mine.parquet")
    np.savez(tmp_path / "mine.npz", x=features, kind=kind)
    expected = load_dataset(data_of(csv(tmp_path, GOOD)), 0)
    for name in ("mine.parquet", "mine.npz"):
        dataset = load_dataset(data_of(tmp_path / name), 0)
        np.testing.assert_array_equal(dataset.x_train, expected.x_train)
        np.testing.assert_array_equal(dataset.y_test, expected.y_test)


def test_whole_floats_are_labels(tmp_path: Path) -> None:
    path = csv(tmp_path, GOOD.replace(",0\n", ",0.0\n").replace(",1\n", ",1.0\n"))
    assert load_dataset(data_of(path), 0).classes == 2


def test_path_that_is_not_there(tmp_path: Path) -> None:
    message = problem(data_of(tmp_path / "none.csv"))
    assert message.startswith(f"data.path: {tmp_path / 'none.csv'}: there is no such file")
    assert "relative to the experiment's own folder" in message


def test_a_folder_without_rights(locked: Path) -> None:
    message = problem(data_of(locked / "mine.csv"))
    assert message == (
        f"data.path: {locked / 'mine.csv'}: cannot be read (Permission denied); "
        "give yourself the right to read it, or name another"
    )


def test_unknown_kind_of_file(tmp_path: Path) -> None:
    message = problem(data_of(tmp_path / "mine.xls"))
    assert "unknown kind of file; use .csv, .npz or .parquet" in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is empty; it needs a header and rows"),
        ("a,b,kind\n", "has no rows; it needs a header"),
        ("kind\n0\n1\n", "has one column alone; it needs a label column and features"),
        ("a,a,kind\n1,2,0\n", "column 'a' stands there twice; rename one"),
        ("a,b\n1,2\n", "data.label: there is no column 'kind'; there are: 'a', 'b'"),
        ("a,kind\n1,0\n2,\n", "label column 'kind': row 2 has no label; fill or drop it"),
        ("a,kind\n1,0\n2,setosa\n", "label column 'kind': '0' is not an integer"),
        ("a,kind\n1,x\n2,y\n", "label column 'kind': 'x' is not an integer; number the classes"),
        ("a,kind\n1,0\n2,0.5\n", "label column 'kind': 0.5 is not an integer"),
        ("a,kind\n1,0\n2,-1\n", "row 2 has label -1; labels count from 0"),
        ("a,kind\n1,0\n2,0\n", "has one class alone; there is nothing to learn"),
        ("a,kind\n1,0\n2,99999999\n", "label 99999999 is beyond the 65536 classes"),
        ("a,kind\n1,0\n", "has 1 row(s); at least two are needed"),
        ("a,kind\n1,0\nnan,1\n", "row 2, feature 1 is NaN or missing; fill it in"),
        ("a,b,kind\n1,1,0\n1,,1\n", "row 2, feature 2 is NaN or missing"),
        ("a,kind\n1,0\ninf,1\n", "row 2, feature 1 is infinite"),
        ("a,kind\nred,0\nblue,1\n", "column 'a' holds string, not numbers; encode or drop it"),
        ("a,kind\n1,0\n2,1,3\n", "cannot be read as csv"),
        ("a,kind\n1,0\n2,1\n", "cannot be split by classes with data.test = 0.3"),
    ],
)
def test_bad_csv(tmp_path: Path, text: str, part: str) -> None:
    path = csv(tmp_path, text)
    message = problem(data_of(path))
    assert message.startswith(f"{path}: ")
    assert part in message


def test_a_class_absent_from_training(tmp_path: Path) -> None:
    path = csv(tmp_path, GOOD.replace(",1\n", ",2\n"))
    message = problem(data_of(path))
    assert message == (
        f"{path}: class 1 has no row in training (labels count from 0 to 2); "
        "renumber the labels, or use more rows"
    )


def test_hostile_column_names_are_only_quoted(tmp_path: Path) -> None:
    path = csv(tmp_path, '[red]x[/red],"a"");import os#"\n1,2\n')
    assert """'[red]x[/red]', 'a");import os#'""" in problem(data_of(path))


def test_csv_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(b"a,kind\n\xff\xfe,0\n")
    assert str(path) in problem(data_of(path))


@pytest.mark.parametrize("name", ["mine.parquet", "mine.npz"])
def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for content in (b"", b"no such thing", GOOD.encode()):
        path.write_bytes(content)
        assert "cannot be read" in problem(data_of(path))


def test_npz_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, x=np.zeros((50, 3)), kind=np.arange(50) % 2)
    path.write_bytes(path.read_bytes()[:-200])
    assert "cannot be read as npz" in problem(data_of(path))


def test_npz_that_is_encrypted(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.zeros((50, 3)), kind=np.arange(50) % 2)
    content = bytearray(path.read_bytes())
    # The lowest bit of the flags, in the directory's entry of each member.
    for entry in re.finditer(rb"PK\x01\x02", bytes(content)):
        content[entry.start() + 8] |= 1
    path.write_bytes(content)
    assert "is encrypted" in problem(data_of(path))


def test_npz_that_is_one_bare_array(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.zeros(3))
    path = (tmp_path / "mine.npy").rename(tmp_path / "mine.npz")
    assert "cannot be read as npz" in problem(data_of(path))


def test_npz_with_pickled_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.array([[object()]] * 4), kind=np.arange(4) % 2)
    assert "cannot be read as npz" in problem(data_of(path))


def test_npz_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.zeros((4, 2)), kind=np.arange(4) % 2)
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 900000000000000), }"
    member = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header.encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member + b"\n")
        archive.writestr("kind.npy", member + b"\n")
    assert "cannot be read as npz" in problem(data_of(path))


@pytest.mark.parametrize(
    ("arrays", "part"),
    [
        ({"x": np.zeros((4, 2)), "y": np.arange(4)}, "data.label: there is no array 'kind'"),
        ({"kind": np.arange(4)}, "holds 1 arrays; it needs two"),
        ({"x": np.zeros((4, 2)), "z": np.zeros(1), "kind": np.arange(4)}, "holds 3 arrays"),
        ({"x": np.zeros((3, 2)), "kind": np.arange(4)}, "features of shape (3, 2)"),
        ({"x": np.zeros(4), "kind": np.arange(4)}, "needed are (N, ...) and (N,)"),
        ({"x": np.zeros((4, 2), complex), "kind": np.arange(4)}, "complex128, not real numbers"),
        ({"x": np.full((4, 2), "a"), "kind": np.arange(4)}, "not real numbers; convert them"),
        ({"x": np.zeros((4, 2)), "kind": np.arange(4.0)}, "'kind' are float64, not integers"),
        ({"x": np.zeros((4, 0)), "kind": np.arange(4) % 2}, "features of shape (4, 0) hold no"),
        ({"x": np.zeros((0, 2)), "kind": np.arange(0)}, "has 0 row(s)"),
    ],
)
def test_bad_npz(tmp_path: Path, arrays: dict[str, np.ndarray], part: str) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    assert part in problem(data_of(path))


def test_a_header_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(b"a,\xa8,kind\n1,2,0\n3,4,1\n")
    assert "the header is not text in UTF-8" in problem(data_of(path))
