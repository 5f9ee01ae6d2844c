"""What the promises rest on, counted: `make selftest`.

Every cheat in every framework that is here; honest scripts of random experiments, none of which
may be accused; faults that are injected into real races (the tests of faults); and damaged files.
Prints a line for each, and what was not as it should be.
"""

import argparse
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Event

from hypothesis import HealthCheck, Phase, given, settings

from samestep.catalogue import Framework, find_frameworks
from samestep.experiment import Experiment
from samestep.plan import Plan
from samestep.proof import prove
from samestep.proof_record import PROVED, FrameworkProof
from samestep.report.selftest import finding_line
from samestep.selftest import Finding, all_cases, run_cases
from samestep.side_by_side import side_by_side

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from random_experiments import experiments, planned  # noqa: E402

PARTS = ("cheats", "random", "faults", "fuzz")
FAULTS = ("tests/test_faults.py", "tests/test_launch.py", "tests/test_julia_worker.py")


@dataclass(frozen=True)
class Line:
    """One line of the table, and what was wrong."""

    what: str
    found: str
    wrong: list[str]


def cheats(names: list[str] | None) -> Iterator[Line]:
    findings = run_cases(all_cases(names), lambda finding: print(finding_line(finding), flush=True))
    planted = [finding for finding in findings if finding.cheat]
    missed = [finding for finding in planted if not finding.caught]
    yield Line(
        "cheats caught / planted",
        f"{len(planted) - len(missed)} / {len(planted)}",
        [describe(finding) for finding in missed],
    )
    honest = [finding for finding in findings if not finding.cheat]
    accused = [finding for finding in honest if not finding.caught]
    # A proof that failed accuses nobody, and is no proof.
    failed = [finding for finding in honest if finding.found == "failed"]
    yield Line(
        "honest scripts accused / proved, where cheats are planted",
        f"{len(accused)} / {sum(finding.judged for finding in honest)}",
        [describe(finding) for finding in (*accused, *failed)],
    )


def describe(finding: Finding) -> str:
    return (
        f"{finding.framework}: {finding.cheat or 'as it is'}: {finding.found}, "
        f"not {finding.expected}: {finding.detail}"
    )


def draw_plans(count: int) -> list[Plan]:
    """The same ones every time."""
    drawn: list[Plan] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(experiment=experiments())
    def draw(experiment: Experiment) -> None:
        drawn.append(planned(experiment))

    draw()
    return drawn


def accusations(count: int, each: int, names: list[str] | None) -> Line:
    generator = random.Random(0)
    here = [f for f in find_frameworks().values() if f.place.problem() is None]
    here = [f for f in here if names is None or f.name in names]
    tasks = [
        (plan, framework)
        for plan in draw_plans(count)
        for framework in generator.sample(here, min(each, len(here)))
    ]
    verdicts: dict[str, int] = {}
    wrong: list[str] = []

    def one(task: tuple[Plan, Framework], stop: Event) -> FrameworkProof:
        return prove(*task, stop=stop)

    def note(task: tuple[Plan, Framework], proof: FrameworkProof) -> None:
        plan, framework = task
        verdicts[proof.verdict] = verdicts.get(proof.verdict, 0) + 1
        if proof.verdict not in (*PROVED, "unsupported"):
            # A proof that failed accuses nobody, and is no proof.
            title, why = plan.experiment.title, proof.departs or proof.message
            wrong.append(f"{framework.name}: {title}: {proof.verdict}: {why}")
            print(wrong[-1], flush=True)

    side_by_side(one, tasks, note)
    print(f"random experiments: {verdicts}", flush=True)
    honest = sum(verdicts.get(verdict, 0) for verdict in (*PROVED, "different"))
    what = f"honest scripts accused / proved, {count} random experiments"
    return Line(what, f"{verdicts.get('different', 0)} / {honest}", wrong)


def faults() -> Line:
    command = [sys.executable, "-m", "pytest", "-q", "-rsfE", "-p", "no:cacheprovider", *FAULTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    counted = re.findall(r"(\d+) (passed|failed|error|skipped)", done.stdout)
    counts = {word: int(number) for number, word in counted}
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    if done.returncode and not wrong:
        wrong = [f"pytest ended with status {done.returncode}: {done.stderr[-300:]}"]
    for line in lines:
        if line.startswith("SKIPPED"):
            print(line, flush=True)
    skipped = counts.pop("skipped", 0)
    found = f"{counts.get('passed', 0)} / {sum(counts.values())}"
    what = "faults survived / injected"
    return Line(what, f"{found} ({skipped} cannot be made here)" if skipped else found, wrong)


def fuzz(inputs: int) -> Iterator[Line]:
    yield fuzz_by("fuzz.py", "tracebacks / damaged files", inputs)
    if find_spec("atheris") is not None:
        what = "tracebacks / files that a guided fuzzer made"
        yield fuzz_by("fuzz_guided.py", what, inputs)


def fuzz_by(program: str, what: str, inputs: int) -> Line:
    command = [sys.executable, f"bench/{program}", "--inputs", str(inputs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout, flush=True)
    found = re.search(r"inputs: ([\d,]+); tracebacks and other offences: (\d+)", done.stdout)
    if found is None:
        return Line(what, "the fuzzer itself broke", [done.stderr[-300:]])
    offences = done.stdout.split(found[0])[1].splitlines()[1:]
    return Line(what, f"{found[2]} / {found[1]}", offences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=100, help="random ones")
    parser.add_argument("--each", type=int, default=2, help="frameworks that each is proved in")
    parser.add_argument("--inputs", type=int, default=100_000, help="damaged files")
    parser.add_argument("--frameworks", nargs="+", help="only these; all that are here by default")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    options = parser.parse_args()
    lines: list[Line] = []
    if "cheats" in options.only:
        lines += cheats(options.frameworks)
    if "random" in options.only:
        lines.append(accusations(options.experiments, options.each, options.frameworks))
    if "faults" in options.only:
        lines.append(faults())
    if "fuzz" in options.only:
        lines += fuzz(options.inputs)
    for line in lines:
        print(f"{line.what:58} {line.found}")
        for wrong in line.wrong:
            print(f"  {wrong}")
    sys.exit(any(line.wrong for line in lines))


if __name__ == "__main__":
    main()
