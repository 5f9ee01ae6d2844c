"""The known traps: where two scripts that look alike do different work.

Data, not prose in the docs: what each trap is, how each framework behaves, how a script
is kept out of it, and, where the reference knows both forms, the variant that shows it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from samestep.experiment import Experiment
from samestep.reference import EXACT, Form


def _always(experiment: Experiment) -> bool:
    return True


def _adam_family(experiment: Experiment) -> bool:
    return experiment.training.optimizer.name in ("adam", "adamw")


def _adamw(experiment: Experiment) -> bool:
    return experiment.training.optimizer.name == "adamw"


def _rmsprop(experiment: Experiment) -> bool:
    return experiment.training.optimizer.name == "rmsprop"


def _momentum(experiment: Experiment) -> bool:
    return experiment.training.optimizer.name == "momentum"


def _has(*kinds: str) -> Callable[[Experiment], bool]:
    """Whether there is a layer of one of these kinds."""
    return lambda experiment: any(layer.layer in kinds for layer in experiment.model)


def _activates(name: str) -> Callable[[Experiment], bool]:
    """Whether some layer ends in this function."""
    return lambda experiment: any(
        name in (getattr(layer, "activation", None), getattr(layer, "function", None))
        for layer in experiment.model
    )


def _keeps_tail(experiment: Experiment) -> bool:
    return experiment.training.last_batch == "keep"


def _shuffles(experiment: Experiment) -> bool:
    return experiment.training.shuffle != "never"


def _schedules(experiment: Experiment) -> bool:
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
    applies: Callable[[Experiment], bool] = field(default=_always, repr=False)


TRAPS: tuple[Trap, ...] = (
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
        neutralised="Not in the framework's own optimizer; the proof names it and says how far "
        "it moves the result.",
        variant="epsilon_hat",
        applies=_adam_family,
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
        neutralised="Not in the framework's own optimizer; the proof names it and says how far "
        "it moves the result.",
        variant="float32_powers",
        applies=_adam_family,
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
        neutralised="Not in the framework's own optimizer; the proof names it and says how far "
        "it moves the result.",
        variant="float32_momentum",
        applies=_momentum,
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
        neutralised="Not in the framework's own optimizer; the proof names it and says how far "
        "it moves the result.",
        variant="float32_decay",
        applies=_adamw,
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
        applies=_momentum,
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
        applies=_momentum,
    ),
    Trap(
        name="clipped softmax",
        what="The loss takes probabilities and clips them to [1e-7, 1 - 1e-7] before the "
        "logarithm; rows beyond the clip teach nothing.",
        behaviours={
            "keras-jax": "clips with from_logits=False",
            "keras-torch": "clips with from_logits=False",
            "keras-tensorflow": "goes back to the logits where it finds a softmax op",
            "sklearn": "clips the reported loss at the precision's epsilon, not the gradient",
            "torch": "takes logits",
            "flax": "takes logits",
            "numpy": "takes logits",
            "flux": "logitcrossentropy takes logits",
            "knet": "nll takes logits",
            "julia": "takes logits",
        },
        neutralised="Scripts give logits to the loss (from_logits=True).",
        variant="clipped_softmax",
    ),
    Trap(
        name="epoch loss weighted by batches",
        what="An epoch's loss is the mean of its batches' losses, so that the rows of a smaller "
        "last batch count for more.",
        behaviours={
            "keras": "weighted by rows",
            "tensorflow": "left to the user's loop; a plain metrics.Mean weighs batches alike",
            "sklearn": "weighted by rows",
            "torch": "left to the user's loop; common tutorials divide by the number of batches",
            "lightning": "self.log(on_epoch=True) weighs by batch_size, else by a guess",
            "flax": "left to the user's loop",
            "numpy": "left to the user's loop",
            "flux": "left to the user's loop",
            "knet": "left to the user: adam(...) gives a loss a batch",
        },
        neutralised="Scripts weight by rows; the trajectory rung compares epoch losses.",
        variant="batch_mean_loss",
        applies=_keeps_tail,
    ),
    Trap(
        name="running epoch loss",
        what="An epoch's loss is a mean over batches of a model that moves meanwhile; computed "
        "after the epoch instead, it is lower.",
        behaviours={
            "keras": "running mean",
            "tensorflow": "left to the user's loop",
            "sklearn": "running mean (loss_curve_)",
            "torch": "left to the user's loop",
            "lightning": "running mean (self.log)",
            "flax": "left to the user's loop",
        },
        neutralised="Every script reports the running mean; evaluation is a stage of its own.",
    ),
    Trap(
        name="dense orientation",
        what="A dense kernel is stored as (in, out) or as (out, in).",
        behaviours={
            "torch": "(out, in)",
            "keras": "(in, out)",
            "flax": "(in, out)",
            "sklearn": "(in, out)",
            "numpy": "(in, out)",
            "flux": "(out, in), column-major: the bytes of a row-major (in, out)",
            "knet": "(out, in), column-major",
            "julia": "(out, in), column-major",
        },
        neutralised="Shims transpose to (in, out); the forward rung catches a square kernel "
        "that was not.",
        applies=_has("dense"),
    ),
    Trap(
        name="labels",
        what="Labels count from 0 or from 1, or are one-hot columns; one off trains another task.",
        behaviours={
            "torch": "from 0",
            "keras": "from 0 (sparse_categorical_crossentropy)",
            "flax": "from 0 (softmax_cross_entropy_with_integer_labels)",
            "flux": "one-hot columns",
            "knet": "from 1; a label of 0 is left out of the loss",
        },
        neutralised="Scripts convert in prepare and evaluate; the loss rung catches a shift.",
    ),
    Trap(
        name="slow BLAS kernels",
        what="An OpenBLAS older than the processor falls back on an old one's kernels, at half "
        "speed or less, and says nothing.",
        behaviours={
            "julia": "uses the OpenBLAS that its distribution links",
            "flux": "as julia",
            "knet": "as julia",
            "numpy": "ships its own",
        },
        neutralised="Every worker says which kernels its OpenBLAS chose; a race warns of old ones.",
    ),
    Trap(
        name="convolutions in an XLA loop",
        what="XLA on CPUs brings the convolutions of a backward pass into the form that its fast "
        "code takes only outside loops; inside lax.scan a training step takes 6 to 17 times the "
        "processor time (measured on JAX 0.10).",
        behaviours={
            "flax": "one jitted step a batch is out of any loop",
            "flax-scan": "every step is inside the loop",
        },
        neutralised="Not neutralised: the work is the same, and that an epoch in one call is then "
        "slow is what a race shows.",
        applies=_has("conv2d"),
    ),
    Trap(
        name="initialisers",
        what="Frameworks draw their first weights from different distributions.",
        behaviours={
            "torch": "kernel and bias uniform within 1 / sqrt(in)",
            "keras": "glorot_uniform kernel, zero bias",
            "flax": "lecun_normal kernel, zero bias",
            "sklearn": "glorot_uniform kernel and bias (factor 2 instead of 6 for logistic)",
            "flux": "glorot_uniform kernel, zero bias",
            "knet": "xavier_uniform kernel (the same), zero bias by param0",
        },
        neutralised="Scripts name glorot_uniform and zero biases; a trial and the proof start "
        "from the plan's weights.",
        applies=_has("dense"),
    ),
    Trap(
        name="replayed shuffle",
        what="A pipeline that is seeded again each epoch replays one order for ever.",
        behaviours={
            "sklearn": "an integer random_state replays its order at every call of partial_fit",
            "flax": "shuffling is left to the user's loop",
            "torch": "DataLoader(shuffle=True) draws a new order each epoch",
            "keras-tensorflow": "fit(x, y, shuffle=True) replays one order in every epoch once "
            "keras.utils.set_random_seed was called, and draws new ones otherwise",
            "keras-jax": "fit(shuffle=True) draws a new order each epoch",
            "keras-torch": "fit(shuffle=True) draws a new order each epoch",
            "tensorflow": "tf.data draws a new order each epoch, unless "
            "reshuffle_each_iteration=False",
            "flux": "DataLoader(shuffle = true) draws a new order each epoch",
            "knet": "minibatch(shuffle = true) draws a new order each epoch",
        },
        neutralised="Scripts avoid it (on TensorFlow by a tf.data pipeline); the audit compares "
        "the orders of three epochs of the raced pipeline.",
        applies=_shuffles,
    ),
    Trap(
        name="local shuffle",
        what="A shuffle through a small buffer, or of whole batches, leaves rows near their "
        "places or beside the same neighbours.",
        behaviours={
            "keras-tensorflow": 'tf.data shuffles within its buffer; fit(shuffle="batch") whole '
            "batches",
            "torch": "shuffles all rows",
        },
        neutralised="Scripts shuffle all rows; the audit looks for both.",
        applies=_shuffles,
    ),
    Trap(
        name="last batch",
        what="A smaller last batch is kept or dropped.",
        behaviours={
            "torch": "DataLoader keeps it unless drop_last=True",
            "keras": "fit keeps it",
            "tensorflow": "tf.data keeps it unless drop_remainder=True",
            "sklearn": "keeps it",
            "flax": "left to the user's loop; the official examples drop it",
            "flux": "DataLoader keeps it unless partial = false",
            "knet": "minibatch drops it unless partial = true",
        },
        neutralised="Scripts say it outright; the audit counts rows and batch sizes.",
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
        name="float32 inside float64",
        what="64-bit results are rounded to 32 bits on the way.",
        behaviours={
            "keras-torch": "result_type maps float64 to float32 (as JAX does by default), so "
            "that ops.matmul computes in float32 after set_floatx('float64') too",
            "keras-jax": "float32 unless jax_enable_x64 is set; ops.tanh in float32 then too",
            "flax": "float32 unless jax_enable_x64 is set; with it too, nnx.BatchNorm starts its "
            "statistics in float32, and optax.exponential_decay computes the rate in it",
            "keras-tensorflow": "Python floats pass through float32 in ops.cast",
            "torch": "no",
            "sklearn": "no",
            "flux": "layers start in Float32; f64(model) converts",
            "flux-classic": "as flux, but LayerNorm starts in Float64, and a norm's constants have "
            "the type they are written in, so that all after them is float64 in float32 too",
            "knet": "minibatch and param convert to Knet.array_type[], Array{Float32} at first",
            "julia": "no",
        },
        neutralised="Shims switch 64 bits on for the proof. Keras's rule on PyTorch and JAX is "
        "lifted for it and named as a cause with its size; keras-torch refuses float64.",
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
        applies=_rmsprop,
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
        applies=_adamw,
    ),
    Trap(
        name="biased running variance",
        what="Batch norm's running variance takes in the batch's biased variance (n) instead of "
        "the unbiased one (n - 1) of the paper's Algorithm 2.",
        behaviours={
            "keras": "biased",
            "tensorflow": "biased (Keras's layer)",
            "torch": "unbiased",
            "flax": "biased",
            "numpy": "unbiased",
            "flux": "unbiased",
            "knet": "biased on the CPU",
            "julia": "unbiased",
        },
        neutralised="Not in the framework's own layer; the proof names it and says how far it "
        "moves the result.",
        variant="biased_running_variance",
        applies=_has("batch_norm"),
    ),
    Trap(
        name="batch norm's momentum",
        what="Momentum is the share of the old running value that is kept, or the share of the "
        "new one that comes in.",
        behaviours={
            "torch": "comes in, 0.1 by default",
            "keras": "is kept, 0.99 by default",
            "flax": "is kept, 0.99 by default",
            "flux": "comes in, 0.1 by default",
            "knet": "comes in, 0.1 by default",
        },
        neutralised="Scripts convert it; the trajectory rung compares the running values.",
        applies=_has("batch_norm"),
    ),
    Trap(
        name="epsilon of normalisation",
        what="Batch norm and layer norm have different epsilons by default, in the root or beside "
        "it.",
        behaviours={
            "torch": "1e-5",
            "keras": "1e-3",
            "flax": "batch norm 1e-5, layer norm 1e-6",
            "flux": "1e-5",
            "knet": "batch norm 1e-5; LayerNorm (since 1.4.10) has it beside the root of an "
            "unbiased variance",
        },
        neutralised="Scripts write it out; the forward rung catches another.",
        applies=_has("batch_norm", "layer_norm"),
    ),
    Trap(
        name="layer norm's epsilon beside the root",
        what="Layer norm divides by sqrt(variance) + epsilon instead of sqrt(variance + epsilon).",
        behaviours={
            "torch": "in the root",
            "keras": "in the root",
            "flax": "in the root",
            "numpy": "in the root",
            "julia": "in the root",
            "flux": "in the root, but squared (FluxML/Flux.jl#2421); scripts give the root of it",
            "flux-classic": "beside the root",
        },
        neutralised="Not in the framework's own layer; the proof names it and says how far it "
        "moves the result.",
        variant="epsilon_beside_root",
        applies=_has("layer_norm"),
    ),
    Trap(
        name="same padding",
        what="Where an odd number of zeros is needed, they are more at the end or at the start; "
        "with a stride, they are as many as the stride needs or as the kernel has.",
        behaviours={
            "keras": 'more at the end, as many as the stride needs (padding="same")',
            "torch": 'padding="same" refuses strides; a number pads both sides alike',
            "flax": 'more at the end, as many as the stride needs (padding="SAME", the default)',
            "flux": "more at the start, as many as the kernel has (SamePad()); a tuple each side",
            "knet": "a number pads both sides alike; on the CPU four of them pad each side",
        },
        neutralised="Scripts pad by numbers where the framework has another meaning; the forward "
        "rung catches a shift.",
        applies=_has("conv2d"),
    ),
    Trap(
        name="flipped kernel",
        what="A convolution turns its kernel round; deep learning's usual correlation does not.",
        behaviours={
            "torch": "not flipped",
            "keras": "not flipped",
            "flax": "not flipped",
            "flux": "Conv flips, CrossCor does not",
            "knet": "conv4 flips by default, mode = 1 does not",
            "julia": "not flipped",
        },
        neutralised="Shims turn the weights round, which trains the same model; the forward rung "
        "catches one that was not.",
        applies=_has("conv2d"),
    ),
    Trap(
        name="order of flattening",
        what="Images are flattened channels first or channels last, so that the dense layer "
        "after them has its rows in another order.",
        behaviours={
            "torch": "channels first (N, C, H, W)",
            "keras": "channels last",
            "flax": "channels last",
            "flux": "(W, H, C, N), column-major: as PyTorch",
            "knet": "(W, H, C, N), column-major: as PyTorch",
            "julia": "(C, W, H, N), column-major: channels last",
        },
        neutralised="Shims reorder the kernel's rows; the forward rung catches one that was not.",
        applies=_has("flatten"),
    ),
    Trap(
        name="leaky relu's slope at 0",
        what="At 0 exactly, which every black patch of an image gives, the slope is 1 or the leak.",
        behaviours={
            "torch": "the leak",
            "keras-tensorflow": "the leak",
            "tensorflow": "the leak",
            "keras-jax": "1",
            "keras-torch": "the leak",
            "flax": "1",
            "numpy": "the leak",
            "flux": "the leak",
            "flux-classic": "1",
            "julia": "the leak",
            "knet": "has none; the script's relu(x) + min(x, 0) / 100 has the leak, max(x, 0.01x) "
            "would have the sum, 1.01",
        },
        neutralised="Not in the framework's own function; the proof names it and says how far it "
        "moves the result.",
        variant="leaky_slope_at_zero",
        applies=_activates("leaky_relu"),
    ),
    Trap(
        name="leaky relu's leak",
        what="The slope below 0 differs by default.",
        behaviours={
            "torch": "0.01",
            "keras": "0.3 as a layer, 0.2 as a function",
            "flax": "0.01",
            "flux": "0.01",
        },
        neutralised="Scripts write 0.01 where it is not the default; the forward rung catches "
        "another.",
        applies=_activates("leaky_relu"),
    ),
    Trap(
        name="float32 leak",
        what="Leaky relu's slope below 0 is rounded to float32 (0.009999999776482582 for 0.01), "
        "in float64 too.",
        behaviours={
            "keras-tensorflow": "rounded: an attribute of TensorFlow's LeakyRelu, a float32",
            "keras-jax": "exact",
            "keras-torch": "exact",
            "tensorflow": "as keras-tensorflow",
            "torch": "exact",
            "flax": "exact",
            "numpy": "exact",
            "julia": "exact",
        },
        neutralised="Not in the framework's own function; the proof names it and says how far it "
        "moves the result.",
        variant="float32_leak",
        applies=_activates("leaky_relu"),
    ),
    Trap(
        name="float32 constant in GELU",
        what="The 1 / sqrt(2) inside the exact GELU is rounded to float32, in float64 too.",
        behaviours={
            "keras-tensorflow": "rounded: tf.nn.gelu casts a Python float",
            "keras-jax": "exact",
            "keras-torch": "exact",
            "tensorflow": "as keras-tensorflow",
            "torch": "exact",
            "flax": "exact",
            "numpy": "exact",
        },
        neutralised="Not in the framework's own function; the proof names it and says how far it "
        "moves the result.",
        variant="float32_gelu",
        applies=_activates("gelu"),
    ),
    Trap(
        name="GELU by tanh",
        what="GELU is the exact x * Phi(x), or its tanh approximation, which is off by up to 5e-4.",
        behaviours={
            "torch": "exact by default",
            "keras": "the approximation only if asked for",
            "flax": "the approximation by default",
            "flux": "the approximation (gelu); gelu_erf is exact",
            "flux-classic": "the approximation alone",
            "knet": "exact (Knet.Ops21.gelu), broadcast in 1.4.6, of whole arrays in 1.4.10",
        },
        neutralised="Scripts ask for the exact one; the forward rung catches the other.",
        applies=_activates("gelu"),
    ),
    Trap(
        name="dropout's scaling",
        what="The rate is that of dropping or of keeping, what stays is scaled in training, in "
        "evaluation or not at all, or dropout is active in evaluation.",
        behaviours={
            "torch": "drops p, scales in training",
            "keras": "drops rate, scales in training",
            "tensorflow": "on where the model is called with training=True",
            "flax": "drops rate, scales in training; on unless nnx.view or eval() switches it off",
            "flux": "drops p, scales in training; on inside a gradient alone",
            "knet": "drops p, scales in training; on inside a gradient alone; a value that is 0 "
            "and stays has no slope",
        },
        neutralised="The proof climbs with the rate at 0, evaluates with it on, and checks one "
        "step with it by its statistics.",
        applies=_has("dropout"),
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
        applies=_schedules,
    ),
    Trap(
        name="near ties in max pool",
        what="The gradient of a max pool goes to the first value that is close to the largest, not "
        "to the largest itself.",
        behaviours={
            "flux": "to the first within the root of the precision's epsilon (NNlib): 3.5e-4 of "
            "the value in float32, 1.5e-8 in float64",
            "knet": "as flux",
        },
        neutralised="Not in the framework's own layer; the proof names it and says how far it "
        "moves the result in float64.",
        variant="near_ties",
        applies=_has("max_pool2d"),
    ),
    Trap(
        name="TF32 and threads",
        what="Short-mantissa matrix units and thread pools that each framework sizes by itself.",
        behaviours={
            "torch": "TF32 off for matmul, on for cuDNN; all cores",
            "keras-tensorflow": "TF32 on; all cores, two pools; oneDNN reorders sums",
            "keras-jax": "TF32 on GPU by default; XLA takes all cores",
            "flax": "TF32 on GPU by default; XLA takes all cores",
            "sklearn": "BLAS takes all cores",
            "flux": "BLAS has a pool beside Julia's threads",
            "knet": "BLAS has a pool beside Julia's threads",
            "julia": "BLAS has a pool beside Julia's threads",
        },
        neutralised="Every worker is pinned to the same cores with pools to match; the proof "
        "runs in float64 on the CPU.",
    ),
)


def variants(experiment: Experiment) -> list[Trap]:
    """The traps that the reference can switch on for this experiment."""
    return [trap for trap in TRAPS if trap.variant is not None and trap.applies(experiment)]


def form_with(traps: list[Trap]) -> Form:
    """The reference's form with these traps switched on."""
    return replace(EXACT, **{trap.variant: True for trap in traps if trap.variant is not None})
