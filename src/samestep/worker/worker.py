"""Host one script in a process of its own and say, event by event, what it does.

Runs as a program, `python worker.py TASK key=value ...`, in the framework's own
environment: it needs the standard library, NumPy and the framework alone. Events are
JSON lines in a file named by the coordinator, because frameworks print to stdout.
"""

import contextlib
import importlib.util
import json
import platform
import statistics
import sys
import time
import tomllib
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

# Beside this file, which is run as a program.
import own_process  # type: ignore[import-not-found]
import probe  # type: ignore[import-not-found]

FLUSH_SECONDS = 0.25
AUDIT_EPOCHS = 3
SCRIPT = "samestep_script"

ROW_SECONDS = 0.3
"""How long one row is evaluated again and again."""
FEWEST_ROWS = 5


class Events:
    """The event file: each line is on disk as soon as it is said."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115

    def say(self, event: str, **facts: Any) -> None:
        """Write one event."""
        self.write([{"event": event, **facts}])

    def write(self, events: list[dict[str, Any]]) -> None:
        """Write several events at once."""
        self._file.writelines(json.dumps(event) + "\n" for event in events)
        self._file.flush()


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


class Plan:
    """What the worker needs of a plan directory: its facts, and its arrays by name."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        with open(self._folder / "plan.toml", "rb") as file:
            self._content = tomllib.load(file)
        self.schedule = {key: self._content[key] for key in ("batch_size", "shuffle", "last_batch")}
        self.epochs: int = self._content["epochs"]
        self.classes: int = self._content["classes"]
        self.proof_test_rows: int = self._content["proof_test_rows"]

    def array(self, name: str) -> np.ndarray:
        """One array, mapped from its file; what is written to it stays in this process."""
        entry = self._content["arrays"][name]
        path, dtype, shape = self._folder / entry["file"], entry["dtype"], tuple(entry["shape"])
        return np.asarray(np.memmap(path, dtype=dtype, mode="c", shape=shape))

    def weights(self) -> dict[str, np.ndarray]:
        """The initial weights and state by name, in the model's order."""
        names = [name for name in self._content["arrays"] if name.startswith("weights/")]
        return {name.removeprefix("weights/"): self.array(name) for name in names}


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


class Stage:
    """Which part of the task runs now, so that an error can say where it happened."""

    name = "import"

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[list[float]]:
        """Run a stage; the list holds its seconds once it has ended."""
        self.name = name
        seconds: list[float] = []
        start = time.perf_counter()
        yield seconds
        seconds.append(time.perf_counter() - start)


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
        row_seconds = time_row(lambda: script.evaluate(model, x_test[:1], y_test[:1]))
    events.say("row", seconds=row_seconds)


def time_row(evaluate: Callable[[], object]) -> float:
    """The median seconds of a call, once what is compiled for it is there."""
    evaluate()
    seconds: list[float] = []
    until = time.perf_counter() + ROW_SECONDS
    while len(seconds) < FEWEST_ROWS or time.perf_counter() < until:
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


def run_proof(job: dict[str, str], events: Events, stage: Stage) -> None:
    """Do what the ladder asks for, in float64, and hand the numbers over unjudged."""
    plan = Plan(job["plan"])
    x_test = plan.array("x_test")[: plan.proof_test_rows].astype(np.float64)
    y_test = plan.array("y_test")[: plan.proof_test_rows]
    orders = plan.array("orders")
    rows = orders.shape[1]
    x, y = plan.array("x_train")[:rows].astype(np.float64), plan.array("y_train")[:rows]
    script, shim = load_framework(job, plan, "float64", events, stage)
    output = Output(Path(job["output"]), events)

    with stage.timed("forward"):
        lift_rounding(script, shim, fresh_model(script, shim, plan), x_test, output)
        model = fresh_model(script, shim, plan)
        output.array("logits", shim.logits(script, model, x_test))
    with stage.timed("loss"):
        loss, accuracy = script.evaluate(model, x_test, y_test)
        output.value("loss", float(loss))
        output.value("accuracy", float(accuracy))
    first = orders[0][: plan.schedule["batch_size"]]
    one_batch = (x[first], y[first], np.arange(len(first))[np.newaxis])
    if int(job["dropout"]):
        with stage.timed("dropout"):
            model = fresh_model(script, shim, plan)
            data = shim.batches(script, model, *one_batch, plan.schedule)
            output.arrays("dropout", shim.gradients(script, model, data))
        # From here to the audit, the same script with nothing dropped.
        script = load_module(SCRIPT, job["ladder_script"])
    with stage.timed("gradient"):
        model = fresh_model(script, shim, plan)
        data = shim.batches(script, model, *one_batch, plan.schedule)
        output.arrays("gradient", shim.gradients(script, model, data))
    with stage.timed("step"):
        model = fresh_model(script, shim, plan)
        data = shim.batches(script, model, *one_batch, plan.schedule)
        script.train(model, data, 1, lambda epoch, loss: None)
        output.arrays("step", shim.get_weights(model))
    with stage.timed("trajectory"):
        model = fresh_model(script, shim, plan)
        losses: list[float] = []
        data = shim.batches(script, model, x, y, orders, plan.schedule)
        script.train(model, data, len(orders), lambda epoch, loss: losses.append(float(loss)))
        output.value("trajectory_losses", losses)
        output.arrays("trajectory", shim.get_weights(model))
        output.value("trained_loss", float(script.evaluate(model, x_test, y_test)[0]))
    with stage.timed("audit"):
        light = job["audit_script"] != job["script"]
        weights = light_weights(plan) if light else plan.weights()
        script = load_module(SCRIPT, job["audit_script"])
        audit(plan, int(job["audit_rows"]), script, shim, weights, events)


