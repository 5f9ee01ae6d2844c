"""What a report is written to: one HTML file, Markdown, pictures, a notebook."""

from dataclasses import dataclass
from pathlib import Path

import vl_convert

from samestep.errors import BadInput
from samestep.report.charts import WIDTH, fitted_charts
from samestep.report.html import race_page, scaling_page
from samestep.report.markdown import markdown_report
from samestep.report.notebook import result_notebook
from samestep.report.scaling_charts import scaling_chart
from samestep.result import Record, Result, check_writable, save_bytes, save_text
from samestep.scaling.record import Scaling

SHARPNESS = 2
"""Pixels of a picture for one of the page."""


@dataclass(frozen=True)
class Wanted:
    """Where which kind of report is to be written."""

    html: Path | None = None
    markdown: Path | None = None
    notebook: Path | None = None
    pictures: Path | None = None
    """A folder."""

    def files(self) -> dict[str, Path]:
        """A file that each option writes, by the option."""
        files = {"--html": self.html, "--markdown": self.markdown, "--notebook": self.notebook}
        files["--png"] = None if self.pictures is None else self.pictures / "chart.png"
        return {option: path for option, path in files.items() if path is not None}


def write_reports(document: Record, saved: Path, wanted: Wanted) -> list[Path]:
    """Write what is wanted of what was saved at `saved`; nothing if one of it cannot be written."""
    if not isinstance(document, Result | Scaling):
        raise BadInput("report: this document is for the terminal alone")
    for option, path in wanted.files().items():
        if isinstance(document, Scaling) and option in ("--markdown", "--notebook"):
            raise BadInput(f"{option}: a scaling has none; --html and --png show it")
        check_writable(path, option)
    written = []
    if wanted.html is not None:
        save_text(html_page(document, saved), wanted.html)
        written.append(wanted.html)
    if isinstance(document, Result) and wanted.markdown is not None:
        save_text(markdown_report(document), wanted.markdown)
        written.append(wanted.markdown)
    if isinstance(document, Result) and wanted.notebook is not None:
        save_text(result_notebook(document, saved.resolve()), wanted.notebook)
        written.append(wanted.notebook)
    if wanted.pictures is not None:
        written += _write_pictures(document, wanted.pictures)
    return written


def html_page(document: Record, saved: Path) -> str:
    """One self-contained page of what was saved at `saved`."""
    if isinstance(document, Scaling):
        return scaling_page(document, saved.name)
    assert isinstance(document, Result)
    return race_page(document, saved.name)


def _write_pictures(document: Record, folder: Path) -> list[Path]:
    """Every chart as PNG and SVG, named after it."""
    if isinstance(document, Result):
        charts = fitted_charts(document)
    else:
        assert isinstance(document, Scaling)
        charts = {"scaling": scaling_chart(document)}
    written = []
    for name, chart in charts.items():
        specification = chart.properties(width=WIDTH, background="white").to_dict()
        picture, drawing = folder / f"{name}.png", folder / f"{name}.svg"
        save_bytes(vl_convert.vegalite_to_png(specification, scale=SHARPNESS), picture)
        save_text(vl_convert.vegalite_to_svg(specification), drawing)
        written += [picture, drawing]
    return written
