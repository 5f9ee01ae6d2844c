"""The ladder can fail: every rung and every cause has a planted fault."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from honest_work import ADAM, LADDER, MOMENTUM, SGD, MakePlan, feed, observe

from samestep import reference
from samestep.audit import AuditBatches
from samestep.ladder import judge
from samestep.layers import BatchNorm
from samestep.plan import Plan, make_plan
from samestep.reference import Form
from samestep.rungs import Observation, relative_error


def nudged(arrays: dict[str, Any], name: str, share: float) -> dict[str, Any]:
    changed = arrays[name].copy()
    changed.flat[0] += share * np.abs(changed).max()
    return {**arrays, name: changed}


@pytest.mark.parametrize("optimizer", [SGD, MOMENTUM, ADAM])
@pytest.mark.parametrize("shuffle", ["each_epoch", "once", "never"])
@pytest.mark.parametrize("last_batch", ["keep", "drop"])
def test_honest_work_is_identical(
    planned: MakePlan, optimizer: str, shuffle: str, last_batch: str
) -> None:
    plan = planned(optimizer, shuffle, last_batch)
    verdict = judge(plan, observe(plan))
    assert verdict.verdict == "identical"
    assert [rung.name for rung in verdict.rungs] == LADDER
    assert all(rung.passed for rung in verdict.rungs)
    assert verdict.audit is not None and verdict.audit.problems == []
    assert (verdict.departs, verdict.causes, verdict.shift) == (None, [], None)


FAULTS: dict[str, tuple[str, str, Callable[[Observation], dict[str, Any]]]] = {
    "logits off by 1e-8": ("forward", "logits", lambda o: {"logits": o.logits * (1 + 1e-8)}),
    "logits transposed": ("forward", "logits", lambda o: {"logits": o.logits.T}),
    "logits NaN": ("forward", "logits", lambda o: {"logits": o.logits * np.nan}),
    "loss off": ("loss", "loss", lambda o: {"loss": o.loss * (1 + 1e-8)}),
    "loss NaN": ("loss", "loss", lambda o: {"loss": float("nan")}),
    "one row more is right": ("loss", "accuracy", lambda o: {"accuracy": o.accuracy + 1 / 45}),
    "gradient off": (
        "gradient",
        "dense_2.kernel",
        lambda o: {"gradient": nudged(o.gradient, "dense_2.kernel", 1e-8)},
    ),
    "gradient of a sum": (
        "gradient",
        "dense_1.kernel",
        lambda o: {"gradient": {n: 5 * g for n, g in o.gradient.items()}},
    ),
    "a parameter is missing": (
        "gradient",
        "dense_1.bias",
        lambda o: {"gradient": {n: g for n, g in o.gradient.items() if n != "dense_1.bias"}},
    ),
    "step off": (
        "step",
        "dense_1.kernel",
        lambda o: {"step": nudged(o.step, "dense_1.kernel", 1e-8)},
    ),
    "a parameter too many": (
        "step",
        "dense_3.kernel",
        lambda o: {"step": {**o.step, "dense_3.kernel": np.ones(1)}},
    ),
    "trajectory off": (
        "trajectory",
        "dense_2.bias",
        lambda o: {"trajectory": nudged(o.trajectory, "dense_2.bias", 1e-8)},
    ),
    "epoch loss off": (
        "trajectory",
        "loss of epoch 2",
        lambda o: {"losses": [o.losses[0], o.losses[1] * (1 + 1e-8), o.losses[2]]},
    ),
    "left in training mode": (
        "trajectory",
        "test loss after it",
        lambda o: {"trained_loss": o.trained_loss * (1 + 1e-8)},
    ),
    "an epoch is missing": (
        "trajectory",
        "2 epochs instead of 3",
        lambda o: {"losses": o.losses[:2]},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_by_its_rung_and_by_no_other(planned: MakePlan, fault: str) -> None:
    rung, where, plant = FAULTS[fault]
    plan = planned()
    honest = observe(plan)
    verdict = judge(plan, replace(honest, **plant(honest)))
    assert (verdict.verdict, verdict.departs) == ("different", rung)
    broken = [(item.name, item.where) for item in verdict.rungs if not item.passed]
    if fault == "gradient of a sum":
        assert broken[0][0] == rung
    else:
        assert broken == [(rung, where)]


def test_a_dtype_that_should_not_be_there_is_named(planned: MakePlan) -> None:
    plan = planned()
    honest = observe(plan)
    low = honest.logits.astype(np.float32).astype(np.float64)
    verdict = judge(plan, replace(honest, logits=low, dtypes={"logits": "float32"}))
    assert verdict.departs == "forward"
    assert verdict.rungs[0].where == "logits (float32)"


@pytest.mark.parametrize(
    ("optimizer", "form", "departs", "causes"),
    [
        (ADAM, Form(epsilon_hat=True), "step", ["epsilon-hat Adam"]),
        (ADAM, Form(float32_powers=True), "step", ["float32 beta powers in Adam"]),
        (
            ADAM,
            Form(epsilon_hat=True, float32_powers=True),
            "step",
            ["epsilon-hat Adam", "float32 beta powers in Adam"],
        ),
        (MOMENTUM, Form(float32_momentum=True), "trajectory", ["float32 momentum"]),
        (SGD, Form(batch_mean_loss=True), "trajectory", ["epoch loss weighted by batches"]),
    ],
)
def test_a_cause_is_proved_and_measured(
    planned: MakePlan, optimizer: str, form: Form, departs: str, causes: list[str]
) -> None:
    plan = planned(optimizer)
    verdict = judge(plan, observe(plan, form))
    assert (verdict.verdict, verdict.departs, verdict.causes) == ("equivalent", departs, causes)
    assert all(rung.passed for rung in verdict.rungs_with_causes)
    assert verdict.shift is not None
    moved, exact = reference.train(plan, form), reference.train(plan)
    shift = max(relative_error(moved.weights[n], w) for n, w in exact.weights.items())
    assert verdict.shift.weights == shift
    assert (shift > 1e-9) == (not form.batch_mean_loss)


def test_a_clipped_softmax_is_a_cause_where_it_bites(planned: MakePlan) -> None:
    plan = planned(SGD)
    far = replace(plan, weights={n: 30 * w for n, w in plan.weights.items()})
    verdict = judge(far, observe(far, Form(clipped_softmax=True)))
    assert (verdict.verdict, verdict.departs) == ("equivalent", "loss")
    assert verdict.causes == ["clipped softmax"]


def test_a_variant_does_not_excuse_another_fault(planned: MakePlan) -> None:
    plan = planned()
    seen = observe(plan, Form(epsilon_hat=True))
    verdict = judge(plan, replace(seen, losses=[*seen.losses[:2], seen.losses[2] + 1e-6]))
    assert (verdict.verdict, verdict.departs, verdict.causes) == ("different", "step", [])


def test_no_variant_hides_a_wrong_epsilon(planned: MakePlan) -> None:
    plan, wrong = planned(ADAM), planned(ADAM.replace("1e-8", "1e-7"))
    verdict = judge(plan, replace(observe(wrong), audit=AuditBatches(feed(plan))))
    assert (verdict.verdict, verdict.departs) == ("different", "step")


@pytest.fixture
def flat_bias(planned: MakePlan) -> Plan:
    """Batch norm takes the first layer's bias away: its slope is rounding, which Adam enlarges."""
    experiment = planned(ADAM).experiment
    first, last = experiment.model
    bare = first.model_copy(update={"activation": "none"})
    norm = BatchNorm(layer="batch_norm", epsilon=1e-3, momentum=0.9)
    return make_plan(experiment.model_copy(update={"model": [bare, norm, last]}))


