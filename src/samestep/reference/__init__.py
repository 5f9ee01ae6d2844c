"""The yardstick of every proof: forward, backward and optimizers in float64 NumPy.

Each formula is written out as its source states it. A `Form` switches on, one by one, the
other forms that frameworks are known to use, so that a cause can be proved, not guessed.
"""

from samestep.reference.form import EXACT, Form
from samestep.reference.loss import accuracy_of_logits, loss_of_logits
from samestep.reference.model import Backward, Masks, forward, loss_and_gradients
from samestep.reference.optimizers import Stepper, learning_rate
from samestep.reference.training import (
    Run,
    first_batch,
    held_out_data,
    one_step,
    proof_data,
    train,
)

__all__ = [
    "EXACT",
    "Backward",
    "Form",
    "Masks",
    "Run",
    "Stepper",
    "accuracy_of_logits",
    "first_batch",
    "forward",
    "held_out_data",
    "learning_rate",
    "loss_and_gradients",
    "loss_of_logits",
    "one_step",
    "proof_data",
    "train",
]
