"""The saved result of a race: its schema, and how it is written and read."""

import gc
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from samestep.errors import BadInput, not_read
from samestep.machine import Machine
from samestep.proof_record import FrameworkProof
from samestep.surroundings import Surroundings

if TYPE_CHECKING:
    import altair
    import pandas

SCHEMA = "samestep/1"
MAX_FILE_BYTES = 2**30

TrialOutcome = Literal["done", "failed", "timeout", "diverged"]


class Record(BaseModel):
    """A part of a result: unknown keys are refused; NaN is written as a string."""

    model_config = ConfigDict(
        extra="forbid", ser_json_inf_nan="strings", validate_by_name=True, serialize_by_alias=True
    )


Document = TypeVar("Document", bound=Record)


class Seconds(Record):
    """A trial's time by phase; None where the trial did not get so far."""

    import_: float | None = Field(default=None, alias="import")
    prepare: float | None = None
    build: float | None = None
    first_epoch: float | None = None
    steady_epoch: float | None = None
    """What nine in ten of the epochs after the first take at least."""
    train: float | None = None
    compile: float | None = None
    """Of `train`, where the runtime tells it (Julia since 1.9)."""
    evaluate: float | None = None
    """Of the first evaluation, with whatever is compiled for it."""
    evaluate_again: float | None = None
    """Of an evaluation on the same rows once more."""
    row: float | None = None
    """Median of evaluating one test row, by itself and again and again."""
    start: float | None = None
    """From the start of the process to the end of the first epoch."""


class Epoch(Record):
    """One epoch of a trial."""

    seconds: float
    loss: float


class Evaluation(Record):
    """The trained model on the test rows."""

    loss: float
    accuracy: float


class Trial(Record):
    """One process that trained once."""

    framework: str
    block: int
    position: int
    seconds: Seconds = Seconds()
    epochs: list[Epoch] = []
    evaluation: Evaluation | None = None
    cold: bool = False
    """Whether it started from storage: what the system held of its packages was given up before."""
    read_bytes: int | None = None
    """From storage, by the whole process."""
    peak_bytes: int | None = None
    """Of the process and the children that it has at the end."""
    cpu_seconds: float
    wall_seconds: float = 0.0
    """Of the whole process."""
    outcome: TrialOutcome
    message: str | None = None
    surroundings: Surroundings | None = None
    """The machine meanwhile."""
    repeats: int | None = None
    """The disturbed block that this trial's block stands for."""


class Point(Record):
    """A model after one epoch of its training."""

    loss: float
    """Of the epoch, a mean over its batches as they were trained."""
    test_loss: float
    test_accuracy: float


class Curve(Record):
    """One training that was evaluated after every epoch; its time is not kept."""

    framework: str
    seed: int
    points: list[Point] = []
    outcome: TrialOutcome
    message: str | None = None


class CurveOrigin(Record):
    """An earlier race, and how many of its curves are here."""

    created: str
    cpu: str
    count: int


class Range(Record):
    """A median with its 95% interval, which takes more than one trial."""

    median: float
    low: float | None
    high: float | None


class Row(Record):
    """One framework's place in the verdict; who share a letter cannot be told apart."""

    framework: str
    epoch_seconds: Range
    minimum: float
    maximum: float
    ratio: Range
    group: str


class RacedFramework(Record):
    """What a framework was when it was raced."""

    title: str
    version: dict[str, str]
    language: str
    runtime: str
    script: str = ""
    """SHA-256 of the script that was raced."""
    source: str = ""
    """The script that was raced."""
    blas_kernel: str = ""
    """OpenBLAS's choice for this processor, where there is an OpenBLAS."""
    cores: int | None = None
    """How many processors its workers found they may run on."""
    pools: dict[str, int] = {}
    """How many threads each pool has that a worker could ask or count."""
    install_bytes: int | None = None
    """Of its packages and all that they need, on disk."""
    warnings: list[str] = []
    """What makes its race unfair on this machine, and what to do."""


class Speed(Record):
    """What NumPy reaches on the cores of a trial, at best."""

    matmul_flops: float
    """A second, for matrices of 1024 rows in the experiment's precision."""
    memory_bytes: float
    """A second, read and written, in a copy that no cache holds."""


class RaceSettings(Record):
    """What was asked of the race."""

    threads: int
    device: str
    precision: str
    seed: int
    trials: int
    """Of every framework; at most, where the race ends by itself."""
    within: float | None = None
    """A share: a race ends when all neighbours are told apart or known to be closer."""
    budget_seconds: float | None = None
    """A race ends before its trials take longer."""
    repeats: bool = True
    """Whether a disturbed block is run once more."""
    epochs: int | None = None
    """How many epochs of each training are timed, where that is not all."""
    curve_seeds: int = 0
    """With how many seeds learning curves are taken."""


