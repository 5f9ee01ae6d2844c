"""What samestep costs: the same training in a race, by itself, and written by hand.

For each framework, in one run, fresh processes, the three of a repeat one after another in
random order, because a machine that others use too changes its speed within minutes:
(a) the steady epoch (the lower decile of epochs 2 and on) in a trial of a race,
(b) the same generated script by itself,
(c) the hand-written script of bench/handwritten;
and the peak memory of all three.
Prints a/b and a/c, each taken within a repeat: the median and its 95% interval. Prints besides the
coordinator's share of a race's CPU time, and the time of `samestep --help`.

With --beside, (a) runs with (b) and then with (c) at the same time, each on one core, which they
swap from one repeat to the next: then a change of the machine's speed hits both of a pair. The
median of the epochs stands for the lower decile there, since the slower one ends with a core free.
"""

import argparse
import json
import os
import pty
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from samestep.catalogue import Framework, choose_frameworks
from samestep.codegen import Unsupported
from samestep.experiment_file import load_experiment
from samestep.launch import (
    WORKERS,
    Settings,
    choose_settings,
    run_worker,
    usable_cpus,
    worker_environment,
)
from samestep.plan import Plan, make_plan
from samestep.side_by_side import side_by_side
from samestep.standalone import standalone_folder
from samestep.stats import ratio
from samestep.steadiness import steady_epoch

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Bench:
    """An experiment, what its hand-written scripts are told, and their names by framework."""

    overrides: list[str]
    arguments: dict[str, object]
    handwritten: dict[str, str]


MLP = {
    "keras-tensorflow": "keras_fit.py",
    "keras-jax": "keras_fit.py",
    "keras-torch": "keras_fit.py",
    "torch": "torch_loop.py",
    "flax": "flax_step.py",
    "flax-scan": "flax_scan.py",
    "sklearn": "sklearn_mlp.py",
    "numpy": "numpy_mlp.py",
    "julia": "julia_mlp.jl",
    "flux": "flux_loop.jl",
    "flux-classic": "flux_classic.jl",
    "knet": "knet_mlp.jl",
    "knet-loop": "knet_mlp.jl",
}
CNN = {
    "keras-tensorflow": "cnn/keras_fit.py",
    "keras-jax": "cnn/keras_fit.py",
    "keras-torch": "cnn/keras_fit.py",
    "tensorflow": "cnn/tensorflow_loop.py",
    "torch": "cnn/torch_loop.py",
    "torch-compile": "cnn/torch_compile.py",
    "lightning": "cnn/lightning_module.py",
    "flax": "cnn/flax_step.py",
    "flax-scan": "cnn/flax_scan.py",
    "numpy": "cnn/numpy_cnn.py",
    "julia": "cnn/julia_cnn.jl",
    "flux": "cnn/flux_loop.jl",
    "flux-classic": "cnn/flux_classic.jl",
    "knet": "cnn/knet_cnn.jl",
    "knet-loop": "cnn/knet_cnn.jl",
}
BENCHES = {
    "iris-mlp": Bench([], {"hidden": [10], "batch_size": 5}, MLP),
    "digits-mlp": Bench([], {"hidden": [128, 64], "batch_size": 32}, MLP),
    "fashion-cnn": Bench(
        ["data.rows=12800", "data.test_rows=1000", "training.epochs=4"], {"batch_size": 128}, CNN
    ),
}
DEFAULT = "iris-mlp,digits-mlp"
COORDINATOR = """
import resource, sys
from samestep.cli import main
try:
    main()
except SystemExit as end:
    status = end.code
own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
cpu = [usage.ru_utime + usage.ru_stime for usage in (own, workers)]
print("\\ncpu", *cpu, status or 0)
"""


def script_in(folder: Path) -> Path:
    return next(folder.glob("train.*"))


def in_race(
    framework: Framework, plan: Plan, folder: Path, settings: Settings
) -> tuple[list[float], int]:
    """The seconds of the epochs and the peak memory of one trial, as a race takes them."""
    outcome = run_worker(framework, "trial", plan, script_in(folder), settings)
    if outcome.status != "done":
        raise SystemExit(
            f"{framework.name}: {outcome.status} in {outcome.stage}: {outcome.message}"
        )
    epochs = [event for event in outcome.events if event["event"] == "epoch"]
    memory = outcome.find("memory") or {}
    return [(e["end"] - e["start"]) / 1e9 for e in epochs], memory["peak_bytes"]


