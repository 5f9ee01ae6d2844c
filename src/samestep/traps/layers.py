"""The traps of layers."""

from samestep.traps.trap import Trap, has

TRAPS = (
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
        applies=has("dense"),
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
        applies=has("batch_norm"),
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
        applies=has("batch_norm"),
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
        applies=has("batch_norm", "layer_norm"),
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
        applies=has("layer_norm"),
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
        applies=has("conv2d"),
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
        applies=has("conv2d"),
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
        applies=has("flatten"),
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
        applies=has("max_pool2d"),
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
        applies=has("dropout"),
    ),
)