def observe_rounded(plan: Plan) -> Observation:
    """Honest work whose sums are rounded in other places than the reference's."""
    training = plan.experiment.training.model_copy(update={"seed": 1})
    other = replace(plan, experiment=plan.experiment.model_copy(update={"training": training}))
    generator = np.random.default_rng(1)

    def rounded(gradients: dict[str, Any]) -> dict[str, Any]:
        return {n: g + generator.uniform(-1e-16, 1e-16, g.shape) for n, g in gradients.items()}

    x, y = reference.first_batch(plan)
    batch = reference.loss_and_gradients(plan.layers, plan.weights, x, y)
    run = reference.train(other, rounding=0.1)
    x_test, y_test = reference.held_out_data(plan)
    trained = reference.forward(plan.layers, run.weights, x_test)
    return replace(
        observe(plan),
        gradient=rounded(batch.gradients),
        step=reference.one_step(plan, replace(batch, gradients=rounded(batch.gradients))),
        trajectory=run.weights,
        losses=run.losses,
        trained_loss=reference.loss_of_logits(trained, y_test),
    )


def test_rounding_is_no_difference_where_adam_enlarges_it(flat_bias: Plan) -> None:
    rounded, exact = observe_rounded(flat_bias), observe(flat_bias)
    for seen, expected in [(rounded.step, exact.step), (rounded.trajectory, exact.trajectory)]:
        assert relative_error(seen["dense_1.bias"], expected["dense_1.bias"]) > 0.1
    verdict = judge(flat_bias, rounded)
    assert verdict.verdict == "identical", verdict


