"""`samestep selftest`: plant cheats in the frameworks that are here, and see each one caught."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from samestep.catalogue import Framework, find_frameworks
from samestep.cheats import CHEATS, Cheat, Planting
from samestep.codegen import render_script
from samestep.errors import BadInput
from samestep.experiment_file import load_experiment
from samestep.launch import choose_settings, run_worker
from samestep.plan import Plan, make_plan
from samestep.proof import prove
from samestep.proof_record import FrameworkProof
from samestep.racing import write_raced
from samestep.side_by_side import side_by_side
from samestep.threads import thread_warnings

BASES = ("dense", "convolution", "norms")

QUICK = (
    *("one order for all epochs", "no last batch", "labels moved by one", "softmax twice"),
    *("a step in a hundred is skipped", "an epsilon off by a tenth", "clipped gradients"),
    *("padding on the other side", "evaluation on fewer rows", "no dropout in training"),
    *("batch norm's momentum turned round", "more threads than allowed"),
)
"""The cheats of a quick test, each in the first framework that is here."""


@dataclass(frozen=True)
class Finding:
    """What became of one planting, or of one honest framework (without a cheat)."""

    framework: str
    cheat: str | None
    expected: str
    found: str
    caught: bool
    detail: str = ""

    @property
    def judged(self) -> bool:
        """Whether it was proved or accused, and is not unsupported or a proof that failed."""
        return self.found not in ("unsupported", "failed")


@dataclass(frozen=True)
class Case:
    """One proof or trial to run: an honest framework, or a cheat planted in one."""

    framework: Framework
    base: str
    cheat: Cheat | None = None
    planting: Planting | None = None


def quick_cases() -> list[Case]:
    """The quick cheats, and the frameworks that they are planted in, as they are."""
    chosen = []
    for cheat in CHEATS:
        if cheat.name in QUICK:
            chosen += list(_plantings(cheat))[:1]
    names = {case.framework.name for case in chosen}
    return [*chosen, *_honest(names)]


def all_cases(names: Sequence[str] | None = None) -> list[Case]:
    """Every cheat in every framework it is written for, and every framework as it is."""
    cases = [case for cheat in CHEATS for case in _plantings(cheat)]
    here = {f.name for f in find_frameworks().values() if f.place.problem() is None}
    wanted = here if names is None else here & set(names)
    return [case for case in cases if case.framework.name in wanted] + list(_honest(wanted))


def run_cases(
    cases: Iterable[Case], on_finding: Callable[[Finding], None], *, jobs: int | None = None
) -> list[Finding]:
    """What became of each, as they come; the proofs are not remembered."""
    findings: list[Finding] = []

    def one(case: Case, stop: Event) -> Finding:
        return run_case(case, stop)

    def note(case: Case, finding: Finding) -> None:
        findings.append(finding)
        on_finding(finding)

    side_by_side(one, list(cases), note, jobs)
    return findings


def run_case(case: Case, stop: Event | None = None) -> Finding:
    """Prove it, or let it train where only its behaviour gives it away."""
    overrides = case.cheat.overrides if case.cheat else ()
    plan = make_plan(load_experiment(str(base_file(case.base)), overrides))
    if case.cheat is None or case.planting is None:
        proof = prove(plan, case.framework, cache=False, stop=stop)
        name, verdict = case.framework.name, proof.verdict
        return Finding(name, None, "proved", verdict, verdict != "different", _detail(proof))
    cheating = cheat_in(case.framework, case.planting, plan)
    name, expected = case.cheat.name, case.planting.caught_by
    if expected == "threads":
        warning = _thread_warning(cheating, plan, stop)
        found = "threads" if warning else "nothing"
        return Finding(cheating.name, name, expected, found, bool(warning), warning)
    proof = prove(plan, cheating, cache=False, stop=stop)
    found = _found(proof)
    return Finding(cheating.name, name, expected, found, found == expected, _detail(proof))


def cheat_in(framework: Framework, planting: Planting, plan: Plan) -> Framework:
    """The framework whose scripts cheat; raise BadInput if they are not as the cheat knows them."""
    script = render_script(framework, plan.experiment, plan)
    for honest, _ in planting.edits:
        if honest not in script:
            raise BadInput(
                f"{framework.name}: {honest!r} is no longer in its script; mend the cheat"
            )
    return replace(framework, edits=planting.edits)


def base_file(base: str) -> Path:
    """The experiment that a cheat is planted in."""
    return Path(__file__).with_name("cheats") / f"{base}.toml"


def _plantings(cheat: Cheat) -> Iterator[Case]:
    frameworks = find_frameworks()
    for planting in cheat.plantings:
        framework = frameworks[planting.framework]
        if framework.place.problem() is None:
            yield Case(framework, cheat.base, cheat, planting)


def _honest(names: Iterable[str]) -> Iterator[Case]:
    frameworks = find_frameworks()
    for name in sorted(names):
        for base in BASES:
            yield Case(frameworks[name], base)


def _found(proof: FrameworkProof) -> str:
    if proof.verdict == "different":
        return proof.departs or "nothing"
    if proof.verdict == "equivalent":
        return "cause"
    return "failed" if proof.verdict == "failed" else "nothing"


def _detail(proof: FrameworkProof) -> str:
    if proof.message:
        return proof.message
    return "; ".join([*proof.causes, *(proof.audit.problems if proof.audit else [])])


def _thread_warning(framework: Framework, plan: Plan, stop: Event | None) -> str:
    settings = choose_settings(plan.experiment.training.precision, threads=1)
    with tempfile.TemporaryDirectory(prefix="samestep-selftest-") as folder:
        script = write_raced(framework, plan, Path(folder))
        outcome = run_worker(framework, "trial", plan, script, settings, stop)
    threads = outcome.find("threads")
    if threads is None:
        return ""
    return "; ".join(thread_warnings(threads["cores"], threads["pools"], settings.threads))
