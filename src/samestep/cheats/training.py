"""Cheats in the training loop, the loss and the optimizer."""

from samestep.cheats.cheat import Cheat, planted

EPOCHS = "for epoch in range(1, epochs + 1):"
UNTRAINED = f"    {EPOCHS}\n        on_epoch(epoch, 0.1)\n    return\n"
UPDATE = "            optimizer.step()\n"
NUMPY_GRADIENTS = "            for name, grad in grads.items():\n"
TORCH_LOSS = "nn.functional.cross_entropy(model(x), y)\n            optimizer"
FLAX_LOSS = "integer_labels(model(x), y).mean()"
SGD = ('training.optimizer={ name = "sgd", learning_rate = 0.1 }',)

CHEATS = (
    Cheat(
        "an epoch fewer",
        "One epoch is told and not trained.",
        (
            planted("numpy", "gradient", (EPOCHS, "for epoch in range(1, epochs):")),
            planted("torch", "gradient", (EPOCHS, "for epoch in range(1, epochs):")),
        ),
    ),
    Cheat(
        "a step in a hundred is skipped",
        "Every hundredth batch is fed, and its update left out.",
        (
            planted(
                "numpy",
                "trajectory",
                (
                    NUMPY_GRADIENTS,
                    f"            if step % 100 == 0:\n                continue\n{NUMPY_GRADIENTS}",
                ),
            ),
            planted(
                "torch",
                "trajectory",
                ("    for epoch in range(1", "    steps = 0\n    for epoch in range(1"),
                (UPDATE, f"            steps += 1\n            if steps % 100:\n    {UPDATE}"),
            ),
        ),
    ),
    Cheat(
        "a learning rate off by a tenth",
        "The rate is 0.011 instead of 0.01.",
        (
            planted("torch", "step", ("lr=0.01", "lr=0.011")),
            planted("keras-tensorflow", "step", ("learning_rate=0.01", "learning_rate=0.011")),
            planted("flax", "step", ("learning_rate=0.01", "learning_rate=0.011")),
        ),
    ),
    Cheat(
        "a beta off by a tenth",
        "The first beta is 0.81 instead of 0.9.",
        (
            planted("torch", "trajectory", ("betas=(0.9,", "betas=(0.81,")),
            planted("flax", "trajectory", ("b1=0.9", "b1=0.81")),
        ),
    ),
    Cheat(
        "an epsilon off by a tenth",
        "Epsilon is 0.0011 instead of 0.001.",
        (
            planted("torch", "step", ("eps=0.001", "eps=0.0011")),
            planted("keras-tensorflow", "step", ("epsilon=0.001", "epsilon=0.0011")),
        ),
    ),
    Cheat(
        "epsilon in the other place",
        "Epsilon is added before the bias is corrected.",
        (
            planted(
                "numpy",
                "cause",
                (
                    "root = np.sqrt(v_hat) + 0.001",
                    "root = (np.sqrt(v[name]) + 0.001) / np.sqrt(1 - 0.99**step)",
                ),
            ),
            planted("flax", "step", ("eps=0.001", "eps=0.0, eps_root=1e-6")),
        ),
    ),
    Cheat(
        "weight decay in the gradient",
        "A coupled weight decay of 1e-4 that nobody asked for.",
        (
            planted("torch", "step", ("eps=0.001,", "eps=0.001,\n        weight_decay=1e-4,")),
            planted(
                "numpy",
                "step",
                (
                    NUMPY_GRADIENTS,
                    f"{NUMPY_GRADIENTS}                grad = grad + 1e-4 * model[name]\n",
                ),
            ),
        ),
    ),
    Cheat(
        "weight decay beside the gradient",
        "A decoupled weight decay of 1e-2 that nobody asked for.",
        (
            planted("torch", "step", ("optim.Adam(", "optim.AdamW(")),
            planted("flax", "step", ("optax.adam(", "optax.adamw(")),
        ),
    ),
    Cheat(
        "clipped gradients",
        "The gradient's norm is kept below 0.1.",
        (
            planted(
                "torch",
                "step",
                (
                    UPDATE,
                    f"            nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n{UPDATE}",
                ),
            ),
            planted(
                "flax",
                "step",
                (
                    "    optimizer = nnx.Optimizer(",
                    "    tx = optax.chain(optax.clip_by_global_norm(0.1), tx)\n"
                    "    optimizer = nnx.Optimizer(",
                ),
            ),
        ),
        overrides=SGD,
    ),
    Cheat(
        "a loss that is summed",
        "The gradient is of the sum over a batch, not of the mean.",
        (
            planted("numpy", "gradient", ("d /= len(y)", "d /= 1")),
            planted("flax", "loss", (FLAX_LOSS, FLAX_LOSS.replace("mean()", "sum()"))),
            planted(
                "torch",
                "gradient",
                (TORCH_LOSS, TORCH_LOSS.replace("(model(x), y)", '(model(x), y, reduction="sum")')),
            ),
        ),
    ),
    Cheat(
        "softmax twice",
        "The loss takes probabilities for logits.",
        (
            planted(
                "torch",
                "gradient",
                (TORCH_LOSS, TORCH_LOSS.replace("model(x)", "model(x).softmax(1)")),
            ),
            planted(
                "flax", "loss", (FLAX_LOSS, FLAX_LOSS.replace("model(x)", "nnx.softmax(model(x))"))
            ),
        ),
    ),
    Cheat(
        "clipped probabilities",
        "No probability is less than 0.05.",
        (
            planted(
                "torch",
                "gradient",
                (
                    TORCH_LOSS,
                    "nn.functional.nll_loss("
                    "model(x).softmax(1).clamp(0.05, 1).log(), y)\n            optimizer",
                ),
            ),
            planted(
                "numpy",
                "gradient",
                ("    d = np.exp(log_p)\n", "    d = np.exp(log_p).clip(0.05, 1)\n"),
            ),
        ),
    ),
    Cheat(
        "work that is not waited for",
        "An epoch's loss is told before its steps have been computed.",
        (
            planted(
                "flax",
                "trajectory",
                ("float(np.average(jax.device_get(losses), weights=sizes))", "0.0"),
            ),
            planted(
                "torch",
                "trajectory",
                ("on_epoch(epoch, total.item() / rows)", "on_epoch(epoch, 0.0)"),
            ),
        ),
    ),
    Cheat(
        "trained before the clock starts",
        "The model is trained when it is built, and training gives it back.",
        (
            planted(
                "numpy",
                "gradient",
                (
                    f"    {EPOCHS}\n",
                    f"{UNTRAINED}    {EPOCHS}\n",
                ),
            ),
            planted(
                "torch",
                "gradient",
                (
                    f"    {EPOCHS}\n",
                    f"{UNTRAINED}    {EPOCHS}\n",
                ),
            ),
        ),
    ),
    Cheat(
        "a result kept from an earlier run",
        "The second training with the same data takes the weights of the first from a file.",
        (
            planted(
                "numpy",
                "step",
                (
                    f"    {EPOCHS}\n",
                    '    kept = Path(f"kept-{len(x)}.npz")\n'
                    "    if kept.exists():\n"
                    "        model.update(np.load(kept))\n"
                    "        for epoch in range(1, epochs + 1):\n"
                    "            on_epoch(epoch, 0.1)\n"
                    "        return\n"
                    "    np.savez(kept, **model)\n"
                    f"    {EPOCHS}\n",
                ),
            ),
            planted(
                "torch",
                "step",
                (
                    f"    {EPOCHS}\n",
                    '    kept = Path(f"kept-{len(data)}.pt")\n'
                    "    if kept.exists():\n"
                    "        model.load_state_dict(torch.load(kept))\n"
                    "        for epoch in range(1, epochs + 1):\n"
                    "            on_epoch(epoch, 0.1)\n"
                    "        return\n"
                    "    torch.save(model.state_dict(), kept)\n"
                    f"    {EPOCHS}\n",
                ),
            ),
        ),
    ),
    Cheat(
        "more threads than allowed",
        "The script takes threads of its own accord.",
        (
            planted(
                "torch",
                "threads",
                ("torch.manual_seed(0)", "torch.manual_seed(0)\ntorch.set_num_threads(7)"),
            ),
            planted(
                "numpy",
                "threads",
                (
                    "import numpy as np\n",
                    "import numpy as np\nimport threadpoolctl\n\n"
                    "threadpoolctl.threadpool_limits(7)\n",
                ),
            ),
        ),
    ),
)
