"""What goes wrong in a race costs no more than it must: real workers, real coordinators.

The plainer faults (exceptions, signals, hangs in training, garbage, floods of output) are in
test_launch.py, and the coordinator's end by a signal too.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from processes import wait_for
from test_launch import SCRIPT, plan, run, tiny

from samestep import api, curves, racing
from samestep.errors import BadInput
from samestep.launch import Settings, run_worker
from samestep.locking import sole_writer
from samestep.racing import read_trial
from samestep.result import load_result
from samestep.schedule import Place

__all__ = ["plan", "run", "tiny"]

EPOCH = '{"event": "epoch", "n": 9, "start": 1, "end": 2, "loss": 0.5}\n'
SHORT = Settings(threads=1, precision="float32", timeout=3)
RACE = ["race", "iris-mlp", "-f", "numpy", "--set", "training.epochs=20", "--no-repeats"]


def samestep(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "samestep", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def test_out_of_memory_is_told_and_costs_one_trial(run):
    outcome = run(
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))\n"
        "hoard = bytearray(2**32)"
    )
    assert (outcome.status, outcome.stage) == ("failed", "train")
    assert outcome.message.startswith("MemoryError")


@pytest.mark.parametrize(
    ("stage", "honest"),
    [
        ("import", "import os, sys, time, subprocess\n"),
        ("prepare", "def prepare(x, y): return x"),
        ("build", "def build(): return None"),
        ("evaluate", "def evaluate(model, x, y): return 0.5, 0.9"),
    ],
)
def test_a_hang_ends_wherever_it_is(tiny, plan, tmp_path, stage, honest):
    head = honest.split(": return")[0]
    hanging = f"{honest}time.sleep(600)\n" if stage == "import" else f"{head}: time.sleep(600)"
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.replace("{body}", "pass").replace(honest, hanging))
    started = time.monotonic()
    outcome = run_worker(tiny, "trial", plan, script, SHORT)
    assert time.monotonic() - started < 20
    assert (outcome.status, outcome.stage) == ("timeout", stage)


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("cut", "os.truncate(events, 10)"),
        ("emptied", "open(events, 'w').close()"),
        ("an epoch too many", f"open(events, 'a').write({EPOCH!r})"),
        ("half a line", "open(events, 'a').write('{\"event\": \"ep')"),
        ("a binary", "open(events, 'ab').write(bytes(range(256)) + b'\\n')"),
    ],
)  # fmt: skip
def test_an_event_file_that_somebody_changed_is_a_failed_trial(run, what, body):
    outcome = run(body)
    trial = read_trial(outcome, 3, Place("tiny", 0, 0))
    assert trial.outcome == "failed"
    assert trial.message


def test_a_clock_that_is_set_back_changes_no_time(run):
    outcome = run("time.time = lambda: -1e9 * epoch; time.sleep(0.02)")
    trial = read_trial(outcome, 3, Place("tiny", 0, 0))
    assert trial.outcome == "done"
    assert 0.02 <= trial.seconds.steady_epoch < 1
    # Only the monotonic clock is ever asked for a duration.
    for file in (Path(api.__file__).parent).rglob("*.py"):
        assert "time.time()" not in file.read_text(), file


def test_a_full_disk_ends_the_race_in_one_sentence_and_loses_no_trial(tmp_path):
    path = tmp_path / "out" / "r.json"
    # As much as a first trial takes and no third: the system refuses to write more.
    most = 40_000

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    done = samestep(*RACE, "--trials", "40", "--json", str(path), preexec_fn=limit)
    assert done.returncode == 2, done.stderr
    assert "cannot be written (File too large)" in done.stderr
    assert "Traceback" not in done.stderr
    saved = load_result(path)
    assert saved.trials and saved.unfinished
    assert [file.name for file in path.parent.iterdir()] == ["r.json"]


def test_a_folder_that_is_deleted_in_the_race_comes_back(tmp_path):
    path = tmp_path / "out" / "r.json"
    command = [sys.executable, "-m", "samestep", *RACE, "--trials", "4", "--json", str(path)]
    race = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(path.is_file)
    shutil.rmtree(path.parent)
    _, errors = race.communicate(timeout=120)
    assert race.returncode == 0, errors
    assert len(load_result(path).trials) == 4


def test_a_folder_that_becomes_a_file_ends_the_race_in_one_sentence(tmp_path):
    path = tmp_path / "out" / "r.json"
    command = [sys.executable, "-m", "samestep", *RACE, "--trials", "30", "--json", str(path)]
    race = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(path.is_file)
    shutil.rmtree(path.parent)
    path.parent.write_text("in the way")
    _, errors = race.communicate(timeout=120)
    assert race.returncode == 2, errors
    assert "cannot be written" in errors and "Traceback" not in errors


def test_two_races_in_one_folder_leave_two_results(tmp_path):
    command = [sys.executable, "-m", "samestep", *RACE, "--trials", "2"]
    races = [
        subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for race in races:
        _, errors = race.communicate(timeout=120)
        assert race.returncode == 0, errors
    files = sorted((tmp_path / "results").iterdir())
    assert [len(load_result(file).trials) for file in files] == [2, 2]


def test_two_races_never_write_to_one_file(tmp_path):
    path = tmp_path / "r.json"
    with sole_writer(path):
        with pytest.raises(BadInput, match="another race writes to it now"), sole_writer(path):
            pass
        done = samestep(*RACE, "--trials", "1", "--json", str(path))
    assert done.returncode == 2
    assert "another race writes to it now" in done.stderr
    with sole_writer(path):
        pass
    assert not list(tmp_path.iterdir())


def coordinate(moments: int, path: Path) -> int:
    """Race, or go on racing, in a process that dies after so many moments; its exit status.

    A moment is before or after a save or a worker.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = moments

    def deadly(function):
        def call(*arguments, **options):
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)
            result = function(*arguments, **options)
            left -= 1
            if left < 0:
                os._exit(9)
            return result

        return call

    status = 1
    try:
        # A second of measuring in each life proves nothing here.
        api.measure_speed = lambda settings: None
        for module in (racing, curves):
            module.save_at = deadly(module.save_at)
            module.run_worker = deadly(module.run_worker)
        if path.exists():
            api.resume(path)
        else:
            settings = {"trials": 2, "threads": 1, "repeats": False, "curve_seeds": 1}
            api.race("iris-mlp", ["numpy"], ["training.epochs=2"], path=path, **settings)
        status = 0
    finally:
        os._exit(status)


