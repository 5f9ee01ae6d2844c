"""What users of scikit-learn do not see: weights in and out, planned orders, hooks."""

from typing import Any

import numpy as np
import sklearn
from sklearn.preprocessing import LabelBinarizer

_precision = np.dtype(np.float32)


def version() -> dict[str, str]:
    """The version of scikit-learn."""
    return {"scikit-learn": sklearn.__version__, "numpy": np.__version__}


def configure(threads: int, precision: str, device: str) -> None:
    """Remember the precision of the weights; the BLAS pool is set by OMP_NUM_THREADS."""
    global _precision
    _precision = np.dtype(precision)


def set_weights(model: Any, arrays: dict[str, np.ndarray]) -> None:
    """Do what the first partial_fit would do, then overwrite the parameters."""
    kernels = [array for name, array in arrays.items() if name.endswith(".kernel")]
    biases = [array for name, array in arrays.items() if name.endswith(".bias")]
    units = [kernels[0].shape[0], *(len(bias) for bias in biases)]
    classes = np.arange(units[-1])
    model._label_binarizer = LabelBinarizer().fit(classes)
    model.classes_ = model._label_binarizer.classes_
    model.n_features_in_ = units[0]
    model._random_state = model.random_state
    model._initialize(np.empty((1, units[-1])), units, _precision)
    model.coefs_[:] = [kernel.astype(_precision) for kernel in kernels]
    model.intercepts_[:] = [bias.astype(_precision) for bias in biases]


def get_weights(model: Any) -> dict[str, np.ndarray]:
    """All parameters by canonical name; scikit-learn's layouts are the canonical ones."""
    return _named(model.coefs_, model.intercepts_)


def batches(
    script: Any,
    model: Any,
    x: np.ndarray,
    y: np.ndarray,
    orders: np.ndarray,
    schedule: dict[str, Any],
) -> Any:
    """The data, and a random state in the model that shuffles into the planned orders."""
    x = x.reshape(len(x), -1).astype(_precision)
    if schedule["shuffle"] == "each_epoch":
        model.set_params(random_state=_PlannedOrders(orders))
        return x, y
    # Every epoch has the same order here, so the rows are put in it once.
    return x[orders[0]], y[orders[0]]


def logits(script: Any, model: Any, x: np.ndarray) -> np.ndarray:
    """The outputs before the softmax."""
    activation = model.out_activation_
    model.out_activation_ = "identity"
    try:
        return np.asarray(model._forward_pass_fast(x.reshape(len(x), -1)))
    finally:
        model.out_activation_ = activation


def gradients(script: Any, model: Any, data: Any) -> dict[str, np.ndarray]:
    """The gradient that the script's own first step hands to its optimizer."""
    seen: list[dict[str, np.ndarray]] = []
    backprop = model._backprop

    def recording_backprop(*args: Any) -> Any:
        loss, kernels, biases = backprop(*args)
        seen.append(_named(kernels, biases))
        return loss, kernels, biases

    model._backprop = recording_backprop
    try:
        script.train(model, data, 1, lambda epoch, loss: None)
    finally:
        del model._backprop
    # A script that trains on nothing shows nothing.
    return seen[0] if seen else {}


def observe(
    script: Any, model: Any, data: Any, epochs: int
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Every batch that enters the loss, epoch by epoch, as the script trains on its own data.

    Of each row its first value alone is kept.
    """
    observed: list[list[tuple[np.ndarray, np.ndarray]]] = [[]]
    backprop = model._backprop

    def recording_backprop(x: Any, y: Any, *args: Any) -> Any:
        observed[-1].append((x[:, :1].copy(), np.argmax(y, axis=1)))
        return backprop(x, y, *args)

    model._backprop = recording_backprop
    try:
        script.train(model, data, epochs, lambda epoch, loss: observed.append([]))
    finally:
        del model._backprop
    return observed[:epochs]


def sync(model: Any) -> None:
    """Nothing runs ahead of Python here."""


class _PlannedOrders(np.random.RandomState):
    """A random state whose shuffles write the planned orders, one after the other."""

    def __init__(self, orders: np.ndarray) -> None:
        super().__init__(0)
        self._orders = iter(orders)

    def shuffle(self, x: Any) -> None:
        """Overwrite the row numbers with the next planned order."""
        x[:] = next(self._orders)


def _named(kernels: list[np.ndarray], biases: list[np.ndarray]) -> dict[str, np.ndarray]:
    named: dict[str, np.ndarray] = {}
    for number, (kernel, bias) in enumerate(zip(kernels, biases, strict=True), start=1):
        named[f"dense_{number}.kernel"] = kernel.copy()
        named[f"dense_{number}.bias"] = bias.copy()
    return named
