"""What faster ways were tried: `python bench/variants.py`.

A script may be slow because its framework is, or because its template does not take the
framework's fast path. So each script of fashion-cnn runs as it is and with one change that a
practitioner would try, each in a fresh process, in random order within a repeat. Prints the steady
epoch of the change over that of the script as it is, taken within a repeat: below 1, it is faster.
A change may be faster and yet not be taken: what few scripts have is a framework of its own
here (`torch-compile`, `flax-scan`, `knet-loop`).
"""

import argparse
import random
import statistics
import sys
import tempfile
from pathlib import Path

from tax import alone, script_in

from samestep.catalogue import choose_frameworks
from samestep.experiment_file import load_experiment
from samestep.launch import choose_settings
from samestep.plan import make_plan
from samestep.standalone import standalone_folder
from samestep.stats import ratio
from samestep.steadiness import steady_epoch

EXPERIMENT = "fashion-cnn"
OVERRIDES = ["data.rows=6400", "data.test_rows=1000", "training.epochs=4"]

Edits = list[tuple[str, str]]

NOT_FUSED: Edits = [("        fused=True,\n", "")]
CHANNELS_FIRST: Edits = [(".to(memory_format=torch.channels_last)", "")]
NO_LOADER: Edits = [
    (
        "    return DataLoader(\n"
        "        TensorDataset(x, y),\n"
        "        batch_size=128,\n"
        "        shuffle=True,\n"
        "    )\n",
        "    return x, y\n",
    ),
    (
        "        for x, y in data:\n",
        "        for part in torch.randperm(len(data[1])).split(128):\n"
        "            x, y = data[0][part], data[1][part]\n",
    ),
]
TUNED_BY_HAND = (
    "    dataset = dataset.batch(128).prefetch(2)\n"
    "    options = tf.data.Options()\n"
    "    options.autotune.enabled = False  # its thread can hold up an epoch\n"
    "    return dataset.with_options(options)\n"
)
AUTOTUNED: Edits = [
    (TUNED_BY_HAND, "    return dataset.batch(128).prefetch(tf.data.AUTOTUNE)\n"),
]
FIT_ARRAYS: Edits = [
    (
        "    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x))\n"
        + TUNED_BY_HAND,
        "    return x, y\n",
    ),
    ("        data,\n", "        *data,\n        batch_size=128,\n"),
    ("        shuffle=False,\n", "        shuffle=True,\n"),
]
CACHED: Edits = [("from_tensor_slices((x, y))", "from_tensor_slices((x, y)).cache()")]


def compiled(argument: str) -> Edits:
    """With one more argument to Keras's `compile`."""
    return [("        loss=keras", f"        {argument},\n        loss=keras")]


