"""Tables that fit: as many columns each as a terminal is wide, so that no figure is cut short."""

import io
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table


def natural_width(table: Table) -> int:
    """Characters that the table takes where nothing in it is wrapped."""
    console = Console(width=10_000, file=io.StringIO())
    return Measurement.get(console, console.options, table).maximum


def fitting_tables(
    make: Callable[[Sequence[str]], Table], headers: Sequence[str], width: int
) -> Iterator[Table]:
    """Tables of consecutive `headers`, which `make` makes, each as wide as `width` allows."""
    fitting: list[str] = []
    for header in headers:
        if fitting and natural_width(make([*fitting, header])) > width:
            yield make(fitting)
            fitting = []
        fitting.append(header)
    yield make(fitting)
