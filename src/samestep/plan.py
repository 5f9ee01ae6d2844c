"""An experiment made concrete on disk: arrays, initial weights, batch order, digests.

A plan directory holds `plan.toml` and one raw little-endian, row-major file an array,
so that a worker in any language reads it with its standard library alone.
"""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from samestep.datasets import Dataset, load_dataset
from samestep.errors import BadInput, cache_not_written
from samestep.experiment import Experiment, StepRate, Training
from samestep.layers import BatchNorm
from samestep.placing import PlacedLayer, Shape, array_shapes, place_layers

PROOF_EPOCHS = 3
PROOF_BATCHES = 120
PROOF_FLOPS = 5e10
"""A proof trains on at most so many full batches in all, and on fewer where they cost more."""

PROOF_TEST_ROWS = 1000
FORMAT = 2

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Plan:
    """One experiment, ready to run: what every script and the reference start from.

    `dataset` is mapped from the plan's files, with features in the experiment's precision;
    `weights`, parameters and state, are float64 and canonical; `orders` (epochs, proof_rows)
    are the row numbers that the proof feeds, epoch by epoch.
    """

    experiment: Experiment
    layers: list[PlacedLayer]
    dataset: Dataset
    weights: dict[str, NDArray[np.float64]]
    orders: NDArray[np.int64]
    digest: str
    folder: Path

    @property
    def input_shape(self) -> Shape:
        """One row's shape."""
        return tuple(self.dataset.x_train.shape[1:])

    @property
    def rows(self) -> int:
        """Training rows."""
        return len(self.dataset.x_train)

    @property
    def proof_rows(self) -> int:
        """Training rows that the proof uses."""
        return int(self.orders.shape[1])

    @property
    def flops_per_row(self) -> int:
        """Of training; a backward pass counts as two forward ones, for inputs and for weights."""
        return 3 * sum(layer.flops for layer in self.layers)

    @property
    def steps(self) -> int:
        """Optimizer steps an epoch."""
        whole, rest = divmod(self.rows, self.experiment.training.batch_size)
        return whole + (rest > 0 and self.experiment.training.last_batch == "keep")

    @property
    def rows_per_epoch(self) -> int:
        """Rows that an epoch trains on."""
        return min(self.rows, self.steps * self.experiment.training.batch_size)

    @property
    def proof_test_rows(self) -> int:
        """Test rows that the proof uses."""
        return min(len(self.dataset.x_test), PROOF_TEST_ROWS)


def make_plan(experiment: Experiment) -> Plan:
    """Load the data, draw the weights and the orders, and write them once, by digest."""
    training = experiment.training
    dataset = load_dataset(experiment.data, training.seed)
    if training.last_batch == "drop" and training.batch_size > len(dataset.x_train):
        raise BadInput(
            f"training.batch_size: {training.batch_size} is more than the {len(dataset.x_train)} "
            'training rows, and last_batch = "drop" leaves no batch; use a smaller one'
        )
    layers = place_layers(experiment.model, dataset.x_train.shape[1:], dataset.classes)
    _check_batch_norm(layers, len(dataset.x_train), training)
    generator = np.random.default_rng(training.seed)
    weights = draw_weights(array_shapes(layers), generator)
    flops = sum(layer.flops for layer in layers)
    orders = draw_orders(proof_rows(len(dataset.x_train), training, flops), training, generator)
    arrays = _plan_arrays(dataset, weights, orders, training)
    digest = _digest(experiment, arrays)
    folder = user_cache_path("samestep") / "plans" / digest[:32]
    try:
        there = (folder / "plan.toml").is_file()
    except OSError as error:
        raise cache_not_written(folder.parent, "the plan", error.strerror) from None
    if not there:
        _write(folder, arrays, experiment, digest)
    stored = _map_dataset(folder, arrays, dataset.classes)
    return Plan(experiment, layers, stored, weights, orders, digest, folder)