def fresh_model(script: ModuleType, shim: ModuleType, plan: Plan) -> Any:
    """A model with the plan's weights."""
    model = script.build()
    shim.set_weights(model, plan.weights())
    return model


def lift_rounding(
    script: ModuleType, shim: ModuleType, model: Any, x: np.ndarray, output: "Output"
) -> None:
    """Lift what a framework rounds in float64, and hand over its logits from before."""
    if not hasattr(shim, "lift_rounding"):
        return
    logits = shim.logits(script, model, x)
    name = shim.lift_rounding()
    if name is not None:
        output.value("rounding", name)
        output.array("rounded_logits", logits)


def light_weights(plan: Plan) -> dict[str, np.ndarray]:
    """Weights for the one dense layer that stands in for the model where the data are many."""
    x, classes = plan.array("x_train"), plan.classes
    kernel = np.zeros((x[0].size, classes))
    return {"dense_1.kernel": kernel, "dense_1.bias": np.zeros(classes)}


def audit(
    plan: Plan,
    rows: int,
    script: ModuleType,
    shim: ModuleType,
    weights: dict[str, np.ndarray],
    events: Events,
) -> None:
    """Send rows that carry their own number through the raced pipeline; note what arrives."""
    x, y = plan.array("x_train")[:rows], plan.array("y_train")[:rows]
    tags = np.zeros(x.shape)
    # Row i carries i / N, well inside what float32 tells apart up to 2**23 rows.
    tags.reshape(rows, -1)[:, 0] = np.arange(rows) / rows
    data = script.prepare(tags, y)
    model = script.build()
    shim.set_weights(model, weights)
    arrived = Arrivals(y)

    def feed(epochs: int) -> list[list[list[int]]]:
        return [arrived.numbers(epoch) for epoch in shim.observe(script, model, data, epochs)]

    batches = feed(AUDIT_EPOCHS)
    # What was shuffled before the training comes in the same order again.
    again = feed(1)[0] if plan.schedule["shuffle"] == "each_epoch" else []
    events.say(
        "audit",
        batches=batches,
        again=again,
        wrong_labels=arrived.wrong_labels,
        unknown_rows=arrived.unknown_rows,
        rows=rows,
    )


class Arrivals:
    """Reads the numbers of the rows that arrive, and counts what should not have."""

    def __init__(self, labels: np.ndarray) -> None:
        self.wrong_labels = self.unknown_rows = 0
        self._labels = labels

    def numbers(self, epoch: list[tuple[Any, Any]]) -> list[list[int]]:
        """The row numbers of an epoch's batches."""
        return [self._numbers(x, y) for x, y in epoch]

    def _numbers(self, x: Any, y: Any) -> list[int]:
        rows = len(self._labels)
        tag = np.asarray(x, dtype=np.float64).reshape(len(x), -1)[:, 0] * rows
        ids = np.rint(tag).astype(int)
        known = (np.abs(tag - ids) < 0.25) & (ids >= 0) & (ids < rows)
        labels = np.asarray(y).reshape(len(y), -1)
        labels = labels.argmax(axis=1) if labels.shape[1] > 1 else labels[:, 0]
        self.unknown_rows += int((~known).sum())
        self.wrong_labels += int((labels[known] != self._labels[ids[known]]).sum())
        numbers: list[int] = ids.tolist()
        return numbers


class Output:
    """Arrays as raw little-endian files beside the events that name them."""

    def __init__(self, folder: Path, events: Events) -> None:
        self._folder = folder
        self._events = events
        self._count = 0

    def array(self, name: str, array: np.ndarray) -> None:
        """Hand over one array as float64, with the dtype that it really had."""
        file = f"{self._count}.bin"
        self._count += 1
        array = np.asarray(array)
        np.ascontiguousarray(array, dtype="<f8").tofile(self._folder / file)
        self._events.say(
            "array", name=name, file=file, dtype=array.dtype.name, shape=list(array.shape)
        )

    def arrays(self, rung: str, arrays: dict[str, np.ndarray]) -> None:
        """Hand over a rung's arrays by parameter name."""
        for name, array in arrays.items():
            self.array(f"{rung}/{name}", array)

    def value(self, name: str, value: Any) -> None:
        """Hand over a number or a list of numbers."""
        self._events.say("value", name=name, value=value)


def load_framework(
    job: dict[str, str], plan: Plan, precision: str, events: Events, stage: Stage
) -> tuple[ModuleType, ModuleType]:
    """Import shim, framework and script, and set threads, precision and device."""
    row_shape = plan.array("x_train").shape[1:]
    with stage.timed("import") as seconds:
        shim = load_module("samestep_shim", job["shim"])
        shim.row_shape = row_shape  # type: ignore[attr-defined]
        shim.configure(int(job["threads"]), precision, job["device"])
        script = load_module(SCRIPT, job["script"])
    events.say(
        "ready",
        versions=shim.version(),
        import_seconds=seconds[0],
        runtime=f"{platform.python_implementation()} {platform.python_version()}",
        blas_kernel=own_process.blas_kernel(),
    )
    return script, shim


def load_module(name: str, path: str) -> ModuleType:
    """Import a file as a module; its main part does not run.

    It is compiled from its source: Python takes cached bytecode for a file of the same size and
    the same second, which may be another script.
    """
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    exec(compile(Path(path).read_bytes(), path, "exec"), module.__dict__)
    return module


def check_precision(weights: dict[str, np.ndarray], precision: str) -> None:
    """Raise if a trained parameter is not of the experiment's precision."""
    for name, array in weights.items():
        if array.dtype.name != precision:
            raise TypeError(f"{name} was trained in {array.dtype.name}, not in {precision}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
