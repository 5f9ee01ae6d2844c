"""The audit of the rows: every rule has a planted fault, and honest shuffles break none."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from honest_work import SGD, Feed, MakePlan, feed, observe

from samestep.audit import AuditBatches, judge_audit
from samestep.ladder import judge


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
