"""What users of Flax do not see: weights in and out, batches in a planned order, hooks."""

from collections import Counter
from collections.abc import Callable
from functools import partial, reduce
from operator import getitem
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.experimental import io_callback

JITTED = {"train_step", "train_batches", "train_epoch"}
"""The function that updates the state: a script has one of these."""


def version() -> dict[str, str]:
    """Versions of Flax and of what it stands on."""
    return {"flax": flax.__version__, "optax": optax.__version__, "jax": jax.__version__}


def configure(threads: int, precision: str, device: str) -> None:
    """Set the default precision before the script is imported.

    XLA sizes its pool by NPROC and by the cores that the process is pinned to.
    """
    jax.config.update("jax_enable_x64", precision == "float64")


def set_weights(model: Any, arrays: dict[str, np.ndarray]) -> None:
    """Overwrite parameters and state; Flax's layouts are the canonical ones."""
    variables = _variables(model)
    assert variables.keys() == arrays.keys()
    dtype = jax.dtypes.canonicalize_dtype(np.float64)
    for name, variable in variables.items():
        variable.set_value(jnp.asarray(arrays[name], dtype=dtype))


def get_weights(model: Any) -> dict[str, np.ndarray]:
    """All parameters and state by canonical name."""
    return {
        name: np.asarray(variable.get_value()).copy()
        for name, variable in _variables(model).items()
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
    modes = {"deterministic": True, "use_running_average": True}
    return np.asarray(nnx.view(model, raise_if_not_found=False, **modes)(x))


def gradients(script: Any, model: Any, data: Any) -> dict[str, np.ndarray]:
    """The gradient that the script's own first step hands to its optimizer."""
    optimizers: list[Any] = []

    class RecordingOptimizer(nnx.Optimizer):
        """Keeps the last gradient in its own state, which every step returns."""

        def __init__(self, model: Any, *args: Any, **kwargs: Any) -> None:
            super().__init__(model, *args, **kwargs)
            zeros = jax.tree.map(jnp.zeros_like, nnx.state(model, nnx.Param))
            self.seen = nnx.Variable(nnx.to_pure_dict(zeros))
            optimizers.append(self)

        def update(self, model: Any, grads: Any, **kwargs: Any) -> None:
            self.seen.set_value(nnx.to_pure_dict(grads))
            super().update(model, grads, **kwargs)

    original = nnx.Optimizer
    nnx.Optimizer = RecordingOptimizer
    try:
        script.train(model, data, 1, lambda epoch, loss: None)
    finally:
        nnx.Optimizer = original
    seen = optimizers[0].seen.get_value()
    variables = _variables(model)
    return {
        name: np.array(reduce(getitem, place, seen))
        for name, place in _places(model).items()
        if isinstance(variables[name], nnx.Param)
    }


def observe(
    script: Any, model: Any, data: Any, epochs: int
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Every batch that enters the loss, epoch by epoch, as the script trains on its own data.

    Of each row only its first value, which is its tag.
    """
    observed: list[list[tuple[np.ndarray, np.ndarray]]] = [[]]
    loss_fn = script.loss_fn
    (name,) = JITTED & vars(script).keys()
    step = getattr(script, name)

    def record(x: list[Any], y: list[Any]) -> None:
        observed[-1].append((np.concatenate(x), np.concatenate(y)))

    def recording_loss(model: Any, x: Any, y: Any) -> Any:
        first = x.reshape(len(x), -1)[:, :1]
        io_callback(record, None, _in_parts(first), _in_parts(y), ordered=True)
        return loss_fn(model, x, y)

    def next_epoch(epoch: int, loss: float) -> None:
        jax.effects_barrier()
        observed.append([])

    script.loss_fn = recording_loss
    # What is compiled belongs to a function, so this has to be another one to see the hook.
    setattr(script, name, jax.jit(partial(step.__wrapped__)))
    try:
        script.train(model, data, epochs, next_epoch)
    finally:
        script.loss_fn = loss_fn
        setattr(script, name, step)
    return observed[:epochs]


def follow(script: Any, model: Any) -> Callable[[], Any]:
    """Hook the script's step, whose state the model gets only at the end of training.

    What is returned gives the model as it is after the step before.
    """
    (name,) = JITTED & vars(script).keys()
    step = getattr(script, name)
    latest: list[Any] = []

    def following_step(graphdef: Any, state: Any, *batch: Any) -> Any:
        state, loss = step(graphdef, state, *batch)
        latest[:] = graphdef, state
        return state, loss

    setattr(script, name, following_step)
    return lambda: nnx.merge(*latest)[0]


def sync(model: Any) -> None:
    """Wait until the parameters and the state are computed."""
    jax.block_until_ready([variable.get_value() for variable in _variables(model).values()])


class _PlannedOrders:
    """In the place of a NumPy generator: each permutation is the next planned order."""

    def __init__(self, orders: np.ndarray) -> None:
        self._orders = iter(orders)

    def permutation(self, rows: int) -> np.ndarray:
        order: np.ndarray = next(self._orders)
        assert len(order) == rows
        return order


def _in_parts(array: Any) -> list[Any]:
    """What a callback may take of a column of numbers.

    JAX copies more than 100 KiB by a thread of the pool whose threads wait for the callback.
    """
    return [array[start : start + 8192] for start in range(0, len(array), 8192)]


_NAMES = {
    nnx.Linear: ("dense", {"kernel": "kernel", "bias": "bias"}),
    nnx.Conv: ("conv2d", {"kernel": "kernel", "bias": "bias"}),
    nnx.BatchNorm: (
        "batch_norm",
        {"scale": "scale", "bias": "bias", "mean": "mean", "variance": "var"},
    ),
    nnx.LayerNorm: ("layer_norm", {"scale": "scale", "bias": "bias"}),
}
"""Flax's layers: their canonical kind, and by each canonical part Flax's name of it."""


def _places(model: Any) -> dict[str, tuple[str | int, ...]]:
    """By canonical name where each parameter and state lives: a path into the model."""
    layers: list[tuple[tuple[str | int, ...], Any]]
    if isinstance(model, nnx.Sequential):
        layers = [(("layers", position), layer) for position, layer in enumerate(model.layers)]
    else:
        layers = [((name,), layer) for name, layer in vars(model).items()]
    places: dict[str, tuple[str | int, ...]] = {}
    counts: Counter[str] = Counter()
    for path, layer in layers:
        if type(layer) not in _NAMES:
            continue
        kind, parts = _NAMES[type(layer)]
        counts[kind] += 1
        for part, own_name in parts.items():
            if getattr(layer, own_name) is not None:
                places[f"{kind}_{counts[kind]}.{part}"] = (*path, own_name)
    return places


def _variables(model: Any) -> dict[str, Any]:
    by_place = dict(nnx.to_flat_state(nnx.state(model)))
    return {name: by_place[place] for name, place in _places(model).items()}
