"""What users of Keras do not see: weights in and out, batches in a planned order, hooks.

Training is Keras's `fit`, or a loop of the script's own in TensorFlow, which has no compiled model.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np


def version() -> dict[str, str]:
    """Versions of Keras and of the backend that it runs on."""
    import importlib

    import keras

    backend = importlib.import_module(keras.config.backend())
    return {"keras": keras.__version__, backend.__name__: backend.__version__}


def configure(threads: int, precision: str, device: str) -> None:
    """Set thread pools and default precision before the script is imported."""
    backend = os.environ["KERAS_BACKEND"]
    if backend != "tensorflow":
        # Keras's set_random_seed would import it if it is installed beside the backend.
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    match backend:
        case "tensorflow":
            import tensorflow as tf

            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
            if device == "cpu":
                tf.config.set_visible_devices([], "GPU")
        case "jax":
            import jax

            # XLA sizes its pool by NPROC and by the cores that the process is pinned to.
            jax.config.update("jax_enable_x64", precision == "float64")
        case "torch":
            import torch

            torch.set_num_threads(threads)
            torch.set_num_interop_threads(1)
    import keras

    keras.config.set_floatx(precision)


def pools() -> dict[str, int]:
    """How many threads an operation may use, where the backend tells."""
    match os.environ["KERAS_BACKEND"]:
        case "tensorflow":
            import tensorflow as tf

            return {
                "TensorFlow intra-op": tf.config.threading.get_intra_op_parallelism_threads(),
                "TensorFlow inter-op": tf.config.threading.get_inter_op_parallelism_threads(),
            }
        case "torch":
            import torch

            return {"torch": torch.get_num_threads()}
    return {}


def lift_rounding() -> str | None:
    """Lift a rounding that a float32 run never meets, for the float64 proof; name it."""
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        return None
    from keras.src.backend.common import dtypes

    # Keras rounds the 64-bit results of some operations to 32 bits, after set_floatx("float64")
    # too: on PyTorch matmul among others, on JAX tanh.
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    return "float64 computed in float32"


def set_weights(model: Any, arrays: dict[str, np.ndarray]) -> None:
    """Overwrite parameters and state; Keras's layouts are the canonical ones."""
    variables = _variables(model)
    assert variables.keys() == arrays.keys()
    for name, variable in variables.items():
        variable.assign(arrays[name].astype(variable.dtype))


def get_weights(model: Any) -> dict[str, np.ndarray]:
    """All parameters and state by canonical name."""
    return {name: variable.numpy() for name, variable in _variables(model).items()}


def batches(
    script: Any,
    model: Any,
    x: np.ndarray,
    y: np.ndarray,
    orders: np.ndarray,
    schedule: dict[str, Any],
) -> Any:
    """Data for script.train that serves the rows in the planned orders.

    Keras takes a DataAdapter in place of x, and then ignores y, batch_size and shuffle; a loop of
    the script's own takes a dataset, whose every iteration is the next epoch.
    """
    if _has_own_loop(script):
        return _planned_dataset(x, y, orders, schedule)
    # Keras peeks at a batch to build the loss; built here, fit asks for its epochs alone.
    model._symbolic_build(data_batch=(x[:1], y[:1]))
    adapter = _planned_adapter(x, y, orders, schedule)
    return adapter if _takes_one_object(script) else (adapter, None)


def logits(script: Any, model: Any, x: np.ndarray) -> np.ndarray:
    """The model's outputs in evaluation mode."""
    return np.asarray(model.predict(x, verbose=0))


def gradients(script: Any, model: Any, data: Any) -> dict[str, np.ndarray]:
    """The gradient that the script's own first step hands to its optimizer."""
    import keras

    seen: list[list[np.ndarray]] = []
    apply = keras.optimizers.Optimizer.apply

    def recording_apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
        seen.append([keras.ops.convert_to_numpy(grad).copy() for grad in grads])
        return apply(optimizer, grads, trainable_variables)

    with (
        _eagerly(script, model),
        mock.patch.object(keras.optimizers.Optimizer, "apply", recording_apply),
    ):
        script.train(model, data, 1, lambda epoch, loss: None)
    names = [name for name, variable in _variables(model).items() if variable.trainable]
    # A script that trains on nothing shows nothing.
    return dict(zip(names, seen[0], strict=True)) if seen else {}


