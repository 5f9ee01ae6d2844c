"""One step with dropout: honest masks pass, and every usual mistake is found."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from samestep import reference
from samestep.dropout import Draws, draw_gradients, has_dropout, judge_dropout
from samestep.experiment_file import load_experiment
from samestep.layers import Dropout
from samestep.plan import Plan, make_plan
from samestep.reference import Masks

DROPOUT = str(Path(__file__).parent / "experiments" / "dropout.toml")
MakeMask = Callable[[np.random.Generator, tuple[int, ...], float], np.ndarray]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(load_experiment(DROPOUT, ["training.batch_size=64"]))


@pytest.fixture(scope="module")
def draws(plan: Plan) -> Draws:
    return draw_gradients(plan)


def honest(generator: np.random.Generator, shape: tuple[int, ...], rate: float) -> np.ndarray:
    return (generator.random(shape) >= rate) / (1 - rate)


def gradient(
    plan: Plan, make: MakeMask, seed: int, only: set[str] | None = None
) -> dict[str, np.ndarray]:
    """The first batch's gradient, with masks of this make on all dropout layers or on some."""
    generator = np.random.default_rng(seed)
    x, y = reference.first_batch(plan)
    masks: Masks = {
        placed.name: make(generator, (len(y), *placed.input_shape), placed.layer.rate)
        for placed in plan.layers
        if isinstance(placed.layer, Dropout) and (only is None or placed.name in only)
    }
    return reference.loss_and_gradients(plan.layers, plan.weights, x, y, masks=masks).gradients


def test_honest_masks_raise_no_alarm(plan: Plan, draws: Draws) -> None:
    assert has_dropout(plan)
    for seed in range(20):
        check = judge_dropout(draws, gradient(plan, honest, 1000 + seed))
        assert check.passed, check.problems


def test_a_gradient_of_nothing_but_rounding_is_not_judged() -> None:
    without = {"bias": np.array([1e-16, -2e-16])}
    samples = [{"bias": np.array([n * 1e-17, 1e-16])} for n in range(24)]
    observed = {"bias": np.array([4e-15, 3e-15])}
    assert judge_dropout(Draws(without, {"bias": 1e-14}, samples), observed).passed
    assert not judge_dropout(Draws(without, {"bias": 1e-17}, samples), observed).passed


MISTAKES: dict[str, tuple[MakeMask, str]] = {
    "nothing is dropped": (lambda g, shape, rate: np.ones(shape), "nothing is dropped"),
    "what stays is not scaled": (
        lambda g, shape, rate: (g.random(shape) >= rate).astype(float),
        "times",
    ),
    "the rate is that of keeping": (
        lambda g, shape, rate: (g.random(shape) < rate) / rate,
        "times as far as it should",
    ),
    "scaled twice": (lambda g, shape, rate: honest(g, shape, rate) / (1 - rate), "times"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_found(plan: Plan, draws: Draws, mistake: str) -> None:
    make, sentence = MISTAKES[mistake]
    found = 0
    for seed in range(5):
        check = judge_dropout(draws, gradient(plan, make, seed))
        found += not check.passed and any(sentence in problem for problem in check.problems)
    assert found == 5


def test_a_layer_that_is_left_out_beside_another_is_found_where_it_weighs(
    plan: Plan, draws: Draws
) -> None:
    # One step's noise cannot always tell one layer's absence from luck: here the second's can.
    checks = [judge_dropout(draws, gradient(plan, honest, s, only={"dropout_1"})) for s in range(5)]
    assert not any(check.passed for check in checks)


def test_a_gradient_that_is_missing_or_not_finite_is_found(plan: Plan, draws: Draws) -> None:
    seen = gradient(plan, honest, 0)
    without = {name: value for name, value in seen.items() if name != "dense_2.bias"}
    assert "there is no gradient of dense_2.bias" in judge_dropout(draws, without).problems[0]
    assert not judge_dropout(draws, seen | {"dense_2.bias": np.full(10, np.nan)}).passed
