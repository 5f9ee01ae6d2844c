"""What users of the NumPy script do not see: weights in and out, planned orders, hooks."""

from collections import Counter
from typing import Any

import numpy as np

_precision = np.dtype(np.float32)


def version() -> dict[str, str]:
    """The version of NumPy."""
    return {"numpy": np.__version__}


def configure(threads: int, precision: str, device: str) -> None:
    """Remember the precision of the weights; the BLAS pool is set by OMP_NUM_THREADS."""
    global _precision
    _precision = np.dtype(precision)


def set_weights(model: Any, arrays: dict[str, np.ndarray]) -> None:
    """Overwrite parameters and state; the script's layouts are the canonical ones."""
    for local, name in _canonical_names(model).items():
        model[local] = arrays[name].astype(_precision)


def get_weights(model: Any) -> dict[str, np.ndarray]:
    """All parameters and state by canonical name."""
    return _canonical(model, model)


def batches(
    script: Any,
    model: Any,
    x: np.ndarray,
    y: np.ndarray,
    orders: np.ndarray,
    schedule: dict[str, Any],
) -> Any:
    """Data for script.train whose third part, if any, hands out the planned orders."""
    x = x.astype(_precision)
    generators = script.prepare(x, y)[2:]
    if schedule["shuffle"] == "each_epoch":
        return x, y, _PlannedOrders(orders, *generators)
    # Every epoch has the same order here, so the rows are put in it once.
    return x[orders[0]], y[orders[0]], *generators


def logits(script: Any, model: Any, x: np.ndarray) -> np.ndarray:
    """The outputs before the softmax, by the script's own forward pass."""
    return np.asarray(script.forward(model, x)[-1])


def gradients(script: Any, model: Any, data: Any) -> dict[str, np.ndarray]:
    """The gradient that the script's own first step uses."""
    seen: list[dict[str, np.ndarray]] = []
    own = script.gradients

    def recording(model: Any, *batch: Any) -> Any:
        loss, grads = own(model, *batch)
        seen.append(_canonical(model, grads))
        return loss, grads

    script.gradients = recording
    try:
        script.train(model, data, 1, lambda epoch, loss: None)
    finally:
        script.gradients = own
    # A script that trains on nothing shows nothing.
    return seen[0] if seen else {}


def observe(
    script: Any, model: Any, data: Any, epochs: int
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Every batch that enters the loss, epoch by epoch, as the script trains on its own data.

    Of each row its first value alone is kept.
    """
    observed: list[list[tuple[np.ndarray, np.ndarray]]] = [[]]
    own = script.gradients

    def recording(model: Any, x: Any, y: Any, *generator: Any) -> Any:
        observed[-1].append((x.reshape(len(x), -1)[:, :1].copy(), np.array(y)))
        return own(model, x, y, *generator)

    script.gradients = recording
    try:
        script.train(model, data, epochs, lambda epoch, loss: observed.append([]))
    finally:
        script.gradients = own
    return observed[:epochs]


def sync(model: Any) -> None:
    """Nothing runs ahead of Python here."""


class _PlannedOrders:
    """In the place of a NumPy generator: each permutation is the next planned order."""

    def __init__(self, orders: np.ndarray, generator: np.random.Generator) -> None:
        self._orders = iter(orders)
        self.random = generator.random

    def permutation(self, rows: int) -> np.ndarray:
        order: np.ndarray = next(self._orders)
        assert len(order) == rows
        return order


def _canonical_names(model: Any) -> dict[str, str]:
    """`kernel_2` -> `dense_1.kernel`: the script numbers all layers that learn in one row."""
    counts: Counter[str] = Counter()
    layers: dict[str, str] = {}
    names = {}
    for local in model:
        part, number = local.split("_")
        if number not in layers:
            kind = _kind(model, number)
            counts[kind] += 1
            layers[number] = f"{kind}_{counts[kind]}"
        names[local] = f"{layers[number]}.{part}"
    return names


def _kind(model: Any, number: str) -> str:
    """What layer has this number, by what it has."""
    kernel = model.get(f"kernel_{number}")
    if kernel is not None:
        return "dense" if kernel.ndim == 2 else "conv2d"
    return "batch_norm" if f"mean_{number}" in model else "layer_norm"


def _canonical(model: Any, values: Any) -> dict[str, np.ndarray]:
    """Copies by canonical name, in the order of the model."""
    names = _canonical_names(model)
    return {name: np.array(values[local]) for local, name in names.items() if local in values}
