"""Cheats in the model: its layers, its precision, its weights, and how it is evaluated."""

from samestep.cheats.cheat import Cheat, planted

NUMPY_CONVOLUTION = 'conv2d(h[1], model["kernel_1"], (2, 2), 1, cache)'
FLAX_CONVOLUTION = "nnx.relu(self.conv1(x))"
FLAX_POOL = "x = nnx.max_pool("
NUMPY_PAD = "((0, 0), (0, 1), (0, 1), (0, 0))"
TORCH_LOOP = "    for epoch in range(1, epochs + 1):\n        model.train()\n"
HALF = "x, y = x[: len(x) // 2], y[: len(y) // 2]"
NUMPY_EVALUATION = "    logits = forward(model, x)[-1]\n    loss"
NUMPY_NORMAL = "        normal = (x - mean) / np.sqrt(variance + epsilon)\n"
LAST = "        nn.Linear(12, 10),\n    )\n"
NUMPY_START = "    m = {name: np.zeros_like"

CHEATS = (
    Cheat(
        "a flipped kernel",
        "A convolution in place of a correlation.",
        (
            planted(
                "numpy",
                "forward",
                (
                    NUMPY_CONVOLUTION,
                    NUMPY_CONVOLUTION.replace('["kernel_1"]', '["kernel_1"][::-1, ::-1]'),
                ),
            ),
            planted(
                "torch",
                "forward",
                (
                    "    return model.to(",
                    "    model[1].register_forward_pre_hook(lambda layer, x: (x[0].flip(2, 3),))\n"
                    "    model[1].register_forward_hook(lambda layer, x, out: out.flip(2, 3))\n"
                    "    return model.to(",
                ),
            ),
        ),
        base="convolution",
    ),
    Cheat(
        "padding on the other side",
        "What does not divide evenly is padded before instead of after.",
        (
            planted("numpy", "forward", (NUMPY_PAD, "((0, 0), (1, 0), (1, 0), (0, 0))")),
            planted("torch", "forward", ("ZeroPad2d((0, 1, 0, 1))", "ZeroPad2d((1, 0, 1, 0))")),
            planted("flax", "forward", ('padding="SAME"', "padding=((1, 0), (1, 0))")),
        ),
        base="convolution",
    ),
    Cheat(
        "a shifted pool",
        "The pool's windows begin one place further.",
        (
            planted(
                "flax",
                "forward",
                (FLAX_POOL, f"x = jax.numpy.roll(x, 1, axis=1)\n        {FLAX_POOL}"),
            ),
            planted(
                "numpy",
                "forward",
                ("max_pool(h[2], size", "max_pool(np.roll(h[2], 1, axis=1), size"),
            ),
        ),
        base="convolution",
    ),
    Cheat(
        "a bias left out",
        "The last layer's bias is not added.",
        (
            planted("numpy", "trajectory", (' + model["bias_3"]', "")),
            planted(
                "torch",
                "gradient",
                (
                    LAST,
                    f"{LAST}    last = model[5]\n"
                    "    last.register_forward_hook(lambda layer, x, out: out - last.bias)\n",
                ),
            ),
        ),
    ),
    Cheat(
        "other initial weights",
        "Training begins from weights that nobody gave.",
        (
            planted(
                "torch",
                "gradient",
                (
                    TORCH_LOOP,
                    f"    for layer in model[1::2]:\n        layer.reset_parameters()\n"
                    f"{TORCH_LOOP}",
                ),
            ),
            planted(
                "numpy",
                "gradient",
                (NUMPY_START, f"    model.update(build())\n{NUMPY_START}"),
            ),
        ),
    ),
    Cheat(
        "a square kernel transposed",
        "Inputs and outputs of a layer are exchanged, which its shape allows.",
        (
            planted("numpy", "forward", ('h[2] @ model["kernel_2"]', 'h[2] @ model["kernel_2"].T')),
            planted(
                "torch",
                "forward",
                (
                    "    return model\n",
                    "    square = model[3]\n"
                    "    w, b = square.weight, square.bias\n"
                    "    square.forward = lambda x: nn.functional.linear(x, w.T, b)\n"
                    "    return model\n",
                ),
            ),
        ),
    ),
    Cheat(
        "float16 inside",
        "A layer computes in half precision.",
        (
            planted("numpy", "forward", ("h = [x]", "h = [x.astype(np.float16).astype(x.dtype)]")),
            planted(
                "flax",
                "forward",
                (
                    "    return x.reshape(len(x), -1)",
                    '    return x.reshape(len(x), -1).astype("float16").astype(x.dtype)',
                ),
            ),
        ),
    ),
    Cheat(
        "bfloat16 inside",
        "The first layer's inputs lose all but eight bits.",
        (
            planted(
                "torch",
                "forward",
                (
                    "    return model\n",
                    "    model[0].register_forward_hook(\n"
                    "        lambda layer, x, out: out.bfloat16().to(out.dtype)\n"
                    "    )\n    return model\n",
                ),
            ),
            planted(
                "flax",
                "forward",
                (
                    "    return x.reshape(len(x), -1)",
                    '    return x.reshape(len(x), -1).astype("bfloat16").astype(x.dtype)',
                ),
            ),
        ),
    ),
    Cheat(
        "evaluation on fewer rows",
        "Loss and accuracy are of the first half of the test rows.",
        (
            planted(
                "numpy",
                "loss",
                (
                    NUMPY_EVALUATION,
                    f"    {HALF}\n{NUMPY_EVALUATION}",
                ),
            ),
            planted(
                "torch",
                "loss",
                (
                    "    model.eval()\n",
                    f"    model.eval()\n    {HALF}\n",
                ),
            ),
        ),
    ),
    Cheat(
        "dropout in evaluation",
        "The trained model goes on dropping values.",
        (
            planted("torch", "loss", ("    model.eval()\n", "    model.train()\n")),
            planted(
                "numpy",
                "loss",
                (
                    NUMPY_EVALUATION,
                    "    logits = forward(model, x, {}, np.random.default_rng(0))[-1]\n    loss",
                ),
            ),
        ),
        base="norms",
    ),
    Cheat(
        "no dropout in training",
        "Nothing is dropped.",
        (
            planted("torch", "dropout", ("nn.Dropout(0.25)", "nn.Dropout(0.0)")),
            planted("flax", "dropout", ("nnx.Dropout(0.25", "nnx.Dropout(0.0")),
            planted(
                "numpy", "dropout", ('dropout(h[4], 0.25, "mask_1"', 'dropout(h[4], 0.0, "mask_1"')
            ),
        ),
        base="norms",
    ),
    Cheat(
        "batch norm's momentum turned round",
        "The share of the old running value is taken for that of the new one.",
        (
            planted("torch", "step", ("momentum=0.1", "momentum=0.9")),
            planted("flax", "step", ("momentum=0.9", "momentum=0.1")),
            planted("numpy", "step", ("momentum=0.9", "momentum=0.1")),
        ),
        base="norms",
    ),
    Cheat(
        "the batch's statistics in evaluation",
        "Batch norm normalizes test rows by themselves.",
        (
            planted(
                "torch", "loss", ("    model.eval()\n", "    model.eval()\n    model[2].train()\n")
            ),
            planted(
                "numpy",
                "forward",
                (
                    NUMPY_NORMAL,
                    NUMPY_NORMAL.replace("mean)", "x.mean(axis=0))").replace(
                        "variance", "x.var(axis=0)"
                    ),
                ),
            ),
        ),
        base="norms",
    ),
)
