"""A laboratory of unfairness on a terminal: the fair ratio, and each one that is not."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import starmap

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from samestep.report.fitting import fitting_tables, natural_width
from samestep.report.text import interval_text, number_text, visible
from samestep.result import Range
from samestep.unfairness.record import Laboratory, Ratios, Row

NAME = 30
"""Characters that an unfairness's name takes at least; what it criticises is folded."""


def laboratory_view(laboratory: Laboratory, width: int) -> Group:
    """A line for each unfairness, and what a lucky seed does to accuracy."""
    first = visible(laboratory.frameworks[0])
    fits = natural_width(_ratio_table(laboratory.rows, first, _headers(first))) + NAME <= width
    parts: list[RenderableType] = [
        Text(visible(laboratory.title), "bold"),
        Text(f"The time of an epoch over that in {first}; above 1, {first} wins."),
        Text(),
        *([_whole_table(laboratory)] if fits else _row_by_row(laboratory, width)),
        Text(),
    ]
    for one in laboratory.accuracy:
        parts.append(
            Text(
                f"{visible(one.framework)}: test accuracy {one.mean:.3f} on average, "
                f"{one.best:.3f} with the luckiest of {one.seeds} seeds."
            )
        )
    return Group(*parts)


def _whole_table(laboratory: Laboratory) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("unfairness", overflow="fold")
    _add_columns(table, ["framework", *_headers(visible(laboratory.frameworks[0]))])
    for row in laboratory.rows:
        name = Text.assemble(visible(row.name), "\n", (visible(row.critique), "dim"))
        table.add_row(name, *map(_lines, zip(*starmap(_cells, row.ratios.items()), strict=True)))
    return table


def _row_by_row(laboratory: Laboratory, width: int) -> Iterator[RenderableType]:
    """For a narrow terminal: each unfairness, and beneath it its ratios."""
    first = visible(laboratory.frameworks[0])
    for number, row in enumerate(laboratory.rows):
        if number:
            yield Text()
        yield Text(visible(row.name), "bold")
        yield Text(visible(row.critique), "dim")
        yield from fitting_tables(partial(_ratio_table, [row], first), _headers(first), width)


def _headers(first: str) -> list[str]:
    return ["fair", f"favours {first}", "favours it", "other winner"]


def _ratio_table(rows: Sequence[Row], first: str, headers: Sequence[str]) -> Table:
    """The frameworks, and the chosen ones of the columns that follow."""
    table = Table(box=None, pad_edge=False)
    _add_columns(table, ["framework", *headers])
    for row in rows:
        for name, ratios in row.ratios.items():
            framework, *cells = _cells(name, ratios)
            by_header = dict(zip(_headers(first), cells, strict=True))
            table.add_row(framework, *(by_header[header] for header in headers))
    return table


def _add_columns(table: Table, headers: Sequence[str]) -> None:
    for header in headers:
        left = header in ("framework", "other winner")
        table.add_column(header, justify="left" if left else "right", no_wrap=True)


def _cells(framework: str, ratios: Ratios) -> tuple[Text, ...]:
    shown = map(_ratio, (ratios.fair, ratios.for_first, ratios.for_other))
    changes = Text("yes", "red") if ratios.changes_winner() else Text("no")
    return (Text(visible(framework)), *map(Text, shown), changes)


def _lines(cells: Iterable[Text]) -> Text:
    return Text("\n").join(cells)


def _ratio(ratio: Range) -> str:
    return interval_text(ratio.median, ratio.low, ratio.high, number_text)
