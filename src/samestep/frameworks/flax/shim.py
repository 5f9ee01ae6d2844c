"""What users of Flax do not see: weights in and out, batches in a planned order, hooks."""

from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.experimental import io_callback


def version() -> dict[str, str]:
    """Versions of Flax and of what it stands on."""
    return {"flax": flax.__version__, "optax": optax.__version__, "jax": jax.__version__}


def configure(threads: int, precision: str, device: str) -> None:
    """Set the default precision before the script is imported.

    XLA sizes its pool by NPROC and by the cores that the process is pinned to.
    """
    jax.config.update("jax_enable_x64", precision == "float64")


def set_weights(model: Any, arrays: dict[str, np.ndarray]) -> None:
    """Overwrite the parameters; Flax's layouts are the canonical ones."""
    parameters = _parameters(model)
    assert parameters.keys() == arrays.keys()
    dtype = jax.dtypes.canonicalize_dtype(np.float64)
    for name, parameter in parameters.items():
        parameter.set_value(jnp.asarray(arrays[name], dtype=dtype))


def get_weights(model: Any) -> dict[str, np.ndarray]:
    """All parameters by canonical name."""
    return {
        name: np.asarray(parameter.get_value()).copy()
        for name, parameter in _parameters(model).items()
    }


def batches(
    script: Any,
    model: Any,
    x: np.ndarray,
    y: np.ndarray,
    orders: np.ndarray,
    schedule: dict[str, Any],
) -> Any:
    """Data for script.train whose third part, if any, hands out the planned orders."""
    if isinstance(script.prepare(x, y)[0], jax.Array):
        x, y = jnp.asarray(x), jnp.asarray(y)
    if schedule["shuffle"] == "each_epoch":
        return x, y, _PlannedOrders(orders)
    # Every epoch has the same order here, so the rows are put in it once.
    return x[orders[0]], y[orders[0]]


def logits(script: Any, model: Any, x: np.ndarray) -> np.ndarray:
    """The model's outputs in evaluation mode."""
    return np.asarray(model(x))


def gradients(script: Any, model: Any, data: Any) -> dict[str, np.ndarray]:
    """The gradient that the script's own first step hands to its optimizer."""
    seen: list[list[np.ndarray]] = []
    update = nnx.Optimizer.update

    def record(*grads: Any) -> None:
        seen.append([np.array(grad) for grad in grads])

    def recording_update(self: Any, model: Any, grads: Any, **kwargs: Any) -> Any:
        parameters = [grads["layers"][i][part] for i, part in _places(model)]
        io_callback(record, None, *(p.get_value() for p in parameters), ordered=True)
        return update(self, model, grads, **kwargs)

    _with_fresh_jit(script)
    nnx.Optimizer.update = recording_update
    try:
        script.train(model, data, 1, lambda epoch, loss: None)
        jax.effects_barrier()
    finally:
        nnx.Optimizer.update = update
        _with_fresh_jit(script)
    return dict(zip(_parameters(model), seen[0], strict=True))


def observe(
    script: Any, model: Any, data: Any, epochs: int
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Every batch that enters the loss, epoch by epoch, as the script trains on its own data."""
    observed: list[list[tuple[np.ndarray, np.ndarray]]] = [[]]
    loss_fn = script.loss_fn

    def record(x: Any, y: Any) -> None:
        observed[-1].append((np.array(x), np.array(y)))

    def recording_loss(model: Any, x: Any, y: Any) -> Any:
        io_callback(record, None, x, y, ordered=True)
        return loss_fn(model, x, y)

    def next_epoch(epoch: int, loss: float) -> None:
        jax.effects_barrier()
        observed.append([])

    _with_fresh_jit(script)
    script.loss_fn = recording_loss
    try:
        script.train(model, data, epochs, next_epoch)
    finally:
        script.loss_fn = loss_fn
        _with_fresh_jit(script)
    return observed[:epochs]


def sync(model: Any) -> None:
    """Wait until the parameters are computed."""
    jax.block_until_ready([value.get_value() for value in _parameters(model).values()])


class _PlannedOrders:
    """In the place of a NumPy generator: each permutation is the next planned order."""

    def __init__(self, orders: np.ndarray) -> None:
        self._orders = iter(orders)

    def permutation(self, rows: int) -> np.ndarray:
        order: np.ndarray = next(self._orders)
        assert len(order) == rows
        return order


def _with_fresh_jit(script: Any) -> None:
    """Forget what was compiled, so that the next call sees what hooks have replaced."""
    for name in {"train_step", "train_epoch"} & vars(script).keys():
        setattr(script, name, jax.jit(getattr(script, name).__wrapped__))
    jax.clear_caches()


def _places(model: Any) -> list[tuple[int, str]]:
    """Where each parameter lives: the layer's position, and its name there."""
    return [
        (position, part)
        for position, layer in enumerate(model.layers)
        if isinstance(layer, nnx.Linear)
        for part in ("kernel", "bias")
    ]


def _parameters(model: Any) -> dict[str, Any]:
    return {
        f"dense_{index // 2 + 1}.{part}": getattr(model.layers[position], part)
        for index, (position, part) in enumerate(_places(model))
    }
