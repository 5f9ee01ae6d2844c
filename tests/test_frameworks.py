"""The conformance suite: what every framework folder must pass, with the real framework."""

import pytest

from samestep.catalogue import Framework, find_frameworks
from samestep.experiment import load_experiment
from samestep.plan import make_plan
from samestep.proof import prove

SHIPPED = find_frameworks()

EXPERIMENTS = {
    "sgd": ["training.optimizer.name=sgd"],
    "adam": [],
    "momentum, one shuffle, tanh, last batch of 1": [
        "training.optimizer.momentum=0.9",
        "training.optimizer.name=momentum",
        "training.shuffle=once",
        "training.batch_size=8",
        "model.1.activation=tanh",
    ],
    "never shuffled, last batch dropped": [
        "training.shuffle=never",
        "training.last_batch=drop",
        "training.batch_size=16",
    ],
    "a new order each epoch, last batch dropped": [
        "training.last_batch=drop",
        "training.batch_size=16",
        "model.1.activation=sigmoid",
    ],
}

HAT_ADAM = {"keras-tensorflow", "keras-jax", "keras-torch", "sklearn"}


def installed(name: str) -> Framework:
    framework = SHIPPED[name]
    missing = framework.missing()
    if missing:
        pytest.skip(f"{missing[0]} is not installed; to get it: {framework.how_to_get()}")
    return framework


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("name", SHIPPED)
def test_every_framework_does_what_the_experiment_says(name: str, experiment: str) -> None:
    framework = installed(name)
    plan = make_plan(load_experiment("iris-mlp", EXPERIMENTS[experiment]))
    proof = prove(plan, framework)
    if proof.verdict == "unsupported":
        assert name == "sklearn", proof.message
        assert proof.message
        return
    assert proof.verdict in ("identical", "equivalent"), proof
    assert proof.audit is not None
    assert proof.audit.passed, proof.audit.problems
    assert [rung.name for rung in proof.rungs] == [
        "forward",
        "loss",
        "gradient",
        "step",
        "trajectory",
    ]
    if proof.verdict == "equivalent":
        assert proof.causes


@pytest.mark.parametrize("name", SHIPPED)
def test_sgd_is_identical(name: str) -> None:
    proof = prove(make_plan(load_experiment("iris-mlp", EXPERIMENTS["sgd"])), installed(name))
    assert all(rung.error <= 1e-9 for rung in proof.rungs), proof
    if name == "keras-torch":
        # Keras computes float64 in float32 on PyTorch; the proof says so, with its size.
        assert proof.verdict == "equivalent"
        assert [cause.split(" (")[0] for cause in proof.causes] == ["float64 computed in float32"]
    else:
        assert (proof.verdict, proof.causes) == ("identical", [])


@pytest.mark.parametrize("name", SHIPPED)
def test_adam_departs_only_where_a_framework_puts_epsilon_elsewhere(name: str) -> None:
    proof = prove(make_plan(load_experiment("iris-mlp")), installed(name))
    if name in HAT_ADAM:
        assert proof.verdict == "equivalent"
        assert "epsilon-hat Adam" in proof.causes
        assert all(rung.error <= 1e-9 for rung in proof.rungs_with_causes)
    else:
        assert (proof.verdict, proof.causes) == ("identical", [])


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shim_has_the_names_of_the_contract(name: str) -> None:
    source = SHIPPED[name].shim.read_text()
    for function in (
        "version",
        "configure",
        "set_weights",
        "get_weights",
        "batches",
        "logits",
        "gradients",
        "observe",
        "sync",
    ):
        assert f"def {function}(" in source, f"{SHIPPED[name].shim}: no {function}()"
