"""What users of PyTorch do not see: weights in and out, batches in a planned order, hooks."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def version() -> dict[str, str]:
    """The version of PyTorch."""
    return {"torch": torch.__version__}


def configure(threads: int, precision: str, device: str) -> None:
    """Set thread pools and default precision before the script is imported."""
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.set_default_dtype(getattr(torch, precision))


def set_weights(model: Any, arrays: dict[str, np.ndarray]) -> None:
    """Overwrite the parameters; nn.Linear keeps its kernel as (out, in)."""
    parameters = _parameters(model)
    assert parameters.keys() == arrays.keys()
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(torch.from_numpy(_transposed(name, arrays[name])))


def get_weights(model: Any) -> dict[str, np.ndarray]:
    """All parameters by canonical name and in canonical layout."""
    return {
        name: _transposed(name, parameter.detach().numpy()).copy()
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
    """A DataLoader whose batches follow the planned orders, epoch by epoch."""
    dtype = torch.get_default_dtype()
    dataset = TensorDataset(torch.from_numpy(x).to(dtype), torch.from_numpy(y))
    return DataLoader(dataset, batch_sampler=_PlannedBatches(orders, schedule))


def logits(script: Any, model: Any, x: np.ndarray) -> np.ndarray:
    """The model's outputs in evaluation mode."""
    model.eval()
    with torch.no_grad():
        return np.asarray(model(torch.from_numpy(x)).numpy())


def gradients(script: Any, model: Any, data: Any) -> dict[str, np.ndarray]:
    """The gradient that the script's own first step accumulates."""
    seen: dict[str, np.ndarray] = {}

    def record(name: str, parameter: Any) -> None:
        seen.setdefault(name, _transposed(name, parameter.grad.numpy()).copy())

    for name, parameter in _parameters(model).items():
        parameter.register_post_accumulate_grad_hook(lambda p, name=name: record(name, p))
    script.train(model, data, 1, lambda epoch, loss: None)
    return {name: seen[name] for name in _parameters(model)}


def observe(
    script: Any, model: Any, data: Any, epochs: int
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Every batch that enters the loss, epoch by epoch, as the script trains on its own data."""
    observed: list[list[tuple[np.ndarray, np.ndarray]]] = [[]]
    inputs: list[np.ndarray] = []
    cross_entropy = nn.functional.cross_entropy

    def recording_loss(predicted: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        observed[-1].append((inputs.pop(), y.numpy().copy()))
        return cross_entropy(predicted, y, *args, **kwargs)

    hook = model.register_forward_pre_hook(lambda _, args: inputs.append(args[0].numpy().copy()))
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

    def __iter__(self) -> Iterator[list[int]]:
        order = next(self._epochs)[: self._stop]
        for start in range(0, self._stop, self._size):
            yield order[start : start + self._size]


def _parameters(model: Any) -> dict[str, Any]:
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    named: dict[str, Any] = {}
    for number, layer in enumerate(linear, start=1):
        named[f"dense_{number}.kernel"] = layer.weight
        named[f"dense_{number}.bias"] = layer.bias
    return named


def _transposed(name: str, array: np.ndarray) -> np.ndarray:
    return array.T if name.endswith(".kernel") else array
