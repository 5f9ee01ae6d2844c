"""Whether an interrupted race can go on here: the same work and code on the same machine."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from samestep.catalogue import Framework
from samestep.codegen import render_script
from samestep.errors import BadInput
from samestep.experiment_check import validate_experiment
from samestep.machine import IDENTITY, SYSTEM, describe_machine, first_difference
from samestep.plan import Plan, make_plan
from samestep.proof_record import FrameworkProof
from samestep.result import Result

AGAIN = "start a new race"


def plan_again(result: Result, path: Path) -> Plan:
    """The plan that was raced; raise BadInput if its data have changed since."""
    plan = make_plan(validate_experiment(result.experiment, where=str(path), folder=Path()))
    if plan.digest != result.digest:
        raise BadInput(f"{path}: digest: the experiment's data have changed since; {AGAIN}")
    return plan


def check_same_machine(result: Result, path: Path) -> None:
    """Raise BadInput if the trials that are there were run on another machine or system."""
    changed = first_difference(result.machine, describe_machine(), (*IDENTITY, *SYSTEM))
    if changed is not None:
        raise BadInput(f"{path}: machine: {changed} here; {AGAIN}")


def check_same_race(
    result: Result, plan: Plan, frameworks: Sequence[Framework], path: Path
) -> None:
    """Raise BadInput if versions or scripts are not those of the trials that are there."""
    for framework in frameworks:
        check_same_framework(result, plan, framework, path, AGAIN)


def check_same_framework(
    result: Result, plan: Plan, framework: Framework, path: Path, remedy: str
) -> None:
    """Raise BadInput if the framework's versions or script are not those of the result."""
    where = f"{path}: frameworks.{framework.name}"
    saved = result.frameworks[framework.name]
    for package, version in framework.place.versions().items():
        before = saved.version.get(package, version)
        if before != version:
            raise BadInput(f"{where}: {package} was {before}, is {version} now; {remedy}")
    if saved.script:
        source = render_script(framework, plan.experiment, plan)
        if hashlib.sha256(source.encode()).hexdigest() != saved.script:
            raise BadInput(f"{where}: samestep writes another script now; {remedy}")


def check_same_proofs(result: Result, proofs: Mapping[str, FrameworkProof], path: Path) -> None:
    """Raise BadInput if a verdict is no longer what it was."""
    for name, proof in proofs.items():
        before = result.proof[name].verdict
        if proof.verdict != before:
            raise BadInput(f"{path}: proof.{name}: was {before}, is {proof.verdict} now; {AGAIN}")
