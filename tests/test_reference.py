"""The reference against finite differences, steps worked by hand, and torch in float64."""

import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samestep.experiment import Adam, Experiment, Momentum, Sgd, load_experiment
from samestep.layers import Activation, Dense, Flatten, parameter_shapes, place_layers
from samestep.plan import Plan, make_plan, split_batches
from samestep.reference import (
    CLIP,
    Form,
    Stepper,
    accuracy_of_logits,
    forward,
    loss_and_gradients,
    loss_of_logits,
    proof_data,
    train,
)
from samestep.traps import TRAPS, form_with, variants

SGD = Sgd(name="sgd", learning_rate=0.5)
MOMENTUM = Momentum(name="momentum", learning_rate=0.1, momentum=0.9)
ADAM = Adam(name="adam", learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8)

activations = st.sampled_from(["relu", "sigmoid", "tanh", "none"])


def small_plan(tmp_path: Path, optimizer: str, shuffle: str = "each_epoch") -> Plan:
    return make_plan(small_experiment(tmp_path, optimizer, shuffle))


def small_experiment(folder: Path, optimizer: str, shuffle: str = "each_epoch") -> Experiment:
    file = folder / "small.toml"
    file.write_text(f"""
title = "Small"
data = {{ name = "iris", test = 45, standardize = true, rows = 33 }}
model = [{{ layer = "dense", units = 6, activation = "tanh" }}, {{ layer = "dense", units = 3 }}]
[training]
loss = "cross_entropy"
optimizer = {{ {optimizer} }}
batch_size = 5
epochs = 3
shuffle = "{shuffle}"
last_batch = "keep"
precision = "float32"
seed = 0
""")
    return load_experiment(str(file))


@given(
    rows=st.integers(1, 5),
    shape=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    widths=st.lists(st.integers(1, 4), max_size=2),
    classes=st.integers(2, 4),
    names=st.tuples(activations, activations, activations),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=80, deadline=None)
def test_gradients_are_the_slopes_of_the_loss(
    rows: int,
    shape: list[int],
    widths: list[int],
    classes: int,
    names: tuple[str, str, str],
    seed: int,
) -> None:
    layers: list[Dense | Flatten | Activation] = [Flatten(layer="flatten")]
    for width, name in zip(widths, names, strict=False):
        layers.append(Dense(layer="dense", units=width, activation=name))  # type: ignore[arg-type]
    layers.append(Activation(layer="activation", function=names[2]))  # type: ignore[arg-type]
    layers.append(Dense(layer="dense", units=classes))
    placed = place_layers(layers, tuple(shape), classes)
    generator = np.random.default_rng(seed)
    weights = {n: generator.normal(size=s) for n, s in parameter_shapes(placed).items()}
    x, y = generator.normal(size=(rows, *shape)), generator.integers(0, classes, rows)
    loss, gradients = loss_and_gradients(placed, weights, x, y)
    assert loss == pytest.approx(loss_of_logits(forward(placed, weights, x), y))
    assert list(gradients) == list(weights)
    direction = {n: generator.normal(size=w.shape) for n, w in weights.items()}

    def moved(distance: float) -> float:
        there = {n: w + distance * direction[n] for n, w in weights.items()}
        return loss_and_gradients(placed, there, x, y)[0]

    step = 1e-6
    slope = (moved(step) - moved(-step)) / (2 * step)
    kinks = abs(moved(step) + moved(-step) - 2 * loss)
    expected = sum(float((gradients[n] * direction[n]).sum()) for n in weights)
    # A relu's kink within the step shows as a second difference far above its usual square.
    if kinks < 1e-9:
        assert slope == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_cross_entropy_by_hand() -> None:
    logits, y = np.log([[1.0, 3.0], [2.0, 2.0]]), np.array([1, 0])
    assert loss_of_logits(logits, y) == pytest.approx(-(math.log(0.75) + math.log(0.5)) / 2)
    assert accuracy_of_logits(logits, y) == 1.0
    assert loss_of_logits(np.array([[1000.0, -1000.0]]), np.array([1])) == 2000.0


def test_a_clipped_softmax_is_flat_beyond_the_clip() -> None:
    placed = place_layers([Dense(layer="dense", units=2)], (1,), 2)
    weights = {"dense_1.kernel": np.array([[50.0, -50.0]]), "dense_1.bias": np.zeros(2)}
    form = Form(clipped_softmax=True)
    loss, gradients = loss_and_gradients(placed, weights, np.ones((1, 1)), np.array([1]), form)
    assert loss == pytest.approx(-math.log(CLIP))
    assert not gradients["dense_1.kernel"].any()


