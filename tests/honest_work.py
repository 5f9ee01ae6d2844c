"""A small plan, and what a framework that works honestly would show of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from samestep import reference
from samestep.audit import AuditBatches
from samestep.experiment_file import load_experiment
from samestep.plan import Plan, make_plan, split_batches
from samestep.reference import EXACT, Form
from samestep.rungs import Observation

ADAM = 'name = "adam", learning_rate = 1e-3, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8'
MOMENTUM = 'name = "momentum", learning_rate = 0.05, momentum = 0.9'
SGD = 'name = "sgd", learning_rate = 0.1'

LADDER = ["forward", "loss", "gradient", "step", "trajectory"]

MakePlan = Callable[..., Plan]
Feed = list[list[list[int]]]


@pytest.fixture
def planned(tmp_path: Path) -> MakePlan:
    def plan(
        optimizer: str = ADAM,
        shuffle: str = "each_epoch",
        last_batch: str = "keep",
        activation: str = "relu",
        precision: str = "float32",
    ) -> Plan:
        file = tmp_path / "small.toml"
        file.write_text(f"""
title = "Small"
data = {{ name = "iris", test = 45, standardize = true, rows = 33 }}
model = [
    {{ layer = "dense", units = 6, activation = "{activation}" }},
    {{ layer = "dense", units = 3 }},
]
[training]
loss = "cross_entropy"
optimizer = {{ {optimizer} }}
batch_size = 5
epochs = 3
shuffle = "{shuffle}"
last_batch = "{last_batch}"
precision = "{precision}"
seed = 0
""")
        return make_plan(load_experiment(str(file)))

    return plan


def feed(plan: Plan, seed: int = 7) -> Feed:
    """What an honest pipeline feeds in three epochs."""
    generator = np.random.default_rng(seed)
    training = plan.experiment.training
    once = generator.permutation(plan.rows)
    orders = {
        "each_epoch": [generator.permutation(plan.rows) for _ in range(3)],
        "once": [once] * 3,
        "never": [np.arange(plan.rows)] * 3,
    }[training.shuffle]
    return [
        [b.tolist() for b in split_batches(o, training.batch_size, training.last_batch)]
        for o in orders
    ]


def observe(plan: Plan, form: Form = EXACT) -> Observation:
    """What a framework that works in this form would show."""
    x_test, y_test = reference.held_out_data(plan)
    logits = reference.forward(plan.layers, plan.weights, x_test)
    x, y = reference.first_batch(plan)
    batch = reference.loss_and_gradients(plan.layers, plan.weights, x, y, form)
    run = reference.train(plan, form)
    trained = reference.forward(plan.layers, run.weights, x_test)
    return Observation(
        logits=logits,
        loss=reference.loss_of_logits(logits, y_test, form),
        accuracy=float(np.float32(reference.accuracy_of_logits(logits, y_test))),
        gradient=batch.gradients,
        step=reference.one_step(plan, batch, form),
        trajectory=run.weights,
        losses=run.losses,
        trained_loss=reference.loss_of_logits(trained, y_test, form),
        audit=AuditBatches(feed(plan)),
    )
