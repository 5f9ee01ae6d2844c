"""The traps of activations."""

from samestep.traps.trap import Trap, activates

TRAPS = (
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
        applies=activates("leaky_relu"),
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
        applies=activates("leaky_relu"),
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
        applies=activates("leaky_relu"),
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
        applies=activates("gelu"),
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
        applies=activates("gelu"),
    ),
)
