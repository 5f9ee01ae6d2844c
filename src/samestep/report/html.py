"""A result as one HTML file that needs nothing else: no network, no other file.

Whatever comes from a result is escaped: by Jinja in the page, by `_json` in its data.
"""

import base64
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from samestep.codegen import LANGUAGES
from samestep.language import STAGES
from samestep.proof_record import FrameworkProof, Rung
from samestep.report.charts import PICTURES, charts_of, judged_rungs
from samestep.report.command import repeating_command
from samestep.report.curves import CURVE_HEADERS, curve_rows
from samestep.report.legend import MARKS, conditions, legend
from samestep.report.measures import ranking_of
from samestep.report.method import method
from samestep.report.notes import notes_of, proof_reason
from samestep.report.sentence import question, verdict_sentence
from samestep.report.table import RUNGS
from samestep.report.text import bytes_text
from samestep.report.vega import vega_script
from samestep.result import Result

PAGE = Path(__file__).with_name("page")

MOST_RAW_BYTES = 2**20
"""A packed result may be so large to lie in its report."""

GOOD, FAIR = 1e-12, 1e-9
"""Errors up to these are shaded as rounding, and as the same."""

NOT_IN_PAGES = ("proof",)
"""Pictures that a page has as a table."""


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


@dataclass(frozen=True)
class Piece:
    """One stage of one framework's script, in syntax colours."""

    framework: str
    html: Markup


def html_report(result: Result, file_name: str) -> str:
    """The page of a result that was saved under this name."""
    pictures = {n: c for n, c in charts_of(result).items() if n not in NOT_IN_PAGES}
    ranking = ranking_of(result)
    text = result.model_dump_json()
    packed = base64.b64encode(gzip.compress(text.encode(), 6)).decode()
    environment = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        title=result.title,
        question=question(result),
        verdict=verdict_sentence(result),
        conditions=conditions(result),
        unfinished=result.unfinished,
        frameworks=list(result.frameworks),
        headers=list(ranking[0].measures) if ranking else [],
        ranking=ranking,
        unranked=_unranked(result),
        marks={verdict: mark for verdict, (mark, _) in MARKS.items()},
        legend=list(legend(result)) if ranking else [],
        notes=[note for note in notes_of(result) if note.kind != "proof"],
        pictures={name: PICTURES[name] for name in pictures},
        curve_headers=CURVE_HEADERS,
        curves=curve_rows(result) if result.curves else [],
        rungs=[*RUNGS, "audit"],
        ladder=_ladder(result),
        code=_code(result),
        how=method(result),
        command=repeating_command(result),
        machine=_machine(result),
        versions=_versions(result),
        raw=packed if len(packed) <= MOST_RAW_BYTES else None,
        raw_size=bytes_text(len(text)),
        file_name=file_name,
        specifications=Markup(_json({name: chart.to_dict() for name, chart in pictures.items()})),
        style=Markup((PAGE / "style.css").read_text(encoding="utf-8")),
        script=Markup((PAGE / "page.js").read_text(encoding="utf-8")),
        vega=Markup(vega_script()) if pictures else "",
    )


def _unranked(result: Result) -> list[tuple[str, str, str]]:
    """Name, proof and reason of everyone who has no place."""
    ranked = {row.framework for row in result.verdict}
    rows: list[tuple[str, str, str]] = []
    for name, proof in result.proof.items():
        if name in ranked:
            continue
        lost = [trial for trial in result.trials_of(name) if trial.outcome != "done"]
        reasons = [proof_reason(proof)] if proof.verdict != "identical" else []
        if lost:
            reasons.append(f"{len(lost)} trials {lost[0].outcome}: {lost[0].message or ''}")
        rows.append((name, proof.verdict, "; ".join(reasons) or "no trial told a steady epoch"))
    return rows


def _ladder(result: Result) -> list[Line]:
    return [
        Line(name, proof.verdict, _cells(number, name, proof))
        for number, (name, proof) in enumerate(result.proof.items())
    ]


def _cells(number: int, name: str, proof: FrameworkProof) -> list[Cell]:
    judged = judged_rungs(proof)
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
    return [f"{against}: {rung.error:.3e}{where}: {state}, where {FAIR:.0e} is allowed"]


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


def _code(result: Result) -> dict[str, list[Piece]]:
    """By stage, every framework's text; a result of proofs alone has none."""
    stages: dict[str, list[Piece]] = {stage: [] for stage in STAGES}
    order = [row.framework for row in result.verdict]
    for name in [*order, *(name for name in result.frameworks if name not in order)]:
        framework = result.frameworks[name]
        language = LANGUAGES.get(framework.language)
        if language is None or not framework.source:
            continue
        for stage, text in _stages(language.stages, framework.source).items():
            stages[stage].append(Piece(name, _colours(text, language.lexer)))
    return {stage: pieces for stage, pieces in stages.items() if pieces}


def _stages(split: Any, source: str) -> dict[str, str]:
    try:
        found: dict[str, str] = split(source)
    except (KeyError, SyntaxError, ValueError):
        # The file was changed: it is shown, in one piece, as what it is.
        return {STAGES[0]: source}
    return {stage: found[stage] for stage in STAGES if stage in found}


def _colours(source: str, lexer: str) -> Markup:
    # Pygments escapes what it colours.
    return Markup(highlight(source, get_lexer_by_name(lexer), HtmlFormatter(nowrap=True)))


def _machine(result: Result) -> dict[str, str]:
    machine = result.machine
    facts = {
        "processor": machine.cpu,
        "cores": f"{machine.usable_cores} usable of {machine.cores}",
        "memory": bytes_text(machine.memory_bytes),
        "system": f"{machine.os}, {machine.kernel}",
        "Python": machine.python,
        "load when it began": _words(machine.load_average),
        "when": result.created,
    }
    if result.speed is not None:
        facts["a large matrix product"] = f"{result.speed.matmul_flops / 1e9:.0f} GFLOP/s"
        facts["a copy in memory"] = f"{result.speed.memory_bytes / 1e9:.1f} GB/s"
    return facts


def _versions(result: Result) -> dict[str, str]:
    return {
        name: _words([*(f"{p} {v}" for p, v in f.version.items()), f.runtime or f.language])
        for name, f in result.frameworks.items()
    }


def _words(parts: Iterable[object]) -> str:
    return ", ".join(map(str, parts))


def _json(value: object) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c").replace("&", "\\u0026")
