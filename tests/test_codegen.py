"""The scripts: clean code in every framework, and never a stranger's code."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from samestep.catalogue import Framework, find_frameworks
from samestep.codegen import (
    STAGES,
    Unsupported,
    clean_title,
    literal,
    render_script,
    script_statistics,
    stages,
    standalone_folder,
)
from samestep.datasets import Dataset
from samestep.errors import BadInput
from samestep.experiment import Experiment, load_experiment
from samestep.layers import parameter_shapes, place_layers
from samestep.plan import Plan, make_plan

FRAMEWORKS = find_frameworks()
PYTHON = [name for name, framework in FRAMEWORKS.items() if framework.language == "python"]

activations = st.sampled_from(["relu", "sigmoid", "tanh", "none"])
units = st.sampled_from([1, 2, 10, 1000, 65_536])
rates = st.floats(1e-12, 1e6, allow_nan=False)
betas = st.floats(0, 1, exclude_max=True, allow_nan=False)


@st.composite
def experiments(draw: st.DrawFn) -> tuple[Experiment, tuple[int, ...], int]:
    """Any experiment over the layer vocabulary, with its input shape and number of rows."""
    input_shape = draw(st.sampled_from([(4,), (8, 8, 1), (1,), (64, 64, 3)]))
    classes = draw(st.integers(2, 5))
    flatten = {"layer": "flatten"}
    activation = st.builds(lambda name: {"layer": "activation", "function": name}, activations)
    dense = st.builds(
        lambda size, name: {"layer": "dense", "units": size, "activation": name}, units, activations
    )
    layers: list[dict[str, Any]] = draw(st.lists(activation, max_size=1))
    layers += [flatten] if len(input_shape) > 1 else []
    hidden = draw(st.lists(st.one_of(dense, activation, st.just(flatten)), max_size=4))
    layers += hidden
    layers.append({"layer": "dense", "units": classes, "activation": draw(activations)})
    layers += draw(st.lists(activation, max_size=1))
    optimizer = draw(
        st.one_of(
            st.fixed_dictionaries({"name": st.just("sgd"), "learning_rate": rates}),
            st.fixed_dictionaries(
                {"name": st.just("momentum"), "learning_rate": rates, "momentum": betas}
            ),
            st.fixed_dictionaries(
                {
                    "name": st.just("adam"),
                    "learning_rate": rates,
                    "beta_1": betas,
                    "beta_2": betas,
                    "epsilon": st.floats(1e-300, 1),
                }
            ),
        )
    )
    rows = draw(st.integers(1, 70_000))
    experiment = Experiment.model_validate(
        {
            "title": draw(st.text(min_size=1, max_size=200)),
            "data": {"name": "iris", "test": 0.3},
            "model": layers,
            "training": {
                "loss": "cross_entropy",
                "optimizer": optimizer,
                "batch_size": draw(st.integers(1, rows)),
                "epochs": draw(st.integers(1, 1_000_000)),
                "shuffle": draw(st.sampled_from(["each_epoch", "once", "never"])),
                "last_batch": draw(st.sampled_from(["keep", "drop"])),
                "precision": draw(st.sampled_from(["float32", "float64"])),
                "seed": draw(st.integers(0, 2**32 - 1)),
            },
        }
    )
    return experiment, input_shape, rows


def plan_without_data(experiment: Experiment, input_shape: tuple[int, ...], rows: int) -> Plan:
    """A plan as make_plan gives it, but for the numbers, which no script depends on."""
    shown = [layer for layer in experiment.model if layer.layer == "dense"]
    classes = shown[-1].units
    try:
        layers = place_layers(list(experiment.model), input_shape, classes)
    except BadInput as error:
        assume("parameters are more than" not in str(error))
        raise
    x = np.broadcast_to(np.zeros(1), (rows, *input_shape))
    y = np.zeros(rows, dtype=np.int64)
    dataset = Dataset(x, y, x, y, classes)
    weights = {name: np.zeros(1) for name in parameter_shapes(layers)}
    return Plan(experiment, layers, dataset, weights, np.zeros((3, 1), np.int64), "", Path())


def ruff(*arguments: str, source: str) -> str:
    """What ruff with its own defaults has to say about a source text."""
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--stdin-filename=train.py"]
    result = subprocess.run([*command, "-"], input=source, capture_output=True, text=True)
    return "" if result.returncode == 0 else result.stdout + result.stderr


def assert_clean(source: str) -> None:
    """No lint, and formatted as ruff would format it."""
    assert ruff("check", source=source) == ""
    assert ruff("format", "--diff", source=source) == ""


@pytest.mark.parametrize("name", PYTHON)
@pytest.mark.parametrize("experiment", ["iris-mlp", "digits-mlp"])
def test_script_of_a_shipped_experiment_is_clean(experiment: str, name: str) -> None:
    loaded = load_experiment(experiment)
    assert_clean(render_script(FRAMEWORKS[name], loaded, make_plan(loaded)))


@pytest.mark.parametrize("name", PYTHON)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=experiments())
def test_script_of_any_experiment_is_clean(
    name: str, drawn: tuple[Experiment, tuple[int, ...], int]
) -> None:
    experiment, input_shape, rows = drawn
    try:
        source = render_script(
            FRAMEWORKS[name], experiment, plan_without_data(experiment, input_shape, rows)
        )
    except Unsupported as reason:
        only_float32 = name == "keras-torch" and experiment.training.precision == "float64"
        assert name == "sklearn" or only_float32, reason
        return
    assert_clean(source)
    assert list(stages(source)) == list(STAGES)


@pytest.mark.parametrize("name", PYTHON)
@pytest.mark.parametrize(
    "title",
    [
        '"""; import os; os.system("echo hostile") #',
        "\\",
        "{{ 7 * 7 }}{% for x in range(9) %}hostile{% endfor %}",
        "line\nbreak\r\u2028import hostile",
        "'''" + '"',
        "\x00\x1b[31m",
    ],
)
def test_hostile_title_never_becomes_code(name: str, title: str) -> None:
    plain = load_experiment("iris-mlp")
    hostile = plain.model_copy(update={"title": title})
    plan = make_plan(plain)
    expected = ast.parse(render_script(FRAMEWORKS[name], plain, plan))
    found = ast.parse(render_script(FRAMEWORKS[name], hostile, plan))
    # Apart from the docstring on top, both are the same program.
    assert ast.dump(ast.Module(found.body[1:], [])) == ast.dump(ast.Module(expected.body[1:], []))
    assert isinstance(found.body[0], ast.Expr)


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


