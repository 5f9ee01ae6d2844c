"""The scripts: clean code in every framework, and never a stranger's code."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from samestep.catalogue import find_frameworks
from samestep.codegen import Unsupported, clean_title, language_of, render_script
from samestep.datasets import Dataset
from samestep.errors import BadInput
from samestep.experiment import Experiment
from samestep.experiment_file import load_experiment
from samestep.language import STAGES
from samestep.placing import array_shapes, place_layers
from samestep.plan import Plan, make_plan

FRAMEWORKS = find_frameworks()
PYTHON = [name for name, framework in FRAMEWORKS.items() if framework.language == "python"]
JULIA = [name for name, framework in FRAMEWORKS.items() if framework.language == "julia"]
OPENING = re.compile(r"\b(?:function|struct|module|macro|if|for|while|let|begin|do|quote|try)\b")
HOSTILE_TITLES = [
    '"""; import os; os.system("echo hostile") #',
    "\\",
    "{{ 7 * 7 }}{% for x in range(9) %}hostile{% endfor %}",
    "line\nbreak\r\u2028import hostile",
    "line\nrun(`echo hostile`)",
    '$(run(`echo hostile`)) """ $hostile =# #=',
    "'''" + '"',
    "\x00\x1b[31m",
]

REASONS: dict[str, list[str]] = {
    "keras-torch": ["'float64' cannot be written"],
    "sklearn": [""],
    "numpy": ["has no error function"],
    "julia": ["has no error function"],
    "flux-classic": ["has a fixed epsilon", "tanh approximation of gelu"],
}
"""Parts of the reasons that a framework may have; all others write every experiment."""

activations = st.sampled_from(["relu", "sigmoid", "tanh", "leaky_relu", "elu", "gelu", "none"])
units = st.sampled_from([1, 2, 10, 1000, 65_536])
filters = st.sampled_from([1, 3, 64])
sizes = st.one_of(st.integers(1, 3), st.lists(st.integers(1, 3), min_size=2, max_size=2))
rates = st.floats(1e-12, 1e6, allow_nan=False)
betas = st.floats(0, 1, exclude_max=True, allow_nan=False)
# Flux of 2019 knows the first alone.
epsilons = st.one_of(st.just(1e-8), st.floats(1e-300, 1))

activation_layers = st.builds(lambda name: {"layer": "activation", "function": name}, activations)
batch_norms = st.fixed_dictionaries(
    {"layer": st.just("batch_norm"), "epsilon": epsilons, "momentum": betas}
)
anywhere = st.one_of(
    activation_layers,
    batch_norms,
    st.builds(lambda rate: {"layer": "dropout", "rate": rate}, betas),
)
image_layers = st.one_of(
    anywhere,
    st.fixed_dictionaries(
        {
            "layer": st.just("conv2d"),
            "filters": filters,
            "kernel": sizes,
            "stride": sizes,
            "padding": st.sampled_from(["valid", "same"]),
            "activation": activations,
            "bias": st.booleans(),
        }
    ),
    st.fixed_dictionaries(
        {"layer": st.sampled_from(["max_pool2d", "avg_pool2d"]), "size": sizes, "stride": sizes}
    ),
)
row_layers = st.one_of(
    anywhere,
    st.fixed_dictionaries(
        {
            "layer": st.just("dense"),
            "units": units,
            "activation": activations,
            "bias": st.booleans(),
        }
    ),
    st.fixed_dictionaries({"layer": st.just("layer_norm"), "epsilon": epsilons}),
    st.just({"layer": "flatten"}),
)

adam = {"learning_rate": rates, "beta_1": betas, "beta_2": betas, "epsilon": epsilons}
optimizers = st.one_of(
    st.fixed_dictionaries({"name": st.just("sgd"), "learning_rate": rates}),
    st.fixed_dictionaries({"name": st.just("momentum"), "learning_rate": rates, "momentum": betas}),
    st.fixed_dictionaries({"name": st.just("adam"), **adam}),
    st.fixed_dictionaries({"name": st.just("adamw"), **adam, "weight_decay": st.floats(0, 1)}),
    st.fixed_dictionaries(
        {"name": st.just("rmsprop"), "learning_rate": rates, "decay": betas, "epsilon": epsilons}
    ),
)
schedules = st.one_of(
    st.just({"name": "constant"}),
    st.fixed_dictionaries(
        {
            "name": st.just("step"),
            "every": st.integers(1, 200),
            "factor": st.floats(0, 1, exclude_min=True),
        }
    ),
    # No higher than any rate above.
    st.fixed_dictionaries({"name": st.just("cosine"), "final": st.floats(0, 1e-12)}),
)


