"""Every layer against PyTorch, and every gradient against the slope of the loss."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from samestep.errors import BadInput
from samestep.layers import LayerKind
from samestep.placing import PlacedLayer, parameter_shapes, place_layers, state_shapes
from samestep.reference import Form, forward, loss_and_gradients, loss_of_logits
from samestep.reference.activations import activate, activation_slope
from samestep.reference.normalization import Norm, normalize, normalize_slope, running_statistics
from samestep.reference.windows import max_pool_slope

torch = pytest.importorskip("torch")

ACTIVATIONS = ["relu", "sigmoid", "tanh", "leaky_relu", "elu", "gelu", "none"]
CLASSES = 3
SMALL = st.integers(1, 3)
PAIRS = st.tuples(SMALL, SMALL).map(list)

functions = st.sampled_from(ACTIVATIONS)
image_layers = st.one_of(
    st.fixed_dictionaries(
        {
            "layer": st.just("conv2d"),
            "filters": SMALL,
            "kernel": PAIRS,
            "stride": PAIRS,
            "padding": st.sampled_from(["valid", "same"]),
            "activation": functions,
            "bias": st.booleans(),
        }
    ),
    st.fixed_dictionaries(
        {
            "layer": st.sampled_from(["max_pool2d", "avg_pool2d"]),
            "size": PAIRS,
            "stride": PAIRS,
        }
    ),
    st.just({"layer": "batch_norm", "epsilon": 1e-3, "momentum": 0.9}),
    st.just({"layer": "dropout", "rate": 0.5}),
)
row_layers = st.one_of(
    st.fixed_dictionaries(
        {
            "layer": st.just("dense"),
            "units": SMALL,
            "activation": functions,
            "bias": st.booleans(),
        }
    ),
    st.sampled_from([{"layer": "layer_norm", "epsilon": 1e-3}, {"layer": "dropout", "rate": 0.3}]),
    functions.map(lambda name: {"layer": "activation", "function": name}),
    st.just({"layer": "batch_norm", "epsilon": 1e-2, "momentum": 0.5}),
)


def place(layers: list[dict[str, Any]], shape: tuple[int, ...]) -> list[PlacedLayer]:
    from pydantic import TypeAdapter

    from samestep.layers import AnyLayer

    model: list[LayerKind] = TypeAdapter(list[AnyLayer]).validate_python(layers)
    return place_layers(model, shape, CLASSES)


def draw_arrays(placed: list[PlacedLayer], generator: np.random.Generator) -> dict[str, Any]:
    """Parameters and state, away from what they start at; the variances are positive."""
    shapes = parameter_shapes(placed) | state_shapes(placed)
    return {
        name: 1 + generator.random(shape)
        if name.endswith((".variance", ".scale"))
        else 0.5 * generator.normal(size=shape)
        for name, shape in shapes.items()
    }


@given(
    shape=st.tuples(st.integers(3, 7), st.integers(3, 7), st.integers(1, 2)),
    images=st.lists(image_layers, max_size=3),
    rows=st.lists(row_layers, max_size=2),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=80, deadline=None)
def test_gradients_are_the_slopes_of_the_loss(
    shape: tuple[int, int, int], images: list[Any], rows: list[Any], seed: int
) -> None:
    dense = {"layer": "dense", "units": CLASSES}
    try:
        placed = place([*images, {"layer": "flatten"}, *rows, dense], shape)
    except BadInput:
        assume(False)
    generator = np.random.default_rng(seed)
    weights = draw_arrays(placed, generator)
    x, y = generator.normal(size=(4, *shape)), generator.integers(0, CLASSES, 4)
    masks = {
        p.name: (generator.random((4, *p.input_shape)) < 0.5) / 0.5
        for p in placed
        if p.layer.layer == "dropout"
    }
    batch = loss_and_gradients(placed, weights, x, y, masks=masks)
    assert list(batch.gradients) == list(parameter_shapes(placed))
    assert batch.state.keys() == state_shapes(placed).keys()
    direction = {n: generator.normal(size=g.shape) for n, g in batch.gradients.items()}

    def moved(distance: float) -> float:
        there = weights | {n: weights[n] + distance * d for n, d in direction.items()}
        return loss_and_gradients(placed, there, x, y, masks=masks).loss

    step = 1e-6
    slope = (moved(step) - moved(-step)) / (2 * step)
    kinks = abs(moved(step) + moved(-step) - 2 * batch.loss)
    expected = sum(float((batch.gradients[n] * d).sum()) for n, d in direction.items())
    # A kink within the step shows as a second difference far above its usual square.
    if kinks < 1e-9:
        assert slope == pytest.approx(expected, rel=1e-4, abs=1e-5)


def torch_modules(placed: list[PlacedLayer], weights: dict[str, Any]) -> Any:
    """The same model from PyTorch's own layers, which takes images (N, C, H, W)."""
    nn = torch.nn
    names = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "elu": nn.ELU}
    names |= {"gelu": nn.GELU, "leaky_relu": nn.LeakyReLU, "none": nn.Identity}

    def filled(module: Any, name: str, kernel: tuple[int, ...] | None = None) -> Any:
        own = {"weight": "scale" if kernel is None else "kernel", "bias": "bias"}
        own |= {"running_mean": "mean", "running_var": "variance"}
        with torch.no_grad():
            for key, value in module.state_dict().items():
                if key in own:
                    array = torch.tensor(weights[f"{name}.{own[key]}"])
                    value.copy_(array.permute(kernel) if kernel and key == "weight" else array)
        return module

    modules: list[Any] = []
    for p in placed:
        layer: Any = p.layer
        match layer.layer:
            case "dense":
                linear = nn.Linear(p.input_shape[0], layer.units, bias=layer.bias)
                modules += [filled(linear, p.name, (1, 0)), names[layer.activation]()]
            case "conv2d":
                (above, below), (left, right) = p.padding
                conv = nn.Conv2d(
                    p.input_shape[2], layer.filters, layer.kernel, layer.stride, bias=layer.bias
                )
                modules += [nn.ZeroPad2d((left, right, above, below))]
                modules += [filled(conv, p.name, (3, 2, 0, 1)), names[layer.activation]()]
            case "max_pool2d":
                modules += [nn.MaxPool2d(layer.size, layer.stride)]
            case "avg_pool2d":
                modules += [nn.AvgPool2d(layer.size, layer.stride)]
            case "batch_norm":
                kind = nn.BatchNorm2d if len(p.input_shape) == 3 else nn.BatchNorm1d
                norm = kind(p.input_shape[-1], eps=layer.epsilon, momentum=1 - layer.momentum)
                modules += [filled(norm, p.name)]
            case "layer_norm":
                modules += [filled(nn.LayerNorm(p.input_shape, eps=layer.epsilon), p.name)]
            case "flatten":
                # Channels last, as the canonical layout has them.
                modules += [_Flatten()]
            case "activation":
                modules += [names[layer.function]()]
    return nn.Sequential(*modules)


