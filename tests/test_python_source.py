import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samestep.catalogue import find_frameworks
from samestep.codegen import render_script
from samestep.experiment_file import load_experiment
from samestep.plan import make_plan
from samestep.python_source import literal, stages, statistics


@given(st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
              st.text()),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
))  # fmt: skip
def test_literal_reads_back(value: object) -> None:
    assert ast.literal_eval(literal(value)) == value


@pytest.mark.parametrize("value", [float("inf"), float("nan"), None, [1], {"a": 1}, object()])
def test_literal_refuses_what_has_no_literal(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be written as a literal"):
        literal(value)


def test_stages_hold_their_helpers_and_decorators() -> None:
    experiment = load_experiment("iris-mlp")
    flax = find_frameworks()["flax"]
    parts = stages(render_script(flax, experiment, make_plan(experiment)))
    assert "@jax.jit\ndef train_step" in parts["train"]
    assert "def loss_fn" in parts["train"] and "def loss_fn" not in parts["evaluate"]
    assert "def dense" in parts["build"]


def test_statistics_count_code_and_names() -> None:
    source = '''
import numpy as np


def prepare(x, y):
    """One line of code follows."""
    return np.asarray(x), np.asarray(y)


def build():
    return np.random.default_rng(0).normal()


def train(model, data, epochs, on_epoch):
    model.fit(data)

    model.fit(data)


def evaluate(model, x, y):
    return x, y
'''
    assert statistics(source) == {
        "prepare": (2, 1),
        "build": (2, 2),
        "train": (3, 1),
        "evaluate": (2, 0),
    }