def observe(
    script: Any, model: Any, data: Any, epochs: int
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Every batch that enters the loss, epoch by epoch, as the script trains on its own data.

    Of each row the first value alone is kept.
    """
    import keras

    observed: list[list[tuple[np.ndarray, np.ndarray]]] = [[]]

    def note(x: Any, y: Any) -> None:
        x_seen, y_seen = map(keras.ops.convert_to_numpy, (x, y))
        first = x_seen.reshape(len(x_seen), -1)[:, :1]
        observed[-1].append((first.copy(), y_seen.copy()))

    watching = _watching_loop if _has_own_loop(script) else _watching_fit
    with _eagerly(script, model), watching(model, note):
        script.train(model, data, epochs, lambda epoch, loss: observed.append([]))
    return observed[:epochs]


def sync(model: Any) -> None:
    """Wait until the parameters are computed; PyTorch's always are on a CPU."""
    match os.environ["KERAS_BACKEND"]:
        case "jax":
            import jax

            jax.block_until_ready([variable.value for variable in model.variables])
        case "tensorflow":
            import tensorflow as tf

            tf.test.experimental.sync_devices()


def _has_own_loop(script: Any) -> bool:
    return hasattr(script, "loss_fn")


@contextmanager
def _watching_fit(model: Any, note: Callable[[Any, Any], None]) -> Iterator[None]:
    """Note what enters the loss of a compiled model."""
    compute_loss = model.compute_loss

    def recording_loss(x: Any, y: Any, *args: Any, training: bool = True) -> Any:
        # Keras also calls this with placeholders, to build the model, but not as training.
        if training:
            note(x, y)
        return compute_loss(x, y, *args, training=training)

    model.compute_loss = recording_loss
    yield


@contextmanager
def _watching_loop(model: Any, note: Callable[[Any, Any], None]) -> Iterator[None]:
    """Note what enters the model, once its outputs enter the loss beside their labels."""
    import keras

    inputs: list[Any] = []
    call, loss_of = model.call, keras.losses.Loss.__call__

    def recording_call(x: Any, *args: Any, **kwargs: Any) -> Any:
        inputs.append(x)
        return call(x, *args, **kwargs)

    def recording_loss(loss: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        note(inputs.pop(), y)
        return loss_of(loss, y, *args, **kwargs)

    model.call = recording_call
    with mock.patch.object(keras.losses.Loss, "__call__", recording_loss):
        yield


def _takes_one_object(script: Any) -> bool:
    """Whether script.train hands its data to fit whole (tf.data, PyDataset), not as x and y."""
    return os.environ["KERAS_BACKEND"] == "tensorflow" or hasattr(script, "FullBatches")


def _variables(model: Any) -> dict[str, Any]:
    """What a layer is made of, by canonical name."""
    import keras

    layers = keras.layers
    kinds: dict[Any, tuple[str, dict[str, str]]] = {
        layers.Dense: ("dense", {"kernel": "kernel", "bias": "bias"}),
        layers.Conv2D: ("conv2d", {"kernel": "kernel", "bias": "bias"}),
        layers.LayerNormalization: ("layer_norm", {"scale": "gamma", "bias": "beta"}),
        layers.BatchNormalization: (
            "batch_norm",
            {
                "scale": "gamma",
                "bias": "beta",
                "mean": "moving_mean",
                "variance": "moving_variance",
            },
        ),
    }
    counts: Counter[str] = Counter()
    found: dict[str, Any] = {}
    for layer in model.layers:
        if type(layer) in kinds:
            kind, parts = kinds[type(layer)]
            counts[kind] += 1
            for part, attribute in parts.items():
                if getattr(layer, attribute) is not None:
                    found[f"{kind}_{counts[kind]}.{part}"] = getattr(layer, attribute)
    return found


@contextmanager
def _eagerly(script: Any, model: Any) -> Iterator[None]:
    """Run step by step what would be compiled, so that its values can be seen."""
    if not _has_own_loop(script):
        model.jit_compile = False
        model.run_eagerly = True
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def _planned_cuts(rows: int, schedule: dict[str, Any]) -> list[slice]:
    """Where an epoch's order is cut into batches."""
    size = schedule["batch_size"]
    stop = rows // size * size if schedule["last_batch"] == "drop" else rows
    return [slice(start, min(start + size, stop)) for start in range(0, stop, size)]


def _dataset_of(batches: Callable[[], Iterator[Any]], x: np.ndarray, y: np.ndarray) -> Any:
    """A tf.data.Dataset of batches of such rows, whose every iteration calls for them anew."""
    import tensorflow as tf

    signature = tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in (x, y))
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def _planned_dataset(
    x: np.ndarray, y: np.ndarray, orders: np.ndarray, schedule: dict[str, Any]
) -> Any:
    import keras

    x = x.astype(keras.config.floatx())
    cuts = _planned_cuts(orders.shape[1], schedule)
    epochs = iter(orders)

    def epoch() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        order = next(epochs)
        for cut in cuts:
            yield x[order[cut]], y[order[cut]]

    return _dataset_of(epoch, x, y)


def _planned_adapter(
    x: np.ndarray, y: np.ndarray, orders: np.ndarray, schedule: dict[str, Any]
) -> Any:
    import keras
    from keras.src.trainers.data_adapters.data_adapter import DataAdapter

    x = x.astype(keras.config.floatx())
    cuts = _planned_cuts(orders.shape[1], schedule)

    class PlannedBatches(DataAdapter):
        """Rows in the planned order of the epoch that runs."""

        epoch = -1

        def on_epoch_begin(self) -> None:
            self.epoch += 1

        def _batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            order = orders[self.epoch]
            for cut in cuts:
                yield x[order[cut]], y[order[cut]]

        def get_numpy_iterator(self) -> Any:
            return self._batches()

        get_jax_iterator = get_numpy_iterator

        def get_tf_dataset(self) -> Any:
            return _dataset_of(self._batches, x, y)

        def get_torch_dataloader(self) -> Any:
            import torch

            return _Restarting(
                lambda: ((torch.from_numpy(a), torch.from_numpy(b)) for a, b in self._batches())
            )

        @property
        def num_batches(self) -> int:
            return len(cuts)

    return PlannedBatches()


class _Restarting:
    """An iterable that starts anew each time."""

    def __init__(self, start: Callable[[], Iterator[Any]]) -> None:
        self._start = start

    def __iter__(self) -> Iterator[Any]:
        return self._start()
