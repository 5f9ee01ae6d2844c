"""What users of PyTorch do not see: weights in and out, batches in a planned order, hooks."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

KINDS = {
    nn.Linear: "dense",
    nn.Conv2d: "conv2d",
    nn.BatchNorm1d: "batch_norm",
    nn.BatchNorm2d: "batch_norm",
    nn.LayerNorm: "layer_norm",
}
PARTS = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "variance": "running_var",
}

row_shape: tuple[int, ...] = ()
"""Of a row in a plan, images (rows, columns, channels); the worker says it."""


def version() -> dict[str, str]:
    """The version of PyTorch, and of Lightning if the script is written in it."""
    versions = {"torch": torch.__version__}
    if "lightning" in sys.modules:
        versions["lightning"] = sys.modules["lightning"].__version__
    return versions


def configure(threads: int, precision: str, device: str) -> None:
    """Set thread pools and default precision before the script is imported."""
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.set_default_dtype(getattr(torch, precision))


def pools() -> dict[str, int]:
    """How many threads an operation may use."""
    return {"torch": torch.get_num_threads()}


def set_weights(model: Any, arrays: dict[str, np.ndarray]) -> None:
    """Overwrite parameters and state."""
    places = _places(model)
    assert places.keys() == arrays.keys()
    with torch.no_grad():
        for name, place in places.items():
            array = np.ascontiguousarray(place.from_canonical(arrays[name]))
            place.tensor.copy_(torch.from_numpy(array))


def get_weights(model: Any) -> dict[str, np.ndarray]:
    """All parameters and state by canonical name and in canonical layout."""
    return {
        name: place.to_canonical(place.tensor.detach().numpy()).copy()
        for name, place in _places(model).items()
    }


def batches(
    script: Any,
    model: Any,
    x: np.ndarray,
    y: np.ndarray,
    orders: np.ndarray,
    schedule: dict[str, Any],
) -> Any:
    """A DataLoader whose batches follow the planned orders, epoch by epoch."""
    # After eight trainings PyTorch would compile no more, and the proof would watch another step.
    torch.compiler.reset()
    return DataLoader(_dataset(script, x, y), batch_sampler=_PlannedBatches(orders, schedule))


def logits(script: Any, model: Any, x: np.ndarray) -> np.ndarray:
    """The model's outputs in evaluation mode."""
    rows, _ = _dataset(script, x, np.zeros(len(x), np.int64)).tensors
    model.eval()
    with torch.no_grad():
        return np.asarray(model(rows).numpy())


def gradients(script: Any, model: Any, data: Any) -> dict[str, np.ndarray]:
    """The gradient that the script's own first step accumulates."""
    seen: dict[str, np.ndarray] = {}
    places = {
        name: place
        for name, place in _places(model).items()
        if isinstance(place.tensor, nn.Parameter)
    }

    def recorder(name: str) -> Callable[[Any], None]:
        @torch.compiler.disable
        def record(parameter: Any) -> None:
            seen.setdefault(name, places[name].to_canonical(parameter.grad.numpy()).copy())

        return record

    for name, place in places.items():
        place.tensor.register_post_accumulate_grad_hook(recorder(name))
    script.train(model, data, 1, lambda epoch, loss: None)
    # A script that trains on nothing shows nothing.
    return {name: seen[name] for name in places if name in seen}


