import numpy as np
import pytest
from tiny_data import problem

from samestep.datasets import load_dataset
from samestep.datasets.image_sets import IMAGE_SETS
from samestep.experiment import Data


def test_iris_has_three_classes() -> None:
    iris = load_dataset(Data(name="iris", test=45), seed=0)
    assert iris.x_train.shape == (105, 4)
    assert iris.classes == 3


def test_digits_are_images() -> None:
    digits = load_dataset(Data(name="digits", test=0.2), seed=0)
    assert digits.x_train.shape == (1437, 8, 8, 1)
    assert digits.classes == 10


def test_too_few_rows_for_every_class() -> None:
    assert "has no row in training" in problem(Data(name="iris", test=45, rows=2))


def test_every_image_set_has_a_test_part() -> None:
    assert set(Data.WITH_TEST_PART) == set(IMAGE_SETS)


@pytest.mark.usefixtures("fashion_mnist")
def test_fashion_mnist_is_whole() -> None:
    fashion = load_dataset(Data(name="fashion-mnist"), seed=0)
    assert fashion.x_train.shape == (60_000, 28, 28, 1)
    assert fashion.x_test.shape == (10_000, 28, 28, 1)
    assert fashion.x_train.dtype == np.float64 and fashion.y_train.dtype == np.int64
    assert fashion.x_train.min() == 0 and fashion.x_train.max() == 1
    assert np.bincount(fashion.y_train).tolist() == [6000] * 10
    assert np.bincount(fashion.y_test).tolist() == [1000] * 10
    assert fashion.classes == 10
    # The first image is an ankle boot: its sole is at the bottom.
    boot = fashion.x_train[0, :, :, 0]
    assert fashion.y_train[0] == 9
    assert boot[:3].max() == 0 and boot[24].mean() > 0.3
    # 72.94 of 255 is the mean that the data set is known for.
    assert fashion.x_train.mean() * 255 == pytest.approx(72.94, abs=0.005)


@pytest.mark.usefixtures("fashion_mnist")
def test_rows_of_fashion_mnist_are_cut_by_classes() -> None:
    data = Data(name="fashion-mnist", rows=600, test_rows=100, standardize=True)
    fashion = load_dataset(data, seed=0)
    assert np.bincount(fashion.y_train).tolist() == [60] * 10
    assert np.bincount(fashion.y_test).tolist() == [10] * 10
    assert fashion.x_train.mean() == pytest.approx(0, abs=1e-12)
    other = load_dataset(data, seed=1)
    assert not np.array_equal(fashion.x_train, other.x_train)


@pytest.mark.usefixtures("fashion_mnist")
def test_more_rows_than_fashion_mnist_has() -> None:
    message = problem(Data(name="fashion-mnist", rows=60_001))
    assert message == "data.rows: 60001 rows asked for, but training has 60000"
