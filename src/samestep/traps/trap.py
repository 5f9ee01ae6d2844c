"""What a trap is, and the experiments that it lies in wait for."""

from collections.abc import Callable
from dataclasses import dataclass, field

from samestep.experiment import Experiment


def always(experiment: Experiment) -> bool:
    """Every experiment."""
    return True


def optimized_by(*names: str) -> Callable[[Experiment], bool]:
    """Whether the optimizer is one of these."""
    return lambda experiment: experiment.training.optimizer.name in names


def has(*kinds: str) -> Callable[[Experiment], bool]:
    """Whether there is a layer of one of these kinds."""
    return lambda experiment: any(layer.layer in kinds for layer in experiment.model)


def activates(name: str) -> Callable[[Experiment], bool]:
    """Whether some layer ends in this function."""
    return lambda experiment: any(
        name in (getattr(layer, "activation", None), getattr(layer, "function", None))
        for layer in experiment.model
    )


def keeps_tail(experiment: Experiment) -> bool:
    """Whether a smaller last batch is trained on."""
    return experiment.training.last_batch == "keep"


def shuffles(experiment: Experiment) -> bool:
    """Whether rows change their order."""
    return experiment.training.shuffle != "never"


def schedules(experiment: Experiment) -> bool:
    """Whether the learning rate changes."""
    return experiment.training.learning_rate_schedule.name != "constant"


@dataclass(frozen=True)
class Trap:
    """One trap. `variant` names the field of `Form` that switches it on in the reference.

    `name` is the short form in which a proof names it as a cause; `behaviours` are by
    framework or family of frameworks.
    """

    name: str
    what: str
    behaviours: dict[str, str]
    neutralised: str
    variant: str | None = None
    applies: Callable[[Experiment], bool] = field(default=always, repr=False)
