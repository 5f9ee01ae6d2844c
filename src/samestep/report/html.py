"""A result as one HTML file that needs nothing else: no network, no other file.

Whatever comes from a result is escaped: by Jinja in the page, by `_json` in its data.
"""

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from samestep.report.charts import PICTURES, Picture, fitted, fitted_charts
from samestep.report.command import repeating_command
from samestep.report.curves import CURVE_HEADERS, curve_rows, origin_sentence
from samestep.report.ladder import COLUMNS, ladder_of
from samestep.report.legend import MARKS, conditions, legend
from samestep.report.measures import ranking_of
from samestep.report.method import method
from samestep.report.notes import notes_of, proof_reason
from samestep.report.scaling import (
    FITTED,
    crossing_sentences,
    scaling_rows,
    scaling_sentence,
    unit_of,
)
from samestep.report.scaling_charts import SCALING_PICTURE, scaling_chart
from samestep.report.sentence import question, unfinished_sentence, verdict_sentence
from samestep.report.sources import sources_of
from samestep.report.text import bytes_text, visible
from samestep.report.vega import vega_script
from samestep.result import Record, Result
from samestep.scaling.record import Scaling

PAGE = Path(__file__).with_name("page")

MOST_RAW_BYTES = 2**20
"""A packed result may be so large to lie in its report."""

NOT_IN_PAGES = ("proof",)
"""Pictures that a page has as a table."""


def race_page(result: Result, file_name: str) -> str:
    """The page of a result that was saved under this name."""
    drawn = {n: c for n, c in fitted_charts(result).items() if n not in NOT_IN_PAGES}
    ranking = ranking_of(result)
    return _render(
        "race.html.j2",
        result,
        file_name,
        {name: PICTURES[name] for name in drawn},
        {name: chart.to_dict() for name, chart in drawn.items()},
        title=result.title,
        question=question(result),
        verdict=verdict_sentence(result),
        conditions=conditions(result),
        unfinished=unfinished_sentence(result),
        frameworks=list(result.frameworks),
        ranking=ranking,
        groups=ranking[0].groups if ranking else {},
        unranked=_unranked(result),
        marks={verdict: mark for verdict, (mark, _) in MARKS.items()},
        legend=list(legend(result)) if ranking else [],
        notes=[note for note in notes_of(result) if note.kind != "proof"],
        curve_headers=CURVE_HEADERS,
        curves=curve_rows(result) if result.curves else [],
        curve_origin=origin_sentence(result),
        rungs=COLUMNS,
        ladder=ladder_of(result),
        code=sources_of(result),
        how=method(result),
        command=repeating_command(result),
        machine=_machine(result),
        versions=_versions(result),
    )


def scaling_page(scaling: Scaling, file_name: str) -> str:
    """The page of a scaling that was saved under this name."""
    headers, rows, poor = scaling_rows(scaling)
    first = scaling.points[0].result if scaling.points else None
    line = f"The line is far from a measured time in: {', '.join(poor)}." if poor else ""
    return _render(
        "scaling.html.j2",
        scaling,
        file_name,
        {"scaling": SCALING_PICTURE},
        {"scaling": fitted(scaling_chart(scaling)).to_dict()},
        title=first.title if first else "",
        question=f"Who is faster at which {scaling.vary}?",
        verdict=scaling_sentence(scaling),
        conditions=conditions(first) if first else "",
        frameworks=[row[0] for row in rows],
        headers=headers,
        rows=rows,
        crossings=list(crossing_sentences(scaling)),
        fitted=f"{FITTED.format(unit=unit_of(scaling))} {line}",
        how=method(first) if first else [],
    )


def _render(
    template: str,
    document: Record,
    file_name: str,
    pictures: Mapping[str, Picture],
    specifications: Mapping[str, Any],
    **facts: object,
) -> str:
    text = document.model_dump_json()
    packed = base64.b64encode(gzip.compress(text.encode(), 6)).decode()
    environment = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        raw=packed if len(packed) <= MOST_RAW_BYTES else None,
        raw_size=f"{len(text) / 1e3:,.0f} kB",
        file_name=file_name,
        pictures=pictures,
        specifications=Markup(_json(specifications)),
        style=Markup((PAGE / "style.css").read_text(encoding="utf-8")),
        script=Markup((PAGE / "page.js").read_text(encoding="utf-8")),
        vega=Markup(vega_script()) if pictures else "",
        **facts,
    )


def _unranked(result: Result) -> list[tuple[str, str, str]]:
    """Name, proof and reason of everyone who has no place."""
    ranked = {row.framework for row in result.verdict}
    trials = result.trials_by_framework()
    rows: list[tuple[str, str, str]] = []
    for name, proof in result.proof.items():
        if name in ranked:
            continue
        lost = [trial for trial in trials.get(name, []) if trial.outcome != "done"]
        reasons = [proof_reason(proof)] if proof.verdict != "identical" else []
        if lost:
            reasons.append(f"{len(lost)} trials {lost[0].outcome}: {lost[0].message or ''}")
        rows.append((name, proof.verdict, "; ".join(reasons) or "no trial told a steady epoch"))
    return rows


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


def _visible(value: object) -> object:
    """Text whose hidden characters show; what is markup already is left as it is."""
    return visible(value) if type(value) is str else value


def _json(value: object) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c").replace("&", "\\u0026")
