"""The conformance suite: what every framework folder must pass, with the real framework."""

import re
from pathlib import Path

import numpy as np
import pytest
from shipped import SHIPPED, installed, marks_of

from samestep.experiment_file import load_experiment
from samestep.plan import make_plan
from samestep.proof import prove

EXPERIMENTS = {
    "sgd": ("iris-mlp", ["training.optimizer.name=sgd"]),
    "adam": ("iris-mlp", []),
    "momentum, one shuffle, tanh, last batch of 1": (
        "iris-mlp",
        [
            "training.optimizer.momentum=0.9",
            "training.optimizer.name=momentum",
            "training.shuffle=once",
            "training.batch_size=8",
            "model.1.activation=tanh",
        ],
    ),
    "never shuffled, last batch dropped": (
        "iris-mlp",
        ["training.shuffle=never", "training.last_batch=drop", "training.batch_size=16"],
    ),
    "images, a new order each epoch, last batch dropped": (
        "digits-mlp",
        [
            "data.rows=120",
            "data.test_rows=50",
            "training.last_batch=drop",
            "training.batch_size=16",
            "model.2.activation=sigmoid",
        ],
    ),
}
FOLDER = Path(__file__).parent / "experiments"
EXPERIMENTS |= {path.stem: (str(path), []) for path in sorted(FOLDER.glob("*.toml"))}

REFUSED: set[tuple[str, str]] = {
    ("sklearn", "never shuffled, last batch dropped"),
    ("sklearn", "images, a new order each epoch, last batch dropped"),
    ("numpy", "gelu"),
    ("julia", "gelu"),
    ("flux-classic", "activations"),
    ("flux-classic", "gelu"),
    *(("sklearn", path.stem) for path in FOLDER.glob("*.toml")),
}
"""What a framework can't write, by its name and the experiment's."""

KERAS = {
    "convolution": set[str](),
    "dropout": set[str](),
    "gelu": set[str](),
    "activations": {"RMSprop epsilon in the root"},
    "norms": {"epsilon-hat Adam", "biased running variance"},
    "pools": {"learning rate inside the momentum buffer"},
}
ROUNDED_BY_TENSORFLOW = {
    "gelu": {"float32 constant in GELU"},
    "activations": {"float32 leak"},
    "norms": {"float32 beta powers in Adam", "float32 weight decay"},
    "pools": {"float32 momentum"},
}
ROUNDED_BY_KERAS_JAX = {
    experiment: {"float64 computed in float32"} for experiment in ("convolution", "norms", "pools")
}

CAUSES: dict[tuple[str, str], set[str]] = {
    **{
        (name, experiment): causes | rounded.get(experiment, set())
        for name, rounded in {
            "keras-tensorflow": ROUNDED_BY_TENSORFLOW,
            "tensorflow": ROUNDED_BY_TENSORFLOW,
            "keras-jax": ROUNDED_BY_KERAS_JAX,
            "keras-torch": dict[str, set[str]](),
        }.items()
        for experiment, causes in KERAS.items()
    },
    ("flux", "pools"): {"learning rate inside the momentum buffer"},
    ("flux-classic", "norms"): {"layer norm's epsilon beside the root"},
    ("flux-classic", "pools"): {"learning rate inside the momentum buffer"},
    ("flax", "norms"): {"biased running variance"},
    ("flax-scan", "norms"): {"biased running variance"},
    ("knet", "activations"): {"RMSprop epsilon in the root"},
    ("knet", "norms"): {"biased running variance"},
    ("knet", "pools"): {"learning rate inside the momentum buffer"},
    ("knet-loop", "activations"): {"RMSprop epsilon in the root"},
    ("knet-loop", "norms"): {"biased running variance"},
    ("knet-loop", "pools"): {"learning rate inside the momentum buffer"},
}
"""What makes a framework equivalent and not identical, apart from the place of Adam's epsilon."""

HAT_ADAM = {"keras-tensorflow", "keras-jax", "keras-torch", "tensorflow", "sklearn"}

