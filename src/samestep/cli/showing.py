"""Commands that show what was saved."""

from pathlib import Path
from typing import Annotated

import typer

from samestep.cli.options import HtmlOption
from samestep.cli.output import console, path_text
from samestep.cli.program import NO, OK, app
from samestep.errors import BadInput


@app.command()
def report(
    result: Annotated[
        Path, typer.Argument(metavar="RESULT", help="A file that race, prove or scaling saved.")
    ],
    html: HtmlOption = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="Write it for an issue tracker."),
    ] = None,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="DIR", help="Draw its charts, as PNG and SVG.")
    ] = None,
    notebook: Annotated[
        Path | None, typer.Option("--notebook", metavar="FILE", help="Write a Jupyter notebook.")
    ] = None,
    mlflow: Annotated[
        str | None,
        typer.Option(metavar="URI", help="Log it to this MLflow store, or file of SQLite."),
    ] = None,
) -> None:
    """Show a saved result, or write a report that one can send to somebody."""
    import gc

    from samestep.report.document import load_report, log_report, show_report

    # The command holds what it has read until it ends; there is no garbage to look for.
    gc.disable()
    loaded = load_report(result)
    if not any((html, markdown, png, notebook, mlflow)):
        show_report(loaded, console())
        return
    from samestep.report.files import Wanted, write_reports

    wanted = Wanted(html=html, markdown=markdown, notebook=notebook, pictures=png)
    for path in write_reports(loaded, result, wanted):
        console().print(f"Written: {path_text(path)}", soft_wrap=True)
    if mlflow is not None:
        log_report(loaded, result, mlflow)


@app.command()
def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A file that race saved.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A later one.")],
    tolerance: Annotated[
        str, typer.Option(metavar="5%", help="By how much time and memory may be more.")
    ] = "5%",
    accuracy: Annotated[
        str, typer.Option(metavar="0.5%", help="By how much accuracy may be less.")
    ] = "0.5%",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Different experiments or machines too.")
    ] = False,
) -> None:
    """Did anything get slower, larger, less accurate, or stop being the same?"""
    from samestep.comparison import Tolerance, obstacle
    from samestep.comparison import compare as compare_results
    from samestep.quantities import parse_share
    from samestep.report.comparison import comparison_view
    from samestep.result import load_result

    tolerances = Tolerance(
        parse_share(tolerance, "--tolerance", none=True),
        parse_share(accuracy, "--accuracy", none=True),
    )
    before, after = load_result(old), load_result(new)
    why = obstacle(before, after)
    if why is not None and not anyway:
        raise BadInput(f"{old} and {new}: {why}; --anyway compares them all the same")
    changes = compare_results(before, after, tolerances)
    out = console()
    out.print(comparison_view(before, after, changes, tolerances, out.width))
    raise typer.Exit(NO if any(change.regressions for change in changes) else OK)
