"""A laboratory of unfairness on a terminal: the fair ratio, and each one that is not."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from samestep.report.text import interval_text, number_text, visible
from samestep.result import Range
from samestep.unfairness.record import Laboratory


def laboratory_view(laboratory: Laboratory) -> Group:
    """A line for each unfairness, and what a lucky seed does to accuracy."""
    first, second = map(visible, laboratory.frameworks)
    table = Table(box=None, pad_edge=False)
    table.add_column("unfairness", overflow="fold")
    table.add_column("fair", justify="right", no_wrap=True)
    table.add_column(f"favours {first}", justify="right", no_wrap=True)
    table.add_column(f"favours {second}", justify="right", no_wrap=True)
    table.add_column("other winner", no_wrap=True)
    for row in laboratory.rows:
        changes = Text("yes", "red") if row.changes_winner() else Text("no")
        ratios = map(_ratio, (row.fair, row.for_first, row.for_second))
        table.add_row(visible(row.name), *ratios, changes)
    parts: list[RenderableType] = [
        Text(visible(laboratory.title), "bold"),
        Text(f"The time of an epoch in {second} over that in {first}; above 1, {first} wins."),
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
    parts += [Text(f"Left out: {visible(text)}.", "yellow") for text in laboratory.left_out]
    return Group(*parts)


def _ratio(ratio: Range) -> str:
    return interval_text(ratio.median, ratio.low, ratio.high, number_text)
