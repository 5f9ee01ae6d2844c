"""What a verdict is worth: false winners, planted slowdowns, intervals, trials, crossings.

One framework is entered twice under two names (A/A), or a second time with a loop that really
takes longer, by the real harness; and thousands of races are drawn from the noise that was
recorded on this machine. Prints a table, and saves every figure with --json.
"""

import argparse
import json
import math
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from samestep import api
from samestep.report.scaling import crossings_of, size_at
from samestep.result import Result
from samestep.scaling.measure import measure_scaling
from samestep.schedule import steady_times
from samestep.sequential import judge_pairs, plan_looks, still_open
from samestep.stats import Blocks, ratio
from samestep.verdict import pair_states

LONGER = ["training.epochs=800"]
"""A second of training: NumPy's own 100 epochs are over in a tenth of one, which one
hiccup of a shared machine can fill."""
FRAMEWORKS = Path(api.__file__).parent / "frameworks"
MOST = 15
"""Blocks of a race with two entries."""
NEVER_CLOSE = 1e-4
"""A precision that ends no race: it goes on until the two are apart, or to its last block."""
PLANTED = (0.03, 0.10)
SIX = ["numpy", "flax-scan", "flax", "sklearn", "torch", "keras-tensorflow"]
CROSSING = ["numpy", "torch"]
"""Which are known to change places as layers widen, between these factors of the widths."""
WIDTHS = [2, 3, 4, 6, 8]
CLOSER = 10
"""So many times the draws for a coverage, whose band is narrow: five values give 93.75%."""
PARTS = ("settle", "planted", "equal", "crossings", "drawn")
FIXED = 10
"""Trials of each in the plan that a race which ends by itself is compared with."""

Noise = list[tuple[float, float]]
"""Logarithms of two entries of the same framework, block by block."""


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    target: str
    found: str
    reached: bool | None
    """None where there is no target, and the figure stands beside another one."""


def twin(folder: Path, name: str, slower: float = 0.0) -> None:
    """Write NumPy's framework under another name, whose epochs take so much longer."""
    shutil.copytree(FRAMEWORKS / "numpy", folder / name)
    entry = folder / name / "framework.toml"
    entry.write_text(entry.read_text().replace("[frameworks.numpy]", f"[frameworks.{name}]"))
    if not slower:
        return
    file = folder / name / "script.py.j2"
    text = file.read_text()
    for found, replacement in [
        ("import numpy as np\n", "import time\n\nimport numpy as np\n"),
        ("        total = 0.0\n", "        total = 0.0\n        started = time.perf_counter()\n"),
        (
            "        on_epoch(epoch, ",
            f"        until = time.perf_counter() * {1 + slower} - started * {slower}\n"
            "        while time.perf_counter() < until:\n"
            "            pass\n"
            "        on_epoch(epoch, ",
        ),
    ]:
        assert text.count(found) == 1, found
        text = text.replace(found, replacement)
    file.write_text(text)


@contextmanager
def entered() -> Iterator[None]:
    """NumPy stands in the lists a second time, and slower by each planted share."""
    with tempfile.TemporaryDirectory(prefix="samestep-trust-") as folder:
        twin(Path(folder), "numpy-again")
        for share in PLANTED:
            twin(Path(folder), slower_name(share), share)
        before = os.environ.get("SAMESTEP_PATH")
        os.environ["SAMESTEP_PATH"] = folder
        try:
            yield
        finally:
            os.environ.pop("SAMESTEP_PATH")
            if before is not None:
                os.environ["SAMESTEP_PATH"] = before


def slower_name(share: float) -> str:
    return f"numpy-slower-{share * 100:.0f}"


def race_two(other: str, seed: int) -> Result:
    two = ["numpy", other]
    return api.race("iris-mlp", two, LONGER, trials=MOST, within=NEVER_CLOSE, seed=seed)


def is_apart(result: Result) -> bool:
    return "apart" in pair_states(result).values()


def record(blocks: int) -> Noise:
    """The noise of this machine as a race counts it: NumPy against itself."""
    two = ["numpy", "numpy-again"]
    result = api.race("iris-mlp", two, LONGER, trials=blocks)
    times = steady_times(result)
    one, other = times["numpy"], times["numpy-again"]
    return [(math.log(one[block]), math.log(other[block])) for block in sorted(one)]


def draw(noise: Noise, generator: random.Random, factor: float = 1.0) -> Iterator[list[float]]:
    """Blocks drawn with replacement, whose two entries are the same but for a factor."""
    while True:
        pair = list(generator.choice(noise))
        generator.shuffle(pair)
        yield [math.exp(pair[0]), factor * math.exp(pair[1])]


def simulate(noise: Noise, generator: random.Random, factor: float = 1.0) -> str:
    """A race that ends by itself; what it says of the two."""
    looks = plan_looks(MOST)
    times: dict[str, Blocks] = {"a": {}, "b": {}}
    blocks = draw(noise, generator, factor)
    for number in range(MOST):
        one, other = next(blocks)
        times = {"a": {**times["a"], number: one}, "b": {**times["b"], number: other}}
        states = judge_pairs(times, looks, NEVER_CLOSE)
        if not still_open(times, states):
            break
    return states[frozenset("ab")]


def covered(noise: Noise, generator: random.Random, trials: int, interval: "Covers") -> bool:
    """Whether an interval of the ratio of the same to the same holds 1."""
    blocks = draw(noise, generator)
    pairs = [next(blocks) for _ in range(trials)]
    return interval(*({n: pair[side] for n, pair in enumerate(pairs)} for side in (0, 1)))


Covers = Callable[[Blocks, Blocks], bool]


def our_interval(one: Blocks, other: Blocks) -> bool:
    found = ratio(one, other)
    assert found.low is not None
    assert found.high is not None
    return found.low <= 1 <= found.high


