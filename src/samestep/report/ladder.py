"""The proof as a heat map: rung by framework, and what each cell has to tell."""

from dataclasses import dataclass

from samestep.proof_record import FrameworkProof, Rung
from samestep.report.charts import shown_rungs
from samestep.report.notes import proof_reason
from samestep.report.table import RUNGS
from samestep.result import Result

GOOD, SAME = 1e-12, 1e-9
"""Errors up to these are shaded as rounding, and as the same."""

COLUMNS = (*RUNGS, "audit")


@dataclass(frozen=True)
class Cell:
    """One rung of one framework's ladder, and what opens when it is pressed."""

    id: str
    rung: str
    text: str
    shade: str
    facts: list[str]


@dataclass(frozen=True)
class Line:
    """One framework's ladder."""

    framework: str
    verdict: str
    cells: list[Cell]


def ladder_of(result: Result) -> list[Line]:
    """A line for each framework, its cells under `COLUMNS`."""
    return [
        Line(name, proof.verdict, _cells(number, proof))
        for number, (name, proof) in enumerate(result.proof.items())
    ]


def _cells(number: int, proof: FrameworkProof) -> list[Cell]:
    judged = shown_rungs(proof)
    plain = {rung.name: rung for rung in proof.rungs}
    caused = {rung.name: rung for rung in proof.rungs_with_causes}
    cells = []
    for rung in RUNGS:
        if rung not in judged:
            cells.append(Cell("", rung, "-", "", []))
            continue
        error, passed = judged[rung]
        shade = "bad" if not passed else "good" if error <= GOOD else "fair"
        facts = _rung_facts("against the experiment's own meaning", plain.get(rung))
        if rung in caused:
            facts += _rung_facts(f"with {', '.join(proof.causes)}", caused[rung])
        cells.append(Cell(f"rung-{number}-{rung}", rung, f"{error:.0e}", shade, facts))
    cells.append(_audit(number, proof))
    return cells


def _rung_facts(against: str, rung: Rung | None) -> list[str]:
    if rung is None:
        return []
    where = f", largest in {rung.where}" if rung.where else ""
    state = "the same" if rung.passed else "not the same"
    return [f"{against}: {rung.error:.3e}{where}: {state}, where {SAME:.0e} is allowed"]


def _audit(number: int, proof: FrameworkProof) -> Cell:
    if proof.audit is None:
        reason = [proof_reason(proof)] if proof.verdict in ("failed", "unsupported") else []
        return Cell(f"rung-{number}-audit", "audit", "-", "", reason)
    rows = "all rows" if proof.audit.rows is None else f"the first {proof.audit.rows:,} rows"
    facts = [f"{rows} of the framework's own pipeline were followed"]
    facts += proof.audit.problems
    if proof.dropout is not None:
        facts.append("dropout: " + ("passed" if proof.dropout.passed else "not as asked"))
        facts += proof.dropout.problems
    passed = proof.audit.passed and (proof.dropout is None or proof.dropout.passed)
    text, shade = ("passed", "good") if passed else ("failed", "bad")
    return Cell(f"rung-{number}-audit", "audit", text, shade, facts)
