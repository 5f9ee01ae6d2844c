"""The program: what all commands belong to, and how it ends."""

import sys
from typing import TYPE_CHECKING

import typer

from samestep.errors import BadInput, RunFailed

if TYPE_CHECKING:
    from samestep.proof_record import FrameworkProof
    from samestep.result import Result

OK, NO, BAD, FAILED, INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    help="Write a training run once; get it in every framework's own code, proved to be the "
    "same, and raced fairly.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line and exit."""
    try:
        app(prog_name="samestep")
    except (BadInput, RunFailed) as error:
        from samestep.report.text import visible

        sys.stderr.write(f"samestep: {visible(str(error))}\n")
        sys.exit(BAD if isinstance(error, BadInput) else FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def status_of(result: "Result") -> int:
    """1 if a proof says no, else 3 if a run failed, else 0."""
    proofs: list[FrameworkProof] = list(result.proof.values())
    if any(proof.verdict == "different" for proof in proofs):
        return NO
    failed = any(proof.verdict == "failed" for proof in proofs) or any(
        trial.outcome in ("failed", "timeout") for trial in result.trials
    )
    return FAILED if failed else OK
