"""Learning curves: trainings of their own, evaluated after every epoch, over several seeds.

Their time is not ranked, so that evaluation never sits inside a timed epoch, and so that
several may run side by side, each on one core.
"""

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from samestep.catalogue import Framework
from samestep.launch import Outcome, Settings, run_worker
from samestep.plan import Plan, make_plan
from samestep.proof_record import PROVED
from samestep.racing import judge_end, save_at, write_raced
from samestep.result import Curve, Point, Result, TrialOutcome
from samestep.side_by_side import side_by_side


@dataclass(frozen=True)
class Task:
    """One training to come: a framework, and the experiment with one seed."""

    framework: Framework
    plan: Plan

    @property
    def seed(self) -> int:
        """What the initial weights, the orders and a split of the data are drawn by."""
        return self.plan.experiment.training.seed


def run_curves(
    plan: Plan,
    frameworks: Sequence[Framework],
    result: Result,
    settings: Settings,
    *,
    path: Path | None,
    on_curve: Callable[[Curve, int, int], None] | None = None,
) -> None:
    """Train what the result lacks of its curves; every finished one is in the file at `path`.

    `on_curve` is told each curve, how many are done, and how many there will be.
    """
    proved = [f for f in frameworks if result.proof[f.name].verdict in PROVED]
    plans = [plan_with_seed(plan, number) for number in range(result.settings.curve_seeds)]
    tasks = [Task(framework, seeded) for seeded in plans for framework in proved]
    ended = {(curve.framework, curve.seed) for curve in result.curves}
    missing = [task for task in tasks if (task.framework.name, task.seed) not in ended]
    alone = replace(settings, threads=1, cpus=())
    tell = on_curve or (lambda curve, done, total: None)
    with tempfile.TemporaryDirectory(prefix="samestep-curves-") as folder:

        def work(task: Task, stop: Event) -> Curve:
            return train_one(task, Path(folder), alone, stop)

        def note(task: Task, curve: Curve) -> None:
            result.curves.append(curve)
            save_at(result, path)
            tell(curve, len(result.curves), len(tasks))

        side_by_side(work, missing, note, jobs=settings.threads)
    result.curves.sort(key=lambda curve: (curve.seed, curve.framework))
    result.unfinished = False
    save_at(result, path)


def plan_with_seed(plan: Plan, number: int) -> Plan:
    """The same experiment with another seed; the plan itself for number 0."""
    if number == 0:
        return plan
    training = plan.experiment.training
    seeded = training.model_copy(update={"seed": numbered_seed(training.seed, number)})
    return make_plan(plan.experiment.model_copy(update={"training": seeded}))


def numbered_seed(first: int, number: int) -> int:
    """The seed of the curves of that number, where those of number 0 have `first`."""
    # Seeds are below 2**32.
    return (first + number) % 2**32


def train_one(task: Task, folder: Path, settings: Settings, stop: Event | None = None) -> Curve:
    """One training with one seed, in a process of its own."""
    framework, plan = task.framework, task.plan
    script = write_raced(framework, plan, folder / str(task.seed))
    outcome = run_worker(framework, "curve", plan, script, settings, stop)
    return read_curve(outcome, plan.experiment.training.epochs, framework.name, task.seed)


def read_curve(outcome: Outcome, epochs: int, framework: str, seed: int) -> Curve:
    """What a worker's events say; events that do not add up make a failed curve."""
    try:
        points = [
            Point(
                loss=event["loss"],
                test_loss=event["test_loss"],
                test_accuracy=event["test_accuracy"],
            )
            for event in outcome.events
            if event["event"] == "point"
        ]
    except (KeyError, ValueError) as error:
        message = f"the worker's events do not make sense ({str(error).splitlines()[0]})"
        return Curve(framework=framework, seed=seed, outcome="failed", message=message)
    state, why = _judge(outcome, points, epochs)
    return Curve(framework=framework, seed=seed, points=points, outcome=state, message=why)


def _judge(outcome: Outcome, points: list[Point], epochs: int) -> tuple[TrialOutcome, str | None]:
    ended_early = judge_end(outcome)
    if ended_early is not None:
        return ended_early
    if len(points) != epochs:
        return "failed", f"{len(points)} epochs were evaluated, {epochs} were asked for"
    for number, point in enumerate(points, start=1):
        if not math.isfinite(point.loss + point.test_loss):
            return "diverged", f"after epoch {number} a loss is not finite"
    return "done", None