VARIANTS: dict[str, dict[str, Edits]] = {
    "torch": {
        "channels first": CHANNELS_FIRST,
        "Adam not fused": NOT_FUSED,
        "rows by index, no loader": NO_LOADER,
    },
    "torch-compile": {
        "channels last": [
            ("    return model\n", "    return model.to(memory_format=torch.channels_last)\n")
        ],
        "Adam fused": [("        eps=1e-8,\n", "        eps=1e-8,\n        fused=True,\n")],
        "rows by index, no loader": NO_LOADER,
    },
    "lightning": {
        "channels first": CHANNELS_FIRST,
        "Adam not fused": NOT_FUSED,
    },
    "tensorflow": {
        "XLA": [("element_spec)", "element_spec, jit_compile=True)")],
        "an epoch in one tf.function": [
            (
                "    for epoch in range(1, epochs + 1):\n",
                "    @tf.function\n"
                "    def train_epoch():\n"
                "        for x, y in data:\n"
                "            train_step(x, y)\n\n"
                "    for epoch in range(1, epochs + 1):\n",
            ),
            (
                "        for x, y in data:\n            train_step(x, y)\n        on_epoch",
                "        train_epoch()\n        on_epoch",
            ),
        ],
        "cached pipeline": CACHED,
        "autotuned pipeline": AUTOTUNED,
    },
    "keras-tensorflow": {
        "XLA": compiled("jit_compile=True"),
        "no XLA": compiled("jit_compile=False"),
        "20 steps an execution": compiled("steps_per_execution=20"),
        "cached pipeline": CACHED,
        "autotuned pipeline": AUTOTUNED,
        "arrays, no pipeline": FIT_ARRAYS,
    },
    "keras-jax": {
        "20 steps an execution": compiled("steps_per_execution=20"),
    },
    "keras-torch": {
        "torch.compile": compiled("jit_compile=True"),
    },
    "flax": {
        "state given away": [
            ("@jax.jit\ndef train_step", "@jax.jit(donate_argnames='state')\ndef train_step")
        ],
        "data on the device": [
            ("    x, y, rng = data\n", "    x, y, rng = *map(jax.device_put, data[:2]), data[2]\n")
        ],
    },
    "flax-scan": {
        "state given away": [
            ("@jax.jit\ndef train_batches", "@jax.jit(donate_argnames='state')\ndef train_batches")
        ],
        "eight batches a call": [("512", "1024")],
    },
    "flux": {
        "no flip of kernels": [("Conv((3", "CrossCor((3")],
        "batches loaded in parallel": [("shuffle = true)", "shuffle = true, parallel = true)")],
    },
    "flux-classic": {"no flip of kernels": [("Conv((3", "CrossCor((3")]},
    "knet": {"no flip of kernels": [("conv4(layer.w, x)", "conv4(layer.w, x; mode = 1)")]},
    "knet-loop": {"no flip of kernels": [("conv4(layer.w, x)", "conv4(layer.w, x; mode = 1)")]},
}


def changed(name: str, variant: str, source: str, edits: Edits) -> str:
    for old, new in edits:
        if old not in source:
            raise SystemExit(f"{name}, {variant}: its script has no {old!r} any more")
        source = source.replace(old, new)
    return source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "-f", "--frameworks", help="names with commas; all that are here by default"
    )
    parser.add_argument("-n", "--repeats", type=int, default=3)
    options = parser.parse_args()
    chosen = choose_frameworks(options.frameworks and options.frameworks.split(","))
    plan = make_plan(load_experiment(EXPERIMENT, OVERRIDES))
    settings = choose_settings(plan.experiment.training.precision)
    with tempfile.TemporaryDirectory(prefix="samestep-variants-") as root:
        for framework in chosen:
            variants = {"as it is": Edits(), **VARIANTS.get(framework.name, {})}
            if len(variants) == 1:
                continue
            folder = Path(root) / framework.name
            standalone_folder(framework, plan, folder)
            script = script_in(folder)
            source = script.read_text(encoding="utf-8")
            times: dict[str, dict[int, float]] = {variant: {} for variant in variants}
            for repeat in range(options.repeats):
                for variant in random.sample(list(variants), len(variants)):
                    text = changed(framework.name, variant, source, variants[variant])
                    script.write_text(text, encoding="utf-8")
                    epochs, _ = alone(framework, "generated", script, folder, plan, settings, {})
                    seconds = steady_epoch(epochs)
                    assert seconds is not None
                    times[variant][repeat] = seconds
                    print(framework.name, variant, f"{seconds:.3f}", file=sys.stderr)
            show(framework.name, times)


def show(name: str, times: dict[str, dict[int, float]]) -> None:
    base = times.pop("as it is")
    print(f"{name:18}{'as it is':28}{statistics.median(base.values()):8.3f} s", flush=True)
    for variant, seconds in times.items():
        middle = ratio(seconds, base)
        text = f"{middle.median:.3f}"
        if middle.low is not None and middle.high is not None:
            text += f" [{middle.low:.3f}, {middle.high:.3f}]"
        print(f"{name:18}{variant:28}{text:>10}", flush=True)


if __name__ == "__main__":
    main()
