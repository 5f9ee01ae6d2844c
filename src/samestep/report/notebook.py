"""Jupyter notebooks: of a saved result, and of a script stage by stage."""

import json
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

from samestep.report.charts import PICTURES, fitted_charts
from samestep.report.markdown import safe
from samestep.report.sentence import question, verdict_sentence
from samestep.result import Result

GUARDS = ("if __name__ ==", "if abspath(PROGRAM_FILE) ==")
"""A main part begins so; in a notebook it runs like everything else."""

BETWEEN = {"python": r"\n\n\n+", "julia": r"\n\n+(?=\S)"}
"""What lies between the definitions of a script."""

Cell = tuple[str, str]
"""Its kind, `markdown` or `code`, and its text."""


def result_notebook(result: Result, path: Path) -> str:
    """A notebook that loads the result from `path` and shows its table, frame and charts."""
    cells: list[Cell] = [
        ("markdown", f"# {safe(question(result))}\n\n**{safe(verdict_sentence(result))}**"),
        (
            "code",
            f"from pathlib import Path\n\nimport samestep\n\n"
            f"result = samestep.load_result(Path({str(path)!r}))\nresult",
        ),
        ("markdown", "Every trial is a row:"),
        ("code", "result.frame()"),
    ]
    for name in fitted_charts(result):
        picture = PICTURES[name]
        cells.append(("markdown", f"## {picture.title}\n\n{picture.caption}"))
        cells.append(("code", f"result.chart({name!r})"))
    return notebook(cells, language="python")


def script_notebook(source: str, language: str) -> str:
    """A script as a notebook: a cell for its imports, each definition and its main part.

    What finds data beside the script finds them in the folder of the notebook.
    """
    source = source.replace('Path(__file__).with_name("data.npz")', '"data.npz"')
    if source.count("Path") == 1:
        source = source.replace("from pathlib import Path\n\n", "")
    cells: list[Cell] = []
    for block in re.split(BETWEEN[language], source.strip("\n")):
        guard, *body = block.split("\n")
        if guard.startswith(GUARDS):
            block = textwrap.dedent("\n".join(line for line in body if line[:1] != "e"))
        cells.append(("code", block))
    return notebook(cells, language)


def notebook(cells: Sequence[Cell], language: str) -> str:
    """The JSON of a notebook, format 4.5."""
    kernels = {"python": ("Python 3", "python3"), "julia": ("Julia", "julia")}
    shown, name = kernels[language]
    return (
        json.dumps(
            {
                "nbformat": 4,
                "nbformat_minor": 5,
                "metadata": {
                    "kernelspec": {"display_name": shown, "language": language, "name": name},
                    "language_info": {"name": language},
                },
                "cells": [_cell(n, *cell) for n, cell in enumerate(cells)],
            },
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )


def _cell(number: int, kind: str, text: str) -> dict[str, object]:
    cell: dict[str, object] = {
        "id": f"cell-{number}",
        "cell_type": kind,
        "metadata": {},
        "source": text.strip("\n").splitlines(keepends=True),
    }
    return cell | {"execution_count": None, "outputs": []} if kind == "code" else cell
