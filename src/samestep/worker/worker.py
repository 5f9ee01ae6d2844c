"""Host one script in a process of its own and say, event by event, what it does.

Runs as a program, `python worker.py TASK key=value ...`, in the framework's own
environment: it needs the standard library, NumPy and the framework alone. Events are
JSON lines in a file named by the coordinator, because frameworks print to stdout.
"""

import statistics
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

# Beside this file, which is run as a program.
import own_process  # type: ignore[import-not-found]
import probe  # type: ignore[import-not-found]
from hosting import Events, Plan, Stage, load_framework  # type: ignore[import-not-found]
from proving import run_proof  # type: ignore[import-not-found]

FLUSH_SECONDS = 0.25

AGAIN_SECONDS = 0.3
"""How long the same rows are evaluated again and again, if so often takes no longer."""
FEWEST_ROWS = 5
"""How often one row is, at least."""


class EpochClock:
    """The on_epoch hook: takes the time of every epoch and keeps its own work out of it.

    An epoch runs from the return of the hook before it to the moment its loss is a number.
    That waits for asynchronous work: the mean loss of an epoch rests on all its steps but
    the last update, which the next epoch waits for. A `sync` here would cost short epochs a
    tenth of their time (measured on a scanned JAX epoch of 0.2 ms).
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._pending: list[dict[str, Any]] = []
        self._flushed = self._start = time.monotonic_ns()

    def __call__(self, epoch: int, loss: float) -> None:
        """Note that an epoch has ended, with its mean loss."""
        loss = float(loss)
        end = time.monotonic_ns()
        self._pending.append(
            {"event": "epoch", "n": epoch, "start": self._start, "end": end, "loss": loss}
        )
        if end - self._flushed > FLUSH_SECONDS * 1e9:
            self.flush()
            self._flushed = end
        self._start = time.monotonic_ns()

    def flush(self) -> None:
        """Write the epochs that are not yet in the file."""
        self._events.write(self._pending)
        self._pending.clear()


def main(arguments: list[str]) -> int:
    """Run the task; whatever goes wrong becomes an `error` event and exit status 1."""
    task, *pairs = arguments
    job = dict(pair.split("=", 1) for pair in pairs)
    own_process.die_with_parent(int(job["parent"]))
    own_process.pin(job["cpus"])
    events = Events(job["events"])
    stage = Stage()
    try:
        tasks = {"trial": run_trial, "proof": run_proof, "curve": run_curve}
        tasks[task](job, events, stage)
    except BaseException as error:
        events.say(
            "error",
            stage=stage.name,
            message=f"{type(error).__name__}: {error}",
            traceback=traceback.format_exc(),
        )
        return 1
    events.say("done")
    return 0


def run_trial(job: dict[str, str], events: Events, stage: Stage) -> None:
    """Train once as the experiment says, and time each phase apart."""
    plan = Plan(job["plan"])
    x, y = plan.array("x_train"), plan.array("y_train")
    x_test, y_test = plan.array("x_test"), plan.array("y_test")
    script, shim = load_framework(job, plan, job["precision"], events, stage)
    with stage.timed("prepare") as seconds:
        data = script.prepare(x, y)
    events.say("prepared", seconds=seconds[0])
    with stage.timed("build") as seconds:
        model = script.build()
    shim.set_weights(model, plan.weights())
    events.say("built", seconds=seconds[0])
    clock = EpochClock(events)
    # Short trainings fit between two moments of a neighbour's: the core is tried on either side.
    before = probe.probe_seconds()
    with stage.timed("train") as seconds:
        try:
            script.train(model, data, int(job.get("epochs", plan.epochs)), clock)
            shim.sync(model)
        finally:
            clock.flush()
    events.say("trained", seconds=seconds[0])
    events.say("probed", seconds=max(before, probe.probe_seconds()))
    check_precision(shim.get_weights(model), job["precision"])
    with stage.timed("evaluate") as seconds:
        loss, accuracy = script.evaluate(model, x_test, y_test)
    events.say("evaluated", seconds=seconds[0], loss=float(loss), accuracy=float(accuracy))
    events.say("memory", peak_bytes=own_process.peak_bytes())
    own_pools = shim.pools() if hasattr(shim, "pools") else {}
    events.say("threads", cores=own_process.cores(), pools=own_process.pools() | own_pools)
    with stage.timed("evaluate"):
        # What is compiled for these rows is there.
        again = time_again(lambda: script.evaluate(model, x_test, y_test), 1)
        script.evaluate(model, x_test[:1], y_test[:1])
        row = time_again(lambda: script.evaluate(model, x_test[:1], y_test[:1]), FEWEST_ROWS)
    events.say("evaluated_again", seconds=again, row_seconds=row)


def time_again(evaluate: Callable[[], object], fewest: int) -> float:
    """The median seconds of a call that has been made before."""
    seconds: list[float] = []
    until = time.perf_counter() + AGAIN_SECONDS
    while len(seconds) < fewest or time.perf_counter() < until:
        start = time.perf_counter()
        evaluate()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def run_curve(job: dict[str, str], events: Events, stage: Stage) -> None:
    """Train once and evaluate on the test rows after every epoch; no time is taken."""
    plan = Plan(job["plan"])
    x_test, y_test = plan.array("x_test"), plan.array("y_test")
    script, shim = load_framework(job, plan, job["precision"], events, stage)
    stage.name = "train"
    data = script.prepare(plan.array("x_train"), plan.array("y_train"))
    model = script.build()
    shim.set_weights(model, plan.weights())
    # A script may hold what it trains apart from the model until the end.
    current = shim.follow(script, model) if hasattr(shim, "follow") else lambda: model

    def on_epoch(epoch: int, loss: float) -> None:
        test_loss, test_accuracy = script.evaluate(current(), x_test, y_test)
        test = {"test_loss": float(test_loss), "test_accuracy": float(test_accuracy)}
        events.say("point", n=epoch, loss=float(loss), **test)

    script.train(model, data, plan.epochs, on_epoch)
    shim.sync(model)


def check_precision(weights: dict[str, np.ndarray], precision: str) -> None:
    """Raise if a trained parameter is not of the experiment's precision."""
    for name, array in weights.items():
        if array.dtype.name != precision:
            raise TypeError(f"{name} was trained in {array.dtype.name}, not in {precision}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
