"""Judge what a framework's own pipeline fed: which rows, in what batches, in what order."""

from collections import Counter
from dataclasses import dataclass, field
from math import lgamma, log

import numpy as np

from samestep.experiment import Training
from samestep.proof_record import Audit

AUDIT_EPOCHS = 3

FEWEST_ROWS = 10
"""With fewer rows two honest orders can be equal by chance (10! is 3.6 million)."""

CHANCE = 1e-6
"""How likely an honest shuffle may be to break a rule that rests on chance."""

SIGMAS = 6.0


@dataclass(frozen=True)
class AuditBatches:
    """Row numbers by epoch and batch, as they really entered the loss."""

    batches: list[list[list[int]]]
    wrong_labels: int = 0
    unknown_rows: int = 0
    rows: int | None = None
    """How many rows there were, the first of the training; all of them if None."""
    again: list[list[int]] = field(default_factory=list)
    """The batches of the first epoch of a second training on the same data."""


def judge_audit(training: Training, rows: int, seen: AuditBatches) -> Audit:
    """Compare what was fed with the schedule; every problem is a sentence."""
    shown = rows if seen.rows is None else seen.rows
    problems = []
    if len(seen.batches) != AUDIT_EPOCHS:
        problems.append(f"{len(seen.batches)} epochs were trained instead of {AUDIT_EPOCHS}")
    if seen.unknown_rows:
        problems.append(f"{seen.unknown_rows} rows came that are not in the data")
    if seen.wrong_labels:
        problems.append(f"{seen.wrong_labels} rows came beside another row's label")
    for number, batches in enumerate(seen.batches, start=1):
        problems += _epoch_problems(training, shown, number, batches)
    if not problems:
        problems = _order_problems(training, seen.batches)
        # Of few rows two honest orders can be equal by chance.
        if not problems and rows >= FEWEST_ROWS and seen.again == seen.batches[0]:
            problems.append(
                "a second training on the same data begins with the order of the first: its "
                "batches were made before it, or train() sets the seed"
            )
    part = shown if shown < rows else None
    return Audit(passed=not problems, problems=problems, rows=part)


def expected_sizes(training: Training, rows: int) -> list[int]:
    """The sizes of an epoch's batches."""
    whole, tail = divmod(rows, training.batch_size)
    keep = tail and training.last_batch == "keep"
    return [training.batch_size] * whole + ([tail] if keep else [])


def _epoch_problems(
    training: Training, rows: int, number: int, batches: list[list[int]]
) -> list[str]:
    problems = []
    expected, sizes = expected_sizes(training, rows), [len(batch) for batch in batches]
    if len(sizes) != len(expected):
        problems.append(f"epoch {number} has {len(sizes)} batches instead of {len(expected)}")
    elif sizes != expected:
        place = next(i for i, size in enumerate(sizes) if size != expected[i])
        problems.append(
            f"epoch {number}: batch {place + 1} has {sizes[place]} rows instead of "
            f"{expected[place]}"
        )
    counts = Counter(row for batch in batches for row in batch)
    twice = sum(1 for count in counts.values() if count > 1)
    if twice:
        problems.append(f"epoch {number} has {twice} rows more than once")
    absent = sum(expected) - len(counts)
    if absent > 0:
        problems.append(f"epoch {number} leaves out {absent} of {sum(expected)} rows")
    return problems


def _order_problems(training: Training, epochs: list[list[list[int]]]) -> list[str]:
    orders = [[row for batch in batches for row in batch] for batches in epochs]
    identity = list(range(len(orders[0])))
    if training.shuffle == "never":
        moved = next((n for n, order in enumerate(orders, start=1) if order != identity), None)
        return [] if moved is None else [f"epoch {moved} is shuffled, though shuffle is never"]
    if len(identity) < FEWEST_ROWS:
        return []
    problems = [
        f"epoch {number} is not shuffled"
        for number, order in enumerate(orders, start=1)
        if order == identity
    ]
    repeats = [n for n in range(1, len(orders)) if orders[n] == orders[n - 1]]
    if training.shuffle == "once":
        if len(repeats) < len(orders) - 1:
            problems.append("the order changes between epochs, though shuffle is once")
    elif repeats:
        problems.append(f"epoch {repeats[0] + 1} repeats the order of epoch {repeats[0]}")
    elif _same_batches(epochs):
        problems.append("the batches hold the same rows in every epoch; only their order changes")
    if not problems:
        problems = [
            f"epoch {number} is shuffled only locally: rows stay near their places"
            for number, order in enumerate(orders, start=1)
            if _rank_correlation(order) * (len(order) - 1) ** 0.5 > SIGMAS
        ]
    return problems


def _same_batches(epochs: list[list[list[int]]]) -> bool:
    """Whether all epochs cut the rows into the same sets, where chance can't explain it."""
    sizes = [len(batch) for batch in epochs[0]]
    if max(sizes) == 1:
        return False
    ways = lgamma(sum(sizes) + 1) - sum(lgamma(size + 1) for size in sizes) - lgamma(len(sizes) + 1)
    if (len(epochs) - 1) * ways < -log(CHANCE):
        return False
    partitions = {frozenset(frozenset(batch) for batch in batches) for batches in epochs}
    return len(partitions) == 1


def _rank_correlation(order: list[int]) -> float:
    """How far the order follows the rows' own: 1 for the identity, about 0 for a shuffle."""
    return float(np.corrcoef(np.arange(len(order)), order)[0, 1])
