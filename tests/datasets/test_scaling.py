from pathlib import Path

import numpy as np
from tiny_data import csv, data_of, problem

from samestep.datasets import load_dataset
from samestep.experiment import Data


def test_standardize_uses_the_training_rows_alone() -> None:
    raw = load_dataset(Data(name="iris", test=45), seed=0)
    iris = load_dataset(Data(name="iris", test=45, standardize=True), seed=0)
    np.testing.assert_allclose(iris.x_train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(iris.x_train.std(axis=0), 1)
    expected = (raw.x_test - raw.x_train.mean(axis=0)) / raw.x_train.std(axis=0)
    np.testing.assert_allclose(iris.x_test, expected)


def test_a_constant_feature_is_shifted_only(tmp_path: Path) -> None:
    rows = "".join(f"0.1,{i},{i % 2}\n" for i in range(20))
    dataset = load_dataset(data_of(csv(tmp_path, "a,b,kind\n" + rows), standardize=True), 0)
    np.testing.assert_allclose(dataset.x_train[:, 0], 0, atol=1e-12)


def test_features_too_large_to_standardize(tmp_path: Path) -> None:
    rows = "".join(f"{(-1) ** i}e308,{i % 2}\n" for i in range(20))
    data = data_of(csv(tmp_path, "a,kind\n" + rows), standardize=True)
    assert "data.standardize: features are too large; scale them down" in problem(data)
