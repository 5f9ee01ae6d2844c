"""A saved document of any kind: loaded, and shown on a terminal."""

from pathlib import Path

from rich.console import Console

from samestep.errors import BadInput
from samestep.report.scaling import scaling_view
from samestep.report.table import result_view
from samestep.report.unfairness import laboratory_view
from samestep.result import SCHEMA, Record, Result, load_document
from samestep.scaling.record import SCALING_SCHEMA, Scaling
from samestep.unfairness.record import UNFAIR_SCHEMA, Laboratory
from samestep.verdict import verdict_of


def load_report(path: Path) -> Record:
    """A race, proofs or a scaling; raise BadInput in one sentence."""
    kinds: dict[str, type[Record]] = {
        SCHEMA: Result,
        SCALING_SCHEMA: Scaling,
        UNFAIR_SCHEMA: Laboratory,
    }
    loaded = load_document(path, kinds)
    if isinstance(loaded, Result) and loaded.unfinished:
        # A coordinator that was killed had no time for its verdict.
        loaded.verdict = verdict_of(loaded)
    return loaded


def log_report(document: Record, saved: Path, uri: str) -> None:
    """Log a race to the MLflow store at `uri`."""
    if not isinstance(document, Result):
        raise BadInput("--mlflow: a scaling cannot be logged; log a race")
    from samestep.report.tracking import log_race

    log_race(document, uri, saved.name)


def show_report(document: Record, console: Console) -> None:
    """Its tables, as wide as the console."""
    if isinstance(document, Scaling):
        console.print(scaling_view(document, console.width))
    elif isinstance(document, Laboratory):
        console.print(laboratory_view(document, console.width))
    elif isinstance(document, Result):
        console.print(result_view(document, console.width))
