"""The traps of number formats, libraries and threads."""

from samestep.traps.trap import Trap, has

TRAPS = (
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
            "flax-scan": "a scan of a whole epoch has every step inside the loop",
        },
        neutralised="Where there is a convolution, flax-scan's script scans four batches a call, "
        "unrolled, so that no loop is left.",
        applies=has("conv2d"),
    ),
    Trap(
        name="a second framework in the process",
        what="Where two are installed side by side, one can import the other: seconds and hundreds "
        "of MiB that a program in an environment of its own does not pay.",
        behaviours={
            "keras-jax": "keras.utils.set_random_seed imports TensorFlow if it is there",
            "keras-torch": "as keras-jax",
        },
        neutralised="The workers of Keras on JAX and on PyTorch cannot import TensorFlow.",
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
