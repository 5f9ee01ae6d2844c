"""The traps of optimizers and learning rates."""

from samestep.traps.trap import Trap, optimized_by, schedules

NAMED = (
    "Not in the framework's own optimizer; the proof names it and says how far it moves the result."
)

TRAPS = (
    Trap(
        name="epsilon-hat Adam",
        what="Adam's epsilon is added to the root of the second moment before bias correction "
        "(Kingma and Ba 2015, end of section 2) instead of after it (Algorithm 1). Early on it "
        "then weighs up to 1 / sqrt(1 - beta_2), about 32 times, more.",
        behaviours={
            "keras-tensorflow": "before",
            "keras-jax": "before",
            "keras-torch": "before",
            "tensorflow": "before (Keras's optimizer)",
            "sklearn": "before",
            "torch": "after",
            "flax": "after (Optax, eps_root = 0)",
            "numpy": "after",
            "flux": "after",
            "knet": "after",
            "julia": "after",
        },
        neutralised=NAMED,
        variant="epsilon_hat",
        applies=optimized_by("adam", "adamw"),
    ),
    Trap(
        name="float32 beta powers in Adam",
        what="The powers of beta in Adam's bias correction are taken of betas rounded to "
        "float32 (0.9990000128746033 for 0.999), in float64 too; the moments use exact betas.",
        behaviours={
            "keras-tensorflow": "rounded: ops.cast of a Python float passes through float32",
            "keras-jax": "exact",
            "keras-torch": "exact",
            "tensorflow": "as keras-tensorflow",
            "sklearn": "exact",
            "torch": "exact",
            "flax": "exact",
            "numpy": "exact",
            "flux": "exact",
            "knet": "exact",
            "julia": "exact",
        },
        neutralised=NAMED,
        variant="float32_powers",
        applies=optimized_by("adam", "adamw"),
    ),
    Trap(
        name="float32 momentum",
        what="The momentum is rounded to float32 (0.8999999761581421 for 0.9), in float64 too.",
        behaviours={
            "keras-tensorflow": "rounded: ops.cast of a Python float passes through float32",
            "keras-jax": "exact",
            "keras-torch": "exact",
            "tensorflow": "as keras-tensorflow",
            "torch": "exact",
            "flax": "exact",
            "numpy": "exact",
            "flux": "exact",
            "knet": "exact",
            "julia": "exact",
        },
        neutralised=NAMED,
        variant="float32_momentum",
        applies=optimized_by("momentum"),
    ),
    Trap(
        name="float32 weight decay",
        what="AdamW's weight decay is rounded to float32 (0.009999999776482582 for 0.01), in "
        "float64 too.",
        behaviours={
            "keras-tensorflow": "rounded: ops.cast of a Python float passes through float32",
            "keras-jax": "exact",
            "keras-torch": "exact",
            "tensorflow": "as keras-tensorflow",
            "torch": "exact",
            "flax": "exact",
            "numpy": "exact",
        },
        neutralised=NAMED,
        variant="float32_decay",
        applies=optimized_by("adamw"),
    ),
    Trap(
        name="learning rate inside the momentum buffer",
        what="The momentum buffer adds up steps (rate * gradient) instead of gradients. The two "
        "part as soon as the rate changes; with a constant rate they are the same up to rounding.",
        behaviours={
            "keras-tensorflow": "inside",
            "keras-jax": "inside",
            "keras-torch": "inside",
            "tensorflow": "inside (Keras's optimizer)",
            "sklearn": "inside",
            "torch": "outside",
            "flax": "outside (optax.trace)",
            "numpy": "outside",
            "flux": "inside",
            "knet": "inside",
            "julia": "outside",
        },
        neutralised="Not in the framework's own optimizer; with a schedule the proof names it and "
        "says how far it moves the result.",
        variant="rate_inside",
        applies=optimized_by("momentum"),
    ),
    Trap(
        name="dampened momentum",
        what="The gradient is scaled by 1 - momentum before it enters the buffer, or Nesterov's "
        "look-ahead is on.",
        behaviours={
            "torch": "dampening=0, nesterov=False by default",
            "keras": "no dampening, nesterov=False by default",
            "sklearn": "no dampening, but nesterovs_momentum=True by default",
            "flax": "no dampening, nesterov=False by default",
        },
        neutralised="Scripts set plain momentum where it is not the default; the step and "
        "trajectory rungs catch it.",
        applies=optimized_by("momentum"),
    ),
    Trap(
        name="RMSprop epsilon in the root",
        what="RMSprop divides by sqrt(v + epsilon) instead of sqrt(v) + epsilon.",
        behaviours={
            "keras": "in the root",
            "tensorflow": "in the root (Keras's optimizer)",
            "torch": "beside the root",
            "flax": "in the root by default (Optax, eps_in_sqrt=True)",
            "numpy": "beside the root",
            "flux": "beside the root",
            "knet": "in the root",
            "julia": "beside the root",
        },
        neutralised="Scripts set the place where it can be set; else the proof names it and says "
        "how far it moves the result.",
        variant="epsilon_in_root",
        applies=optimized_by("rmsprop"),
    ),
    Trap(
        name="coupled weight decay",
        what="Weight decay is added to the gradient, and so scaled by Adam, instead of being "
        "taken from the weights beside it; or it is not multiplied by the learning rate.",
        behaviours={
            "torch": "AdamW decouples, 0.01 by default; Adam(weight_decay=...) couples",
            "keras": "AdamW decouples, weight_decay 0.004 by default",
            "flax": "optax.adamw decouples, weight_decay 1e-4 by default",
            "flux": "AdamW decouples; multiplied by the rate since Optimisers 0.4 (couple = true)",
            "flux-classic": "ADAMW decouples; not multiplied by the rate",
            "knet": "no decay of its own; the script adds a decoupled one",
        },
        neutralised="Scripts name the decoupled form and its value; the step rung catches the "
        "other.",
        applies=optimized_by("adamw"),
    ),
    Trap(
        name="default hyper-parameters",
        what="Defaults differ under the same name.",
        behaviours={
            "keras": "Adam epsilon 1e-7; SGD rate 0.01; batch_size 32",
            "torch": "Adam epsilon 1e-8; SGD rate 1e-3",
            "flax": "Optax Adam epsilon 1e-8; no default rate",
            "sklearn": "Adam epsilon 1e-8; L2 penalty alpha 1e-4; batch_size min(200, n); early "
            "stop by tol",
            "flux": "Adam epsilon 1e-8, a constant before Flux 0.12.5; Descent rate 0.1",
            "knet": "adam epsilon 1e-8; sgd rate 0.1; momentum rate 0.05, gamma 0.95",
        },
        neutralised="An experiment leaves nothing to a default, and scripts write every value.",
    ),
    Trap(
        name="learning rate passed over",
        what="A new learning rate goes to an optimizer that is not used, because an older one "
        "stays, or the new optimizer starts without the old one's moments.",
        behaviours={
            "knet": "adam(model, data; lr) leaves a parameter's optimizer as it is, so that "
            "another rate in a later call changes nothing",
        },
        neutralised="Scripts set the rate where the optimizer keeps it; the trajectory rung trains "
        "until a schedule has changed it.",
        applies=schedules,
    ),
)
