"""Tables for the terminal: a race, a proof, what scripts are made of.

Whatever comes from an experiment, a file or a worker goes in as Text, never as markup.
"""

import io
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from samestep.language import STAGES
from samestep.proof_record import FrameworkProof, Rung, RungName
from samestep.report.curves import curve_tables, failed_curves, origin_sentence
from samestep.report.fitting import fitting_tables, natural_width
from samestep.report.legend import MARKS, conditions, legend
from samestep.report.measures import Ranked, ranking_of
from samestep.report.notes import notes_of
from samestep.report.sentence import unfinished_sentence
from samestep.report.text import visible
from samestep.result import Result

WIDE = 160
NAME = "framework"
PLACES = ("#", NAME, "proof", "epoch, ms", "times the fastest", "group")
LEFT = (NAME, "proof", "group")
NOTE_STYLES = {"proof": "", "lost": "red", "unranked": "", "unsteady": "yellow", "unfair": "yellow"}
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
        for table in curve_tables(result, width):
            parts += [Text(), table]
        parts += failed_curves(result)
    if origin := origin_sentence(result):
        parts.append(plain(origin, "dim"))
    notes = _notes(result)
    if notes.row_count:
        parts += [Text(), notes]
    if unfinished := unfinished_sentence(result):
        parts.append(Text(unfinished, "yellow"))
    return Group(*parts)


def result_html(result: Result) -> str:
    """The same as HTML, for a notebook."""
    console = Console(record=True, width=WIDE, file=io.StringIO())
    console.print(result_view(result))
    return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def _ranking(result: Result, width: int) -> list[Table]:
    """One table where it fits, else that of the places and as many more as it takes."""
    ranking = ranking_of(result)
    told = list(ranking[0].measures)
    rows = [_place(ranked) | ranked.measures for ranked in ranking]

    def table(headers: Sequence[str]) -> Table:
        return _table(headers, [[row[header] for header in headers] for row in rows])

    def named(headers: Sequence[str]) -> Table:
        return table([NAME, *headers])

    if natural_width(whole := table([*PLACES, *told])) <= width:
        return [whole]
    if natural_width(places := table(PLACES)) <= width:
        return [places, *fitting_tables(named, told, width)]
    others = [header for header in PLACES if header != NAME]
    return list(fitting_tables(named, [*others, *told], width))


def _place(ranked: Ranked) -> dict[str, RenderableType]:
    """What stands under `PLACES`."""
    mark, style = MARKS[ranked.proof]
    cells = (
        str(ranked.rank),
        plain(ranked.framework),
        Text(mark, style=style),
        ranked.epoch,
        ranked.ratio,
        ranked.group,
    )
    return dict(zip(PLACES, cells, strict=True))


def _table(headers: Sequence[str], rows: Iterable[Sequence[RenderableType]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(
            header, justify="left" if header in LEFT else "right", no_wrap=header in PLACES
        )
    for row in rows:
        table.add_row(*row)
    return table


def _notes(result: Result) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for note in notes_of(result):
        mark, style = MARKS.get(note.state, ("", NOTE_STYLES[note.kind]))
        struck = "strike" if note.state == "different" else ""
        state = Text(f"{mark} {note.state}".strip(), style=style)
        table.add_row(plain(note.framework, struck), state, plain(note.text))
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
        rungs = proof.judged_rungs()
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


def _verdict_style(proof: FrameworkProof) -> tuple[str, str]:
    mark, style = MARKS[proof.verdict]
    return f"{mark} {proof.verdict}", style
