"""Two results: what is called a regression, what is not, and what is not compared at all."""

import random
from pathlib import Path
from typing import Any

import pytest

from samestep.comparison import Change, Tolerance, compare, obstacle
from samestep.proof_record import FrameworkProof
from samestep.result import Curve, Evaluation, Point, Result, Seconds, Trial, load_result

SAVED = Path(__file__).parents[1] / "docs/results/iris-mlp.json"


@pytest.fixture
def base() -> Result:
    """A saved race, without its trials."""
    return load_result(SAVED).model_copy(update={"trials": [], "curves": []})


def trial(epoch: float, memory: int = 100, **changes: Any) -> Trial:
    return Trial(
        framework="torch",
        block=0,
        position=0,
        seconds=Seconds(steady_epoch=epoch),
        evaluation=Evaluation(loss=0.1, accuracy=0.9),
        peak_bytes=memory,
        cpu_seconds=1.0,
        outcome="done",
    ).model_copy(update=changes)


def curve(accuracy: float, seed: int) -> Curve:
    point = Point(loss=0.1, test_loss=0.1, test_accuracy=accuracy)
    return Curve(framework="torch", seed=seed, points=[point], outcome="done")


def with_(result: Result, **changes: Any) -> Result:
    return result.model_copy(update=changes)


def torch_change(old: Result, new: Result, **tolerance: float) -> Change:
    changes = compare(old, new, Tolerance(**tolerance))
    return next(change for change in changes if change.framework == "torch")


STEADY = [1.00, 1.01, 0.99, 1.005, 0.995]


def test_disturbed_trials_that_were_repeated_count_for_nothing(base: Result) -> None:
    old = with_(base, trials=[trial(seconds, block=n) for n, seconds in enumerate(STEADY)])
    slowed = [trial(1.9 * seconds, block=n) for n, seconds in enumerate(STEADY)]
    again = [trial(seconds, block=5 + n, repeats=n) for n, seconds in enumerate(STEADY)]
    assert torch_change(old, with_(base, trials=slowed)).regressions == ["more time"]
    assert torch_change(old, with_(base, trials=slowed + again)).regressions == []


@pytest.mark.parametrize(
    ("factor", "regressions", "improvements"),
    [(1.0, [], []), (1.04, [], []), (1.10, ["more time"], []), (0.9, [], ["less time"])],
)
def test_time_beyond_the_tolerance_for_certain(
    base: Result, factor: float, regressions: list[str], improvements: list[str]
) -> None:
    old = with_(base, trials=[trial(seconds) for seconds in STEADY])
    new = with_(base, trials=[trial(factor * seconds) for seconds in STEADY])
    change = torch_change(old, new)
    assert change.epoch is not None and change.epoch.median == pytest.approx(factor)
    assert (change.regressions, change.improvements) == (regressions, improvements)
    assert torch_change(old, new, ratio=0.2).regressions == []


def test_what_noise_can_explain_is_no_regression(base: Result) -> None:
    noisy = [0.7, 1.4, 0.9, 1.2, 1.0]
    old = with_(base, trials=[trial(seconds) for seconds in noisy])
    new = with_(base, trials=[trial(1.2 * seconds) for seconds in noisy])
    assert torch_change(old, new).regressions == []


def test_one_trial_tells_nothing(base: Result) -> None:
    old, new = with_(base, trials=[trial(1.0)]), with_(base, trials=[trial(9.0)])
    change = torch_change(old, new)
    assert change.epoch is not None and change.epoch.low is None
    assert change.regressions == []


def test_memory(base: Result) -> None:
    old = with_(base, trials=[trial(s, 100) for s in STEADY])
    new = with_(base, trials=[trial(s, 120) for s in STEADY])
    assert torch_change(old, new).regressions == ["more memory"]


