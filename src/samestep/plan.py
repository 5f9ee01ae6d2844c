"""An experiment made concrete on disk: arrays, initial weights, batch order, digests.

A plan directory holds `plan.toml` and one raw little-endian, row-major file an array,
so that a worker in any language reads it with its standard library alone.
"""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from samestep.datasets import Dataset, load_dataset
from samestep.errors import BadInput
from samestep.experiment import Experiment, Training
from samestep.layers import PlacedLayer, Shape, parameter_shapes, place_layers

PROOF_EPOCHS = 3
PROOF_BATCHES = 40
"""A proof trains on at most so many full batches an epoch, and the last, smaller one."""

FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """One experiment, ready to run: what every script and the reference start from.

    `weights` are float64 and canonical; `orders` (PROOF_EPOCHS, proof_rows) are the row
    numbers that the proof feeds, epoch by epoch.
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
    generator = np.random.default_rng(training.seed)
    weights = draw_weights(parameter_shapes(layers), generator)
    orders = draw_orders(_proof_rows(len(dataset.x_train), training), training, generator)
    arrays = _plan_arrays(dataset, weights, orders, training)
    digest = _digest(experiment, arrays)
    folder = user_cache_path("samestep") / "plans" / digest[:32]
    if not (folder / "plan.toml").is_file():
        _write(folder, arrays, experiment, digest)
    return Plan(experiment, layers, dataset, weights, orders, digest, folder)


def draw_weights(
    shapes: dict[str, Shape], generator: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Kernels by glorot_uniform, biases 0.

    Source: Glorot and Bengio 2010, eq. 16: U(-a, a), a = sqrt(6 / (fan_in + fan_out)).
    """
    weights: dict[str, NDArray[np.float64]] = {}
    for name, shape in shapes.items():
        if name.endswith(".bias"):
            weights[name] = np.zeros(shape)
            continue
        bound = np.sqrt(6.0 / (shape[-2] + shape[-1]))
        # Rounded to float32, so that a float32 trial and the float64 proof start alike.
        weights[name] = generator.uniform(-bound, bound, shape).astype(np.float32).astype(float)
    return weights


def draw_orders(rows: int, training: Training, generator: np.random.Generator) -> NDArray[np.int64]:
    """The order of the rows in each of the proof's epochs, (PROOF_EPOCHS, rows)."""
    match training.shuffle:
        case "each_epoch":
            return np.stack([generator.permutation(rows) for _ in range(PROOF_EPOCHS)])
        case "once":
            return np.tile(generator.permutation(rows), (PROOF_EPOCHS, 1))
        case "never":
            return np.tile(np.arange(rows), (PROOF_EPOCHS, 1))


def split_batches(
    order: NDArray[np.int64], batch_size: int, last_batch: str
) -> list[NDArray[np.int64]]:
    """Cut one epoch's order into batches; a smaller last one is kept or dropped."""
    cuts = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if last_batch == "drop" and len(cuts[-1]) < batch_size:
        cuts.pop()
    return cuts


def _proof_rows(rows: int, training: Training) -> int:
    most = PROOF_BATCHES * training.batch_size
    return rows if rows <= most else most + rows % training.batch_size


def _plan_arrays(
    dataset: Dataset,
    weights: dict[str, NDArray[np.float64]],
    orders: NDArray[np.int64],
    training: Training,
) -> dict[str, NDArray[np.generic]]:
    dtype = np.dtype(training.precision)
    most = max(np.abs(dataset.x_train).max(), np.abs(dataset.x_test).max())
    if most > np.finfo(dtype).max:
        raise BadInput(
            f"training.precision: a feature of size {most:.3g} does not fit into "
            f"{training.precision}; set data.standardize = true, or use float64"
        )
    arrays: dict[str, NDArray[np.generic]] = {
        "x_train": dataset.x_train.astype(dtype),
        "y_train": dataset.y_train,
        "x_test": dataset.x_test.astype(dtype),
        "y_test": dataset.y_test,
        "orders": orders,
    }
    arrays.update({f"weights/{name}": value for name, value in weights.items()})
    return arrays


def _digest(experiment: Experiment, arrays: dict[str, NDArray[np.generic]]) -> str:
    """SHA-256 over model, training and every array; a title or a path does not count."""
    digest = hashlib.sha256(f"samestep plan {FORMAT}\n".encode())
    digest.update(experiment.model_dump_json(include={"model", "training"}).encode())
    for name, array in arrays.items():
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _write(
    folder: Path, arrays: dict[str, NDArray[np.generic]], experiment: Experiment, digest: str
) -> None:
    """Write beside the place and rename, so that a plan is whole or not there."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".draft-"))
    except OSError as error:
        raise BadInput(
            f"{folder.parent}: the plan cannot be written there ({error.strerror}); "
            "make room, or set XDG_CACHE_HOME to a folder that can be written"
        ) from None
    try:
        lines = [f"format = {FORMAT}", f'digest = "{digest}"', *_facts(arrays, experiment)]
        for number, (name, array) in enumerate(arrays.items()):
            little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            little.tofile(draft / f"{number}.bin")
            lines += [
                "",
                f'[arrays."{name}"]',
                f'file = "{number}.bin"',
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
        raise BadInput(f"{folder}: the plan cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _facts(arrays: dict[str, NDArray[np.generic]], experiment: Experiment) -> list[str]:
    training = experiment.training
    return [
        f"classes = {int(arrays['y_train'].max()) + 1}",
        f"batch_size = {training.batch_size}",
        f"epochs = {training.epochs}",
        f'shuffle = "{training.shuffle}"',
        f'last_batch = "{training.last_batch}"',
        f'precision = "{training.precision}"',
    ]
