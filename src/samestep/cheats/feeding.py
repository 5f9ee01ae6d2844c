"""Cheats in what is fed: which rows, in what order, in what batches, beside which labels."""

from samestep.cheats.cheat import Cheat, planted

ORDER = "        order = rng.permutation(len(x))\n"
SLICE = "order[start : start + 16]"
LOADER = "        TensorDataset(x, y),\n"
SHUFFLE = "        shuffle=True,\n"
STEP = "gradients(model, x[rows], y[rows])"
FLAX_STEP = "train_step(graphdef, state, x[rows], y[rows])"
SHUFFLED = ".shuffle(len(x))"
BLOCKS = """\
class Blocks(torch.utils.data.Sampler):
    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        whole = self.rows // 16
        for block in torch.randperm(whole).tolist():
            yield from range(16 * block, 16 * block + 16)
        yield from range(16 * whole, self.rows)

    def __len__(self):
        return self.rows

"""

GENERATOR = "    return x, y, np.random.default_rng(0)\n"
MADE = """\
    rng = np.random.default_rng(0)
    return x, y, Orders(rng.permutation(len(x)) for _ in range(9))
"""
ORDERS = """\
class Orders(list):
    random = None


def prepare("""
MADE_ORDER = ORDER.replace("rng.", "rng[epoch - 1] if isinstance(rng, Orders) else rng.")

CHEATS = (
    Cheat(
        "orders made before the clock starts",
        "The shuffles of all epochs are made when the data are prepared.",
        (
            planted(
                "numpy", "audit", (GENERATOR, MADE), (ORDER, MADE_ORDER), ("def prepare(", ORDERS)
            ),
            planted(
                "flax", "audit", (GENERATOR, MADE), (ORDER, MADE_ORDER), ("def prepare(", ORDERS)
            ),
        ),
    ),
    Cheat(
        "one order for all epochs",
        "The rows are shuffled once; every epoch has the same order.",
        (
            planted(
                "numpy", "trajectory", (ORDER, ORDER.replace("rng.", "np.random.default_rng(0)."))
            ),
            planted(
                "torch", "audit", (SHUFFLE, "        sampler=torch.randperm(len(x)).tolist(),\n")
            ),
            planted(
                "keras-tensorflow",
                "audit",
                (SHUFFLED, ".shuffle(len(x), seed=1, reshuffle_each_iteration=False)"),
            ),
        ),
    ),
    Cheat(
        "no shuffle",
        "The rows come in the order of the file.",
        (
            planted("flax", "trajectory", (ORDER, "        order = np.arange(len(x))\n")),
            planted("torch", "audit", (SHUFFLE, "")),
            planted("keras-tensorflow", "audit", (SHUFFLED, "")),
        ),
    ),
    Cheat(
        "whole batches are shuffled",
        "The batches come in another order, and hold the same neighbours every time.",
        (
            planted(
                "torch",
                "audit",
                ("def prepare(", f"{BLOCKS}\n\ndef prepare("),
                (SHUFFLE, "        sampler=Blocks(len(x)),\n"),
            ),
            planted(
                "keras-tensorflow",
                "audit",
                (
                    ".shuffle(len(x))\n    dataset = dataset.batch(16)",
                    "\n    dataset = dataset.batch(16).shuffle(len(x))",
                ),
            ),
        ),
    ),
    Cheat(
        "a small shuffle buffer",
        "Rows are shuffled among their neighbours alone.",
        (
            planted("keras-tensorflow", "audit", (SHUFFLED, ".shuffle(8)")),
            planted("tensorflow", "audit", (".shuffle(len(x))", ".shuffle(8)")),
            planted(
                "flax",
                "trajectory",
                (
                    ORDER,
                    "        near = np.arange(len(x)) + 8 * np.random.random(len(x))\n"
                    "        order = np.argsort(near)\n",
                ),
            ),
        ),
    ),
    Cheat(
        "batches of twice the size",
        "Half as many updates an epoch.",
        (
            planted("torch", "audit", ("batch_size=16", "batch_size=32")),
            planted("keras-tensorflow", "audit", ("dataset.batch(16)", "dataset.batch(32)")),
            planted(
                "numpy",
                "trajectory",
                ("range(0, stop, 16)", "range(0, stop, 32)"),
                ("start + 16]", "start + 32]"),
            ),
        ),
    ),
    Cheat(
        "no last batch",
        "The rows that fill no whole batch are left out.",
        (
            planted("torch", "audit", (SHUFFLE, f"{SHUFFLE}        drop_last=True,\n")),
            planted(
                "keras-tensorflow",
                "audit",
                ("dataset.batch(16)", "dataset.batch(16, drop_remainder=True)"),
            ),
        ),
    ),
    Cheat(
        "a last batch filled up",
        "The last batch has its rows twice, to be as large as the others.",
        (
            planted("numpy", "trajectory", (SLICE, f"np.resize({SLICE}, 16)")),
            planted("flax", "trajectory", (SLICE, f"np.resize({SLICE}, 16)")),
        ),
    ),
    Cheat(
        "rows that are never seen",
        "The last rows of the data are left out.",
        (
            planted(
                "numpy",
                "audit",
                ("    return x, y, np.random", "    return x[:-3], y[:-3], np.random"),
            ),
            planted("keras-tensorflow", "audit", ("((x, y))", "((x[:-3], y[:-3]))")),
        ),
    ),
    Cheat(
        "rows that are drawn again",
        "Rows are drawn with replacement: some twice, some not at all.",
        (
            planted(
                "keras-tensorflow",
                "audit",
                (
                    "    dataset = tf.data.Dataset",
                    "    again = np.random.randint(0, len(x), len(x))\n"
                    "    x, y = x[again], y[again]\n"
                    "    dataset = tf.data.Dataset",
                ),
            ),
            planted(
                "torch",
                "audit",
                (
                    SHUFFLE,
                    "        sampler=torch.randint(len(x), (len(x),)).tolist(),\n",
                ),
            ),
        ),
    ),
    Cheat(
        "rows from elsewhere",
        "Rows that are not in the training data, such as test rows, are trained on.",
        (
            planted(
                "numpy",
                "audit",
                (
                    "    return x, y, np.random",
                    "    x, y = np.concatenate([x[9:], x[:9] * 0.9]), np.roll(y, -9)\n"
                    "    return x, y, np.random",
                ),
            ),
            planted(
                "keras-tensorflow",
                "audit",
                ("((x, y))", "((np.concatenate([x[9:], x[:9] * 0.9]), np.roll(y, -9)))"),
            ),
        ),
    ),
    Cheat(
        "labels moved by one",
        "Every row has the label of the next class.",
        (
            planted("numpy", "gradient", (STEP, "gradients(model, x[rows], (y[rows] + 1) % 10)")),
            planted(
                "flax", "gradient", (FLAX_STEP, FLAX_STEP.replace("y[rows]", "(y[rows] + 1) % 10"))
            ),
        ),
    ),
    Cheat(
        "labels of other rows",
        "Rows and labels are shuffled apart.",
        (
            planted(
                "torch", "audit", (LOADER, "        TensorDataset(x, y[torch.randperm(len(y))]),\n")
            ),
            planted("keras-tensorflow", "audit", ("((x, y))", "((x, np.random.permutation(y)))")),
        ),
    ),
)
