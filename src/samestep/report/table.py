"""Tables for the terminal: a race, a proof, what scripts are made of.

Whatever comes from an experiment, a file or a worker goes in as Text, never as markup.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from rich import box
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from samestep.language import STAGES
from samestep.proof_record import PROVED, FrameworkProof, Rung, RungName
from samestep.report.curves import curves_view, failed_curves
from samestep.report.legend import MARKS, conditions, legend
from samestep.report.steadiness import unsteady_sentence
from samestep.report.text import interval_text, number_text, visible
from samestep.result import Range, Result, Row, Trial
from samestep.schedule import is_sequential

Show = Callable[[float], str]
Get = Callable[[Trial], float | None]

WIDE = 160
NONE = "-"
PLACES = ("#", "framework", "proof", "epoch, ms", "times the fastest", "group")
LEFT = ("framework", "proof", "group")
RUNGS: tuple[RungName, ...] = ("forward", "loss", "gradient", "step", "trajectory")


def plain(text: str, style: str = "") -> Text:
    """Text from anywhere, safe to print."""
    return Text(visible(text), style=style)


def result_view(result: Result, width: int = WIDE) -> Group:
    """A race: who is faster than whom, and who was not ranked and why; or proofs alone."""
    parts: list[RenderableType] = [plain(result.title, "bold"), plain(conditions(result), "dim")]
    if result.settings.trials == 0:
        parts += [Text(), proof_view(result.proof)]
    if result.verdict:
        parts += _ranking(result, width)
        parts += [Text(line, style="dim") for line in legend(result)]
    if result.curves:
        parts += [Text(), curves_view(result), *failed_curves(result)]
    notes = _notes(result)
    if notes.row_count:
        parts += [Text(), notes]
    if result.unfinished:
        done = len(result.trials)
        total = result.settings.trials * sum(_is_proved(p) for p in result.proof.values())
        of = "" if is_sequential(result) else f" of {total}"
        line = f"Unfinished: {done}{of} trials are in this result"
        if result.settings.curve_seeds:
            line += f", and {len(result.curves)} learning curves"
        parts.append(Text(f"{line}.", "yellow"))
    return Group(*parts)


def result_html(result: Result) -> str:
    """The same as HTML, for a notebook."""
    console = Console(record=True, width=WIDE, file=io.StringIO())
    console.print(result_view(result))
    return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def _ranking(result: Result, width: int) -> list[RenderableType]:
    """One table where it fits, else two."""
    ranks = _ranks(result.verdict)
    places = [_place(result, row, ranks[row.framework]) for row in result.verdict]
    measures = [_measures(result, row) for row in result.verdict]
    # What this machine or these frameworks do not tell has no column.
    told = [header for header in measures[0] if any(row[header] != NONE for row in measures)]
    cells = [[row[header] for header in told] for row in measures]
    whole = _table(
        (*PLACES, *told), [[*place, *row] for place, row in zip(places, cells, strict=True)]
    )
    if _natural_width(whole) <= width:
        return [whole]
    names = [plain(row.framework) for row in result.verdict]
    return [
        _table(PLACES, places),
        _table(
            ("framework", *told), [[name, *row] for name, row in zip(names, cells, strict=True)]
        ),
    ]


def _place(result: Result, row: Row, rank: int) -> list[RenderableType]:
    mark, style = MARKS[result.proof[row.framework].verdict]
    return [
        str(rank),
        plain(row.framework),
        Text(mark, style=style),
        _range(row.epoch_seconds, _milliseconds),
        _range(row.ratio, number_text),
        row.group,
    ]


def _measures(result: Result, row: Row) -> dict[str, str]:
    """What else was measured, by the header of its column."""
    trials = [trial for trial in result.trials_of(row.framework) if trial.outcome == "done"]
    installed = result.frameworks[row.framework].install_bytes

    def over_trials(get: Get, show: Show = number_text) -> str:
        values = [value for value in map(get, trials) if value is not None]
        return show(median(values)) if values else NONE

    return {
        "of matmul, %": _share_of_matmul(result, row.epoch_seconds.median),
        "first epoch, ms": over_trials(lambda t: t.seconds.first_epoch, _milliseconds),
        "start, s": over_trials(lambda t: t.seconds.start),
        "one row, ms": over_trials(lambda t: t.seconds.row, _milliseconds),
        "accuracy": over_trials(
            lambda t: t.evaluation.accuracy if t.evaluation else None, "{:.3f}".format
        ),
        "test loss": over_trials(
            lambda t: t.evaluation.loss if t.evaluation else None, "{:.4f}".format
        ),
        "memory, MiB": over_trials(lambda t: t.peak_bytes, _mebibytes),
        "CPU, s": over_trials(lambda t: t.cpu_seconds),
        "energy, J": over_trials(lambda t: t.surroundings.joules if t.surroundings else None),
        "on disk, MiB": NONE if installed is None else _mebibytes(installed),
    }


def _share_of_matmul(result: Result, epoch_seconds: float) -> str:
    if result.speed is None or not result.flops_per_epoch:
        return NONE
    reached = result.flops_per_epoch / epoch_seconds / result.speed.matmul_flops
    return number_text(100 * reached)


def _milliseconds(seconds: float) -> str:
    return number_text(seconds * 1e3)


def _mebibytes(size: float) -> str:
    return number_text(size / 2**20)


def _natural_width(table: Table) -> int:
    console = Console(width=10_000, file=io.StringIO())
    return Measurement.get(console, console.options, table).maximum


def _table(headers: Sequence[str], rows: Iterable[Sequence[RenderableType]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(
            header, justify="left" if header in LEFT else "right", no_wrap=header in PLACES
        )
    for row in rows:
        table.add_row(*row)
    return table


def _ranks(verdict: Sequence[Row]) -> dict[str, int]:
    """One more than the number of those who are faster and told apart: ties are ties."""
    return {
        row.framework: 1 + sum(not set(faster.group) & set(row.group) for faster in verdict[:place])
        for place, row in enumerate(verdict)
    }


def _notes(result: Result) -> Table:
    """What a proof rests on, who has no place in the verdict or lost a trial, and why."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    ranked = [row.framework for row in result.verdict]
    for name, proof in result.proof.items():
        trials = result.trials_of(name)
        lost = [trial for trial in trials if trial.outcome != "done"]
        if proof.verdict != "identical":
            style = "strike" if proof.verdict == "different" else ""
            verdict = Text(*_verdict_style(proof))
            table.add_row(plain(name, style), verdict, plain(proof_reason(proof)))
        if lost:
            what = f"{len(lost)} of {len(trials)} trials {lost[0].outcome}"
            table.add_row(plain(name), Text(what, "red"), plain(lost[0].message or ""))
        elif trials and name not in ranked:
            reason = Text("it takes two epochs or more to see a steady one")
            table.add_row(plain(name), Text("not ranked"), reason)
    for name in ranked:
        sentence = unsteady_sentence([t for t in result.trials_of(name) if t.outcome == "done"])
        if sentence is not None:
            table.add_row(plain(name), Text("not steady", "yellow"), Text(sentence))
    for name, framework in result.frameworks.items():
        for warning in framework.warnings:
            table.add_row(plain(name), Text("unfair", "yellow"), plain(warning))
    return table


