"""What a worker says of its own process, asked in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import samestep

WORKER = Path(samestep.__file__).parent / "worker"
MEBIBYTE = 2**20

CHILD = """
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", "held = bytearray(200 * 2**20); print(1, flush=True); input()"],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
)
child.stdout.readline()
"""


def ask(code: str, before: str = "", **environment: str) -> str:
    program = f"{before}\nimport own_process\nprint({code})"
    done = subprocess.run(
        [sys.executable, "-c", program + "\n" + ("child.kill()" if "child" in before else "")],
        env=os.environ | {"PYTHONPATH": str(WORKER)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_memory_that_was_given_back_is_in_the_peak() -> None:
    peak = int(ask("own_process.peak_bytes()", before="held = bytearray(100 * 2**20); del held"))
    assert 100 * MEBIBYTE < peak < 160 * MEBIBYTE


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of other processes")
def test_the_peak_holds_that_of_a_child() -> None:
    assert 200 * MEBIBYTE < int(ask("own_process.peak_bytes()", before=CHILD)) < 280 * MEBIBYTE


def test_a_pinned_process_has_so_many_cores() -> None:
    cpu = min(os.sched_getaffinity(0))
    assert ask("own_process.cores()", before=f"import own_process; own_process.pin('{cpu}')") == "1"


def test_the_pool_of_linear_algebra_is_asked_for_its_size() -> None:
    for threads in ("1", "2"):
        pools = ask("own_process.pools()", before="import numpy", OPENBLAS_NUM_THREADS=threads)
        assert f"'openblas': {threads}" in pools or "openblas" not in pools