@pytest.mark.parametrize(
    ("rung", "name"),
    [
        ("gradient", "dense_1.bias"),
        ("step", "dense_1.bias"),
        ("trajectory", "dense_1.bias"),
        ("gradient", "dense_1.kernel"),
        ("step", "dense_1.kernel"),
        ("trajectory", "dense_1.kernel"),
        ("trajectory", "batch_norm_1.mean"),
        ("trajectory", "dense_2.bias"),
    ],
)
def test_beside_enlarged_rounding_a_fault_is_still_found(
    flat_bias: Plan, rung: str, name: str
) -> None:
    honest = observe_rounded(flat_bias)
    arrays = getattr(honest, rung)
    size = max(np.abs(arrays[name]).max(), 1e-2)
    changed = arrays[name].copy()
    changed.flat[0] += 1e-5 * size
    verdict = judge(flat_bias, replace(honest, **{rung: {**arrays, name: changed}}))
    assert (verdict.verdict, verdict.departs) == ("different", rung)


def test_rows_whose_logits_tie_may_go_either_way(planned: MakePlan) -> None:
    plan = planned(SGD)
    flat = replace(plan, weights={n: np.zeros_like(w) for n, w in plan.weights.items()})
    seen = observe(flat)
    assert judge(flat, replace(seen, accuracy=1 - seen.accuracy)).verdict == "identical"


def test_a_reference_that_diverges_proves_nothing(planned: MakePlan) -> None:
    plan = planned(SGD.replace("0.1", "1e6"), activation="none")
    far = replace(plan, weights={n: 1e200 * (w + 1) for n, w in plan.weights.items()})
    with np.errstate(all="ignore"):
        verdict = judge(far, replace(observe(plan), logits=np.ones((45, 3))))
    assert (verdict.verdict, verdict.stage) == ("failed", "reference")
    assert "smaller learning rate" in verdict.message


def test_a_rounding_that_was_lifted_is_named_with_its_size(planned: MakePlan) -> None:
    plan = planned()
    seen = observe(plan)
    rounded = seen.logits.astype(np.float32).astype(np.float64)
    seen = replace(seen, rounding="float64 in float32", rounded_logits=rounded)
    verdict = judge(plan, seen)
    assert verdict.verdict == "equivalent"
    assert verdict.causes[0].startswith("float64 in float32 (logits by ")
    assert all(rung.passed for rung in verdict.rungs)


def test_a_lifted_rounding_that_moves_nothing_is_not_named(planned: MakePlan) -> None:
    plan = planned()
    seen = observe(plan)
    seen = replace(seen, rounding="nothing to see", rounded_logits=seen.logits)
    assert judge(plan, seen).verdict == "identical"


def test_a_lifted_rounding_excuses_no_other_fault(planned: MakePlan) -> None:
    plan = planned()
    seen = observe(plan)
    rounded = seen.logits.astype(np.float32).astype(np.float64)
    wrong = replace(seen, logits=rounded, rounding="float32", rounded_logits=rounded)
    assert judge(plan, wrong).verdict == "different"
