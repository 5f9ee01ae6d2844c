"""What users of TensorFlow do not see: weights in and out, batches in a planned order, hooks."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

_KINDS: dict[Any, tuple[str, dict[str, str]]] = {
    keras.layers.Dense: ("dense", {"kernel": "kernel", "bias": "bias"}),
    keras.layers.Conv2D: ("conv2d", {"kernel": "kernel", "bias": "bias"}),
    keras.layers.LayerNormalization: ("layer_norm", {"scale": "gamma", "bias": "beta"}),
    keras.layers.BatchNormalization: (
        "batch_norm",
        {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "variance": "moving_variance"},
    ),
}
"""A layer's canonical name, and the attributes that hold its parts."""


def version() -> dict[str, str]:
    """Versions of TensorFlow and of the Keras that its layers come from."""
    return {"tensorflow": tf.__version__, "keras": keras.__version__}


def configure(threads: int, precision: str, device: str) -> None:
    """Set thread pools and default precision before the script is imported."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    keras.config.set_floatx(precision)


def set_weights(model: Any, arrays: dict[str, np.ndarray]) -> None:
    """Overwrite parameters and state; the layouts are the canonical ones."""
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
    """A dataset whose batches follow the planned orders; every iteration is the next epoch."""
    x = x.astype(keras.config.floatx())
    size = schedule["batch_size"]
    stop = orders.shape[1] // size * size if schedule["last_batch"] == "drop" else orders.shape[1]
    epochs = iter(orders)

    def epoch() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        order = next(epochs)[:stop]
        for start in range(0, stop, size):
            rows = order[start : start + size]
            yield x[rows], y[rows]

    signature = tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in (x, y))
    return tf.data.Dataset.from_generator(epoch, output_signature=signature)


def logits(script: Any, model: Any, x: np.ndarray) -> np.ndarray:
    """The model's outputs in evaluation mode."""
    return np.asarray(model.predict(x, verbose=0))


def gradients(script: Any, model: Any, data: Any) -> dict[str, np.ndarray]:
    """The gradient that the script's own first step hands to its optimizer."""
    seen: list[list[np.ndarray]] = []
    apply = keras.optimizers.Optimizer.apply

    def recording_apply(optimizer: Any, grads: Any, variables: Any = None) -> Any:
        seen.append([grad.numpy().copy() for grad in grads])
        return apply(optimizer, grads, variables)

    with _eagerly(), mock.patch.object(keras.optimizers.Optimizer, "apply", recording_apply):
        script.train(model, data, 1, lambda epoch, loss: None)
    names = [name for name, variable in _variables(model).items() if variable.trainable]
    return dict(zip(names, seen[0], strict=True))


def observe(
    script: Any, model: Any, data: Any, epochs: int
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Every batch that enters the loss, epoch by epoch, as the script trains on its own data."""
    observed: list[list[tuple[np.ndarray, np.ndarray]]] = [[]]
    inputs: list[np.ndarray] = []
    call, loss_of = model.call, keras.losses.Loss.__call__

    def recording_call(x: Any, *args: Any, **kwargs: Any) -> Any:
        inputs.append(x.numpy().reshape(len(x), -1)[:, :1].copy())
        return call(x, *args, **kwargs)

    def recording_loss(loss: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        observed[-1].append((inputs.pop(), y.numpy().copy()))
        return loss_of(loss, y, *args, **kwargs)

    model.call = recording_call
    with _eagerly(), mock.patch.object(keras.losses.Loss, "__call__", recording_loss):
        script.train(model, data, epochs, lambda epoch, loss: observed.append([]))
    return observed[:epochs]


def sync(model: Any) -> None:
    """Wait until the parameters are computed; on a CPU they always are."""
    tf.test.experimental.sync_devices()


def _variables(model: Any) -> dict[str, Any]:
    """What the layers are made of, by canonical name."""
    counts: Counter[str] = Counter()
    found: dict[str, Any] = {}
    for layer in model.layers:
        if type(layer) in _KINDS:
            kind, parts = _KINDS[type(layer)]
            counts[kind] += 1
            for part, attribute in parts.items():
                if getattr(layer, attribute) is not None:
                    found[f"{kind}_{counts[kind]}.{part}"] = getattr(layer, attribute)
    return found


@contextmanager
def _eagerly() -> Iterator[None]:
    """Run what tf.function compiles step by step, so that its values can be seen."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
