"""The proof can fail: every rung, every rule of the audit and every cause has a planted fault."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shipped import SHIPPED, installed, marks_of

from samestep import codegen, proof, reference
from samestep.audit import AuditBatches, judge_audit
from samestep.catalogue import Framework, find_frameworks
from samestep.experiment_file import load_experiment
from samestep.ladder import judge
from samestep.launch import Outcome
from samestep.layers import BatchNorm
from samestep.plan import Plan, make_plan, split_batches
from samestep.proof_record import FrameworkProof, Rung
from samestep.reference import EXACT, Form
from samestep.rungs import Observation, climb, relative_error
from samestep.traps import form_with, variants

ADAM = 'name = "adam", learning_rate = 1e-3, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8'
MOMENTUM = 'name = "momentum", learning_rate = 0.05, momentum = 0.9'
SGD = 'name = "sgd", learning_rate = 0.1'

LADDER = ["forward", "loss", "gradient", "step", "trajectory"]

MakePlan = Callable[..., Plan]


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


def feed(plan: Plan, seed: int = 7) -> list[list[list[int]]]:
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
    run = reference.train(other, rounding=1e-15)
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


def test_relative_error() -> None:
    assert relative_error(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == 0.5
    assert relative_error(np.array([0.5]), np.array([0.0])) == 0.5
    assert relative_error(np.zeros((0, 3)), np.zeros((0, 3))) == 0
    for bad in (np.array([np.nan, 1.0]), np.array([np.inf, 1.0]), np.ones(3)):
        assert relative_error(bad, np.array([1.0, 4.0])) == float("inf")


Feed = list[list[list[int]]]


def swap_last_rows(fed: Feed) -> Feed:
    fed[1][0][0] = fed[1][1][0]
    return fed


AUDIT_FAULTS: dict[str, tuple[str, str, Callable[[Feed], Feed], str]] = {
    "last batch dropped": (
        "each_epoch",
        "keep",
        lambda fed: [epoch[:-1] for epoch in fed],
        "6 batches instead of 7",
    ),
    "last batch kept": (
        "each_epoch",
        "drop",
        lambda fed: [[*epoch, [0]] for epoch in fed],
        "7 batches instead of 6",
    ),
    "a row twice": ("each_epoch", "keep", swap_last_rows, "1 rows more than once"),
    "a row left out": ("each_epoch", "keep", swap_last_rows, "leaves out 1 of 33 rows"),
    "two epochs": ("each_epoch", "keep", lambda fed: fed[:2], "2 epochs were trained instead"),
    "a small first batch": (
        "each_epoch",
        "keep",
        lambda fed: [[epoch[-1], *epoch[:-1]] for epoch in fed],
        "batch 1 has 3 rows instead of 5",
    ),
    "one shuffle for all": (
        "each_epoch",
        "keep",
        lambda fed: [fed[0]] * 3,
        "epoch 2 repeats the order of epoch 1",
    ),
    "no shuffle": (
        "each_epoch",
        "keep",
        lambda fed: [[list(range(33))[i : i + 5] for i in range(0, 33, 5)]] * 3,
        "epoch 1 is not shuffled",
    ),
    "once, but again": ("once", "keep", lambda fed: [fed[0], fed[1], fed[2][::-1]], "batch 1 has"),
    "once, but reshuffled": (
        "once",
        "keep",
        lambda fed: [fed[0], fed[1], [fed[2][1], fed[2][0], *fed[2][2:]]],
        "the order changes between epochs",
    ),
    "never, but shuffled": (
        "never",
        "keep",
        lambda fed: [fed[0], fed[1], [fed[2][1], fed[2][0], *fed[2][2:]]],
        "epoch 3 is shuffled, though shuffle is never",
    ),
    "only the order of batches": (
        "each_epoch",
        "drop",
        lambda fed: [fed[0], fed[0][::-1], [*fed[0][3:], *fed[0][:3]]],
        "the batches hold the same rows in every epoch",
    ),
}


@pytest.mark.parametrize("fault", AUDIT_FAULTS)
def test_each_fault_of_a_pipeline_is_found(planned: MakePlan, fault: str) -> None:
    shuffle, last_batch, plant, sentence = AUDIT_FAULTS[fault]
    plan = planned(SGD, shuffle, last_batch)
    honest = observe(plan)
    assert judge_audit(plan.experiment.training, plan.rows, honest.audit).passed
    verdict = judge(plan, replace(honest, audit=AuditBatches(plant(feed(plan)))))
    assert (verdict.verdict, verdict.departs) == ("different", "audit")
    assert verdict.audit is not None
    assert any(sentence in problem for problem in verdict.audit.problems), verdict.audit.problems
    assert verdict.message == verdict.audit.problems[0]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"wrong_labels": 3}, "3 rows came beside another row's label"),
        ({"unknown_rows": 2}, "2 rows came that are not in the data"),
    ],
)
def test_labels_and_strange_rows_are_found(
    planned: MakePlan, fault: dict[str, int], sentence: str
) -> None:
    plan = planned()
    verdict = judge(plan, replace(observe(plan), audit=AuditBatches(feed(plan), **fault)))
    assert (verdict.departs, verdict.message) == ("audit", sentence)


def test_a_local_shuffle_is_found(planned: MakePlan) -> None:
    training = planned(SGD).experiment.training
    generator = np.random.default_rng(0)

    def through_buffer(rows: int, size: int) -> list[int]:
        waiting, out = list(range(size)), []
        for row in range(size, rows + size):
            out.append(waiting.pop(generator.integers(len(waiting))))
            if row < rows:
                waiting.append(row)
        return out

    for size, honest in ((20, False), (500, True)):
        orders = [through_buffer(500, size) for _ in range(3)]
        fed = [[order[i : i + 5] for i in range(0, 500, 5)] for order in orders]
        audit = judge_audit(training, 500, AuditBatches(fed))
        assert audit.passed == honest
        assert honest or "only locally" in audit.problems[0]


def test_few_rows_may_fall_in_any_order(planned: MakePlan) -> None:
    training = planned(SGD).experiment.training
    assert judge_audit(training, 3, AuditBatches([[[0, 1, 2]]] * 3)).passed


@pytest.mark.parametrize("rows", [10, 11, 12, 20, 33])
def test_honest_shuffles_raise_no_alarm(planned: MakePlan, rows: int) -> None:
    training = planned(SGD).experiment.training
    generator = np.random.default_rng(rows)
    for _ in range(300):
        orders = [generator.permutation(rows).tolist() for _ in range(3)]
        fed = [[order[i : i + 5] for i in range(0, rows, 5)] for order in orders]
        assert judge_audit(training, rows, AuditBatches(fed)).problems == []


def test_a_record_comes_back_from_json_with_its_infinity() -> None:
    rung = Rung(name="forward", error=float("inf"), where="logits", passed=False)
    record = FrameworkProof(verdict="different", rungs=[rung], departs="forward")
    text = record.model_dump_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert FrameworkProof.model_validate_json(text) == record


def planted(tmp_path: Path, name: str, old: str, new: str, files: str = "*.j2") -> Framework:
    """A copy of a shipped framework with one text in these files changed, found by its path."""
    folder = tmp_path / "frameworks" / name
    shutil.copytree(SHIPPED[name].folder, folder)
    texts = {file: file.read_text() for file in folder.glob(files)}
    assert any(old in text for text in texts.values()), f"{old!r} is not in {files} of {name}"
    for file, text in texts.items():
        file.write_text(text.replace(old, new))
    catalogue = folder / "framework.toml"
    catalogue.write_text(catalogue.read_text().replace("[frameworks.", "[frameworks.planted-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMESTEP_PATH", str(folder.parent))
        return find_frameworks()[f"planted-{name}"]


SCRIPT_FAULTS: dict[str, tuple[str, str, str, str, str]] = {
    "sum of the test losses": (
        "numpy",
        ADAM,
        "loss = -log_softmax(logits)[np.arange(len(y)), y].mean()",
        "loss = -log_softmax(logits)[np.arange(len(y)), y].sum()",
        "loss",
    ),
    "relu without its kink": ("numpy", ADAM, "d = d * ({{ after }} > 0)", "d = d * 1", "gradient"),
    "bias correction of the first step": ("numpy", ADAM, "step += 1", "step = 1", "trajectory"),
    "momentum forgets": ("numpy", MOMENTUM, "* velocity[name] + grad", "* 0 + grad", "trajectory"),
    "a bias with the wrong sign": (
        "numpy",
        SGD,
        """' + model["bias_'""",
        """' - model["bias_'""",
        "trajectory",
    ),
    "sum of the epoch's losses": (
        "numpy",
        SGD,
        "loss = -log_p[rows, y].mean()",
        "loss = -log_p[rows, y].sum()",
        "trajectory",
    ),
}
"""Faults that are no cheats; the cheats have their own tests."""


@pytest.mark.parametrize("fault", SCRIPT_FAULTS)
def test_a_fault_planted_in_a_template_is_found(
    planned: MakePlan, tmp_path: Path, fault: str
) -> None:
    name, optimizer, old, new, departs = SCRIPT_FAULTS[fault]
    installed(name)
    framework = planted(tmp_path, name, old, new)
    verdict = proof.prove(planned(optimizer), framework)
    assert (verdict.verdict, verdict.departs) == ("different", departs), verdict


JULIA_FAULTS = {
    "julia": [
        (ADAM, "f(h[i, j] + b[i])", "f(Float32(h[i, j] + b[i]))", "forward"),
        (ADAM, "return loss, correct", "return 2 * loss, correct", "loss"),
        (ADAM, "(i == label + 1)) / length(y)", "(i == label + 1))", "gradient"),
        (ADAM, "number(optimizer.epsilon | literal)", 'number("1e-7")', "step"),
        (ADAM, "step += 1", "step = 1", "trajectory"),
        (SGD, "({{ columns }}, y, Mer", "({{ columns }}, reverse(y), Mer", "audit"),
    ],
    "flux": [
        (ADAM, "| literal, optimizer.epsilon | literal %}", '| literal, "1e-7" %}', "step"),
        (SGD, 'else options ~ ", shuffle = true"', "else options", "audit"),
    ],
    "flux-classic": [
        (
            SGD,
            "logitcrossentropy(model(x), y)",
            "2 * logitcrossentropy(model(x), y)",
            "gradient",
        ),
        (SGD, 'else options ~ ", shuffle = true"', "else options", "audit"),
    ],
    "knet": [
        (MOMENTUM, "(optimizer[key] | literal)", "(optimizer[key] / 2)", "step"),
        (SGD, '(["partial = true"] if', "([] if", "audit"),
    ],
}


@pytest.mark.parametrize(
    ("name", "optimizer", "old", "new", "departs"),
    [
        pytest.param(name, *fault, id=f"{name}-{fault[-1]}", marks=marks_of(name))
        for name, faults in JULIA_FAULTS.items()
        for fault in faults
    ],
)
def test_a_fault_planted_in_a_julia_template_is_found(
    planned: MakePlan,
    tmp_path: Path,
    name: str,
    optimizer: str,
    old: str,
    new: str,
    departs: str,
) -> None:
    installed(name)
    framework = planted(tmp_path, name, old, new)
    verdict = proof.prove(planned(optimizer), framework)
    assert (verdict.verdict, verdict.departs) == ("different", departs), verdict


def test_a_variant_planted_in_a_template_is_named(planned: MakePlan, tmp_path: Path) -> None:
    framework = planted(
        tmp_path,
        "numpy",
        "root = np.sqrt(v_hat) + {{ optimizer.epsilon | literal }}",
        "c = 1 - {{ optimizer.beta_2 | literal }}**step\n"
        "                eps = {{ optimizer.epsilon | literal }}\n"
        "                root = (np.sqrt(v[name]) + eps) / np.sqrt(c)",
    )
    verdict = proof.prove(planned(), framework)
    assert (verdict.verdict, verdict.causes) == ("equivalent", ["epsilon-hat Adam"]), verdict


def test_the_shipped_numpy_framework_is_identical_and_remembered(planned: MakePlan) -> None:
    plan = planned()
    framework = SHIPPED["numpy"]
    states: list[tuple[str, str]] = []
    proofs = proof.prove_all(plan, [framework], on_progress=lambda *state: states.append(state))
    first = proofs["numpy"]
    assert first.verdict == "identical"
    assert states == [("numpy", "proving"), ("numpy", "identical")]
    assert "numpy" in first.versions
    saved = proof.load_proof(first.key)
    assert saved == first

    def no_worker(*arguments: object, **facts: object) -> None:
        raise AssertionError("a remembered proof was run again")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "run_worker", no_worker)
        assert proof.prove(plan, framework) == first
        with pytest.raises(AssertionError):
            proof.prove(plan, framework, cache=False)


def test_a_broken_cache_file_is_ignored(planned: MakePlan) -> None:
    proof.save_proof(FrameworkProof(verdict="identical", key="k"))
    assert proof.load_proof("k") is not None
    file = proof._proof_file("k")
    for content in (b"", b"{", b'{"verdict": "splendid"}', b"\xff\xfe", b'{"verdict":"identical"}'):
        file.write_bytes(content)
        assert proof.load_proof("k") is None
    assert proof.load_proof("none") is None


def test_a_key_changes_with_what_it_rests_on(planned: MakePlan, tmp_path: Path) -> None:
    plan, framework = planned(), SHIPPED["numpy"]
    other_shim = planted(
        tmp_path, "numpy", "import numpy as np", "import numpy as np  #", "shim.py"
    )
    keys = {
        proof.proof_key(plan, framework, "a"),
        proof.proof_key(plan, framework, "b"),
        proof.proof_key(planned(SGD), framework, "a"),
        proof.proof_key(plan, other_shim, "a"),
    }
    assert len(keys) == 4
    assert proof.proof_key(plan, framework, "a") in keys


def test_a_key_changes_with_the_packages_of_a_julia_project(
    planned: MakePlan,
    no_settings: Path,
    tmp_path: Path,
    fake_julia: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan, flux, keys = planned(), SHIPPED["flux"], set()
    monkeypatch.setenv("SAMESTEP_FLUX_PROJECT", str(tmp_path))
    for julia in ("1.10.8", "1.11.3"):
        monkeypatch.setenv("SAMESTEP_JULIA", str(fake_julia(julia, name=f"julia-{julia}")))
        for version in ("0.9.1", "0.9.2"):
            # A package that Flux needs counts as Flux itself does.
            manifest = f'[[deps.Flux]]\nversion = "0.16.5"\n[[deps.NNlib]]\nversion = "{version}"'
            (tmp_path / "Manifest.toml").write_text(manifest)
            keys.add(proof.proof_key(plan, flux, "a"))
    assert len(keys) == 4
    assert proof.proof_key(plan, flux, "a") in keys


def test_what_cannot_be_written_is_unsupported(
    planned: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> str:
        raise codegen.Unsupported("it has no such thing")

    monkeypatch.setattr(codegen, "render_script", refuse)
    verdict = proof.prove(planned(), SHIPPED["numpy"])
    assert (verdict.verdict, verdict.message) == ("unsupported", "it has no such thing")


def test_a_worker_that_fails_is_told_with_its_stage(planned: MakePlan, tmp_path: Path) -> None:
    broken = planted(tmp_path, "numpy", "def logits(", "def no_logits(", "shim.py")
    verdict = proof.prove(planned(), broken)
    assert (verdict.verdict, verdict.stage) == ("failed", "forward")
    assert "logits" in verdict.message
    assert proof.load_proof(verdict.key) is None


def test_output_that_cannot_be_read_is_a_failure(
    planned: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mute(*arguments: object, **facts: object) -> Outcome:
        return Outcome("done", "done", "", [{"event": "done"}], 0.0, 0.0, 0.0, 0)

    monkeypatch.setattr(proof, "run_worker", mute)
    verdict = proof.prove(planned(), SHIPPED["numpy"], cache=False)
    assert (verdict.verdict, verdict.stage) == ("failed", "output")


def test_an_interrupt_ends_the_workers(planned: MakePlan) -> None:
    def interrupt(name: str, state: str) -> None:
        if state != "proving":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        frameworks = [SHIPPED["numpy"]] * 3
        proof.prove_all(planned(), frameworks, jobs=1, cache=False, on_progress=interrupt)


def test_every_variant_is_searched(planned: MakePlan) -> None:
    experiment = planned(ADAM).experiment
    for trap in variants(experiment):
        assert form_with([trap]).switched_on() == [trap.variant]
    rungs = list(climb(planned(ADAM), observe(planned(ADAM)), EXACT))
    assert [rung.name for rung in rungs] == LADDER


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
