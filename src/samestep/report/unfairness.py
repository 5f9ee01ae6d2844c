"""A laboratory of unfairness on a terminal: the fair ratio, and each one that is not."""

from collections.abc import Iterable
from itertools import starmap

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from samestep.report.text import interval_text, number_text, visible
from samestep.result import Range
from samestep.unfairness.record import Laboratory, Ratios


def laboratory_view(laboratory: Laboratory) -> Group:
    """A line for each unfairness, and what a lucky seed does to accuracy."""
    first = visible(laboratory.frameworks[0])
    table = Table(box=None, pad_edge=False)
    table.add_column("unfairness", overflow="fold")
    table.add_column("framework", no_wrap=True)
    for header in ("fair", f"favours {first}", "favours it"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("other winner", no_wrap=True)
    for row in laboratory.rows:
        name = Text.assemble(visible(row.name), "\n", (visible(row.critique), "dim"))
        table.add_row(name, *map(_lines, zip(*starmap(_cells, row.ratios.items()), strict=True)))
    parts: list[RenderableType] = [
        Text(visible(laboratory.title), "bold"),
        Text(f"The time of an epoch over that in {first}; above 1, {first} wins."),
        Text(),
        table,
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


def _cells(framework: str, ratios: Ratios) -> tuple[Text, ...]:
    shown = map(_ratio, (ratios.fair, ratios.for_first, ratios.for_other))
    changes = Text("yes", "red") if ratios.changes_winner() else Text("no")
    return (Text(visible(framework)), *map(Text, shown), changes)


def _lines(cells: Iterable[Text]) -> Text:
    return Text("\n").join(cells)


def _ratio(ratio: Range) -> str:
    return interval_text(ratio.median, ratio.low, ratio.high, number_text)
