"""What a race says of each framework, in words and numbers, however it is shown."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from statistics import median

from samestep.proof_record import ProofVerdict
from samestep.report.text import interval_text, number_text
from samestep.result import Range, Result, Row, Trial

Show = Callable[[float], str]
Get = Callable[[Trial], float | None]

NONE = "-"


@dataclass(frozen=True)
class Ranked:
    """One framework's line of the ranking, as text."""

    rank: int
    framework: str
    proof: ProofVerdict
    epoch: str
    ratio: str
    group: str
    groups: dict[str, dict[str, str]]
    """What else was measured: by what it is about, then by the header of its column."""

    @property
    def measures(self) -> dict[str, str]:
        """All groups as one."""
        return {header: text for group in self.groups.values() for header, text in group.items()}


def ranking_of(result: Result) -> list[Ranked]:
    """The verdict's rows; what this machine or these frameworks do not tell has no column."""
    ranks = _ranks(result.verdict)
    counted = result.counted_trials()
    groups = {row.framework: _groups(result, row, counted[row.framework]) for row in result.verdict}
    told = {
        header
        for of_one in groups.values()
        for group in of_one.values()
        for header, text in group.items()
        if text != NONE
    }
    return [
        Ranked(
            rank=ranks[row.framework],
            framework=row.framework,
            proof=result.proof[row.framework].verdict,
            epoch=_range(row.epoch_seconds, milliseconds),
            ratio=_range(row.ratio, number_text),
            group=row.group,
            groups=_only(groups[row.framework], told),
        )
        for row in result.verdict
    ]


def _only(groups: dict[str, dict[str, str]], told: Set[str]) -> dict[str, dict[str, str]]:
    kept = {
        title: {header: text for header, text in group.items() if header in told}
        for title, group in groups.items()
    }
    return {title: group for title, group in kept.items() if group}


def _groups(result: Result, row: Row, trials: Sequence[Trial]) -> dict[str, dict[str, str]]:
    installed = result.frameworks[row.framework].install_bytes

    def over_trials(get: Get, show: Show = number_text) -> str:
        value = median_of(trials, get)
        return NONE if value is None else show(value)

    stages = {
        "import, s": over_trials(lambda t: t.seconds.import_),
        "prepare, ms": over_trials(lambda t: t.seconds.prepare, milliseconds),
        "build, ms": over_trials(lambda t: t.seconds.build, milliseconds),
        "first epoch, ms": over_trials(lambda t: t.seconds.first_epoch, milliseconds),
        "warm-up, %": over_trials(_warm_up_share, "{:.3g}".format),
        "start, s": over_trials(lambda t: None if t.cold else t.seconds.start),
        "cold start, s": over_trials(lambda t: t.seconds.start if t.cold else None),
        "evaluate, ms": over_trials(lambda t: t.seconds.evaluate, milliseconds),
        "evaluate again, ms": over_trials(lambda t: t.seconds.evaluate_again, milliseconds),
        "one row, ms": over_trials(lambda t: t.seconds.row, milliseconds),
    }
    outcome = {
        "rows/s": _rows_a_second(result, row.epoch_seconds.median),
        "of matmul, %": _share_of_matmul(result, row.epoch_seconds.median),
        "accuracy": over_trials(
            lambda t: t.evaluation.accuracy if t.evaluation else None, "{:.3f}".format
        ),
        "test loss": over_trials(
            lambda t: t.evaluation.loss if t.evaluation else None, "{:.4f}".format
        ),
        "memory, MiB": over_trials(lambda t: t.peak_bytes, mebibytes),
        "CPU, s": over_trials(lambda t: t.cpu_seconds),
        "energy, J": over_trials(lambda t: t.surroundings.joules if t.surroundings else None),
        "on disk, MiB": NONE if installed is None else mebibytes(installed),
    }
    return {"Stage by stage": stages, "What it gave and took": outcome}


def _share_of_matmul(result: Result, epoch_seconds: float) -> str:
    if result.speed is None or not result.flops_per_epoch:
        return NONE
    reached = result.flops_per_epoch / epoch_seconds / result.speed.matmul_flops
    return number_text(100 * reached)


def _rows_a_second(result: Result, epoch_seconds: float) -> str:
    rows = result.rows_per_epoch
    return NONE if rows is None else number_text(rows / epoch_seconds)


def _warm_up_share(trial: Trial) -> float | None:
    """Percent of the training: what the first epoch took beyond a steady one, 0 if nothing."""
    first, steady = trial.seconds.first_epoch, trial.seconds.steady_epoch
    if first is None or steady is None or not trial.seconds.train:
        return None
    return 100 * max(0.0, first - steady) / trial.seconds.train


def median_of(trials: Sequence[Trial], get: Get) -> float | None:
    """Over the trials that tell; None if none does."""
    values = [value for value in map(get, trials) if value is not None]
    return float(median(values)) if values else None


def milliseconds(seconds: float) -> str:
    """About three significant digits."""
    return number_text(seconds * 1e3)


def mebibytes(size: float) -> str:
    """About three significant digits."""
    return number_text(size / 2**20)


def _ranks(verdict: Sequence[Row]) -> dict[str, int]:
    """One more than the number of those who are faster and told apart: ties are ties."""
    return {
        row.framework: 1 + sum(not set(faster.group) & set(row.group) for faster in verdict[:place])
        for place, row in enumerate(verdict)
    }


def _range(value: Range, show: Show) -> str:
    if value.low == value.median == value.high:
        return show(value.median)
    return interval_text(value.median, value.low, value.high, show)