class _Flatten(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: Any) -> Any:
        return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x


@given(
    shape=st.tuples(st.integers(3, 8), st.integers(3, 8), st.integers(1, 2)),
    images=st.lists(image_layers, min_size=1, max_size=3),
    rows=st.lists(row_layers, max_size=2),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=80, deadline=None)
def test_forward_and_backward_are_those_of_torch(
    shape: tuple[int, int, int], images: list[Any], rows: list[Any], seed: int
) -> None:
    dense = {"layer": "dense", "units": CLASSES}
    try:
        placed = place([*images, {"layer": "flatten"}, *rows, dense], shape)
    except BadInput:
        assume(False)
    generator = np.random.default_rng(seed)
    weights = draw_arrays(placed, generator)
    x, y = generator.normal(size=(4, *shape)), generator.integers(0, CLASSES, 4)
    with torch.device("cpu"):
        torch.set_default_dtype(torch.float64)
        try:
            model = torch_modules(placed, weights)
        finally:
            torch.set_default_dtype(torch.float32)
    images_first = torch.tensor(x).permute(0, 3, 1, 2)
    model.eval()
    with torch.no_grad():
        expected = model(images_first).numpy()
    np.testing.assert_allclose(forward(placed, weights, x), expected, rtol=1e-9, atol=1e-11)
    model.train()
    loss = torch.nn.functional.cross_entropy(model(images_first), torch.tensor(y))
    loss.backward()
    batch = loss_and_gradients(placed, weights, x, y)
    assert batch.loss == pytest.approx(loss.item(), rel=1e-9)
    found = {k: v.grad.numpy() for k, v in model.named_parameters()}
    kernels = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}
    gradients = [g.transpose(kernels[g.ndim]) for g in found.values()]
    for name, gradient in zip(batch.gradients, gradients, strict=True):
        np.testing.assert_allclose(
            batch.gradients[name], gradient, rtol=1e-7, atol=1e-10, err_msg=name
        )
    running = [b.numpy() for k, b in model.named_buffers() if "running" in k]
    for (name, value), expected in zip(batch.state.items(), running, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-12, err_msg=name)