CONTRACT = [
    *("version", "configure", "set_weights", "get_weights", "batches"),
    *("logits", "gradients", "observe", "sync"),
]


# These have another framework's script but for the loop or a line or two, so what is the same is
# proved once. torch-compile, besides, compiles for half a minute each time; of Keras's, each
# backend computes every layer in its own way.
LAYERS = tuple(path.stem for path in sorted(FOLDER.glob("*.toml")))
LOOPS = tuple(name for name in EXPERIMENTS if name not in LAYERS)
ALIKE = {
    "torch-compile": ("norms", "dropout"),
    "lightning": (*LOOPS, "norms", "dropout"),
    "flax-scan": (*LOOPS, "convolution", "norms", "dropout"),
    "keras-jax": ("adam", *LAYERS),
    "keras-torch": ("adam", *LAYERS),
}

PAIRS = [
    pytest.param(name, experiment, marks=marks_of(name), id=f"{name}-{experiment}")
    for name in SHIPPED
    for experiment in ALIKE.get(name, EXPERIMENTS)
]


@pytest.mark.parametrize(("name", "experiment"), PAIRS)
def test_every_framework_does_what_the_experiment_says(name: str, experiment: str) -> None:
    framework = installed(name)
    base, overrides = EXPERIMENTS[experiment]
    proof = prove(make_plan(load_experiment(base, overrides)), framework)
    if proof.verdict == "unsupported":
        assert (name, experiment) in REFUSED, proof.message
        assert proof.message
        return
    assert (name, experiment) not in REFUSED
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
    # What is not identical says why, and is so with its causes; most have no excuse at all.
    rungs = proof.rungs_with_causes or proof.rungs
    assert all(rung.error <= 1e-9 for rung in rungs), proof
    causes = [cause.split(" (")[0] for cause in proof.causes]
    assert (proof.verdict == "equivalent") == bool(causes)
    if name == "keras-torch":
        # Keras computes float64 in float32 on PyTorch; the proof says so, with its size.
        assert causes.pop() == "float64 computed in float32"
    if experiment == "sgd":
        assert causes == []
    elif experiment == "adam":
        # It departs only where a framework puts epsilon elsewhere.
        assert ("epsilon-hat Adam" in causes) == (name in HAT_ADAM)
    if experiment in ("sgd", "adam") and name not in HAT_ADAM:
        assert causes == []
    if (name, experiment) in CAUSES:
        assert set(causes) == CAUSES[name, experiment]
    elif name not in HAT_ADAM:
        assert causes == []
    if experiment == "dropout":
        assert proof.dropout is not None and proof.dropout.passed, proof.dropout


CHANNELS_FIRST = ("torch", "flux", "flux-classic", "knet", "julia")


@pytest.mark.parametrize("name", [pytest.param(n, marks=marks_of(n)) for n in CHANNELS_FIRST])
def test_colours_are_flattened_in_one_order(name: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    images = generator.standard_normal((60, 3, 4, 2))
    np.savez(tmp_path / "colours.npz", images=images, label=np.arange(60) % 3)
    experiment = tmp_path / "colours.toml"
    experiment.write_text("""
title = "Colours"
model = [{ layer = "flatten" }, { layer = "dense", units = 3 }]
[data]
path = "colours.npz"
label = "label"
test = 0.3
standardize = false
[training]
loss = "cross_entropy"
optimizer = { name = "sgd", learning_rate = 0.1 }
batch_size = 8
epochs = 2
shuffle = "each_epoch"
last_batch = "keep"
precision = "float32"
seed = 0
""")
    proof = prove(make_plan(load_experiment(str(experiment))), installed(name))
    assert proof.verdict == "identical", proof


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shim_has_the_names_of_the_contract(name: str) -> None:
    framework = SHIPPED[name]
    source = framework.shim.read_text()
    keyword = {"python": "def ", "julia": "(?:function )?"}[framework.language]
    for function in CONTRACT:
        found = re.search(rf"^{keyword}{function}\(", source, re.MULTILINE)
        assert found, f"{framework.shim}: no {function}()"
