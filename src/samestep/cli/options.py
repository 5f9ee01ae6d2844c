"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from samestep.errors import BadInput

ExperimentArgument = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="A shipped experiment's name, or a TOML file.")
]
FrameworksOption = Annotated[
    list[str] | None,
    typer.Option("-f", "--frameworks", metavar="A,B", help="Only these; all installed by default."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as training.epochs=5."),
]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write it as one page of HTML.")
]
SmallOption = Annotated[
    bool, typer.Option("--small", help="A quick try: what the experiment's table [small] says.")
]
ResumeOption = Annotated[
    Path | None,
    typer.Option("--resume", metavar="RESULT", help="Go on with it there: the same command."),
]


def split_names(names: list[str] | None) -> list[str] | None:
    """`-f a,b -f c` -> [a, b, c]."""
    if names is None:
        return None
    found = [name.strip() for text in names for name in text.split(",") if name.strip()]
    if not found:
        raise BadInput("-f: names no framework; `samestep frameworks` lists what there is")
    return found