@pytest.mark.parametrize(
    ("optimizer", "form", "expected"),
    [
        (SGD, Form(), [1 - 0.5 * 2, 1 - 0.5 * 2 - 0.5 * 4]),
        (MOMENTUM, Form(), [1 - 0.1 * 2, 1 - 0.1 * 2 - 0.1 * (0.9 * 2 + 4)]),
        (MOMENTUM, Form(rate_inside=True), [0.8, 0.8 - (0.9 * 0.2 + 0.4)]),
        (
            MOMENTUM,
            Form(float32_momentum=True),
            [0.8, 0.8 - 0.1 * (0.8999999761581421 * 2 + 4)],
        ),
        (ADAM, Form(), [1 - 1e-3 * 2 / (2 + 1e-8)]),
        (ADAM, Form(epsilon_hat=True), [1 - 1e-3 * 2 / (2 + 1e-8 / math.sqrt(0.001))]),
        (
            ADAM,
            Form(epsilon_hat=True, float32_powers=True),
            [
                1
                - 1e-3
                * math.sqrt(1 - 0.9990000128746033)
                / (1 - 0.8999999761581421)
                * 0.2
                / (math.sqrt(0.004) + 1e-8)
            ],
        ),
    ],
)
def test_steps_by_hand(optimizer: Sgd | Momentum | Adam, form: Form, expected: list[float]) -> None:
    stepper = Stepper(optimizer, form)
    weights = {"w": np.array([1.0])}
    for gradient, value in zip([2.0, 4.0], expected, strict=False):
        weights = stepper.step(weights, {"w": np.array([gradient])})
        assert weights["w"][0] == pytest.approx(value, rel=1e-14)


def test_second_adam_step_by_hand() -> None:
    stepper = Stepper(ADAM)
    weights = stepper.step({"w": np.array([1.0])}, {"w": np.array([2.0])})
    weights = stepper.step(weights, {"w": np.array([-1.0])})
    first = (0.9 * 0.1 * 2 - 0.1) / (1 - 0.81)
    second = (0.999 * 0.001 * 4 + 0.001) / (1 - 0.998001)
    expected = 1 - 1e-3 * 2 / (2 + 1e-8) - 1e-3 * first / (math.sqrt(second) + 1e-8)
    assert weights["w"][0] == pytest.approx(expected, rel=1e-13)


def test_a_step_leaves_the_old_weights_alone() -> None:
    weights = {"w": np.ones(2)}
    Stepper(SGD).step(weights, {"w": np.ones(2)})
    assert (weights["w"] == 1).all()


def test_a_constant_rate_may_stand_inside_or_outside_the_buffer(tmp_path: Path) -> None:
    plan = small_plan(tmp_path, 'name = "momentum", learning_rate = 0.05, momentum = 0.9')
    inside, outside = train(plan, Form(rate_inside=True)), train(plan)
    for name, expected in outside.weights.items():
        np.testing.assert_allclose(inside.weights[name], expected, rtol=1e-12, atol=1e-14)


def test_epoch_loss_is_weighted_by_rows(tmp_path: Path) -> None:
    plan = small_plan(tmp_path, 'name = "sgd", learning_rate = 1e-9')
    x, y = proof_data(plan)
    whole = loss_and_gradients(plan.layers, plan.weights, x, y)[0]
    assert train(plan).losses == pytest.approx([whole] * 3, rel=1e-6)
    by_batches = train(plan, Form(batch_mean_loss=True)).losses
    assert by_batches[0] != pytest.approx(whole, rel=1e-6)


def test_every_form_belongs_to_a_trap_and_moves_something(tmp_path: Path) -> None:
    assert {trap.variant for trap in TRAPS} - {None} == {item.name for item in fields(Form)}
    for optimizer in (
        'name = "momentum", learning_rate = 0.3, momentum = 0.9',
        'name = "adam", learning_rate = 0.3, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8',
    ):
        plan = small_plan(tmp_path, optimizer)
        # Weights far out, so that some rows lie beyond the clip.
        far = replace(plan, weights={n: 30 * w for n, w in plan.weights.items()})
        exact = train(far)
        for trap in variants(plan.experiment):
            other = train(far, form_with([trap]))
            same = all((other.weights[n] == w).all() for n, w in exact.weights.items())
            assert not same or other.losses != exact.losses, trap.name


@pytest.mark.parametrize(
    "optimizer",
    [
        'name = "sgd", learning_rate = 0.1',
        'name = "momentum", learning_rate = 0.05, momentum = 0.9',
        'name = "adam", learning_rate = 1e-2, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8',
    ],
)
def test_training_is_that_of_torch(tmp_path: Path, optimizer: str) -> None:
    torch = pytest.importorskip("torch")
    plan = small_plan(tmp_path, optimizer)
    x, y = (torch.tensor(array) for array in proof_data(plan))
    parameters = [torch.tensor(w, requires_grad=True) for w in plan.weights.values()]
    chosen = plan.experiment.training.optimizer
    match chosen:
        case Sgd():
            stepper = torch.optim.SGD(parameters, lr=chosen.learning_rate)
        case Momentum():
            stepper = torch.optim.SGD(parameters, lr=chosen.learning_rate, momentum=chosen.momentum)
        case Adam():
            betas = (chosen.beta_1, chosen.beta_2)
            stepper = torch.optim.Adam(
                parameters, lr=chosen.learning_rate, betas=betas, eps=chosen.epsilon
            )
    losses = []
    for order in plan.orders:
        total = 0.0
        for rows in split_batches(order, 5, "keep"):
            hidden = torch.tanh(x[rows] @ parameters[0] + parameters[1])
            logits = hidden @ parameters[2] + parameters[3]
            loss = torch.nn.functional.cross_entropy(logits, y[rows])
            stepper.zero_grad()
            loss.backward()
            stepper.step()
            total += loss.item() * len(rows)
        losses.append(total / len(order))
    run = train(plan)
    assert run.losses == pytest.approx(losses, rel=1e-12)
    for expected, parameter in zip(run.weights.values(), parameters, strict=True):
        found = parameter.detach().numpy()
        assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()
