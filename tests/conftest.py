"""What all tests share: a cache of their own, experiments that are quick to write, and a Julia."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from samestep.environments.julia import JuliaEnvironment
from samestep.errors import BadInput

pytest_plugins = ["data_places", "honest_work", "reported"]

# The machine may be busy; how long a case takes says nothing here.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

EXPERIMENT = """\
title = "A test"
[data]
{data}
[[model]]
layer = "dense"
units = 5
activation = "relu"
[[model]]
layer = "dense"
units = {classes}
[training]
loss = "cross_entropy"
optimizer = {{ name = "sgd", learning_rate = 0.1 }}
batch_size = 4
epochs = 2
shuffle = "each_epoch"
last_batch = "keep"
precision = "float32"
seed = 0
"""
IRIS = 'name = "iris"\ntest = 45'

PARSER = r"""
describe(value) = value isa String ? "text " * bytes2hex(codeunits(value)) :
    value isa Expr ? "code" : "$(typeof(value)) $(repr(value))"

function parse_all(text)
    found, place = String[], 1
    while place <= ncodeunits(text)
        code, place = Meta.parse(text, place; raise = false)
        if code isa Expr && code.head in (:error, :incomplete)
            return ["wrong " * replace(repr(code.args[1]), '\n' => ' ')]
        end
        code === nothing || push!(found, describe(code))
    end
    return found
end

while !eof(stdin)
    size = parse(Int, readline(stdin))
    println(join(parse_all(String(read(stdin, size))), '\t'))
    flush(stdout)
end
"""

WriteExperiment = Callable[..., Path]
FakeJulia = Callable[..., Path]
ParseJulia = Callable[[str], list[str]]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Plans and proofs of the tests go to a cache that nobody else reads."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.delenv("SAMESTEP_PATH", raising=False)
        yield folder


@pytest.fixture
def write_experiment(tmp_path: Path) -> WriteExperiment:
    """Write an experiment on Iris, or on the data given, with replacements (old, new)."""

    def write(*replacements: tuple[str, str], data: str = IRIS, classes: int = 3) -> Path:
        text = EXPERIMENT.format(data=data, classes=classes)
        for old, new in replacements:
            assert old in text, f"{old!r} is not in the experiment"
            text = text.replace(old, new)
        path = tmp_path / "experiment.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As for a new user: no setting of samestep is there, neither variable nor file."""
    for name in [name for name in os.environ if name.startswith("SAMESTEP_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    return home


@pytest.fixture(scope="session")
def fashion_mnist() -> Path:
    """The folder that holds Fashion-MNIST; the test is skipped if it is not here already."""
    own = os.environ.get("SAMESTEP_DATA", "")
    for folder in (
        Path(own or "none") / "fashion-mnist",
        Path("/usr/share/datasets/fashion-mnist"),
    ):
        if folder.is_dir():
            return folder
    pytest.skip(
        "Fashion-MNIST is not here; to get it: apt-get install dataset-fashion-mnist, "
        "or set SAMESTEP_DATA to a folder that holds it"
    )


@pytest.fixture
def fake_julia(tmp_path: Path) -> FakeJulia:
    """Write a program that says that it is a Julia, and runs shell commands for the rest."""

    def write(version: str = "1.10.8", commands: str = "", name: str = "fake-julia") -> Path:
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(
            "#!/bin/sh\n"
            f'case "$*" in *--version*) echo "julia version {version}"; exit;; esac\n'
            f"{commands}\n"
        )
        program.chmod(0o755)
        return program

    return write


@pytest.fixture(scope="session")
def julia() -> list[str]:
    """The Julia that runs here, as a command; the test is skipped if there is none."""
    environment = JuliaEnvironment("julia", None, [], "1.5")
    try:
        problem = environment.problem()
    except BadInput as error:
        problem = str(error)
    if problem is not None:
        pytest.skip(f"{problem}; to get it: {environment.how_to_get()}")
    program, *options = environment.command()
    return [str(shutil.which(program)), *options]


@pytest.fixture(scope="session")
def parse_julia(julia: list[str]) -> Iterator[ParseJulia]:
    """Julia's own parser: what each top-level piece of a text is, or ["wrong ..."].

    One process serves all tests.
    """
    process = subprocess.Popen(
        [*julia, "-e", PARSER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None

    def parse(text: str) -> list[str]:
        assert process.stdin is not None and process.stdout is not None
        content = text.encode()
        process.stdin.write(b"%d\n" % len(content) + content)
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer.endswith(b"\n"), f"Julia's parser ended on {text!r}"
        return [part for part in answer.decode().rstrip("\n").split("\t") if part]

    yield parse
    process.stdin.close()
    process.stdout.close()
    process.wait(timeout=60)


# A shell starts background jobs with SIGINT ignored, and their children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
