"""Results to report on: a race with all there is, and one from a stranger."""

from collections.abc import Callable
from pathlib import Path

import pytest

from samestep import api
from samestep.machine import Machine
from samestep.proof_record import Audit, FrameworkProof, Rung, Shift
from samestep.result import (
    Curve,
    Epoch,
    Evaluation,
    Point,
    RacedFramework,
    RaceSettings,
    Result,
    Seconds,
    Speed,
    Trial,
    save_result,
)
from samestep.verdict import verdict_of

MACHINE = Machine(
    cpu="A processor", cores=2, usable_cores=2, memory_bytes=2**33, os="Linux",
    kernel="Linux 6", python="3.11", load_average=[0, 0, 0],
)  # fmt: skip

RUNGS = ("forward", "loss", "gradient", "step", "trajectory")
HOSTILE = [
    "<script>document.title='taken'</script>",
    '"><img src=x onerror="document.title=\'taken\'">',
    "</script><script>document.title='taken'</script><!--",
    "'; document.title='taken'; //",
    "{{ 7 * 7 }}",
    "a|b\n# c [d](javascript:e) `f` @g ![h](https://example.com/i.png)",
]
"""Text that a page, a script, a template or Markdown would obey."""


def proof_of(verdict: str, error: float = 1e-16) -> FrameworkProof:
    rungs = [Rung(name=name, error=error, where="kernel", passed=error < 1e-9) for name in RUNGS]
    return FrameworkProof(verdict=verdict, rungs=rungs, audit=Audit(passed=True))


def trial_of(name: str, block: int, steady: float, epochs: int = 3) -> Trial:
    return Trial(
        framework=name,
        block=block,
        position=0,
        seconds=Seconds(
            **{"import": 1.0},
            prepare=0.1,
            build=0.1,
            first_epoch=0.5,
            steady_epoch=steady,
            start=1.7,
        ),
        epochs=[Epoch(seconds=steady, loss=1 / (n + 1)) for n in range(epochs)],
        evaluation=Evaluation(loss=0.4, accuracy=0.9),
        peak_bytes=2**27,
        cpu_seconds=2.0,
        outcome="done",
    )


def curve_of(name: str, seed: int, best: float) -> Curve:
    points = [
        Point(loss=1 / n, test_loss=1 / n, test_accuracy=best - 0.1 / n + seed / 1000)
        for n in (1, 2, 3)
    ]
    return Curve(framework=name, seed=seed, points=points, outcome="done")


def race_of(names: list[str], trials: int) -> Result:
    """A race of these frameworks, each a fifth slower than the one before it."""
    made = Result(
        title="A race",
        experiment=api.load("iris-mlp").model_dump(mode="json"),
        digest="d",
        created="2026-01-01T00:00:00+00:00",
        machine=MACHINE,
        speed=Speed(matmul_flops=1e11, memory_bytes=1e10),
        flops_per_epoch=1e6,
        settings=RaceSettings(threads=2, device="cpu", precision="float32", seed=0, trials=trials),
        frameworks={
            name: RacedFramework(
                title=name, version={name: "1"}, language="python", runtime="CPython 3"
            )
            for name in names
        },
        proof={name: proof_of("identical") for name in names},
        trials=[
            trial_of(name, block, 0.001 * 1.2**place * (1 + block % 7 / 1000))
            for block in range(trials)
            for place, name in enumerate(names)
        ],
        unfinished=False,
    )
    made.verdict = verdict_of(made)
    return made


@pytest.fixture
def race() -> Result:
    """Two that are ranked, one proved with a cause, one different, one that failed."""
    made = race_of(["numpy", "torch"], 4)
    made.proof["torch"] = proof_of("different", 1e-3).model_copy(
        update={
            "verdict": "equivalent",
            "causes": ["epsilon-hat Adam"],
            "rungs_with_causes": proof_of("identical").rungs,
            "shift": Shift(weights=1e-6, logits=1e-7, loss=1e-8),
        }
    )
    made.proof["wrong"] = proof_of("different", 1e-2)
    made.proof["broken"] = FrameworkProof(verdict="failed", stage="build", message="no such layer")
    for name in ("wrong", "broken"):
        made.frameworks[name] = RacedFramework(
            title=name, version={}, language="python", runtime=""
        )
    for name in ("numpy", "torch"):
        made.frameworks[name].source = api.code("iris-mlp", name)
    made.settings.curve_seeds = 2
    made.curves = [
        curve_of(name, seed, best)
        for seed in (0, 1)
        for name, best in (("numpy", 0.95), ("torch", 0.92))
    ]
    return made


@pytest.fixture
def strangers(race: Result) -> Result:
    """The same race, with text to be wary of wherever a file can have it."""
    names = dict(zip(race.frameworks, HOSTILE, strict=False))
    text = race.model_dump_json()
    made = Result.model_validate_json(text)
    made.title = HOSTILE[0]
    made.machine.cpu = HOSTILE[1]
    made.frameworks = {names[name]: framework for name, framework in made.frameworks.items()}
    made.proof = {names[name]: proof for name, proof in made.proof.items()}
    for row in (*made.trials, *made.curves, *made.verdict):
        row.framework = names[row.framework]
    for framework in made.frameworks.values():
        framework.title = HOSTILE[2]
        framework.version = {HOSTILE[2]: HOSTILE[3]}
        framework.source = HOSTILE[2]
        framework.warnings = list(HOSTILE)
    failed = made.proof[names["broken"]]
    made.proof[names["broken"]] = failed.model_copy(update={"message": " ".join(HOSTILE)})
    made.trials[0].outcome, made.trials[0].message = "failed", " ".join(HOSTILE)
    return made


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Result], Path]:
    """Save a result, and say where."""

    def save(result: Result) -> Path:
        save_result(result, tmp_path / "race.json")
        return tmp_path / "race.json"

    return save
