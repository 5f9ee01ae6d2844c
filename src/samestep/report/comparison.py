"""Two results on a terminal, framework by framework."""

from collections.abc import Callable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from samestep.comparison import Change, Tolerance
from samestep.report.fitting import fitting_tables
from samestep.report.text import interval_text, number_text, visible
from samestep.result import Result
from samestep.stats import Interval


def comparison_view(
    old: Result, new: Result, changes: Sequence[Change], tolerance: Tolerance, width: int
) -> Group:
    """What changed, with intervals; what is worse for certain says so."""
    rows = [_cells(old, new, change, tolerance) for change in changes]

    def table(headers: Sequence[str]) -> Table:
        made = Table(box=None, pad_edge=False)
        made.add_column("framework", no_wrap=True)
        for header in headers:
            if header == "versions":
                made.add_column(header, overflow="fold")
            else:
                made.add_column(header, justify="right", no_wrap=True)
        for change, row in zip(changes, rows, strict=True):
            made.add_row(Text(visible(change.framework)), *(row[header] for header in headers))
        return made

    parts: list[RenderableType] = [
        Text(visible(new.title), "bold"),
        Text(visible(f"{old.created} against {new.created}"), "dim"),
    ]
    for fitting in fitting_tables(table, list(rows[0]) if rows else [], width):
        parts += [Text(), fitting]
    parts += [
        Text(),
        *_judgements(changes),
        Text(
            f"Worse or better is what leaves a tolerance of {tolerance.ratio:.1%} of time and "
            f"memory, and of {tolerance.accuracy:g} of accuracy, with its whole 95% interval "
            "(Welch's, Bonferroni over the frameworks); as accurate is what two one-sided tests "
            "over the seeds tell.",
            "dim",
        ),
    ]
    return Group(*parts)


def _cells(old: Result, new: Result, change: Change, tolerance: Tolerance) -> dict[str, Text]:
    """What stands beside a framework's name, by header."""
    equal = {True: "yes", False: "not told", None: "-"}[change.as_accurate]
    texts = {
        "versions": visible(_versions(old, new, change.framework)),
        "epoch, new / old": _interval_text(change.epoch, number_text),
        "memory, new / old": _interval_text(change.memory, number_text),
        "accuracy, new - old": _interval_text(change.accuracy, "{:+.4f}".format),
        f"as accurate, to {tolerance.accuracy:g}": equal,
    }
    return {header: Text(text) for header, text in texts.items()}


def _judgements(changes: Sequence[Change]) -> Iterator[Text]:
    for change in changes:
        name = visible(change.framework)
        if change.regressions:
            yield Text(f"Worse: {name}: {'; '.join(change.regressions)}", "red")
        if change.improvements:
            yield Text(f"Better: {name}: {'; '.join(change.improvements)}", "green")
    few = [c.framework for c in changes if c.epoch is not None and c.epoch.low is None]
    if few:
        yield Text(f"Too few trials to tell: {visible(', '.join(few))}", "yellow")
    if not any(change.regressions or change.improvements for change in changes):
        yield Text("No change is told.")


def _versions(old: Result, new: Result, name: str) -> str:
    before, after = (r.frameworks[name].version if name in r.frameworks else {} for r in (old, new))
    parts = []
    for package in dict.fromkeys([*before, *after]):
        one, other = before.get(package, "none"), after.get(package, "none")
        parts.append(f"{package} {one}" if one == other else f"{package} {one} -> {other}")
    return ", ".join(parts)


def _interval_text(interval: Interval | None, show: Callable[[float], str]) -> str:
    if interval is None:
        return "-"
    return interval_text(interval.median, interval.low, interval.high, show)
