"""A race as Markdown, for an issue tracker: what one pastes into 'X is slower than Y'."""

import re
from collections.abc import Iterable, Iterator, Sequence

from samestep.report.command import repeating_command
from samestep.report.curves import CURVE_HEADERS, curve_rows, origin_sentence
from samestep.report.legend import MARKS, conditions, legend
from samestep.report.measures import ranking_of
from samestep.report.method import method
from samestep.report.notes import notes_of
from samestep.report.sentence import question, unfinished_sentence, verdict_sentence
from samestep.report.table import PLACES, RUNGS
from samestep.report.text import visible
from samestep.result import Result


def markdown_report(result: Result) -> str:
    """The verdict, the table, what to know beside it, how it was measured, how to repeat it."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Result) -> Iterator[str]:
    yield f"### {safe(question(result))}"
    yield ""
    yield f"**{safe(verdict_sentence(result))}**"
    yield ""
    if unfinished := unfinished_sentence(result):
        yield safe(unfinished)
        yield ""
    yield from _ranking(result)
    if result.curves:
        rows = curve_rows(result)
        yield from _table(CURVE_HEADERS, rows, len(CURVE_HEADERS) - 1)
    if origin := origin_sentence(result):
        yield safe(origin)
        yield ""
    if not result.settings.trials:
        yield from _proofs(result)
    for note in notes_of(result):
        yield f"- {safe(note.framework)}: {safe(note.state)}: {safe(note.text)}"
    yield ""
    yield "<details><summary>How it was measured</summary>"
    yield ""
    for paragraph in method(result):
        yield safe(paragraph)
        yield ""
    yield safe(conditions(result))
    yield ""
    for name, framework in result.frameworks.items():
        versions = ", ".join(f"{p} {v}" for p, v in framework.version.items())
        yield f"- {safe(name)}: {safe(versions)}"
    yield ""
    yield "</details>"
    yield ""
    yield "To repeat it:"
    yield ""
    yield from _code_block(repeating_command(result))


def _ranking(result: Result) -> Iterator[str]:
    ranking = ranking_of(result)
    if not ranking:
        return
    rows = [
        (
            str(ranked.rank),
            ranked.framework,
            f"{MARKS[ranked.proof][0]} {ranked.proof}",
            *(ranked.epoch, ranked.ratio, ranked.group),
            *ranked.measures.values(),
        )
        for ranked in ranking
    ]
    yield from _table((*PLACES, *ranking[0].measures), rows, 3)
    for line in legend(result):
        yield f"- {safe(line)}"
    yield ""


def _proofs(result: Result) -> Iterator[str]:
    rows = []
    for name, proof in result.proof.items():
        rungs = proof.judged_rungs()
        errors = [f"{rungs[rung].error:.0e}" if rung in rungs else "-" for rung in RUNGS]
        rows.append((name, proof.verdict, *errors))
    yield from _table(("framework", "verdict", *RUNGS), rows, 2)


def _table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int
) -> Iterator[str]:
    """Columns from the one of that number on are set to the right."""
    yield f"| {' | '.join(map(safe, headers))} |"
    sides = ["---" if place < numbers_from else "---:" for place in range(len(headers))]
    yield f"|{'|'.join(sides)}|"
    for row in rows:
        yield f"| {' | '.join(map(safe, row))} |"
    yield ""


def _code_block(text: str) -> Iterator[str]:
    """A fence that is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}sh"
    yield " ".join(visible(text).splitlines())
    yield fence


def safe(text: str) -> str:
    r"""Text that Markdown shows as it is: no markup, no link, no mention, no end of a table's cell.

    >>> safe("a|b <i>*c*</i> @you")
    'a\\|b &lt;i&gt;\\*c\\*&lt;/i&gt; &#64;you'
    """
    text = visible(" ".join(text.split()))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text)
    # A tracker would tell people and link issues.
    return text.replace("@", "&#64;").replace("://", ":&#47;&#47;")
