"""What users of the NumPy script do not see: weights in and out, planned orders, hooks."""

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
    """Overwrite the parameters; the script's layouts are the canonical ones."""
    assert len(model) == len(arrays)
    for name, array in arrays.items():
        model[_local(name)] = array.astype(_precision)


def get_weights(model: Any) -> dict[str, np.ndarray]:
    """All parameters by canonical name."""
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
    if schedule["shuffle"] == "each_epoch":
        return x, y, _PlannedOrders(orders)
    # Every epoch has the same order here, so the rows are put in it once.
    return x[orders[0]], y[orders[0]]


def logits(script: Any, model: Any, x: np.ndarray) -> np.ndarray:
    """The outputs before the softmax, by the script's own forward pass."""
    return np.asarray(script.forward(model, x)[-1])


def gradients(script: Any, model: Any, data: Any) -> dict[str, np.ndarray]:
    """The gradient that the script's own first step uses."""
    seen: list[dict[str, np.ndarray]] = []
    own = script.gradients

    def recording(model: Any, x: Any, y: Any) -> Any:
        loss, grads = own(model, x, y)
        seen.append(_canonical(model, grads))
        return loss, grads

    script.gradients = recording
    try:
        script.train(model, data, 1, lambda epoch, loss: None)
    finally:
        script.gradients = own
    return seen[0]


def observe(
    script: Any, model: Any, data: Any, epochs: int
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Every batch that enters the loss, epoch by epoch, as the script trains on its own data."""
    observed: list[list[tuple[np.ndarray, np.ndarray]]] = [[]]
    own = script.gradients

    def recording(model: Any, x: Any, y: Any) -> Any:
        observed[-1].append((np.array(x), np.array(y)))
        return own(model, x, y)

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

    def __init__(self, orders: np.ndarray) -> None:
        self._orders = iter(orders)

    def permutation(self, rows: int) -> np.ndarray:
        order: np.ndarray = next(self._orders)
        assert len(order) == rows
        return order


def _local(name: str) -> str:
    """`dense_1.kernel` -> `kernel_1`."""
    layer, part = name.split(".")
    return f"{part}_{layer.removeprefix('dense_')}"


def _canonical(model: Any, values: Any) -> dict[str, np.ndarray]:
    """`kernel_1` -> `dense_1.kernel`, in the order of the model's parameters."""
    parts = (name.split("_") for name in model)
    return {f"dense_{n}.{part}": np.array(values[f"{part}_{n}"]) for part, n in parts}
