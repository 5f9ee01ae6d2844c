"""Strangers' files by the hundred thousand: `python bench/fuzz.py`.

Valid files are damaged at random (bytes changed, cut, doubled; values, keys and lines exchanged for
nasty ones) and given to the loaders: experiments, results, scalings, tables, archives, image files,
settings. Each must be taken or be refused in one sentence: no traceback, no code run, no more than
a second and a gibibyte. Prints a line for each kind of file, and the first offenders.
"""

import argparse
import io
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from samestep.datasets.idx import parse_idx
from samestep.datasets.own_files import load_own_file
from samestep.errors import BadInput
from samestep.experiment_file import load_experiment, shipped_experiments
from samestep.report.document import load_report

RESULTS = Path(__file__).parent.parent / "docs" / "results"
SLOWEST = 1.0
MOST_MEMORY = 4 * 2**30
NASTY = (
    *(b"", b"0", b"-1", b"1e999", b"nan", b"9" * 400, b"null", b"true", b"{}", b"[]", b'""'),
    *(b"[[", b"[" * 2000, b'{"a":' * 2000, b"\x00", b"\xff\xfe", b"\xf0\x9f\x92\xa9", b"\\u0000"),
    *(b"../../etc/passwd", b"/dev/zero", b"{{7*7}}", b"__import__('os')", b"'; DROP", b"\x1b[2J"),
)

Load = Callable[[Path], object]


def experiment_seeds() -> list[bytes]:
    return [path.read_bytes() for path in shipped_experiments().values()]


def result_seeds() -> list[bytes]:
    seeds = []
    for path in sorted(RESULTS.glob("*.json")):
        content = json.loads(path.read_bytes())
        # A few trials say all that a file's shape can say, and are read a hundred times faster.
        content["trials"] = content.get("trials", [])[:2]
        for trial in content["trials"]:
            trial["epochs"] = trial["epochs"][:2]
        seeds.append(json.dumps(content).encode())
    return seeds


def table_seeds() -> list[bytes]:
    return [b"a,b,kind\n1,2,0\n3.5,4,1\n5,,1\n", b"kind,x\n0,1\n1,2\n2,3\n", b'"a","kind"\n1e3,0\n']


def archive_seeds() -> list[bytes]:
    stream = io.BytesIO()
    np.savez(stream, x=np.ones((4, 3)), y=np.arange(4))
    packed = io.BytesIO()
    np.savez_compressed(packed, x=np.ones((4, 2, 2, 1), np.float32), y=np.arange(4))
    return [stream.getvalue(), packed.getvalue()]


def idx_seeds() -> list[bytes]:
    return [
        bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]),
        bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9]),
    ]


def load_idx(path: Path) -> object:
    try:
        return parse_idx(path.read_bytes())
    except ValueError as error:
        # Its caller makes the sentence.
        raise BadInput(str(error)) from None


KINDS: dict[str, tuple[str, list[bytes], Load]] = {
    "experiment": (".toml", experiment_seeds(), lambda path: load_experiment(str(path))),
    "result": (".json", result_seeds(), load_report),
    "table": (".csv", table_seeds(), lambda path: load_own_file(path, "kind")),
    "archive": (".npz", archive_seeds(), lambda path: load_own_file(path, "y")),
    "image file": (".idx", idx_seeds(), load_idx),
}


def damage(seed: bytes, generator: random.Random) -> bytes:
    """The file with one to six things wrong with it."""
    content = bytearray(seed)
    for _ in range(generator.randint(1, 6)):
        place = generator.randrange(len(content) + 1)
        end = min(len(content), place + generator.choice((1, 2, 8, 40)))
        match generator.randrange(6):
            case 0:
                content[place:end] = bytes(generator.randrange(256) for _ in range(end - place))
            case 1:
                del content[place:end]
            case 2:
                content[place:place] = content[place:end] * generator.randint(1, 3)
            case 3:
                content[place:end] = generator.choice(NASTY)
            case 4:
                content = swap_lines(content, generator)
            case _:
                content = exchange_value(content, generator)
    return bytes(content)


def swap_lines(content: bytearray, generator: random.Random) -> bytearray:
    lines = content.split(b"\n")
    one, other = generator.randrange(len(lines)), generator.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return bytearray(b"\n".join(lines))


def exchange_value(content: bytearray, generator: random.Random) -> bytearray:
    """Put something nasty where a value of TOML, JSON or CSV stands."""
    places = [place for place, byte in enumerate(content) if byte in b"=:,"]
    if not places:
        return content
    start = generator.choice(places) + 1
    end = start
    while end < len(content) and content[end] not in b",\n}]":
        end += 1
    return content[:start] + generator.choice(NASTY) + content[end:]


def attempt(load: Load, path: Path) -> tuple[bool, str | None]:
    """Whether a file was taken, and what was wrong with how it was taken or refused."""
    start = time.perf_counter()
    offence = None
    taken = False
    try:
        load(path)
        taken = True
    except BadInput as error:
        if "\n" in str(error):
            offence = f"not one sentence: {error!r}"
    except BaseException as error:
        offence = f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - start
    return taken, offence or (f"took {seconds:.1f} s" if seconds > SLOWEST else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="over all kinds of files")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    offenders: list[str] = []
    each = options.inputs // len(KINDS)
    with tempfile.TemporaryDirectory(prefix="samestep-fuzz-") as folder:
        for kind, (suffix, seeds, load) in KINDS.items():
            generator = random.Random(f"{options.seed}/{kind}")
            path = Path(folder) / f"input{suffix}"
            count = 0
            for number in range(each):
                path.write_bytes(damage(generator.choice(seeds), generator))
                taken, offence = attempt(load, path)
                count += taken
                if offence is not None:
                    offenders.append(f"{kind} {number}: {offence}")
            print(f"{kind:12} {each:8,} inputs: {count:7,} taken", flush=True)
    print(f"inputs: {each * len(KINDS):,}; tracebacks and other offences: {len(offenders)}")
    for offender in offenders[:10]:
        print(offender[:300])
    sys.exit(bool(offenders))


if __name__ == "__main__":
    main()