def draw_weights(
    shapes: dict[str, Shape], generator: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Kernels by glorot_uniform, biases and means 0, scales and variances 1.

    Source: Glorot and Bengio 2010, eq. 16: U(-a, a), a = sqrt(6 / (fan_in + fan_out)); the fans
    of a convolution count its window's places.
    """
    weights: dict[str, NDArray[np.float64]] = {}
    for name, shape in shapes.items():
        if name.endswith((".bias", ".mean")):
            weights[name] = np.zeros(shape)
        elif name.endswith((".scale", ".variance")):
            weights[name] = np.ones(shape)
        else:
            bound = np.sqrt(6.0 / (prod(shape[:-2]) * (shape[-2] + shape[-1])))
            drawn = generator.uniform(-bound, bound, shape)
            # Rounded to float32, so that a float32 trial and the float64 proof start alike.
            weights[name] = drawn.astype(np.float32).astype(float)
    return weights


def draw_orders(rows: int, training: Training, generator: np.random.Generator) -> NDArray[np.int64]:
    """The order of the rows in each of the proof's epochs, (epochs, rows)."""
    epochs = proof_epochs(training)
    match training.shuffle:
        case "each_epoch":
            return np.stack([generator.permutation(rows) for _ in range(epochs)])
        case "once":
            return np.tile(generator.permutation(rows), (epochs, 1))
        case "never":
            return np.tile(np.arange(rows), (epochs, 1))


def proof_epochs(training: Training) -> int:
    """How long the proof trains: until the learning rate has changed, if it will."""
    schedule = training.learning_rate_schedule
    if isinstance(schedule, StepRate) and schedule.every < training.epochs:
        return max(PROOF_EPOCHS, schedule.every + 1)
    return PROOF_EPOCHS


def proof_rows(rows: int, training: Training, flops: int) -> int:
    """Training rows of the proof: whole batches, and as many left over as the training has."""
    epochs = proof_epochs(training)
    # A backward pass costs about twice a forward one.
    affordable = PROOF_FLOPS / max(3 * flops * training.batch_size, 1)
    batches = max(2, int(min(PROOF_BATCHES, affordable)) // epochs)
    most = batches * training.batch_size
    return rows if rows <= most else most + rows % training.batch_size


def split_batches(
    order: NDArray[np.int64], batch_size: int, last_batch: str
) -> list[NDArray[np.int64]]:
    """Cut one epoch's order into batches; a smaller last one is kept or dropped."""
    cuts = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if last_batch == "drop" and len(cuts[-1]) < batch_size:
        cuts.pop()
    return cuts


def _check_batch_norm(layers: list[PlacedLayer], rows: int, training: Training) -> None:
    """A batch that gives a channel one value alone has no variance."""
    left_over = rows % training.batch_size if training.last_batch == "keep" else 0
    smallest = left_over or min(training.batch_size, rows)
    for position, placed in enumerate(layers, start=1):
        if isinstance(placed.layer, BatchNorm) and smallest * prod(placed.input_shape[:-1]) == 1:
            raise BadInput(
                f"model[{position}] (batch_norm): the last batch of {rows} rows in batches of "
                f"{training.batch_size} has one row, which has no variance; change "
                'training.batch_size, or set training.last_batch = "drop"'
            )


def _plan_arrays(
    dataset: Dataset,
    weights: dict[str, NDArray[np.float64]],
    orders: NDArray[np.int64],
    training: Training,
) -> Arrays:
    dtype = np.dtype(training.precision)
    # Not abs(x).max(), which would make another array of all images.
    most = max(max(x.max(), -x.min()) for x in (dataset.x_train, dataset.x_test))
    if most > np.finfo(dtype).max:
        raise BadInput(
            f"training.precision: a feature of size {most:.3g} does not fit into "
            f"{training.precision}; set data.standardize = true, or use float64"
        )
    arrays: Arrays = {
        "x_train": dataset.x_train.astype(dtype),
        "y_train": dataset.y_train,
        "x_test": dataset.x_test.astype(dtype),
        "y_test": dataset.y_test,
        "orders": orders,
    }
    arrays.update({f"weights/{name}": value for name, value in weights.items()})
    return arrays


def _digest(experiment: Experiment, arrays: Arrays) -> str:
    """SHA-256 over model, training and every array; a title or a path does not count."""
    digest = hashlib.sha256(f"samestep plan {FORMAT}\n".encode())
    digest.update(experiment.model_dump_json(include={"model", "training"}).encode())
    for name, array in arrays.items():
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _write(folder: Path, arrays: Arrays, experiment: Experiment, digest: str) -> None:
    """Write beside the place and rename, so that a plan is whole or not there."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".draft-"))
    except OSError as error:
        raise cache_not_written(folder.parent, "the plan", error.strerror) from None
    try:
        lines = [f"format = {FORMAT}", f'digest = "{digest}"', *_facts(arrays, experiment)]
        files = _file_names(arrays)
        for name, array in arrays.items():
            write_numbers(array, draft / files[name])
            lines += [
                "",
                f'[arrays."{name}"]',
                f'file = "{files[name]}"',
                f'dtype = "{array.dtype.name}"',
                f"shape = {list(array.shape)}",
            ]
        (draft / "plan.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        try:
            os.replace(draft, folder)
        except OSError:
            # Somebody else wrote the same plan meanwhile; theirs is as good.
            if not (folder / "plan.toml").is_file():
                raise
    except OSError as error:
        raise cache_not_written(folder.parent, "the plan", error.strerror) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_numbers(array: NDArray[Any], file: Path) -> None:
    """Write an array's numbers alone, little-endian and row after row; raise OSError."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    # Not little.tofile, whose error on a full disk does not say why.
    file.write_bytes(little.data)


def _map_dataset(folder: Path, arrays: Arrays, classes: int) -> Dataset:
    """The data in the plan's files, which take no memory of their own: images may be 400 MB."""
    files = _file_names(arrays)

    def mapped(name: str) -> NDArray[Any]:
        array = arrays[name]
        dtype = array.dtype.newbyteorder("<")
        try:
            return np.asarray(np.memmap(folder / files[name], dtype, mode="r", shape=array.shape))
        except (OSError, ValueError):
            raise BadInput(
                f"{folder / files[name]}: a part of the saved plan is missing or cut short; "
                f"remove the folder {folder}, and run the same command again"
            ) from None

    return Dataset(
        mapped("x_train"), mapped("y_train"), mapped("x_test"), mapped("y_test"), classes
    )


def _file_names(arrays: Arrays) -> dict[str, str]:
    """By number: an array's own name has slashes and dots."""
    return {name: f"{number}.bin" for number, name in enumerate(arrays)}


def _facts(arrays: Arrays, experiment: Experiment) -> list[str]:
    training = experiment.training
    return [
        f"classes = {int(arrays['y_train'].max()) + 1}",
        f"proof_test_rows = {min(len(arrays['y_test']), PROOF_TEST_ROWS)}",
        f"batch_size = {training.batch_size}",
        f"epochs = {training.epochs}",
        f'shuffle = "{training.shuffle}"',
        f'last_batch = "{training.last_batch}"',
        f'precision = "{training.precision}"',
    ]
