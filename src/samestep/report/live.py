"""Live progress on a terminal, one line a trial elsewhere."""

from threading import Lock
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from samestep.racing import Hooks
from samestep.racing import Progress as RaceProgress
from samestep.report.table import plain
from samestep.report.text import number_text, visible
from samestep.result import Curve, Trial


class Live:
    """Shows what runs now and what is left; drawn seldom, for it shares the race's machine."""

    def __init__(self, console: Console) -> None:
        self.trials = 0
        """Finished trials so far."""
        self._console = console
        self._lock = Lock()
        self._proving: list[str] = []
        self._progress: Progress | None = None
        if console.is_terminal:
            self._progress = Progress(
                # Names are escaped by `visible` and markup is off: nothing is interpreted.
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=console,
                refresh_per_second=2,
                transient=True,
            )
            self._task = self._progress.add_task("proving", total=None)

    def __enter__(self) -> "Live":
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    @property
    def hooks(self) -> Hooks:
        """What a race is to call."""
        return {
            "on_proof": self.on_proof,
            "on_progress": self.on_trial,
            "on_curve": self.on_curve,
        }

    def on_size(self, size: int) -> None:
        """A race at this size begins."""
        self._console.print(f"size  {size:,}")

    def on_point(self, name: str) -> None:
        """A race for this unfairness begins."""
        self._console.print(f"race  {visible(name)}", markup=False)

    def on_proof(self, name: str, state: str) -> None:
        """A proof starts ("proving") or has its verdict; called from several threads."""
        with self._lock:
            if state == "proving":
                self._proving.append(name)
            else:
                self._proving.remove(name)
                self._console.print(plain(f"proof  {name}: {state}"), soft_wrap=True)
            if self._progress is not None:
                what = f"proving {visible(', '.join(self._proving))}"
                self._progress.update(self._task, description=what)

    def on_trial(self, progress: RaceProgress) -> None:
        """A trial starts or is done."""
        trial = progress.trial
        if trial is not None:
            self.trials += 1
        if self._progress is not None:
            what = f"block {progress.block + 1}: {visible(progress.framework)}"
            self._progress.update(
                self._task, description=what, completed=progress.done, total=progress.total
            )
        if trial is not None and (self._progress is None or trial.outcome != "done"):
            self._console.print(plain(_trial_line(progress, trial)), soft_wrap=True)

    def on_curve(self, curve: Curve, done: int, total: int) -> None:
        """A learning curve is there."""
        if self._progress is not None:
            self._progress.update(
                self._task, description="learning curves", completed=done, total=total
            )
        if self._progress is None or curve.outcome != "done":
            self._console.print(plain(_curve_line(curve, done, total)), soft_wrap=True)


def _curve_line(curve: Curve, done: int, total: int) -> str:
    line = f"curve  {done}/{total}  seed {curve.seed}  {curve.framework}: "
    if curve.outcome != "done":
        return f"{line}{curve.outcome}: {curve.message}"
    return f"{line}accuracy {curve.points[-1].test_accuracy:.4f}"


def _trial_line(progress: RaceProgress, trial: Trial) -> str:
    line = f"trial  {progress.done}/{progress.total}  block {trial.block + 1}  {trial.framework}: "
    if trial.outcome != "done":
        return f"{line}{trial.outcome}: {trial.message}"
    steady = trial.seconds.steady_epoch
    epoch = "" if steady is None else f"{number_text(steady * 1e3)} ms an epoch, "
    accuracy = "" if trial.evaluation is None else f"accuracy {trial.evaluation.accuracy:.3f}"
    return line + epoch + accuracy
