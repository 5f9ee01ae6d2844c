"""How a race was measured, in plain words, from its settings."""

from samestep.report.text import number_text
from samestep.result import Result
from samestep.schedule import is_sequential, within


def method(result: Result) -> list[str]:
    """Paragraphs for a reader who does not believe it."""
    settings = result.settings
    proved = (
        "Before anything is timed, each script is proved: in float64, with the same weights and "
        "the same batches, its logits, loss, gradients, one optimizer step and a whole trajectory "
        "are compared with a reference implementation, and the rows, batches and labels that "
        "really entered its training are followed. Who is not proved is not ranked."
    )
    if not settings.trials:
        return [proved]
    cores = "1 core" if settings.threads == 1 else f"{settings.threads} cores"
    trials = (
        f"A trial is one fresh process on {cores}, its thread pools set to match, that trains in "
        f"{settings.precision}. Import, preparation, building, the first epoch and the steady "
        "epochs are timed apart, and evaluation is never inside a timed epoch. Trials come in "
        "blocks: one of each framework, in random order and then in the reverse order, so that a "
        "drift of the machine hits everyone alike."
    )
    statistics = (
        "A trial's steady epoch is what nine in ten of its epochs after the first take at least, "
        "for a shared machine only ever adds to a time; a framework's time is the median over its "
        "trials. Ratios are taken inside a block. Intervals hold at 95%; who shares a letter "
        "cannot be told apart, after a correction for the number of comparisons."
    )
    return [proved, trials, f"{statistics} {_length(result)}"]


def _length(result: Result) -> str:
    if not is_sequential(result):
        were = "are to be" if result.unfinished else "were"
        return f"There {were} {result.settings.trials} trials of each."
    return (
        "Blocks were added until all neighbours were told apart or known to be within "
        f"{number_text(100 * within(result))}% of each other, by a rule whose intervals hold "
        "although they are looked at often."
    )
