"""How long a report takes, and how large it is: `python bench/report.py`.

Of 8 frameworks x 20 trials: under 3 s and 3 MB. Of 100,000 trials: under 10 s and 10 MB. Each is
the whole command, `samestep report RESULT --html FILE`, once with an empty cache (the drawing
library is bundled anew) and then three times with a full one. Times are of this machine.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from samestep import api
from samestep.machine import describe_machine
from samestep.proof_record import Audit, FrameworkProof, Rung
from samestep.result import (
    Epoch,
    Evaluation,
    RacedFramework,
    RaceSettings,
    Result,
    Seconds,
    Trial,
    save_result,
)
from samestep.steadiness import steady_epoch
from samestep.verdict import verdict_of

RUNGS = ("forward", "loss", "gradient", "step", "trajectory")
SIZES = {"8 x 20": (20, 100, 3.0, 3e6), "8 x 12,500": (12_500, 3, 10.0, 10e6)}
"""Trials of each framework, epochs of each trial, most seconds, most bytes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    print("result       size of file   first report   report   of page   limits")
    missed = False
    for name, (trials, epochs, most_seconds, most_bytes) in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            saved, page = Path(folder) / "race.json", Path(folder) / "race.html"
            save_result(made_up(trials, epochs), saved)
            environment = os.environ | {"XDG_CACHE_HOME": f"{folder}/cache"}
            first, *others = (seconds_of(saved, page, environment) for _ in range(4))
            usual, size = statistics.median(others), page.stat().st_size
        missed |= usual > most_seconds or size > most_bytes
        print(
            f"{name:12} {saved_size(trials, epochs):>12}   {first:10.2f} s   {usual:.2f} s   "
            f"{size / 1e6:.2f} MB   {most_seconds:g} s, {most_bytes / 1e6:g} MB"
        )
    sys.exit(missed)


def seconds_of(saved: Path, page: Path, environment: dict[str, str]) -> float:
    """Of one whole command."""
    command = [sys.executable, "-m", "samestep", "report", str(saved), "--html", str(page)]
    start = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def saved_size(trials: int, epochs: int) -> str:
    return f"{len(made_up(trials, epochs).model_dump_json(indent=1)) / 1e6:.1f} MB"


def made_up(trials: int, epochs: int) -> Result:
    """A result of eight frameworks with noise of a twentieth; its scripts are real."""
    noise = random.Random(0)
    names = ["numpy", "torch", "flax", "flax-scan", "sklearn", "keras-tensorflow", "flux", "knet"]
    made = Result(
        title="Made up for bench/report.py",
        experiment=api.load("iris-mlp").model_dump(mode="json"),
        digest="0",
        created="2026-01-01T00:00:00+00:00",
        machine=describe_machine(),
        settings=RaceSettings(threads=2, device="cpu", precision="float32", seed=0, trials=trials),
        frameworks={
            name: RacedFramework(
                title=name,
                version={name: "1.0"},
                language="julia" if name in ("flux", "knet") else "python",
                runtime="made up",
                source=api.code("iris-mlp", name),
            )
            for name in names
        },
        proof={
            name: FrameworkProof(
                verdict="identical",
                rungs=[Rung(name=rung, error=1e-16, passed=True) for rung in RUNGS],
                audit=Audit(passed=True),
            )
            for name in names
        },
        unfinished=False,
    )
    for block in range(trials):
        for place, name in enumerate(names):
            times = [1e-3 * 1.3**place * noise.lognormvariate(0, 0.05) for _ in range(epochs)]
            made.trials.append(
                Trial(
                    framework=name,
                    block=block,
                    position=place,
                    seconds=Seconds(
                        **{"import": noise.random()},
                        prepare=0.01,
                        build=0.01,
                        first_epoch=times[0],
                        steady_epoch=steady_epoch(times),
                        start=1.0,
                    ),
                    epochs=[Epoch(seconds=s, loss=1 / (n + 1)) for n, s in enumerate(times)],
                    evaluation=Evaluation(loss=0.1, accuracy=0.9),
                    peak_bytes=2**28,
                    cpu_seconds=1.0,
                    outcome="done",
                )
            )
    made.verdict = verdict_of(made)
    return made


if __name__ == "__main__":
    main()
