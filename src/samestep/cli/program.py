"""The program: what all commands belong to, and how it ends."""

import errno
import sys
from typing import TYPE_CHECKING, NoReturn, cast

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
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__bases__[0])
"""What all of Typer's refusals are; it exports only this one of them."""

_OF_THE_MACHINE = {errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS}
"""Rights and room, wherever a command met their lack; any other error is a defect of ours."""


def main() -> None:
    """Run the command line and exit."""
    try:
        status = app(sys.argv[1:] or ["--help"], prog_name="samestep", standalone_mode=False)
    except (BadInput, RunFailed) as error:
        _refuse(str(error), BAD if isinstance(error, BadInput) else FAILED)
    except UsageError as error:
        _refuse(_usage_sentence(error), BAD)
    except OSError as error:
        if error.errno not in _OF_THE_MACHINE:
            raise
        place = error.filename or "a file could not be written"
        remedy = "change its rights, make room, or name another place"
        _refuse(f"{place}: {error.strerror}; {remedy}", BAD)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(status)


def _refuse(sentence: str, status: int) -> NoReturn:
    from samestep.report.text import visible

    sys.stderr.write(f"samestep: {visible(sentence)}\n")
    sys.exit(status)


def _usage_sentence(error: typer.BadParameter) -> str:
    """What Typer refuses in several lines, in one, with the help to look at."""
    command = error.ctx.command_path if error.ctx is not None else "samestep"
    return f"{error.format_message().rstrip('.')} ({command} --help says what there is)"


def status_of(result: "Result") -> int:
    """1 if a proof says no, else 3 if a run failed, else 0."""
    proofs: list[FrameworkProof] = list(result.proof.values())
    if any(proof.verdict == "different" for proof in proofs):
        return NO
    failed = any(proof.verdict == "failed" for proof in proofs) or any(
        trial.outcome in ("failed", "timeout") for trial in result.trials
    )
    return FAILED if failed else OK
