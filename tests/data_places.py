"""Fixtures for data sets: places that are the test's own, a server, disks that refuse."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tiny_data import TinySet, tiny_set

from samestep.datasets import storage
from samestep.datasets.image_sets import IMAGE_SETS

NOBODY = 65534


@dataclass
class Server:
    """Answers with `files` by path; `announced` lies about a length, `status` about success."""

    port: int
    files: dict[str, bytes] = field(default_factory=dict)
    announced: int | None = None
    status: int = 200
    delay: float = 0.0
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server that has nothing yet."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            time.sleep(state.delay)
            body = state.files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(state.status)
            length = len(body) if state.announced is None else state.announced
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state = Server(http.server_address[1])
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@dataclass
class Places:
    """Where files are looked for, all of them empty at first, and what they should hold."""

    own: Path
    debian: Path
    cache: Path
    fashion: TinySet
    mnist: TinySet

    def use(self, fashion: TinySet, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let this be Fashion-MNIST."""
        self.fashion = fashion
        monkeypatch.setitem(IMAGE_SETS, "fashion-mnist", fashion.images)

    def cached(self) -> list[str]:
        """Every file in the cache, half-written ones too."""
        folder = self.cache.parent
        return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def places(
    no_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> Places:
    """Tiny sets by the names of the real ones, published on the test's own server."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(storage, "DEBIAN", tmp_path / "debian")
    data = tmp_path / "cache" / "samestep" / "data"
    fashion = tiny_set("fashion-mnist", 1, f"{server.url}/fashion")
    mnist = tiny_set("mnist", 2, f"{server.url}/mnist")
    for tiny in (fashion, mnist):
        monkeypatch.setitem(IMAGE_SETS, tiny.images.name, tiny.images)
    own = tmp_path / "own"
    own.mkdir()
    return Places(own, tmp_path / "debian", data / "fashion-mnist", fashion, mnist)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two pages of memory; the test is skipped where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8k", "samestep-test", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder that nothing can be read from or written to, by nobody if we are root."""
    # Not to be imported as nobody, who may have no rights to the packages.
    import pooch  # noqa: F401
    import requests  # noqa: F401

    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    yield folder
    if root:
        os.seteuid(0)
    folder.chmod(0o700)