def alone(
    framework: Framework,
    kind: str,
    script: Path,
    folder: Path,
    plan: Plan,
    settings: Settings,
    run: dict[str, object],
) -> tuple[list[float], int]:
    """The same of a script in a process of its own, set as a race's."""
    epochs = str(plan.experiment.training.epochs)
    common = [kind, script, folder, epochs]
    if framework.language == "python":
        arguments: dict[str, object] = {"shim": str(framework.shim), "run": run}
        arguments["own_process"] = str(WORKERS["python"].with_name("own_process.py"))
        arguments["threads"] = settings.threads
        arguments["cpus"] = settings.cpus
        command = [HERE / "drive.py", *common, json.dumps(arguments)]
    else:
        arguments = {"worker": WORKERS["julia"], "threads": settings.threads}
        arguments |= {"cpus": commas(settings.cpus), "shape": commas(plan.input_shape[::-1])}
        arguments |= {
            key: commas(value) if isinstance(value, list) else value for key, value in run.items()
        }
        command = [HERE / "drive.jl", *common, *(f"{k}={v}" for k, v in arguments.items())]
    # In a folder of its own, as a trial is: what an earlier process compiled must not lie there.
    with tempfile.TemporaryDirectory(prefix="samestep-tax-") as empty:
        done = subprocess.run(
            [*framework.place.command(), *map(str, command)],
            cwd=empty,
            env=worker_environment(framework, settings),
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise SystemExit(f"{framework.name}, {kind}: {done.stderr[-2000:]}")
    *seconds, peak = done.stdout.split()[-int(epochs) - 1 :]
    return [float(second) for second in seconds], int(peak)


def commas(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def measure(
    name: str,
    frameworks: list[Framework],
    repeats: int,
    threads: int | None,
    beside: bool,
    root: Path,
) -> list[dict[str, object]]:
    """All repeats of one experiment: one record a framework, repeat and process."""
    bench = BENCHES[name]
    plan = make_plan(load_experiment(name, bench.overrides))
    settings = choose_settings(plan.experiment.training.precision, threads)
    folders = {}
    for framework in frameworks:
        folder = root / name / framework.name
        try:
            standalone_folder(framework, plan, folder)
        except Unsupported as reason:
            print(f"{name}, {framework.name}: left out, {reason}")
            continue
        folders[framework.name] = folder
    frameworks = [framework for framework in frameworks if framework.name in folders]
    records: list[dict[str, object]] = []
    for repeat in range(repeats):
        for framework, kinds in draw_order(frameworks, bench, beside):
            places = on_a_core_each(settings, repeat) if beside else [settings]
            runs = dict(zip(kinds, places, strict=True))
            ends = run_at_once(framework, runs, bench, plan, folders[framework.name])
            for kind, (seconds, peak) in ends.items():
                records.append(
                    {
                        "experiment": name,
                        "framework": framework.name,
                        "repeat": repeat,
                        "kind": kind,
                        "beside": next((other for other in kinds if other != kind), None),
                        "seconds": statistics.median(seconds[1:])
                        if beside
                        else steady_epoch(seconds),
                        "peak_bytes": peak,
                    }
                )
            what = " beside ".join(kinds)
            print(f"{name} {repeat + 1}/{repeats} {framework.name} {what}", file=sys.stderr)
    return records


def run_at_once(
    framework: Framework, runs: dict[str, Settings], bench: Bench, plan: Plan, folder: Path
) -> dict[str, tuple[list[float], int]]:
    """What each kind gave, all of them run at the same time."""
    ends: dict[str, tuple[list[float], int]] = {}

    def run(kind: str, stop: Event) -> tuple[list[float], int]:
        return run_kind(framework, kind, bench, plan, folder, runs[kind])

    side_by_side(run, runs, ends.__setitem__, jobs=len(runs))
    return ends


def run_kind(
    framework: Framework, kind: str, bench: Bench, plan: Plan, folder: Path, settings: Settings
) -> tuple[list[float], int]:
    """The seconds of the epochs and the peak memory of a trial or a script."""
    if kind == "race":
        return in_race(framework, plan, folder, settings)
    hand = HERE / "handwritten" / bench.handwritten.get(framework.name, "")
    script = script_in(folder) if kind == "generated" else hand
    return alone(framework, kind, script, folder, plan, settings, bench.arguments)


def on_a_core_each(settings: Settings, repeat: int) -> list[Settings]:
    """One thread on each of the first two cores, swapped in every second repeat."""
    cores = settings.cpus[:2] if repeat % 2 else settings.cpus[1::-1]
    return [replace(settings, threads=1, cpus=(core,)) for core in cores]


def draw_order(
    frameworks: list[Framework], bench: Bench, beside: bool
) -> Iterator[tuple[Framework, list[str]]]:
    """One repeat: the frameworks in random order, and so the kinds of each, alone or in pairs."""
    for framework in random.sample(frameworks, len(frameworks)):
        rivals = ["generated"]
        rivals += ["handwritten"] if framework.name in bench.handwritten else []
        runs = [["race", kind] for kind in rivals] if beside else [[k] for k in ["race", *rivals]]
        for kinds in random.sample(runs, len(runs)):
            yield framework, kinds


def show(records: list[dict[str, object]]) -> None:
    """One line a framework: steady epoch times, and the ratios taken within a repeat."""
    print(f"{'experiment':12}{'framework':18}{'race (ms)':>10}{'race / alone':>26}", end="")
    print(f"{'race / by hand':>26}{'memory / by hand':>18}")
    for experiment, framework in dict.fromkeys((r["experiment"], r["framework"]) for r in records):
        own = [r for r in records if (r["experiment"], r["framework"]) == (experiment, framework)]
        race = [float(str(r["seconds"])) for r in own if r["kind"] == "race"]
        line = f"{experiment:12}{framework:18}{statistics.median(race) * 1e3:10.3f}"
        for kind in ("generated", "handwritten"):
            rival = seconds_of(own, kind, "race")
            text = "-"
            if rival:
                middle = ratio(seconds_of(own, "race", kind), rival)
                text = f"{middle.median:.3f}"
                if middle.low is not None and middle.high is not None:
                    text += f" [{middle.low:.3f}, {middle.high:.3f}]"
            line += f"{text:>26}"
        print(line + f"{memory_ratio(own):>18}")


def seconds_of(records: list[dict[str, object]], kind: str, beside: str) -> dict[int, float]:
    """Repeat -> seconds of a kind that ran by itself, or beside that other one."""
    return {
        int(str(r["repeat"])): float(str(r["seconds"]))
        for r in records
        if r["kind"] == kind and r["beside"] in (None, beside)
    }


def memory_ratio(records: list[dict[str, object]]) -> str:
    """Median peak memory of a race's trials over that of the hand-written script."""
    peaks: dict[object, list[int]] = {}
    for r in records:
        peaks.setdefault(r["kind"], []).append(int(str(r["peak_bytes"])))
    if "handwritten" not in peaks:
        return "-"
    return f"{statistics.median(peaks['race']) / statistics.median(peaks['handwritten']):.2f}"


def coordinator_share(frameworks: list[Framework], trials: int, root: Path) -> None:
    """The coordinator's CPU time over that of the whole race, with its live display shown."""
    arguments = ["race", "iris-mlp", "--trials", str(trials), "--json", str(root / "race.json")]
    arguments += ["-f", ",".join(framework.name for framework in frameworks)]
    # A terminal of its own, because the live display is drawn only in one.
    ours, theirs = pty.openpty()
    # A cache of its own, so that the race begins with its proofs.
    environment = dict(os.environ, XDG_CACHE_HOME=str(root / "cache"))
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", COORDINATOR, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown = (shown + part)[-65536:]
    process.wait()
    wall = time.monotonic() - started
    lines = [line for line in shown.decode(errors="replace").splitlines() if line[:4] == "cpu "]
    if not lines:
        raise SystemExit(f"the race did not end well: {shown[-2000:].decode(errors='replace')}")
    own, workers, status = lines[-1].split()[1:]
    share = float(own) / (float(own) + float(workers))
    print(f"race iris-mlp --trials {trials}, proofs and all: {wall:.1f} s, exit status {status}")
    print(f"coordinator: {float(own):.2f} s of CPU time, {share:.2%} of the race's")


def help_time(repeats: int) -> None:
    """The time of `samestep --help`."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "samestep", "--help"], check=True, capture_output=True
        )
        seconds.append(time.perf_counter() - started)
    spread = f"({min(seconds):.3f} to {max(seconds):.3f})"
    print(f"samestep --help: {statistics.median(seconds):.3f} s {spread}")


def main() -> None:
    """Measure what the options ask for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-f", "--frameworks", help="names with commas; all installed by default")
    parser.add_argument(
        "-e", "--experiments", default="iris-mlp,digits-mlp", help="names with commas"
    )
    parser.add_argument("-n", "--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--beside", action="store_true", help="two at the same time, a core each")
    parser.add_argument("--trials", type=int, default=3, help="of the race; 0 leaves it out")
    parser.add_argument("--json", type=Path, help="save every time here")
    options = parser.parse_args()
    frameworks = choose_frameworks(options.frameworks and options.frameworks.split(","))
    if options.beside and (options.threads is not None or len(usable_cpus()) < 2):
        parser.error("--beside takes one thread on each of two cores")
    with tempfile.TemporaryDirectory(prefix="samestep-tax-") as name:
        root = Path(name)
        records = []
        for experiment in options.experiments.split(","):
            records += measure(
                experiment, frameworks, options.repeats, options.threads, options.beside, root
            )
        if records:
            show(records)
        if options.json is not None:
            options.json.write_text(json.dumps(records, indent=1) + "\n")
        help_time(10)
        if options.trials:
            coordinator_share(frameworks, options.trials, root)


if __name__ == "__main__":
    main()