def test_evaluation_in_chunks_is_evaluation_in_one() -> None:
    layers = [{"layer": "flatten"}, {"layer": "dense", "units": CLASSES}]
    placed = place(layers, (2, 2, 1))
    weights = draw_arrays(placed, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(700, 2, 2, 1))
    whole = x.reshape(700, 4) @ weights["dense_1.kernel"] + weights["dense_1.bias"]
    np.testing.assert_allclose(forward(placed, weights, x), whole)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_by_hand(name: Any) -> None:
    z = np.array([-2.0, -0.0, 0.0, 3.0])
    phi = [0.5 * (1 + math.erf(v / math.sqrt(2))) for v in z]
    expected = {
        "relu": [0, 0, 0, 3],
        "sigmoid": 1 / (1 + np.exp(-z)),
        "tanh": np.tanh(z),
        "leaky_relu": [-0.02, 0, 0, 3],
        "elu": [math.exp(-2) - 1, 0, 0, 3],
        "gelu": z * phi,
        "none": z,
    }
    np.testing.assert_allclose(activate(name, z), expected[name], rtol=1e-14, atol=1e-300)


def test_slopes_at_zero() -> None:
    zero = np.zeros(1)
    slopes = {"relu": 0, "leaky_relu": 0.01, "elu": 1, "gelu": 0.5, "tanh": 1, "none": 1}
    for name, expected in slopes.items():
        assert activation_slope(name, zero, Form())[0] == expected  # type: ignore[arg-type]
    assert activation_slope("leaky_relu", zero, Form(leaky_slope_at_zero=True))[0] == 1


def test_constants_rounded_to_float32() -> None:
    z, form = np.array([-2.0]), Form(float32_leak=True, float32_gelu=True)
    leak = 0.009999999776482582
    assert activate("leaky_relu", z, form)[0] == -2 * leak
    assert activation_slope("leaky_relu", z, form)[0] == leak
    root = 0.7071067690849304
    assert activate("gelu", z, form)[0] == pytest.approx(-math.erfc(2 * root), rel=1e-14)
    nearby = [activate("gelu", z + step, form)[0] for step in (-1e-6, 1e-6)]
    slope = (nearby[1] - nearby[0]) / 2e-6
    assert activation_slope("gelu", z, form)[0] == pytest.approx(slope, rel=1e-8)


def test_running_variance_is_unbiased_unless_the_form_says_otherwise() -> None:
    x = np.array([[1.0], [3.0]])
    mean, variance = running_statistics(x, np.zeros(1), np.ones(1), 0.75, biased=False)
    assert (mean[0], variance[0]) == (0.5, 0.75 + 0.25 * 2)
    _, variance = running_statistics(x, np.zeros(1), np.ones(1), 0.75, biased=True)
    assert variance[0] == 0.75 + 0.25 * 1


def test_cross_entropy_by_hand() -> None:
    logits, y = np.log([[1.0, 3.0], [2.0, 2.0]]), np.array([1, 0])
    assert loss_of_logits(logits, y) == pytest.approx(-(math.log(0.75) + math.log(0.5)) / 2)
    assert loss_of_logits(np.array([[1000.0, -1000.0]]), np.array([1])) == 2000.0


def test_epsilon_beside_the_root_by_hand() -> None:
    x, norm = np.array([[1.0, 3.0]]), Norm((1,), 0.5, beside_root=True)
    # With half the distance d = 1 both are d / (d + 0.5), and d grows half as fast as a value.
    normal = normalize(x, norm)
    np.testing.assert_allclose(normal.values, [[-1 / 1.5, 1 / 1.5]])
    slope = 0.5 / 1.5**2 / 2
    by_value = normalize_slope(np.array([[0.0, 1.0]]), normal, norm)
    np.testing.assert_allclose(by_value, [[-slope, slope]])


def test_near_ties_in_max_pool_by_hand() -> None:
    window = np.array([[1.0, 0.0], [0.5, 1 + 1e-9]]).reshape(1, 2, 2, 1)
    slope = np.ones((1, 1, 1, 1))
    largest = max_pool_slope(slope, window, (2, 2), (2, 2))
    first = max_pool_slope(slope, window, (2, 2), (2, 2), near_ties=True)
    assert largest.ravel().tolist() == [0, 0, 0, 1]
    assert first.ravel().tolist() == [1, 0, 0, 0]
