"""Optimizers, schedules and the loss: steps worked by hand, and torch in float64."""

import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from samestep.experiment import (
    Adam,
    AdamW,
    ConstantRate,
    CosineRate,
    LearningRateSchedule,
    Momentum,
    Optimizer,
    RmsProp,
    Sgd,
    StepRate,
)
from samestep.experiment_file import load_experiment
from samestep.layers import Dense
from samestep.placing import place_layers
from samestep.plan import Plan, make_plan, split_batches
from samestep.reference import (
    Form,
    Stepper,
    learning_rate,
    loss_and_gradients,
    proof_data,
    train,
)
from samestep.traps import TRAPS, form_with, variants

SGD = Sgd(name="sgd", learning_rate=0.5)
MOMENTUM = Momentum(name="momentum", learning_rate=0.1, momentum=0.9)
ADAMW = AdamW(
    name="adamw", learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8, weight_decay=0.5
)
RMSPROP = RmsProp(name="rmsprop", learning_rate=0.1, decay=0.9, epsilon=1e-3)
ADAM = Adam(name="adam", learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8)

MLP = """[
    { layer = "dense", units = 6, activation = "tanh" },
    { layer = "dense", units = 3 },
]"""
ALL_LAYERS = """[
    { layer = "dense", units = 6, activation = "leaky_relu" },
    { layer = "batch_norm", epsilon = 1e-3, momentum = 0.9 },
    { layer = "dense", units = 3 },
]"""


def small_plan(
    folder: Path, optimizer: str, *, layers: str = MLP, schedule: str = '{ name = "constant" }'
) -> Plan:
    file = folder / "small.toml"
    file.write_text(f"""
title = "Small"
data = {{ name = "iris", test = 45, standardize = true, rows = 33 }}
model = {layers}
[training]
loss = "cross_entropy"
optimizer = {{ {optimizer} }}
batch_size = 5
epochs = 3
learning_rate_schedule = {schedule}
shuffle = "each_epoch"
last_batch = "keep"
precision = "float32"
seed = 0
""")
    return make_plan(load_experiment(str(file)))


def test_a_clipped_softmax_is_flat_beyond_the_clip() -> None:
    placed = place_layers([Dense(layer="dense", units=2)], (1,), 2)
    weights = {"dense_1.kernel": np.array([[50.0, -50.0]]), "dense_1.bias": np.zeros(2)}
    form = Form(clipped_softmax=True)
    batch = loss_and_gradients(placed, weights, np.ones((1, 1)), np.array([1]), form)
    assert batch.loss == pytest.approx(-math.log(1e-7))
    assert not batch.gradients["dense_1.kernel"].any()


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
        (ADAMW, Form(), [1 - 1e-3 * (2 / (2 + 1e-8) + 0.5 * 1)]),
        (
            ADAMW.model_copy(update={"weight_decay": 0.1}),
            Form(float32_decay=True),
            [1 - 1e-3 * (2 / (2 + 1e-8) + 0.10000000149011612 * 1)],
        ),
        (RMSPROP, Form(), [1 - 0.1 * 2 / (math.sqrt(0.1 * 4) + 1e-3)]),
        (RMSPROP, Form(epsilon_in_root=True), [1 - 0.1 * 2 / math.sqrt(0.1 * 4 + 1e-3)]),
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
def test_steps_by_hand(optimizer: Optimizer, form: Form, expected: list[float]) -> None:
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
    whole = loss_and_gradients(plan.layers, plan.weights, x, y).loss
    assert train(plan).losses == pytest.approx([whole] * 3, rel=1e-6)
    by_batches = train(plan, Form(batch_mean_loss=True)).losses
    assert by_batches[0] != pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (ConstantRate(name="constant"), [0.4, 0.4, 0.4, 0.4]),
        (StepRate(name="step", every=2, factor=0.5), [0.4, 0.4, 0.2, 0.2]),
        (
            CosineRate(name="cosine", final=0.0),
            [0.4, 0.2 + 0.2 * math.sqrt(0.5), 0.2, 0.2 - 0.2 * math.sqrt(0.5)],
        ),
    ],
)
def test_learning_rates_by_hand(schedule: LearningRateSchedule, expected: list[float]) -> None:
    rates = [learning_rate(schedule, 0.4, epoch, 4) for epoch in range(4)]
    assert rates == pytest.approx(expected, rel=1e-14)


def test_a_rate_inside_the_buffer_departs_once_the_rate_changes(tmp_path: Path) -> None:
    momentum = 'name = "momentum", learning_rate = 0.05, momentum = 0.9'
    schedule = '{ name = "step", every = 1, factor = 0.5 }'
    plan = small_plan(tmp_path, momentum, schedule=schedule)
    inside, outside = train(plan, Form(rate_inside=True)), train(plan)
    first = next(iter(outside.weights))
    assert np.abs(inside.weights[first] - outside.weights[first]).max() > 1e-3


def test_every_form_belongs_to_a_trap_and_moves_something(tmp_path: Path) -> None:
    assert {trap.variant for trap in TRAPS} - {None} == {item.name for item in fields(Form)}
    for optimizer in (
        'name = "momentum", learning_rate = 0.3, momentum = 0.9',
        'name = "adam", learning_rate = 0.3, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8',
        'name = "rmsprop", learning_rate = 0.3, decay = 0.9, epsilon = 1e-8',
    ):
        plan = small_plan(tmp_path, optimizer, layers=ALL_LAYERS)
        # Weights far out, so that some rows lie beyond the clip; and a unit that starts at 0.
        kernels = {n: 8 * w for n, w in plan.weights.items() if n.endswith(".kernel")}
        kernels["dense_1.kernel"][:, 0] = 0
        far = replace(plan, weights=plan.weights | kernels)
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
        'name = "adamw", learning_rate = 1e-2, beta_1 = 0.9, beta_2 = 0.99, epsilon = 1e-8, '
        "weight_decay = 0.1",
        'name = "rmsprop", learning_rate = 1e-2, decay = 0.9, epsilon = 1e-8',
    ],
)
@pytest.mark.parametrize(
    "schedule",
    [
        '{ name = "constant" }',
        '{ name = "step", every = 1, factor = 0.1 }',
        '{ name = "cosine", final = 1e-3 }',
    ],
)
def test_training_is_that_of_torch(tmp_path: Path, optimizer: str, schedule: str) -> None:
    torch = pytest.importorskip("torch")
    plan = small_plan(tmp_path, optimizer, schedule=schedule)
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
        case AdamW():
            stepper = torch.optim.AdamW(
                parameters,
                lr=chosen.learning_rate,
                betas=(chosen.beta_1, chosen.beta_2),
                eps=chosen.epsilon,
                weight_decay=chosen.weight_decay,
            )
        case RmsProp():
            stepper = torch.optim.RMSprop(
                parameters, lr=chosen.learning_rate, alpha=chosen.decay, eps=chosen.epsilon
            )
    match plan.experiment.training.learning_rate_schedule:
        case StepRate(every=every, factor=factor):
            scheduler = torch.optim.lr_scheduler.StepLR(stepper, every, factor)
        case CosineRate(final=final):
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(stepper, 3, final)
        case _:
            scheduler = torch.optim.lr_scheduler.ConstantLR(stepper, 1.0)
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
        scheduler.step()
        losses.append(total / len(order))
    run = train(plan)
    assert run.losses == pytest.approx(losses, rel=1e-12)
    for expected, parameter in zip(run.weights.values(), parameters, strict=True):
        found = parameter.detach().numpy()
        assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()
