"""An experiment grows in one respect alone, and its work is counted."""

import pytest

from samestep.errors import BadInput
from samestep.experiment_file import load_experiment
from samestep.scaling.sizes import Vary, choose_sizes

IRIS_FORWARD = 2 * (4 * 10 + 10 * 3)


def test_batches_grow_from_the_experiments_own_to_all_rows() -> None:
    sized = choose_sizes(load_experiment("iris-mlp"), "batch_size", None)
    assert [one.size for one in sized] == [5, 11, 23, 49, 105]
    assert [one.plan.steps for one in sized] == [21, 10, 5, 3, 1]
    assert [one.plan.experiment.training.batch_size for one in sized] == [5, 11, 23, 49, 105]
    assert sized[-1].work == pytest.approx(3 * IRIS_FORWARD * 105, rel=0.2)
    assert all(one.work < other.work for one, other in zip(sized, sized[1:], strict=False))


def test_widths_grow_but_the_outputs_stay() -> None:
    sized = choose_sizes(load_experiment("iris-mlp"), "width", [1, 4])
    units = [[layer.units for layer in one.plan.experiment.model] for one in sized]  # type: ignore[union-attr]
    assert units == [[10, 3], [40, 3]]
    assert sized[1].work == pytest.approx(4 * sized[0].work, rel=0.1)


def test_rows_grow_and_with_them_the_work_of_an_epoch() -> None:
    sized = choose_sizes(load_experiment("digits-mlp"), "rows", [100, 400])
    assert [one.plan.rows for one in sized] == [100, 400]
    assert sized[1].work == pytest.approx(4 * sized[0].work)


@pytest.mark.parametrize(
    ("vary", "sizes", "sentence"),
    [
        ("batch_size", [5], "give two sizes or more"),
        ("batch_size", [5, 5], "give two sizes or more"),
        ("batch_size", [0, 5], "--sizes 0: must be 1 or more"),
        ("batch_size", [5, 106], "--sizes 106: is more than the 105 training rows"),
        ("rows", [2, 105], "class 2 has no row in training"),
    ],
)
def test_a_size_that_cannot_be_is_refused(vary: Vary, sizes: list[int], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        choose_sizes(load_experiment("iris-mlp"), vary, sizes)