def proof_view(proofs: Mapping[str, FrameworkProof]) -> Table:
    """The ladder of each framework: the largest relative error of every rung.

    With named causes switched on in the reference, where a verdict rests on them.
    """
    # Just narrow enough for 80 columns.
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("framework", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for rung in RUNGS:
        table.add_column(rung, justify="right", no_wrap=True)
    table.add_column("audit", no_wrap=True)
    for name, proof in proofs.items():
        rungs = {rung.name: rung for rung in (*proof.rungs, *proof.rungs_with_causes)}
        audit = "-" if proof.audit is None else ("passed" if proof.audit.passed else "failed")
        table.add_row(
            plain(name),
            Text(*_verdict_style(proof)),
            *(_rung_text(rungs.get(rung)) for rung in RUNGS),
            Text(audit, style="red" if audit == "failed" else ""),
        )
    return table


def _rung_text(rung: Rung | None) -> Text:
    if rung is None:
        return Text("-")
    return Text(f"{rung.error:.0e}", style="" if rung.passed else "red")


def proof_reason(proof: FrameworkProof) -> str:
    """Why a proof is not simply identical, in a line."""
    parts = list(proof.causes)
    if proof.shift is not None:
        shift = proof.shift
        parts.append(
            f"moves weights {shift.weights:.0e}, logits {shift.logits:.0e}, loss {shift.loss:.0e}"
        )
    if proof.verdict == "different":
        parts += [
            f"{rung.name} departs by {rung.error:.1e}" + (f" in {rung.where}" if rung.where else "")
            for rung in proof.rungs
            if not rung.passed
        ][:1]
    if proof.audit is not None:
        parts += proof.audit.problems
    if proof.message:
        parts.append(f"{proof.stage}: {proof.message}" if proof.stage else proof.message)
    return "; ".join(dict.fromkeys(parts))


def stages_view(
    name: str, stages: Mapping[str, tuple[str, Mapping[str, str]]], width: int
) -> Group:
    """Scripts of several frameworks side by side, stage by stage, or below one another.

    `stages` holds, by framework, the language of its syntax colours and the text by stage.
    """
    parts: list[RenderableType] = [plain(name, "bold")]
    for stage in STAGES:
        side_by_side = width // max(1, len(stages)) >= 60
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=stage, title_justify="left")
        if side_by_side:
            for framework in stages:
                table.add_column(plain(framework), ratio=1, overflow="fold")
            table.add_row(*(code_view(texts[stage], lexer) for lexer, texts in stages.values()))
            table.expand = True
            parts.append(table)
            continue
        for framework, (lexer, texts) in stages.items():
            parts += [
                Text.assemble((stage, "bold"), "  ", plain(framework)),
                code_view(texts[stage], lexer),
                Text(),
            ]
    return Group(*parts)


def code_view(source: str, lexer: str) -> Syntax:
    """Source in the syntax colours of its language."""
    return Syntax(visible_code(source), lexer, theme="ansi_dark", word_wrap=True)


def visible_code(source: str) -> str:
    """Source whose lines are safe to print."""
    return "\n".join(visible(line.expandtabs(4)) for line in source.splitlines())


def statistics_view(statistics: Mapping[str, Mapping[str, tuple[int, int]]]) -> Table:
    """Lines and distinct API names, by framework and stage."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("lines / API names", no_wrap=True)
    for stage in (*STAGES, "all"):
        table.add_column(stage, justify="right", no_wrap=True)
    for name, by_stage in statistics.items():
        counts = [by_stage.get(stage, (0, 0)) for stage in STAGES]
        counts.append((sum(lines for lines, _ in counts), sum(names for _, names in counts)))
        table.add_row(plain(name), *(f"{lines} / {names}" for lines, names in counts))
    return table


def _is_proved(proof: FrameworkProof) -> bool:
    return proof.verdict in PROVED


def _verdict_style(proof: FrameworkProof) -> tuple[str, str]:
    mark, style = MARKS[proof.verdict]
    return f"{mark} {proof.verdict}", style


def _range(value: Range, show: Show) -> str:
    if value.low == value.median == value.high:
        return show(value.median)
    return interval_text(value.median, value.low, value.high, show)