def test_a_coordinator_that_dies_at_any_moment_loses_and_repeats_nothing(tmp_path):
    deaths = 0
    for moments in range(100):
        path = tmp_path / f"{moments}.json"
        status = coordinate(moments, path)
        assert status in (0, 9)
        if status == 0:
            break
        deaths += 1
        before = load_result(path) if path.exists() else None
        assert coordinate(1000, path) == 0
        after = load_result(path)
        assert [(trial.block, trial.position) for trial in after.trials] == [(0, 0), (1, 0)]
        assert [curve.seed for curve in after.curves] == [0]
        assert not after.unfinished
        if before is not None:
            assert after.trials[: len(before.trials)] == before.trials
            assert after.curves[: len(before.curves)] == before.curves
    # Two trials and a curve, each with a worker and a save, and the saves around them.
    assert deaths >= 12


def test_a_thread_that_reads_while_a_race_saves_always_finds_a_whole_result(tmp_path):
    path = tmp_path / "r.json"
    stop = threading.Event()
    broken: list[str] = []

    def read() -> None:
        while not stop.is_set():
            if path.exists():
                try:
                    json.loads(path.read_text())
                except ValueError as error:
                    broken.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        api.race("iris-mlp", ["numpy"], ["training.epochs=2"], trials=4, threads=1, path=path)
    finally:
        stop.set()
        reader.join()
    assert broken == []
