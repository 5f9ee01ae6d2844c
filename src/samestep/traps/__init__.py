"""The known traps: where two scripts that look alike do different work.

Data, not prose in the docs: what each trap is, how each framework behaves, how a script
is kept out of it, and, where the reference knows both forms, the variant that shows it.
"""

from dataclasses import replace

from samestep.experiment import Experiment
from samestep.reference import EXACT, Form
from samestep.traps import activations, arithmetic, data, layers, optimizers
from samestep.traps.trap import Trap

__all__ = ["TRAPS", "Trap", "form_with", "variants"]

TRAPS: tuple[Trap, ...] = (
    *optimizers.TRAPS,
    *data.TRAPS,
    *layers.TRAPS,
    *activations.TRAPS,
    *arithmetic.TRAPS,
)


def variants(experiment: Experiment) -> list[Trap]:
    """The traps that the reference can switch on for this experiment."""
    return [trap for trap in TRAPS if trap.variant is not None and trap.applies(experiment)]


def form_with(traps: list[Trap]) -> Form:
    """The reference's form with these traps switched on."""
    return replace(EXACT, **{trap.variant: True for trap in traps if trap.variant is not None})
