"""A scaling on a terminal: times by size, overhead and rate, and who is faster where."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from statistics import median

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from samestep.report.fitting import fitting_tables
from samestep.report.text import interval_text, number_text, visible
from samestep.scaling.fit import Crossing, Estimate, find_crossing, fit
from samestep.scaling.record import Scaling
from samestep.stats import Blocks

POOR_FIT = 0.2
"""A line that misses a point by this share explains little."""


FITTED = (
    "time a {unit} = overhead + work / rate, by least relative error; 95% intervals by the "
    "bootstrap over trials; inf: within the noise, the time does not grow with the work."
)


def scaling_view(scaling: Scaling, width: int) -> Group:
    """Milliseconds a step at every size, the fitted lines, the crossings, who is left out."""
    headers, rows, poor = scaling_rows(scaling)
    title = scaling.points[0].result.title if scaling.points else ""
    parts: list[RenderableType] = [Text(visible(title), "bold")]
    for table in fitting_tables(lambda chosen: _table(headers, rows, chosen), headers[1:], width):
        parts += [Text(), table]
    parts.append(Text())
    parts += [Text(visible(line)) for line in crossing_sentences(scaling)]
    parts.append(Text(FITTED.format(unit=unit_of(scaling)), "dim"))
    if poor:
        line = f"The line is far from a measured time in: {visible(', '.join(poor))}."
        parts.append(Text(line, "yellow"))
    return Group(*parts, *_left_out(scaling, [row[0] for row in rows]))


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], chosen: Sequence[str]) -> Table:
    """The frameworks, and the chosen ones of the columns that follow."""
    first, *others = headers
    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for header in chosen:
        table.add_column(header, justify="right", no_wrap=True)
    for name, *cells in rows:
        by_header = dict(zip(others, cells, strict=True))
        table.add_row(Text(visible(name)), *(by_header[header] for header in chosen))
    return table


def unit_of(scaling: Scaling) -> str:
    """What is timed: the work of a step does not grow with the rows."""
    return "epoch" if scaling.vary == "rows" else "step"


def scaling_rows(scaling: Scaling) -> tuple[list[str], list[list[str]], list[str]]:
    """Headers; each framework's times by size, overhead and rate; and whose line fits poorly."""
    headers = [f"ms a {unit_of(scaling)} at {scaling.vary}"]
    headers += [f"{point.size:,}" for point in scaling.points]
    rows, poor = [], []
    for name, by_work in scaling.samples().items():
        fitted = fit(by_work)
        if fitted.misfit > POOR_FIT:
            poor.append(f"{name} ({fitted.misfit:.0%})")
        rows.append(
            [
                name,
                *(_milliseconds(by_work.get(point.work)) for point in scaling.points),
                _estimate_text(fitted.overhead, 1e6),
                _estimate_text(fitted.rate, 1e-9),
            ]
        )
    return [*headers, "overhead, us", "GFLOP/s"], rows, poor


def scaling_sentence(scaling: Scaling) -> str:
    """What was found, in a sentence."""
    crossings = list(crossing_sentences(scaling))
    if not crossings:
        return "No two frameworks change places between the measured sizes."
    return crossings[0] if len(crossings) == 1 else f"{len(crossings)} pairs change places."


def crossings_of(scaling: Scaling) -> list[Crossing]:
    """Every pair that changes places inside the measured sizes."""
    samples = scaling.samples()
    found = (
        find_crossing((one, other), (samples[one], samples[other]))
        for one, other in combinations(samples, 2)
    )
    return [crossing for crossing in found if crossing is not None]


def size_at(scaling: Scaling, work: float) -> float:
    """The size whose work this is, between measured ones; their ends beyond."""
    works = [np.log(point.work) for point in scaling.points]
    sizes = [np.log(point.size) for point in scaling.points]
    return float(np.exp(np.interp(np.log(work), works, sizes))) if work > 0 else 0.0


def crossing_sentences(scaling: Scaling) -> Iterator[str]:
    """One for every pair that changes places."""
    for crossing in crossings_of(scaling):
        place = _size_text(scaling, crossing.work)
        yield (f"{crossing.below} is faster below {scaling.vary} {place}, {crossing.above} above.")


def _size_text(scaling: Scaling, work: Estimate) -> str:
    def show(value: float) -> str:
        return number_text(size_at(scaling, value))

    if work.high == float("inf"):
        return f"{show(work.value)} (too noisy for an interval)"
    return interval_text(work.value, work.low, work.high, show)


def _estimate_text(estimate: Estimate, factor: float) -> str:
    def show(value: float) -> str:
        return _number(value * factor)

    return interval_text(estimate.value, estimate.low, estimate.high, show)


def _number(value: float) -> str:
    return "inf" if value == float("inf") else number_text(value)


def _milliseconds(seconds: Blocks | None) -> str:
    return "-" if not seconds else number_text(median(seconds.values()) * 1e3)


def _left_out(scaling: Scaling, shown: Sequence[str]) -> list[Text]:
    if not scaling.points:
        return []
    names = [name for name in scaling.points[0].result.proof if name not in shown]
    return [
        Text(f"{visible(name)}: not proved, or not timed, at every size", "yellow")
        for name in names
    ]