@st.composite
def experiments(draw: st.DrawFn) -> tuple[Experiment, tuple[int, ...], int]:
    """Any experiment over the layer vocabulary, with its input shape and number of rows."""
    input_shape = draw(st.sampled_from([(4,), (8, 8, 1), (1,), (64, 64, 3)]))
    classes = draw(st.integers(2, 5))
    layers: list[dict[str, Any]] = []
    if len(input_shape) > 1:
        layers += [*draw(st.lists(image_layers, max_size=4)), {"layer": "flatten"}]
    layers += draw(st.lists(row_layers, max_size=4))
    layers.append({"layer": "dense", "units": classes, "activation": draw(activations)})
    layers += draw(st.lists(activation_layers, max_size=1))
    optimizer = draw(optimizers)
    rows = draw(st.integers(1, 70_000))
    experiment = Experiment.model_validate(
        {
            "title": draw(st.text(min_size=1, max_size=200)),
            "data": {"name": "iris", "test": 0.3},
            "model": layers,
            "training": {
                "loss": "cross_entropy",
                "optimizer": optimizer,
                "learning_rate_schedule": draw(schedules),
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


def plan_without_data(
    experiment: Experiment, input_shape: tuple[int, ...], rows: int, test_rows: int = 45
) -> Plan:
    """A plan as make_plan gives it, but for the numbers, which no script depends on."""
    shown = [layer for layer in experiment.model if layer.layer == "dense"]
    classes = shown[-1].units
    try:
        layers = place_layers(list(experiment.model), input_shape, classes)
    except BadInput as error:
        known = ("more than the", "does not fit into")
        assert any(part in str(error) for part in known), error
        assume(False)
        raise
    x, x_test = (np.broadcast_to(np.zeros(1), (size, *input_shape)) for size in (rows, test_rows))
    y, y_test = (np.zeros(size, dtype=np.int64) for size in (rows, test_rows))
    dataset = Dataset(x, y, x_test, y_test, classes)
    weights = {name: np.zeros(1) for name in array_shapes(layers)}
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
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
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
        assert any(part in str(reason) for part in REASONS.get(name, [])), reason
        return
    assert_clean(source)
    assert list(language_of(FRAMEWORKS[name]).stages(source)) == list(STAGES)


def assert_tidy(source: str) -> None:
    """What Julia's style guide and our own eyes ask of a script."""
    title, *lines = source.split("\n")
    assert re.fullmatch(r"# \S.*: trained with .*\.", title)
    assert lines.pop() == ""
    assert "{{" not in source and "{%" not in source and "\t" not in source
    for number, (above, line) in enumerate(zip([title, *lines], lines, strict=False), start=2):
        # The title is as long as the user made it.
        assert len(line) <= 100, f"line {number} is too long: {line}"
        assert line == line.rstrip(), f"line {number} ends in a space: {line!r}"
        assert line or above, f"lines {number - 1} and {number} are blank"
    assert lines[-1] != ""
    assert_balanced(lines)


def assert_balanced(lines: list[str]) -> None:
    """Whatever starts in the first column is whole when the next thing starts there."""
    depth = 0
    for line in re.sub(r'"""[\s\S]*?"""', "", "\n".join(lines)).splitlines():
        code = re.sub(r'"(?:\\.|[^"\\])*"|#.*', "", line)
        while code != (code := re.sub(r"[(\[][^()\[\]]*[)\]]", "", code)):
            pass
        if re.match(r"\w|\(", line) and not re.match(r"end\b", line):
            assert depth == 0, f"something is open at {line!r}"
        depth += len(OPENING.findall(code)) - len(re.findall(r"\bend\b", code))
        assert depth >= 0, f"nothing is open at {line!r}"
        if line == "end":
            assert depth == 0, "something is open at an `end` in the first column"
    assert depth == 0


@pytest.mark.parametrize("name", JULIA)
@pytest.mark.parametrize("experiment", ["iris-mlp", "digits-mlp"])
def test_julia_script_of_a_shipped_experiment_is_tidy(experiment: str, name: str) -> None:
    loaded = load_experiment(experiment)
    assert_tidy(render_script(FRAMEWORKS[name], loaded, make_plan(loaded)))


def render_drawn(name: str, drawn: tuple[Experiment, tuple[int, ...], int]) -> str:
    """A Julia script, or a skipped example if the framework has a reason that is known here."""
    experiment, input_shape, rows = drawn
    plan = plan_without_data(experiment, input_shape, rows)
    try:
        return render_script(FRAMEWORKS[name], experiment, plan)
    except Unsupported as reason:
        assert any(part in str(reason) for part in REASONS.get(name, [])), reason
        assume(False)
        raise


@pytest.mark.parametrize("name", JULIA)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=experiments())
def test_julia_script_of_any_experiment_is_tidy(
    name: str, drawn: tuple[Experiment, tuple[int, ...], int]
) -> None:
    source = render_drawn(name, drawn)
    assert_tidy(source)
    parts = language_of(FRAMEWORKS[name]).stages(source)
    assert list(parts) == list(STAGES)
    for stage, part in parts.items():
        assert re.search(rf"^(?:function )?{stage}\(", part, re.MULTILINE)
        assert all(block in source for block in part.split("\n\n"))


@pytest.mark.julia
@pytest.mark.parametrize("name", JULIA)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=experiments())
def test_julia_script_of_any_experiment_parses(
    parse_julia: Callable[[str], list[str]],
    name: str,
    drawn: tuple[Experiment, tuple[int, ...], int],
) -> None:
    parts = parse_julia(render_drawn(name, drawn))
    assert len(parts) > len(STAGES)
    assert set(parts) == {"code"}


@pytest.mark.parametrize("name", JULIA)
@pytest.mark.parametrize("title", HOSTILE_TITLES)
def test_hostile_title_stays_in_the_comment_of_a_julia_script(name: str, title: str) -> None:
    plain = load_experiment("iris-mlp")
    plan = make_plan(plain)
    expected = render_script(FRAMEWORKS[name], plain, plan)
    found = render_script(FRAMEWORKS[name], plain.model_copy(update={"title": title}), plan)
    # Julia ends a line at \n alone; nothing else may end one in anybody's eyes.
    comment, rest = found.split("\n", 1)
    assert comment.startswith("# ") and len(comment.splitlines()) == 1
    assert not comment.startswith("#=")
    assert rest == expected.split("\n", 1)[1]


@pytest.mark.parametrize("name", PYTHON)
@pytest.mark.parametrize("title", HOSTILE_TITLES)
def test_hostile_title_never_becomes_code(name: str, title: str) -> None:
    plain = load_experiment("iris-mlp")
    hostile = plain.model_copy(update={"title": title})
    plan = make_plan(plain)
    expected = ast.parse(render_script(FRAMEWORKS[name], plain, plan))
    found = ast.parse(render_script(FRAMEWORKS[name], hostile, plan))
    # Apart from the docstring on top, both are the same program.
    assert ast.dump(ast.Module(found.body[1:], [])) == ast.dump(ast.Module(expected.body[1:], []))
    assert isinstance(found.body[0], ast.Expr)


@given(st.text())
def test_clean_title_is_safe_in_a_docstring(title: str) -> None:
    cleaned = clean_title(title)
    assert ast.literal_eval(f'"""{cleaned}"""') == cleaned != ""


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


def test_drawn_plans_look_like_real_ones() -> None:
    experiment = load_experiment("iris-mlp")
    real = make_plan(experiment)
    drawn = plan_without_data(experiment, real.input_shape, real.rows, len(real.dataset.x_test))
    for framework in FRAMEWORKS.values():
        assert render_script(framework, experiment, drawn) == render_script(
            framework, experiment, real
        )
