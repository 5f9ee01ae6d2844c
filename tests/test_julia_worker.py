"""worker.jl in a real Julia, with tiny scripts: whatever they do, the coordinator stays whole."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from processes import alive, wait_for

from samestep import launch
from samestep.catalogue import Framework, load_folder
from samestep.experiment_file import load_experiment
from samestep.launch import Outcome, Settings
from samestep.plan import Plan, make_plan
from samestep.racing import read_trial
from samestep.schedule import Place

pytestmark = pytest.mark.julia

FRAMEWORK = """\
language = "julia"
shim = "shim.jl"
[frameworks.tiny]
title = "Tiny"
julia = "1.5"
environment = { TINY = "here" }
"""
SHIM = """\
version() = Dict("tiny" => "1")
configure(threads, type, device) = nothing
set_weights(model, arrays) = model
get_weights(model) = []
sync(model) = nothing
"""
SCRIPT = """\
prepare(x, y) = (x, y)

build() = nothing

function train(model, data, epochs, on_epoch)
    for epoch in 1:epochs
        BODY
        on_epoch(epoch, 0.5)
    end
end

evaluate(model, x, y) = (0.5, 0.9)
"""
BODY_LINE = SCRIPT[: SCRIPT.index("BODY")].count("\n") + 1
PACKAGE = "12345678-1234-5678-1234-567812345678"

SETTINGS = Settings(threads=1, precision="float32", timeout=120)
Run = Callable[..., Outcome]


@pytest.fixture
def tiny(julia: list[str], tmp_path: Path) -> Framework:
    folder = tmp_path / "frameworks" / "tiny"
    folder.mkdir(parents=True)
    (folder / "framework.toml").write_text(FRAMEWORK)
    (folder / "shim.jl").write_text(SHIM)
    (folder / "script.jl.j2").write_text("")
    return load_folder(folder)[0]


@pytest.fixture
def plan() -> Plan:
    return make_plan(load_experiment("iris-mlp", ["training.epochs=3"]))


@pytest.fixture
def run(tiny: Framework, plan: Plan, tmp_path: Path) -> Run:
    """Run a trial whose training does this in every epoch, or of a script changed otherwise."""

    def run_body(body: str = "", settings: Settings = SETTINGS, script: str = SCRIPT) -> Outcome:
        file = tmp_path / "train.jl"
        file.write_text(script.replace("BODY", textwrap.indent(body, " " * 8).strip()))
        return launch.run_worker(tiny, "trial", plan, file, settings)

    return run_body


def test_a_trial_may_train_fewer_epochs(tiny: Framework, plan: Plan, tmp_path: Path) -> None:
    file = tmp_path / "train.jl"
    file.write_text(SCRIPT.replace("BODY", ""))
    outcome = launch.run_worker(tiny, "trial", plan, file, SETTINGS, epochs=2)
    assert len([event for event in outcome.events if event["event"] == "epoch"]) == 2


def test_a_trial_says_each_phase_and_is_timed(run: Run) -> None:
    outcome = run("sleep(0.02)")
    assert (outcome.status, outcome.message, outcome.exit_code) == ("done", "", 0)
    assert [event["event"] for event in outcome.events] == [
        *("ready", "prepared", "built", "epoch", "epoch", "epoch"),
        *("trained", "probed", "evaluated", "memory", "threads", "evaluated_again", "done"),
    ]
    ready = outcome.find("ready")
    assert ready is not None
    assert ready["versions"] == {"tiny": "1"}
    assert ready["runtime"].startswith("Julia 1.")
    trial = read_trial(outcome, 3, Place("tiny", 0, 0))
    assert trial.outcome == "done"
    assert [epoch.loss for epoch in trial.epochs] == [0.5] * 3
    assert 0.02 <= trial.seconds.steady_epoch < 1
    assert trial.evaluation is not None
    assert (trial.evaluation.loss, trial.evaluation.accuracy) == (0.5, 0.9)
    assert trial.peak_bytes > 2**20
    assert 0 < trial.seconds.evaluate_again < outcome.wall_seconds
    assert 0 < trial.seconds.row < trial.seconds.start < outcome.wall_seconds
    assert outcome.cpu_seconds > 0


def test_settings_and_the_plan_reach_the_worker(
    run: Run, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "77")
    monkeypatch.setenv("JULIA_NUM_THREADS", "77")
    monkeypatch.setenv("JULIA_LOAD_PATH", "@:@v#.#:@stdlib")
    note = tmp_path / "note"
    cpu = launch.usable_cpus()[-1]
    body = f"""
        x, y = data
        status = readlines("/proc/self/status")
        allowed = filter(line -> startswith(line, "Cpus_allowed_list"), status)
        open("{note}", "w") do file
            for fact in (ENV["TINY"], ENV["OMP_NUM_THREADS"], Threads.nthreads(), LOAD_PATH,
                         split(only(allowed))[2], size(x), eltype(x), eltype(y))
                println(file, fact)
            end
            println(file, x[3, 7], " ", y[7])
        end
    """
    outcome = run(body, Settings(1, "float32", cpus=(cpu,), timeout=120))
    assert outcome.status == "done", outcome.message
    x, y = plan.dataset.x_train, plan.dataset.y_train
    *facts, row = note.read_text().splitlines()
    assert facts == [
        *("here", "1", "1", '["@stdlib"]', str(cpu)),
        *(f"(4, {plan.rows})", "Float32", "Int64"),
    ]
    # Julia counts from 1 and its first dimension is our last.
    assert [float(number) for number in row.split()] == pytest.approx([x[6, 2], y[6]], rel=1e-6)
    threads = outcome.find("threads")
    assert threads is not None
    assert (threads["cores"], threads["pools"]) == (1, {"julia": 1, "blas": 1})


def test_an_exception_is_told_with_its_stage_and_its_line(run: Run) -> None:
    outcome = run('epoch == 3 && error("bad \\n news")')
    assert (outcome.status, outcome.stage) == ("failed", "train")
    assert outcome.message == f"bad  (line {BODY_LINE} of the script)"
    # The epochs before it are not lost.
    assert [event["n"] for event in outcome.events if event["event"] == "epoch"] == [1, 2]
    assert read_trial(outcome, 3, Place("tiny", 1, 2)).outcome == "failed"


@pytest.mark.parametrize(
    ("stage", "old", "new", "message"),
    [
        ("prepare", "(x, y)\n\n", "x[5, 1]\n\n", "BoundsError: "),
        ("build", "build() = nothing", "build() = missing_name + 1", "UndefVarError: "),
        (
            "evaluate",
            "(0.5, 0.9)",
            'throw(ArgumentError("no \\U0001f600"))',
            "ArgumentError: no 😀",
        ),
        # Since Julia 1.10 a parser of its own words this.
        ("import", "build() = nothing", "build() = (", ("syntax: ", "ParseError")),
    ],
    ids=["prepare", "build", "evaluate", "import"],
)
def test_every_stage_tells_its_own_errors(
    stage: str, old: str, new: str, message: str | tuple[str, ...], run: Run
) -> None:
    assert SCRIPT.count(old) == 1
    outcome = run(script=SCRIPT.replace(old, new))
    assert (outcome.status, outcome.stage) == ("failed", stage)
    assert outcome.message.startswith(message)
    if stage != "import":
        line = SCRIPT[: SCRIPT.index(old)].count("\n") + 1
        assert outcome.message.endswith(f" (line {line} of the script)")


def test_a_package_that_is_missing_is_an_error_of_the_import(run: Run) -> None:
    outcome = run(script=f"using NoSuchPackage\n{SCRIPT}")
    assert (outcome.status, outcome.stage) == ("failed", "import")
    assert "Package NoSuchPackage not found" in outcome.message
    assert "\n" not in outcome.message


def test_a_package_that_does_not_load_says_why(
    run: Run, tiny: Framework, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "Broken"
    (package / "src").mkdir(parents=True)
    (package / "src" / "Broken.jl").write_text('module Broken\nerror("no such device")\nend\n')
    (package / "Project.toml").write_text(f'name = "Broken"\nuuid = "{PACKAGE}"\n')
    project = tmp_path / "project"
    project.mkdir()
    (project / "Project.toml").write_text(f'[deps]\nBroken = "{PACKAGE}"\n')
    (project / "Manifest.toml").write_text(
        f'[[Broken]]\npath = "{package}"\nuuid = "{PACKAGE}"\nversion = "0.1.0"\n'
    )
    monkeypatch.setenv("SAMESTEP_BROKEN_PROJECT", str(project))
    entry = tiny.folder / "framework.toml"
    entry.write_text(
        f'{FRAMEWORK}project = "broken"\n'
        f'packages = [{{ name = "Broken", uuid = "{PACKAGE}", version = "0.1" }}]\n'
    )
    broken = load_folder(tiny.folder)[0]
    assert broken.place.problem() is None
    script = tmp_path / "broken.jl"
    script.write_text(f"using Broken\n{SCRIPT}")
    plan = make_plan(load_experiment("iris-mlp", ["training.epochs=3"]))
    outcome = launch.run_worker(broken, "trial", plan, script, SETTINGS)
    assert (outcome.status, outcome.stage) == ("failed", "import")
    assert "Broken" in outcome.message
    assert "no such device" in outcome.message
    assert "\n" not in outcome.message


def test_a_script_that_hangs_ends_with_the_time_limit(run: Run, tmp_path: Path) -> None:
    note = tmp_path / "pids"
    body = f"""
        child = run(`sleep 600`; wait = false)
        write("{note}", "$(getpid()) $(getpid(child))")
        while true
        end
    """
    started = time.monotonic()
    outcome = run(body, Settings(1, "float32", timeout=20))
    assert time.monotonic() - started < 60
    assert (outcome.status, outcome.stage) == ("timeout", "train")
    assert outcome.message == "not done after 20 seconds"
    assert read_trial(outcome, 3, Place("tiny", 0, 0)).outcome == "timeout"
    pids = {int(text) for text in note.read_text().split()}
    assert len(pids) == 2
    wait_for(lambda: not any(map(alive, pids)), 10)


def test_a_crash_is_told_with_its_signal(run: Run) -> None:
    outcome = run("ccall(:abort, Cvoid, ())")
    assert (outcome.status, outcome.stage) == ("killed", "train")
    assert "SIGABRT" in outcome.message


def test_an_exit_in_the_middle_is_a_failure(run: Run) -> None:
    outcome = run("exit(0)")
    assert (outcome.status, outcome.stage) == ("failed", "train")
    assert outcome.message == "the worker ended before its work was done"


def test_losses_that_are_no_numbers_are_divergence(run: Run) -> None:
    outcome = run("on_epoch(epoch, (Inf, NaN, Float32(-Inf))[epoch]); continue")
    assert outcome.status == "done"
    trial = read_trial(outcome, 3, Place("tiny", 0, 0))
    assert trial.outcome == "diverged"
    assert [str(epoch.loss) for epoch in trial.epochs] == ["inf", "nan", "-inf"]


def test_whatever_a_script_prints_is_harmless(run: Run) -> None:
    # What looks like an event, what is no text, and more than a pipe holds.
    body = """
        println("{\\"event\\": \\"done\\"}")
        write(stdout, UInt8[0x00, 0xff, 0x1b])
        println("x"^1_000_000)
        println(stderr, "{")
        print(stdin isa IO ? read(stdin, String) : "")
    """
    outcome = run(body)
    assert (outcome.status, outcome.message) == ("done", "")
    assert read_trial(outcome, 3, Place("tiny", 0, 0)).outcome == "done"


def test_training_in_another_precision_is_refused(run: Run, tiny: Framework) -> None:
    shim = 'get_weights(model) = ["dense_1.kernel" => zeros(Float16, 2, 2)]'
    tiny.shim.write_text(SHIM.replace("get_weights(model) = []", shim))
    outcome = run()
    assert (outcome.status, outcome.stage) == ("failed", "train")
    assert outcome.message.startswith("dense_1.kernel was trained in Float16, not in Float32")


@pytest.mark.parametrize("launcher", [False, True])
def test_killing_the_coordinator_leaves_no_worker(
    launcher: bool, julia: list[str], tiny: Framework, tmp_path: Path, monkeypatch
) -> None:
    if launcher:
        # As juliaup may do it: a program between the coordinator and Julia.
        between = tmp_path / "launcher"
        between.write_text(f"#!/bin/sh\n'{julia[0]}' \"$@\"\nexit $?\n")
        between.chmod(0o755)
        monkeypatch.setenv("SAMESTEP_JULIA", str(between))
    script, note = tmp_path / "train.jl", tmp_path / "pid"
    hang = f'write("{note}", string(getpid()));\n        while true\n        end'
    script.write_text(SCRIPT.replace("BODY", hang))
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from samestep.catalogue import load_folder\n"
        "from samestep.experiment_file import load_experiment\n"
        "from samestep.launch import Settings, run_worker\n"
        "from samestep.plan import make_plan\n"
        "folder, script = map(Path, sys.argv[1:])\n"
        "plan = make_plan(load_experiment('iris-mlp', ['training.epochs=3']))\n"
        "settings = Settings(1, 'float32', timeout=300)\n"
        "run_worker(load_folder(folder)[0], 'trial', plan, script, settings)\n"
    )
    coordinator = subprocess.Popen([sys.executable, "-c", program, tiny.folder, script])
    try:
        worker = int(wait_for(lambda: note.exists() and note.read_text(), 120))
        assert alive(worker)
        started = psutil.Process(coordinator.pid).children(recursive=True)
        coordinator.send_signal(signal.SIGKILL)
        coordinator.wait(timeout=30)
    finally:
        coordinator.kill()
    assert worker in {process.pid for process in started}
    assert launcher == (started[0].pid != worker)
    wait_for(lambda: not any(alive(process.pid) for process in started), 10)


def test_a_framework_whose_run_fails_costs_only_itself(tiny: Framework, tmp_path: Path) -> None:
    (tiny.folder / "script.jl.j2").write_text(SCRIPT.replace("BODY", 'error("no luck")'))
    path = tmp_path / "r.json"
    command = [sys.executable, "-m", "samestep", "race", "iris-mlp", "-f", "tiny,numpy"]
    command += ["--trials", "1", "--set", "training.epochs=2", "--json", str(path)]
    done = subprocess.run(
        command,
        env=os.environ | {"SAMESTEP_PATH": str(tiny.folder.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3, done.stderr
    content = json.loads(path.read_text())
    assert content["frameworks"]["tiny"]["language"] == "julia"
    assert content["proof"]["tiny"]["verdict"] == "failed"
    assert content["proof"]["tiny"]["stage"] == "forward"
    assert [row["framework"] for row in content["verdict"]] == ["numpy"]