def test_accuracy_is_told_by_seeds_and_never_by_trials_of_one(base: Result) -> None:
    rows = [trial(s) for s in STEADY]
    worse = [t.model_copy(update={"evaluation": Evaluation(loss=1, accuracy=0.5)}) for t in rows]
    old, new = with_(base, trials=rows), with_(base, trials=worse)
    assert torch_change(old, new).regressions == []
    good, bad = ([curve(a + n / 1e4, n) for n in range(5)] for a in (0.90, 0.88))
    change = torch_change(with_(old, curves=good), with_(old, curves=bad))
    assert change.regressions == ["less accurate"]
    back = torch_change(with_(old, curves=bad), with_(old, curves=good))
    assert (back.regressions, back.improvements) == ([], ["more accurate"])


def test_as_accurate_takes_seeds_that_end_close_to_each_other(base: Result) -> None:
    def with_accuracies(*accuracies: float) -> Result:
        curves = [curve(accuracy, seed) for seed, accuracy in enumerate(accuracies)]
        return with_(base, curves=curves)

    old = with_accuracies(0.900, 0.905, 0.910, 0.902, 0.907)
    close = with_accuracies(0.901, 0.904, 0.911, 0.902, 0.906)
    assert torch_change(old, close).as_accurate is True
    assert torch_change(old, close, accuracy=0.0005).as_accurate is False
    # No difference is told here, and no equality either.
    noisy = with_accuracies(0.890, 0.915, 0.900, 0.912, 0.907)
    change = torch_change(old, noisy)
    assert (change.as_accurate, change.regressions) == (False, [])
    assert torch_change(with_accuracies(0.9), with_accuracies(0.9)).as_accurate is None


@pytest.mark.parametrize(
    ("before", "after", "regressions"),
    [
        ("identical", "different", ["is different now"]),
        ("equivalent", "failed", ["is failed now"]),
        ("identical", "equivalent", []),
        ("different", "identical", []),
        ("identical", None, ["is gone"]),
    ],
)
def test_a_framework_that_is_no_longer_the_same(
    base: Result, before: Any, after: Any, regressions: list[str]
) -> None:
    old = with_(base, proof={**base.proof, "torch": FrameworkProof(verdict=before)})
    proof = {name: proof for name, proof in base.proof.items() if name != "torch"}
    if after is not None:
        proof["torch"] = FrameworkProof(verdict=after)
    assert torch_change(old, with_(base, proof=proof)).regressions == regressions


def test_lost_trials_are_a_regression(base: Result) -> None:
    rows = [trial(s) for s in STEADY]
    lost = [*rows[:-1], trial(1.0, outcome="failed")]
    change = torch_change(with_(base, trials=rows), with_(base, trials=lost))
    assert change.regressions == ["loses trials"]


def test_false_alarms_are_rare_over_all_frameworks(base: Result) -> None:
    generator = random.Random(0)

    def noise() -> Result:
        names = list(base.frameworks)
        rows = [
            trial(generator.lognormvariate(0, 0.1), framework=name)
            for name in names
            for _ in range(5)
        ]
        return with_(base, trials=rows)

    alarms = sum(
        any(change.regressions or change.improvements for change in changes)
        for changes in (compare(noise(), noise(), Tolerance(0.0, 1.0)) for _ in range(200))
    )
    # 5% of 200 is 10; 20 is beyond three standard deviations above it.
    assert alarms < 20


OBSTACLES = {
    "different experiments": lambda r: {"digest": "0" * 64},
    "different machines: cpu was ": lambda r: {
        "machine": r.machine.model_copy(update={"cpu": "Z80"})
    },
    "threads was ": lambda r: {"settings": r.settings.model_copy(update={"threads": 64})},
}


@pytest.mark.parametrize("sentence", OBSTACLES)
def test_what_cannot_be_compared_says_why(base: Result, sentence: str) -> None:
    assert obstacle(base, base) is None
    why = obstacle(base, with_(base, **OBSTACLES[sentence](base)))
    assert why is not None and sentence in why
