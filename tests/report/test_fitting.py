"""No figure is cut short, however narrow the terminal."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from samestep.comparison import Tolerance, compare
from samestep.report.comparison import comparison_view
from samestep.report.document import load_report, show_report
from samestep.report.fitting import fitting_tables, natural_width
from samestep.result import load_result

RESULTS = sorted((Path(__file__).parents[2] / "docs" / "results").glob("*.json"))


def table(headers: Sequence[str]) -> Table:
    made = Table(box=None, pad_edge=False)
    for header in ("name", *headers):
        made.add_column(header, no_wrap=True)
    return made


@given(st.lists(st.text("abc", min_size=1, max_size=20), min_size=1), st.integers(30, 200))
def test_every_column_comes_once_and_every_table_fits(headers: list[str], width: int) -> None:
    tables = list(fitting_tables(table, headers, width))
    assert [column.header for one in tables for column in one.columns[1:]] == headers
    assert all(natural_width(one) <= width for one in tables)


def test_no_more_tables_than_it_takes() -> None:
    assert [len(one.columns) for one in fitting_tables(table, ["a", "b", "c"], 10)] == [3, 2]
    assert [len(one.columns) for one in fitting_tables(table, ["a", "b", "c"], 13)] == [4]


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("width", [80, 160])
def test_a_report_shows_every_figure_whole(path: Path, width: int) -> None:
    shown = io.StringIO()
    show_report(load_report(path), Console(width=width, file=shown))
    assert "…" not in shown.getvalue()


def test_so_does_a_comparison() -> None:
    iris = load_result(RESULTS[0].with_name("iris-mlp.json"))
    tolerance, shown = Tolerance(), io.StringIO()
    changes = compare(iris, iris, tolerance)
    view = comparison_view(iris, iris, changes, tolerance, 80)
    Console(width=80, file=shown).print(view)
    assert "…" not in shown.getvalue()
