"""What the system has forgotten it reads again."""

import os
import subprocess
from pathlib import Path

import pytest

from samestep.page_cache import empty_page_cache

SIZE = 8 * 2**20


def bytes_read(path: Path) -> int:
    """From storage, by a process that reads the file."""
    process = subprocess.Popen(["cat", str(path)], stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_inblock * 512


def test_a_file_is_read_from_storage_once_more(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with open(path, "wb") as stream:
        stream.write(os.urandom(SIZE))
        os.fsync(stream.fileno())
    assert bytes_read(path) < SIZE / 2
    empty_page_cache([path, tmp_path / "nowhere", tmp_path])
    again = bytes_read(path)
    if again == 0:
        pytest.skip(f"{tmp_path} lies in memory, or the system does not count what is read")
    assert again >= SIZE
    assert path.stat().st_size == SIZE
