"""Sums of gradients are exact to their last digits, and know what rounding may do to them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samestep.reference.arrays import pairwise_sum
from samestep.reference.gradients import Tally, rounding_of_sum

EPSILON = float(np.finfo(np.float64).eps)


def cancelling(rows: int, seed: int = 0) -> np.ndarray:
    """Terms (rows, 4) whose sums are 0 but for rounding, as a bias before a batch norm has them."""
    terms = np.random.default_rng(seed).normal(size=(rows, 4))
    return terms - [math.fsum(column) / rows for column in terms.T]


@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    data=st.data(),
    seed=st.integers(0, 99),
)
def test_a_pairwise_sum_over_any_axes(shape: list[int], data: st.DataObject, seed: int) -> None:
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))))
    x = np.random.default_rng(seed).normal(size=shape)
    np.testing.assert_allclose(pairwise_sum(x, axes), x.sum(axis=axes), rtol=1e-14, atol=1e-14)


def test_a_long_sum_loses_no_digits() -> None:
    terms = np.random.default_rng(0).normal(1, 1, (100_352, 4))
    exact = [math.fsum(column) for column in terms.T]
    assert np.abs(pairwise_sum(terms, (0,)) / exact - 1).max() <= 2 * EPSILON
    # What adds one after another does: here three digits are lost.
    assert np.abs(np.cumsum(terms, axis=0)[-1] / exact - 1).max() > 20 * EPSILON


@pytest.mark.parametrize("rows", [128, 12_544, 100_352])
def test_rounding_covers_what_another_order_gives(rows: int) -> None:
    for seed in range(5):
        terms, tally = cancelling(rows, seed), Tally(with_rounding=True)
        tally.add_sum("bias", terms)
        other = np.cumsum(terms, axis=0)[-1]
        assert np.abs(other - tally.gradients["bias"]).max() <= tally.rounding["bias"]


@pytest.mark.parametrize("rows", [12_544, 100_352, 401_408])
def test_rounding_covers_terms_that_cancel_only_at_the_end(rows: int) -> None:
    terms = np.sort(cancelling(rows), axis=0)
    tally = Tally(with_rounding=True)
    tally.add_sum("bias", terms)
    other = np.cumsum(terms, axis=0)[-1]
    assert np.abs(other - tally.gradients["bias"]).max() <= tally.rounding["bias"]


@given(st.integers(1, 10**9))
def test_rounding_grows_with_the_root_of_the_count_alone(count: int) -> None:
    assert rounding_of_sum(count) <= rounding_of_sum(4 * count) <= 2 * rounding_of_sum(count)


def test_rounding_is_noted_only_where_it_is_asked_for() -> None:
    tally = Tally()
    tally.add_sum("bias", np.ones((2, 1)))
    assert not tally.rounding


def test_rounding_covers_no_term_that_is_left_out() -> None:
    terms, tally = cancelling(100_352), Tally(with_rounding=True)
    tally.add_sum("bias", terms)
    without = pairwise_sum(terms[1:], (0,))
    assert np.abs(without - tally.gradients["bias"]).min() > 1e3 * tally.rounding["bias"]


def test_rounding_of_a_product_is_as_large_as_its_terms() -> None:
    x = np.array([[1.0, -2.0], [1.0, -2.0]])
    slope = np.array([[3.0, 1.0], [-3.0, 1.0]])
    tally = Tally(with_rounding=True)
    tally.add_product("kernel", x.T @ slope, x, slope)
    np.testing.assert_array_equal(tally.gradients["kernel"], [[0, 2], [0, -4]])
    assert tally.rounding["kernel"] == 1e-14 * 2 * 6
