"""Learning curves of an earlier race: taken over where the same work would give them again.

They cost hours, and their time is not ranked: a race on another machine need not train them anew.
"""

from collections.abc import Sequence
from pathlib import Path

from samestep.catalogue import Framework
from samestep.curves import numbered_seed
from samestep.errors import BadInput
from samestep.plan import Plan
from samestep.proof_record import PROVED
from samestep.result import CurveOrigin, Result, load_result
from samestep.resuming import check_same_framework

INSTEAD = "leave out --curves-from to take curves anew"


def load_earlier_curves(path: Path, plan: Plan, frameworks: Sequence[Framework]) -> Result:
    """A result whose curves are those of this plan and these frameworks; raise BadInput if not.

    Who has no curve there, or one by another script or version, takes its curves here; where
    that leaves nothing to take over, the first reason is raised.
    """
    earlier = load_result(path)
    if earlier.curves_from is not None:
        raise BadInput(f"{path}: curves_from: its curves are another race's; name that one's file")
    if earlier.digest != plan.digest:
        raise BadInput(f"{path}: digest: its curves are of another experiment or data; {INSTEAD}")
    known = {name for name in earlier.finished_curves() if name in earlier.frameworks}
    shared = [framework for framework in frameworks if framework.name in known]
    if not shared:
        raise BadInput(f"{path}: curves: there is none of a framework that is raced; {INSTEAD}")
    changed: dict[str, BadInput] = {}
    for framework in shared:
        try:
            _check_same_work(earlier, plan, framework, path)
        except BadInput as reason:
            changed[framework.name] = reason
    if len(changed) == len(shared):
        raise next(iter(changed.values()))
    earlier.curves = [curve for curve in earlier.curves if curve.framework not in changed]
    return earlier


def _check_same_work(earlier: Result, plan: Plan, framework: Framework, path: Path) -> None:
    if not earlier.frameworks[framework.name].script:
        where = f"{path}: frameworks.{framework.name}.script"
        raise BadInput(f"{where}: does not say what took its curves; {INSTEAD}")
    check_same_framework(earlier, plan, framework, path, INSTEAD)


def take_over(result: Result, earlier: Result) -> None:
    """Give `result` the curves of its proved frameworks and its seeds, and say whose they are."""
    first, count = result.experiment["training"]["seed"], result.settings.curve_seeds
    seeds = {numbered_seed(first, number) for number in range(count)}
    proved = {name for name, proof in result.proof.items() if proof.verdict in PROVED}
    result.curves = [
        curve
        for name, curves in earlier.finished_curves().items()
        for curve in curves
        if name in proved and curve.seed in seeds
    ]
    result.curves_from = CurveOrigin(
        created=earlier.created, cpu=earlier.machine.cpu, count=len(result.curves)
    )
