import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samestep.julia_source import literal, stages, statistics

SCRIPT = '''\
# A script.

using Flux, Statistics

const factor = 2

"""A layer."""
struct Dense
    w
    b
end

function Dense(inputs::Int, outputs::Int)
    return Dense(rand(outputs, inputs), zeros(outputs))
end

(layer::Dense)(x) = layer.w * x .+ layer.b

"""Return the numbers,
multiplied."""
multiplied(x) = factor .* x

"""Return the data."""
prepare(x, y) = (multiplied(x), y)

"""Return the model."""
function build()
    # Not `loss`, which nobody needs here.
    return Dense(4, 3)
end

"""Train the model."""
function train(model, data, epochs, on_epoch)
    for epoch in 1:epochs
        on_epoch(epoch, loss(model, data...))
    end
end

"""Return the loss."""
function loss(model, x, y)
    errors = multiplied(model(x)) .- y

    return sum(abs2, errors)
end

evaluate(model, x, y) = (loss(model, x, y), 0.5)

"""Print how far the training is."""
report(epoch, loss) = println("epoch $epoch: loss $loss")

if abspath(PROGRAM_FILE) == @__FILE__
    train(build(), prepare(ones(4, 9), ones(3, 9)), 1, report)
end
'''

TEXT = re.compile(
    r'"((?:[^"\\$\x00-\x1f\x7f-\U0010ffff]|\\["\\$]|\\u[0-9a-f]{4}|\\U[0-9a-f]{8})*)"'
)
ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|(.))")

values = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)


@given(st.one_of(st.text(), st.text(alphabet='"\\$(){}\n\r\tué\u2028😀\x00', max_size=20)))
def test_a_text_is_quoted_whole_and_says_what_it_said(text: str) -> None:
    written = literal(text)
    quoted = TEXT.fullmatch(written)
    assert quoted is not None, f"{written} holds something that Julia would obey"
    assert ESCAPE.sub(lambda m: m[3] or chr(int(m[1] or m[2], 16)), quoted[1]) == text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        (1e-08, "1e-8"),
        (1e22, "1e22"),
        (0.1, "0.1"),
        (1.0, "1.0"),
        ("$(run(`ls`))", '"\\$(run(`ls`))"'),
        ('a "b" \\', '"a \\"b\\" \\\\"'),
        ("naïve\n😀", '"na\\u00efve\\u000a\\U0001f600"'),
        ((), "()"),
        ((4,), "(4,)"),
        ((4, (0.5, "x")), '(4, (0.5, "x"))'),
    ],
)
def test_a_literal_is_written_as_julia_writes_it(value: object, written: str) -> None:
    assert literal(value) == written


@pytest.mark.parametrize(
    "value", [float("inf"), float("-inf"), float("nan"), None, [1], {"a": 1}, b"", (None,)]
)
def test_what_has_no_literal_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be written as a literal"):
        literal(value)


@pytest.mark.julia
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=st.one_of(values, st.text()))
def test_julia_reads_a_literal_back(parse_julia, value: object) -> None:
    (found,) = parse_julia(literal(value))
    kind, _, said = found.partition(" ")
    match value:
        case str():
            assert (kind, bytes.fromhex(said).decode()) == ("text", value)
        case bool():
            assert (kind, said) == ("Bool", str(value).lower())
        case int():
            assert (kind, int(said)) == ("Int64", value)
        case float():
            assert (kind, float(said)) == ("Float64", value)


def test_a_stage_holds_what_it_is_first_to_use_in_the_order_of_the_script() -> None:
    parts = stages(SCRIPT)
    assert list(parts) == ["prepare", "build", "train", "evaluate"]
    assert parts["prepare"] == (
        "const factor = 2\n\n"
        '"""Return the numbers,\nmultiplied."""\nmultiplied(x) = factor .* x\n\n'
        '"""Return the data."""\nprepare(x, y) = (multiplied(x), y)'
    )
    assert parts["train"] == SCRIPT[SCRIPT.index('"""Train') : SCRIPT.index("\n\nevaluate")]
    assert parts["evaluate"] == "evaluate(model, x, y) = (loss(model, x, y), 0.5)"


def test_a_struct_comes_with_its_docstring_and_all_its_methods() -> None:
    part = stages(SCRIPT)["build"]
    assert part == (
        SCRIPT[SCRIPT.index('"""A layer') : SCRIPT.index('\n\n"""Return the numbers')]
        + "\n\n"
        + SCRIPT[SCRIPT.index('"""Return the model') : SCRIPT.index('\n\n"""Train')]
    )


def test_the_main_part_and_its_helpers_belong_to_no_stage() -> None:
    shown = "\n".join(stages(SCRIPT).values())
    for line in ("using Flux", "report(epoch", "if abspath"):
        assert line in SCRIPT
        assert line not in shown


def test_statistics_count_lines_of_code() -> None:
    lines = {stage: count for stage, (count, _) in statistics(SCRIPT).items()}
    # Without blank lines, comments and docstrings, each with the helpers that it shows.
    assert lines == {"prepare": 3, "build": 4 + 3 + 1 + 3, "train": 5 + 4, "evaluate": 1}


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("return x", []),
        ("x, y = 1:3, y[x]", []),
        ("return Flux.setup(Flux.Optimisers.Adam(), x)", ["Flux.setup", "Flux.Optimisers.Adam"]),
        ("return collect(x), collect(y)", ["collect"]),
        ("return relu.(x)", ["relu"]),
        ("mul!(y, x, x')", ["mul!"]),
        ("@inbounds y[1] = @views(x[1])", ["@inbounds", "@views"]),
        ("map(x) do (a, b)", ["map"]),
        ('println("sum(x) is $(sum(x))")', ["println"]),
        ("return helper(x)  # or sum(x)", []),
        ("for (a, b) in zip(x, y)", ["zip"]),
        ("return DataLoader((x, y); shuffle = true)", ["DataLoader"]),
    ],
)
def test_statistics_count_distinct_names_of_apis(line: str, names: list[str]) -> None:
    source = SCRIPT.replace(
        "prepare(x, y) = (multiplied(x), y)",
        f"function prepare(x, y)\n    {line}\nend\n\nhelper(x) = x",
    )
    assert statistics(source)["prepare"][1] == len(names), names


def test_a_parameter_that_is_called_is_no_name_of_an_api() -> None:
    counts = {stage: count for stage, (_, count) in statistics(SCRIPT).items()}
    # rand and zeros; sum: neither model nor on_epoch comes from a package.
    assert counts == {"prepare": 0, "build": 2, "train": 1, "evaluate": 0}
