"""Experiments at random: layers, optimizers, schedules, batches and orders, on small digits."""

from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from samestep.errors import BadInput
from samestep.experiment import Experiment
from samestep.plan import Plan, make_plan

ACTIVATIONS = st.sampled_from(["relu", "tanh", "sigmoid", "leaky_relu", "elu", "gelu"])
CONVOLUTIONS = st.fixed_dictionaries(
    {
        "layer": st.just("conv2d"),
        "filters": st.integers(2, 5),
        "kernel": st.sampled_from([2, 3, [3, 2]]),
        "stride": st.sampled_from([1, 2]),
        "padding": st.sampled_from(["valid", "same"]),
        "activation": ACTIVATIONS,
    }
)
POOLS = st.fixed_dictionaries(
    {
        "layer": st.sampled_from(["max_pool2d", "avg_pool2d"]),
        "size": st.just(2),
        "stride": st.just(1),
    }
)
DENSE = st.fixed_dictionaries(
    {"layer": st.just("dense"), "units": st.integers(5, 20), "activation": ACTIVATIONS}
)
AFTER_DENSE = st.sampled_from(
    [
        {"layer": "batch_norm", "epsilon": 1e-3, "momentum": 0.9},
        {"layer": "layer_norm", "epsilon": 1e-5},
        {"layer": "dropout", "rate": 0.2},
    ]
)
OPTIMIZERS = st.sampled_from(
    [
        {"name": "sgd", "learning_rate": 0.1},
        {"name": "momentum", "learning_rate": 0.05, "momentum": 0.9},
        {"name": "adam", "learning_rate": 1e-2, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8},
        {"name": "rmsprop", "learning_rate": 1e-3, "decay": 0.9, "epsilon": 1e-7},
        {
            "name": "adamw",
            **{"learning_rate": 1e-2, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
            "weight_decay": 0.01,
        },
    ]
)
SCHEDULES = st.sampled_from(
    [
        {"name": "constant"},
        {"name": "step", "every": 2, "factor": 0.5},
        {"name": "cosine", "final": 1e-4},
    ]
)
TRAININGS = st.fixed_dictionaries(
    {
        "loss": st.just("cross_entropy"),
        "optimizer": OPTIMIZERS,
        "learning_rate_schedule": SCHEDULES,
        "batch_size": st.sampled_from([7, 16, 32]),
        "epochs": st.just(4),
        "shuffle": st.sampled_from(["each_epoch", "once", "never"]),
        "last_batch": st.sampled_from(["keep", "drop"]),
        "precision": st.sampled_from(["float32", "float64"]),
        "seed": st.integers(0, 1000),
    }
)


@st.composite
def models(draw: st.DrawFn) -> list[dict[str, Any]]:
    """At most two convolutions and a pool, then at most two dense layers, each with one more."""
    layers = draw(st.lists(CONVOLUTIONS, max_size=2))
    if layers:
        layers += draw(st.lists(POOLS, max_size=1))
    layers.append({"layer": "flatten"})
    for dense in draw(st.lists(DENSE, max_size=2)):
        layers += [dense, *draw(st.lists(AFTER_DENSE, max_size=1))]
    return [*layers, {"layer": "dense", "units": 10}]


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    """Most can be planned, but not one with a batch of a single row that has no variance."""
    data = {"name": "digits", "test": 0.2, "standardize": True, "test_rows": 50}
    document = {
        "title": "Random",
        "data": {**data, "rows": draw(st.integers(60, 300))},
        "model": draw(models()),
        "training": draw(TRAININGS),
    }
    return Experiment.model_validate(document)


def planned(experiment: Experiment) -> Plan:
    """Its plan; hypothesis draws another experiment where there is none."""
    try:
        return make_plan(experiment)
    except BadInput:
        reject()