@given(st.text())
def test_clean_title_is_safe_in_a_docstring(title: str) -> None:
    cleaned = clean_title(title)
    assert ast.literal_eval(f'"""{cleaned}"""') == cleaned != ""


def test_stages_hold_their_helpers_and_decorators() -> None:
    experiment = load_experiment("iris-mlp")
    parts = stages(render_script(FRAMEWORKS["flax"], experiment, make_plan(experiment)))
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
    assert script_statistics(source) == {
        "prepare": (2, 1),
        "build": (2, 2),
        "train": (3, 1),
        "evaluate": (2, 0),
    }


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("model.2.activation=tanh", "no activation between"),
        ("training.last_batch=drop", "cannot leave out"),
    ],
)
def test_sklearn_refuses_what_it_cannot_express(override: str, reason: str) -> None:
    experiment = load_experiment("iris-mlp", [override, "training.batch_size=4"])
    with pytest.raises(Unsupported, match=reason):
        render_script(FRAMEWORKS["sklearn"], experiment, make_plan(experiment))


def _installed(name: str) -> Framework:
    framework = FRAMEWORKS[name]
    if framework.missing():
        pytest.skip(f"{name} is not installed")
    return framework


@pytest.mark.slow
@pytest.mark.frameworks
@pytest.mark.parametrize("name", PYTHON)
def test_standalone_folder_runs_by_itself(name: str, tmp_path: Path) -> None:
    framework = _installed(name)
    plan = make_plan(load_experiment("iris-mlp", ["training.epochs=2"]))
    standalone_folder(framework, plan, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "data.npz",
        "requirements.txt",
        "train.py",
    ]
    result = subprocess.run(
        [sys.executable, tmp_path / "out" / "train.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if line]
    assert [line.split(":")[0] for line in lines[-3:-1]] == ["epoch 1", "epoch 2"]
    assert lines[-1].startswith("test loss ")


def test_drawn_plans_look_like_real_ones() -> None:
    experiment = load_experiment("iris-mlp")
    real = make_plan(experiment)
    drawn = plan_without_data(experiment, real.input_shape, real.rows)
    for name in PYTHON:
        framework = FRAMEWORKS[name]
        assert render_script(framework, experiment, drawn) == render_script(
            framework, experiment, real
        )