def bootstrap_interval(one: Blocks, other: Blocks) -> bool:
    """The percentile bootstrap of the median ratio, which short races cannot carry."""
    generator = random.Random(0)
    logs = [math.log(one[block] / other[block]) for block in one]
    medians = sorted(median(generator.choices(logs, k=len(logs))) for _ in range(400))
    return medians[9] <= 0 <= medians[390]


def share(count: int, of: int) -> str:
    return f"{count} of {of} ({count / of:.1%})"


def simulations(noise: Noise, races: int) -> Iterator[Figure]:
    generator = random.Random(0)
    false = sum(simulate(noise, generator) == "apart" for _ in range(races))
    yield Figure("A/A, drawn: false winners", "<= 5%", share(false, races), false <= 0.05 * races)
    for planted, least in zip(PLANTED, (0.80, 0.95), strict=True):
        found = sum(simulate(noise, generator, 1 + planted) == "apart" for _ in range(races))
        what = f"{planted:.0%} slower, drawn: found"
        yield Figure(what, f">= {least:.0%}", share(found, races), found >= least * races)
    for trials in (5, 10):
        yield coverage(noise, generator, trials, CLOSER * races)
        hits = sum(covered(noise, generator, trials, bootstrap_interval) for _ in range(races))
        what = f"bootstrap interval of {trials} trials: holds the truth"
        yield Figure(what, "(not used)", share(hits, races), None)


def coverage(noise: Noise, generator: random.Random, trials: int, draws: int) -> Figure:
    hits = sum(covered(noise, generator, trials, our_interval) for _ in range(draws))
    what = f"our interval of {trials} trials: holds the truth"
    reached = 0.93 <= hits / draws <= 0.97
    return Figure(what, "93% to 97%", share(hits, draws), reached)


def planted_races(races: int) -> Iterator[Figure]:
    for planted, least in zip(PLANTED, (0.80, 0.95), strict=True):
        results = [race_two(slower_name(planted), seed) for seed in range(races)]
        found = sum(map(is_apart, results))
        blocks = median(len({trial.block for trial in result.trials}) for result in results)
        what = f"{planted:.0%} slower, real: found within {MOST} blocks"
        text = f"{share(found, races)}, after {blocks:g} blocks"
        yield Figure(what, f">= {least:.0%}", text, found >= least * races)


def equal_races(races: int) -> Iterator[Figure]:
    false = sum(is_apart(race_two("numpy-again", seed)) for seed in range(races))
    yield Figure("A/A, real: false winners", "<= 1 of 20", share(false, races), false <= races / 20)


def settle(races: int) -> Iterator[Figure]:
    results = [api.race("iris-mlp", SIX, within=0.02, seed=seed) for seed in range(races)]
    # A plan of ten runs repeats disturbed blocks too: repeats count in neither.
    trials = [sum(trial.repeats is None for trial in result.trials) for result in results]
    fixed = FIXED * len(SIX)
    part = median(trials) / fixed
    settled = all(map(is_settled, results))
    end = "" if settled else ", not settled"
    text = f"{', '.join(map(str, trials))} of {fixed} ({part:.0%}){end}"
    yield Figure("six frameworks to 2%, trials", "<= 50%", text, settled and part <= 0.5)


def is_settled(result: Result) -> bool:
    steady = steady_times(result)
    times = {name: steady.get(name, {}) for name in result.frameworks}
    return not still_open(times, pair_states(result))


def crossings(runs: int) -> Iterator[Figure]:
    """The width at which two frameworks change places, measured several times anew."""
    found = []
    for seed in range(runs):
        scaling = measure_scaling(
            api.load("digits-mlp"), "width", CROSSING, sizes=WIDTHS, trials=7, seed=seed
        )
        found += [size_at(scaling, crossing.work.value) for crossing in crossings_of(scaling)]
    text = ", ".join(f"{width:.2f}" for width in found)
    close = len(found) == runs and max(found) <= 1.2 * min(found)
    yield Figure("numpy and torch cross at width", "within 20%", text or "nowhere", close)


def real_races(options: argparse.Namespace) -> Iterator[Figure]:
    parts = {
        "settle": settle(options.settle),
        "planted": planted_races(options.races),
        "equal": equal_races(options.races),
        "crossings": crossings(options.crossings),
    }
    for name, figures in parts.items():
        if name in options.only:
            yield from figures


def at_least_one(text: str) -> int:
    """The number that an option names; `--only` leaves parts out."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on; --only names parts")
    return int(text)


def told(figure: Figure) -> Figure:
    """The figure, once it is printed."""
    mark = {True: "reached", False: "MISSED", None: ""}[figure.reached]
    print(f"{figure.what:50} {figure.target:12} {figure.found:40} {mark}".rstrip(), flush=True)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--races", type=at_least_one, default=20, help="real ones, of each kind")
    parser.add_argument("--drawn", type=at_least_one, default=2000, help="races drawn from noise")
    parser.add_argument(
        "--blocks", type=at_least_one, default=60, help="that the noise is recorded from"
    )
    parser.add_argument("--settle", type=at_least_one, default=3, help="races of six frameworks")
    parser.add_argument(
        "--crossings", type=at_least_one, default=3, help="scalings of two frameworks"
    )
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--json", type=Path, help="save the figures and the noise here")
    options = parser.parse_args()
    with entered():
        figures = [told(figure) for figure in real_races(options)]
        noise: Noise = []
        if "drawn" in options.only:
            noise = record(options.blocks)
            figures += [told(figure) for figure in simulations(noise, options.drawn)]
    if options.json is not None:
        content = {"noise": noise, "figures": [vars(figure) for figure in figures]}
        options.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
