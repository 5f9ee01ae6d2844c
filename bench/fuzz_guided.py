"""Strangers' files that a fuzzer finds by itself: `python bench/fuzz_guided.py`.

As `fuzz.py`, but libFuzzer changes the files, and keeps what makes our code do something new. That
is Atheris, which does not install everywhere: `pip install atheris`, on Linux.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["samestep"]):
    from fuzz import KINDS, attempt

EXECUTED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


def fuzz_one_kind(kind: str, inputs: int) -> None:
    """Ends the process: with 0 after so many inputs, with another status at an offence."""
    suffix, seeds, load = KINDS[kind]
    folder = Path(tempfile.mkdtemp(prefix="samestep-fuzz-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)
    path = folder / f"input{suffix}"

    def one_input(content: bytes) -> None:
        path.write_bytes(content)
        _, offence = attempt(load, path)
        if offence is not None:
            raise AssertionError(f"{kind}: {offence}")

    limits = ["-rss_limit_mb=4096", "-timeout=10", f"-artifact_prefix={folder}/"]
    flags = [f"-runs={inputs}", "-seed=1", "-print_final_stats=1", *limits]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], one_input)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="over all kinds of files")
    parser.add_argument("--kind", choices=list(KINDS), help="this one alone, in this process")
    options = parser.parse_args()
    if options.kind is not None:
        fuzz_one_kind(options.kind, options.inputs)
    total, offenders = 0, []
    for kind in KINDS:
        each = str(options.inputs // len(KINDS))
        command = [sys.executable, __file__, "--kind", kind, "--inputs", each]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        executed = EXECUTED.search(done.stderr)
        count = int(executed[1]) if executed else 0
        total += count
        print(f"{kind:12} {count:8,} inputs", flush=True)
        if done.returncode != 0:
            offenders.append(f"{kind}: {done.stderr[-600:]}")
    print(f"inputs: {total:,}; tracebacks and other offences: {len(offenders)}")
    for offender in offenders:
        print(offender)
    sys.exit(bool(offenders))


if __name__ == "__main__":
    main()
