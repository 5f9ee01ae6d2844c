"""Commands that say what there is: frameworks, experiments, scripts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samestep.cli.options import ExperimentArgument, SetOption, SmallOption, split_names
from samestep.cli.output import console
from samestep.cli.program import NO, OK, app
from samestep.errors import BadInput

if TYPE_CHECKING:
    from samestep.catalogue import Framework


@app.command()
def frameworks() -> None:
    """What is here, what is missing and how to get it."""
    from rich.table import Table
    from rich.text import Text

    from samestep.catalogue import find_frameworks
    from samestep.report.table import plain

    table = Table(box=None, pad_edge=False)
    for header in ("framework", "title", "versions, or how to get it"):
        table.add_column(header, overflow="fold")
    for framework in find_frameworks().values():
        place = framework.place
        problem = place.problem()
        if problem is not None:
            state = plain(f"{problem}; to get it: {place.how_to_get()}", "yellow")
        else:
            versions = place.versions().items()
            state = Text(", ".join(f"{package} {version}" for package, version in versions))
        table.add_row(plain(framework.name), plain(framework.title), state)
    console().print(table)
    for framework in find_frameworks().values():
        if not framework.shipped:
            console().print(plain(_warning(framework), "yellow"), soft_wrap=True)


@app.command()
def install(
    names: Annotated[list[str], typer.Argument(metavar="FRAMEWORK...")],
) -> None:
    """Get what frameworks need: by pip, or by Julia's Pkg into a project of its own."""
    from samestep.catalogue import named_framework
    from samestep.installing import install as install_one
    from samestep.report.table import plain

    for framework in [named_framework(name) for name in split_names(names) or []]:
        if not framework.shipped:
            console().print(plain(_warning(framework), "yellow"), soft_wrap=True)
        console().print(plain(install_one(framework)), soft_wrap=True)


@app.command()
def experiments() -> None:
    """What ships with samestep."""
    from rich.table import Table

    from samestep.experiment_file import load_experiment, shipped_experiments
    from samestep.report.table import plain

    table = Table(box=None, pad_edge=False)
    for header in ("experiment", "title", "file"):
        table.add_column(header, overflow="fold")
    for name, path in shipped_experiments().items():
        table.add_row(plain(name), plain(load_experiment(name).title), plain(str(path)))
    console().print(table)


@app.command()
def code(
    experiment: ExperimentArgument,
    names: Annotated[list[str], typer.Argument(metavar="FRAMEWORK...")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Write runnable folders here."),
    ] = None,
    overrides: SetOption = None,
    small: SmallOption = False,
    notebook: Annotated[
        bool, typer.Option("--notebook", help="With -o: as Jupyter notebooks.")
    ] = False,
) -> None:
    """Show the experiment's script, side by side by stage, or write folders that run alone."""
    from samestep.writing import show_code, write_folders

    names = split_names(names) or []
    chosen = experiment, names, overrides or []
    if output is None and notebook:
        raise BadInput("--notebook: a notebook and its data are a folder; name one with -o")
    if output is None:
        unsupported = show_code(*chosen, console(), console(True), small=small)
    else:
        unsupported = write_folders(*chosen, output, console(), small=small, notebook=notebook)
    raise typer.Exit(NO if unsupported else OK)


def _warning(framework: "Framework") -> str:
    return (
        f"{framework.name} is not samestep's own: what lies in {framework.folder} runs code in "
        "every proof and race"
    )
