"""Real worker processes with tiny scripts: whatever they do, the coordinator stays whole."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest
from processes import alive, wait_for
from shipped import installed

from samestep import launch
from samestep.catalogue import Framework, load_folder
from samestep.errors import BadInput
from samestep.experiment_file import load_experiment
from samestep.launch import Settings, choose_settings, run_worker
from samestep.plan import Plan, make_plan
from samestep.racing import read_trial, write_raced
from samestep.schedule import Place

FRAMEWORK = """\
language = "python"
shim = "shim.py"
[frameworks.tiny]
title = "Tiny"
environment = { TINY = "here" }
"""
SHIM = """\
def version(): return {"tiny": "1"}
def configure(threads, precision, device): pass
def set_weights(model, arrays): pass
def get_weights(model): return {}
def sync(model): pass
"""
SCRIPT = """\
import os, sys, time, subprocess
def prepare(x, y): return x
def build(): return None
def train(model, data, epochs, on_epoch):
    for epoch in range(1, epochs + 1):
        {body}
        on_epoch(epoch, 0.5)
def evaluate(model, x, y): return 0.5, 0.9
events = next(a.split("=", 1)[1] for a in sys.argv if a.startswith("events="))
"""
SETTINGS = Settings(threads=1, precision="float32", timeout=60)


@pytest.fixture
def tiny(tmp_path: Path) -> Framework:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "framework.toml").write_text(FRAMEWORK)
    (folder / "shim.py").write_text(SHIM)
    (folder / "script.py.j2").write_text("")
    return load_folder(folder)[0]


@pytest.fixture
def plan() -> Plan:
    return make_plan(load_experiment("iris-mlp", ["training.epochs=3"]))


@pytest.fixture
def run(tiny, plan, tmp_path):
    def run_body(body: str, settings: Settings = SETTINGS, stop=None):
        script = tmp_path / "train.py"
        script.write_text(SCRIPT.replace("{body}", textwrap.indent(body, " " * 8).strip()))
        return run_worker(tiny, "trial", plan, script, settings, stop=stop)

    return run_body


def test_a_trial_that_goes_well(run):
    outcome = run("time.sleep(0.01)")
    assert (outcome.status, outcome.message, outcome.exit_code) == ("done", "", 0)
    trial = read_trial(outcome, 3, Place("tiny", 0, 0))
    assert trial.outcome == "done"
    assert len(trial.epochs) == 3
    assert 0.01 <= trial.seconds.steady_epoch < 1
    assert trial.seconds.first_epoch == trial.epochs[0].seconds
    assert trial.peak_bytes > 2**20
    assert 0 < trial.seconds.evaluate_again < 0.1
    assert 0 < trial.seconds.row < 0.1
    assert 0 < trial.seconds.start < outcome.wall_seconds
    assert outcome.wall_seconds > 0.03
    assert outcome.cpu_seconds > 0


def test_settings_reach_the_worker(run, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "77")
    cpu = launch.usable_cpus()[-1]
    body = (
        "assert os.environ['OMP_NUM_THREADS'] == '1' and os.environ['TINY'] == 'here'\n"
        f"assert os.sched_getaffinity(0) == {{{cpu}}}\n"
        "assert os.getpgrp() == os.getpid()"
    )
    outcome = run(body, Settings(1, "float32", cpus=(cpu,), timeout=60))
    assert outcome.status == "done", outcome.message


def test_an_exception_is_told_with_its_stage(run):
    outcome = run("raise ValueError('bad \\n news')")
    assert outcome.status == "failed"
    assert outcome.stage == "train"
    assert outcome.message == "ValueError: bad "
    assert read_trial(outcome, 3, Place("tiny", 1, 2)).outcome == "failed"


def test_a_crash_is_told_with_its_signal_and_last_words(run):
    outcome = run("sys.stderr.write('last words\\n'); sys.stderr.flush(); os.abort()")
    assert outcome.status == "killed"
    assert outcome.stage == "train"
    assert "SIGABRT" in outcome.message
    assert "last words" in outcome.message


def test_an_exit_in_the_middle_is_a_failure(run):
    assert run("os._exit(0)").message == "the worker ended before its work was done"
    assert "status 7" in run("os._exit(7)").message


def test_a_hang_ends_with_the_time_limit(run):
    started = time.monotonic()
    outcome = run("time.sleep(600)", Settings(1, "float32", timeout=3))
    assert time.monotonic() - started < 20
    assert outcome.status == "timeout"
    assert read_trial(outcome, 3, Place("tiny", 0, 0)).outcome == "timeout"


def test_a_worker_that_ignores_signals_ends_too(run):
    body = "import signal; [signal.signal(s, signal.SIG_IGN) for s in (2, 15)]; time.sleep(600)"
    assert run(body, Settings(1, "float32", timeout=3)).status == "timeout"


def test_children_of_the_worker_do_not_outlive_it(run, tmp_path):
    note = tmp_path / "child"
    body = (
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(0.1); os._exit(0)"
    )
    run(body)
    wait_for(lambda: not alive(int(note.read_text())), 10)


@pytest.mark.parametrize(
    "garbage", ["'no json\\n'", "'[1, 2]\\n'", "'{}\\n'", "'\\x00\\xff\\n'", "'[' * 100000 + '\\n'"]
)
def test_garbage_in_the_event_file_is_a_failure_not_a_traceback(run, garbage):
    outcome = run(f"open(events, 'a', encoding='latin-1').write({garbage}); time.sleep(600)")
    assert outcome.status == "failed"
    assert "no event" in outcome.message


def test_events_of_the_wrong_shape_are_a_failed_trial(run):
    line = '{"event": "epoch", "n": 1, "start": "yesterday", "end": null, "loss": []}\\n'
    outcome = run(f"open(events, 'a').write({line!r}.replace(chr(92) + 'n', chr(10)))")
    trial = read_trial(outcome, 3, Place("tiny", 0, 0))
    assert trial.outcome == "failed"
    assert "do not make sense" in trial.message


def test_megabytes_on_stdout_neither_block_nor_fill_the_disk(run, monkeypatch):
    monkeypatch.setattr(launch, "MAX_LOG_BYTES", 2**20)
    outcome = run("sys.stdout.write('x' * 9_999_999 + '\\n'); time.sleep(0.3)")
    assert outcome.status == "done"


def test_too_few_epochs_are_a_failed_trial(run):
    outcome = run("break")
    assert outcome.status == "done"
    trial = read_trial(outcome, 3, Place("tiny", 0, 0))
    assert trial.outcome == "failed"
    assert trial.message == "0 epochs were trained, 3 were asked for"


def test_a_loss_that_is_no_number_is_divergence(run):
    trial = read_trial(run("on_epoch(epoch, float('nan')); continue"), 3, Place("tiny", 0, 0))
    assert trial.outcome == "diverged"
    assert trial.seconds.steady_epoch is not None


def test_a_worker_that_is_told_to_stop_ends_at_once(run, tmp_path):
    note = tmp_path / "pid"
    stop = threading.Event()

    def stop_it():
        wait_for(lambda: note.exists() and note.read_text())
        stop.set()

    threading.Thread(target=stop_it).start()
    with pytest.raises(launch.Interrupted):
        run(
            f"open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)",
            Settings(threads=1, precision="float32", timeout=300),
            stop=stop,
        )
    assert not alive(int(note.read_text()))


def test_threads_beyond_the_machine_are_refused():
    usable = len(launch.usable_cpus())
    assert choose_settings("float32").threads == usable
    for threads in (0, usable + 1):
        with pytest.raises(BadInput, match="usable cores"):
            choose_settings("float32", threads)


def test_an_interrupt_while_proving_ends_at_once_and_leaves_no_worker(tiny):
    shim = tiny.folder / "shim.py"
    shim.write_text("import time\ntime.sleep(600)\n")
    command = [sys.executable, "-m", "samestep", "prove", "iris-mlp", "-f", "tiny"]
    coordinator = subprocess.Popen(
        command,
        env=os.environ | {"SAMESTEP_PATH": str(tiny.folder.parent)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        workers = wait_for(lambda: psutil.Process(coordinator.pid).children(recursive=True))
        started = time.monotonic()
        coordinator.send_signal(signal.SIGINT)
        _, errors = coordinator.communicate(timeout=60)
    finally:
        coordinator.kill()
    assert coordinator.returncode == 130
    assert "Traceback" not in errors
    assert time.monotonic() - started < 30
    wait_for(lambda: not any(alive(worker.pid) for worker in workers), 10)


def test_a_framework_whose_run_fails_is_status_3_and_costs_only_itself(tiny, tmp_path):
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
    assert content["proof"]["tiny"]["verdict"] == "failed"
    assert [row["framework"] for row in content["verdict"]] == ["numpy"]
    assert content["unfinished"] is False


@pytest.mark.frameworks
@pytest.mark.parametrize("name", ["flax", "keras-jax"])
def test_what_one_run_has_compiled_is_not_there_for_the_next(name, tmp_path, monkeypatch):
    framework, kept = installed(name), tmp_path / "compiled"
    plan = make_plan(load_experiment("iris-mlp", ["training.epochs=2"]))
    script = write_raced(framework, plan, tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(kept))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

    def keeps_something() -> bool:
        outcome = run_worker(framework, "trial", plan, script, SETTINGS, epochs=2)
        assert outcome.status == "done", outcome.message
        return kept.exists() and any(kept.iterdir())

    assert not keeps_something()
    # As it would be if nobody cared.
    environment = launch.worker_environment
    enabled = {"JAX_ENABLE_COMPILATION_CACHE": "true"}
    monkeypatch.setattr(launch, "worker_environment", lambda *which: environment(*which) | enabled)
    assert keeps_something()


@pytest.mark.frameworks
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killing_the_coordinator_leaves_no_worker_and_every_finished_trial(number, tmp_path):
    path = tmp_path / "result.json"
    command = [sys.executable, "-m", "samestep", "race", "iris-mlp", "-f", "numpy"]
    command += ["--set", "training.epochs=1500", "--trials", "50", "--json", str(path)]
    coordinator = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: path.is_file() and len(json.loads(path.read_text())["trials"]) >= 2, 120)
        workers = wait_for(lambda: psutil.Process(coordinator.pid).children(recursive=True))
        before = json.loads(path.read_text())["trials"]
        os.kill(coordinator.pid, number)
        _, errors = coordinator.communicate(timeout=30)
    finally:
        coordinator.kill()
    wait_for(lambda: not any(alive(worker.pid) for worker in workers), 10)
    after = json.loads(path.read_text())
    assert after["unfinished"] is True
    assert after["trials"][: len(before)] == before
    assert len(after["trials"]) < 50
    if number == signal.SIGINT:
        assert coordinator.returncode == 130
        assert f"{len(after['trials'])} finished trials" in errors
        assert "Traceback" not in errors
    shown = subprocess.run(
        [sys.executable, "-m", "samestep", "report", str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Unfinished" in shown.stdout
