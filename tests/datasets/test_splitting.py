import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tiny_data import problem

from samestep.datasets import load_dataset
from samestep.datasets.splitting import stratified_rows
from samestep.experiment import Data


def test_the_split_keeps_the_classes_in_proportion() -> None:
    iris = load_dataset(Data(name="iris", test=45), seed=0)
    assert iris.x_train.shape == (105, 4)
    assert iris.x_test.shape == (45, 4)
    assert np.bincount(iris.y_train).tolist() == [35, 35, 35]
    assert np.bincount(iris.y_test).tolist() == [15, 15, 15]


def test_the_seed_decides_the_split() -> None:
    first, again, other = (load_dataset(Data(name="iris", test=45), s).x_train for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rows_are_taken_by_classes() -> None:
    iris = load_dataset(Data(name="iris", test=45, rows=104, test_rows=9), seed=0)
    assert sorted(np.bincount(iris.y_train).tolist()) == [34, 35, 35]
    assert np.bincount(iris.y_test).tolist() == [3, 3, 3]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.data())
def test_stratified_rows_keep_the_proportions(labels: list[int], data: st.DataObject) -> None:
    y = np.array(labels)
    rows = data.draw(st.integers(1, len(y)))
    chosen = stratified_rows(y, rows, np.random.default_rng(0))
    assert len(chosen) == len(set(chosen.tolist())) == rows
    share = rows / len(y)
    for label in set(labels):
        assert abs((y[chosen] == label).sum() - share * (y == label).sum()) <= 2.5


def test_more_rows_than_there_are() -> None:
    assert "data.rows: 106 rows asked for, but training has 105" in problem(
        Data(name="iris", test=45, rows=106)
    )
    assert "data.test_rows: 46 rows asked for, but the test part has 45" in problem(
        Data(name="iris", test=45, test_rows=46)
    )


def test_test_part_as_large_as_the_data() -> None:
    assert "iris: cannot be split by classes" in problem(Data(name="iris", test=150))