def observe(
    script: Any, model: Any, data: Any, epochs: int
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Every batch that enters the loss, epoch by epoch, as the script trains on its own data.

    Of each row the first value alone is kept.
    """
    observed: list[list[tuple[np.ndarray, np.ndarray]]] = [[]]
    inputs: list[np.ndarray] = []
    cross_entropy = nn.functional.cross_entropy

    @torch.compiler.disable
    def record_input(model: Any, args: Any) -> None:
        inputs.append(args[0].numpy().reshape(len(args[0]), -1)[:, :1].copy())

    @torch.compiler.disable
    def recording_loss(predicted: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        observed[-1].append((inputs.pop(), y.numpy().copy()))
        return cross_entropy(predicted, y, *args, **kwargs)

    hook = model.register_forward_pre_hook(record_input)
    with mock.patch.object(nn.functional, "cross_entropy", recording_loss):
        script.train(model, data, epochs, lambda epoch, loss: observed.append([]))
    hook.remove()
    return observed[:epochs]


def sync(model: Any) -> None:
    """Wait until the parameters are computed; on a CPU they always are."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


class _PlannedBatches:
    """Row numbers of each batch; every new iteration is the next epoch."""

    def __init__(self, orders: np.ndarray, schedule: dict[str, Any]) -> None:
        self._epochs = iter(orders.tolist())
        self._size = schedule["batch_size"]
        rows = orders.shape[1]
        self._stop = rows // self._size * self._size if schedule["last_batch"] == "drop" else rows

    def __len__(self) -> int:
        return -(-self._stop // self._size)

    def __iter__(self) -> Iterator[list[int]]:
        order = next(self._epochs)[: self._stop]
        for start in range(0, self._stop, self._size):
            yield order[start : start + self._size]


def _dataset(script: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """The script's own tensors, with the rows where they were."""
    with mock.patch.object(torch, "randperm", torch.arange):
        return script.prepare(x, y).dataset


@dataclass(frozen=True)
class _Place:
    """Where an array of the plan lives, and how its layout is changed."""

    tensor: Any
    to_canonical: Callable[[np.ndarray], np.ndarray]
    from_canonical: Callable[[np.ndarray], np.ndarray]


def _places(model: Any) -> dict[str, _Place]:
    places: dict[str, _Place] = {}
    counts: dict[str, int] = {}
    # Features that Flatten has just made of images stand together by channels in PyTorch, and
    # by places in a plan.
    channels, flattened = (row_shape[2] if len(row_shape) == 3 else 1), 1
    for layer in model.modules():
        if isinstance(layer, nn.Flatten):
            channels, flattened = 1, channels * flattened
        if type(layer) not in KINDS:
            continue
        kind = KINDS[type(layer)]
        counts[kind] = counts.get(kind, 0) + 1
        name = f"{kind}_{counts[kind]}"
        for part in _parts(kind, layer):
            tensor = getattr(layer, PARTS[part])
            places[f"{name}.{part}"] = _place(kind, part, tensor, flattened)
        if kind == "dense":
            flattened = 1
        elif isinstance(layer, nn.Conv2d):
            channels = layer.out_channels
        elif isinstance(layer, nn.BatchNorm2d):
            channels = layer.num_features
    return places


def _parts(kind: str, layer: Any) -> list[str]:
    match kind:
        case "dense" | "conv2d":
            return ["kernel"] if layer.bias is None else ["kernel", "bias"]
        case "batch_norm":
            return ["scale", "bias", "mean", "variance"]
        case _:
            return ["scale", "bias"]


def _place(kind: str, part: str, tensor: Any, channels: int) -> _Place:
    match kind, part:
        case "conv2d", "kernel":
            # (filters, in, rows, columns) here, (rows, columns, in, filters) in a plan.
            return _Place(
                tensor, lambda a: a.transpose(2, 3, 1, 0), lambda a: a.transpose(3, 2, 0, 1)
            )
        case "dense", "kernel":
            return _Place(
                tensor, lambda a: _by_places(a.T, channels), lambda a: _by_channels(a, channels).T
            )
        case ("dense", "bias") | ("conv2d", _):
            return _Place(tensor, np.asarray, np.asarray)
        case _:
            return _Place(
                tensor, lambda a: _by_places(a, channels), lambda a: _by_channels(a, channels)
            )


def _by_places(array: np.ndarray, channels: int) -> np.ndarray:
    """The first axis from (C, H, W) to (H, W, C)."""
    return array.reshape(channels, -1, *array.shape[1:]).swapaxes(0, 1).reshape(array.shape)


def _by_channels(array: np.ndarray, channels: int) -> np.ndarray:
    """The first axis from (H, W, C) to (C, H, W)."""
    return array.reshape(-1, channels, *array.shape[1:]).swapaxes(0, 1).reshape(array.shape)