class Result(Record):
    """One race, with everything needed to judge it."""

    schema_: Literal["samestep/1"] = Field(default="samestep/1", alias="schema")
    title: str
    experiment: dict[str, Any]
    digest: str
    created: str
    machine: Machine
    speed: Speed | None = None
    flops_per_epoch: float | None = None
    """Of training: a backward pass counts as two forward ones."""
    rows_per_epoch: int | None = None
    """Of training."""
    settings: RaceSettings
    frameworks: dict[str, RacedFramework]
    proof: dict[str, FrameworkProof]
    trials: list[Trial] = []
    curves: list[Curve] = []
    curves_from: CurveOrigin | None = None
    """Where the curves come from that were not taken in this race."""
    verdict: list[Row] = []
    unfinished: bool = True

    def _repr_html_(self) -> str:
        """Show itself in a notebook."""
        from samestep.report.table import result_html

        return result_html(self)

    def frame(self) -> "pandas.DataFrame":
        """A row for each trial; raise BadInput without pandas."""
        try:
            import pandas
        except ImportError:
            raise BadInput("Result.frame: needs pandas; pip install pandas") from None
        from samestep.report.frame import trial_rows

        return pandas.DataFrame(trial_rows(self))

    def chart(self, name: str) -> "altair.Chart | altair.LayerChart":
        """The chart of that name, to be shown in a notebook; raise BadInput if there is none."""
        from samestep.report.charts import chart

        return chart(self, name)

    def trials_by_framework(self) -> dict[str, list[Trial]]:
        """Every framework's trials, in the order of their blocks."""
        trials: dict[str, list[Trial]] = {name: [] for name in self.frameworks}
        for trial in self.trials:
            trials.setdefault(trial.framework, []).append(trial)
        return trials

    def counted_trials(self, before: int | None = None) -> dict[str, list[Trial]]:
        """Every framework's trials that ended well, of all blocks or of those before one.

        A disturbed trial counts for nothing once it is repeated: who is chosen by what else the
        machine did is not chosen by the times.
        """
        counted: dict[str, list[Trial]] = {name: [] for name in self.frameworks}
        trials = [t for t in self.trials if before is None or t.block < before]
        repeated = {(t.framework, t.repeats) for t in trials if t.repeats is not None}
        for trial in trials:
            superseded = (trial.framework, trial.block) in repeated
            if trial.outcome == "done" and not superseded:
                counted.setdefault(trial.framework, []).append(trial)
        return counted

    def finished_curves(self) -> dict[str, list[Curve]]:
        """The curves that ended well, by framework."""
        finished: dict[str, list[Curve]] = {}
        for curve in self.curves:
            if curve.outcome == "done":
                finished.setdefault(curve.framework, []).append(curve)
        return finished


def save_result(result: Result, path: Path) -> None:
    """Write beside the place and rename: the file is always a whole result, old or new."""
    save_text(result.model_dump_json(indent=1) + "\n", path)


def save_text(text: str, path: Path) -> None:
    """Write a file whole or not at all; raise BadInput if that cannot be done."""
    save_bytes(text.encode(), path)


def save_bytes(content: bytes, path: Path) -> None:
    """Write a file whole or not at all; raise BadInput if that cannot be done."""
    draft: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with open(handle, "wb") as stream:
            stream.write(content)
        os.chmod(draft, 0o666 & ~_umask())
        os.replace(draft, path)
        draft = None
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        if draft is not None:
            Path(draft).unlink(missing_ok=True)


def check_writable(path: Path, option: str = "--json") -> None:
    """Raise BadInput if `path` could not be written later."""
    try:
        if path.is_dir():
            raise BadInput(f"{path}: is a folder; give the name of a file to write")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-"):
            pass
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be written ({error.strerror}); give another path with {option}"
        ) from None


def load_result(path: Path) -> Result:
    """Read a saved result; raise BadInput in one sentence."""
    return load_document(path, {SCHEMA: Result})


def load_document(path: Path, kinds: Mapping[str, type[Document]]) -> Document:
    """Read a saved document of one of these schemas; raise BadInput in one sentence."""
    # Reading makes many objects and frees none: looking for garbage takes 4 s in 5 of it.
    collects = gc.isenabled()
    gc.disable()
    try:
        return _read_document(path, kinds)
    finally:
        if collects:
            gc.enable()


def _read_document(path: Path, kinds: Mapping[str, type[Document]]) -> Document:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadInput(f"{path}: larger than {MAX_FILE_BYTES:,} bytes; this is no result")
        content = pydantic_core.from_json(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file; `samestep race` writes one") from None
    except OSError as error:
        raise not_read(path, error) from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: is not valid JSON: {error}") from None
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema is None:
        raise BadInput(f"{path}: is not a samestep result (it has no schema)")
    if not isinstance(schema, str) or schema not in kinds:
        known = " or ".join(map(repr, kinds))
        raise BadInput(
            f"{path}: schema: is {str(schema)[:60]!r}, but {known} is read here; "
            "race again, or use the samestep that wrote it"
        )
    try:
        return kinds[schema].model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise BadInput(f"{path}: {key}: {problem['msg'].lower()}; the file was changed") from None


def _umask() -> int:
    # There is no way to read the mask without setting it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
