"""What the ladder asks of a framework, and the audit of its batches; nothing is judged here."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

# Beside the worker, which is run as a program.
from hosting import (  # type: ignore[import-not-found]
    SCRIPT,
    Events,
    Plan,
    Stage,
    load_framework,
    load_module,
)

AUDIT_EPOCHS = 3


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
