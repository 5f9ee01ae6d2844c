"""Real downloads from this machine: whole, or one sentence and nothing left behind."""

import errno
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from data_places import Server
from tiny_data import sentence_of, sha256

from samestep.datasets import download as module
from samestep.datasets.download import NotDownloaded, download

BODY = bytes(range(256)) * 4096
NAME = "/data/numbers.gz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "data"


def fetch(server: Server, folder: Path, body: bytes = BODY) -> Path:
    return download(server.url + NAME, sha256(body), folder)


def failure(server: Server, folder: Path) -> str:
    with pytest.raises(NotDownloaded) as caught:
        fetch(server, folder)
    assert not any(folder.rglob("*"))
    return str(caught.value)


def test_a_file_arrives_whole(
    server: Server, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.files[NAME] = BODY
    path = fetch(server, folder)
    assert path == folder / "numbers.gz"
    assert path.read_bytes() == BODY
    assert list(folder.iterdir()) == [path]
    assert capfd.readouterr() == ("", "")


def test_a_damaged_file_is_replaced(server: Server, folder: Path) -> None:
    server.files[NAME] = BODY
    folder.mkdir(parents=True)
    (folder / "numbers.gz").write_bytes(BODY[:-1])
    assert fetch(server, folder).read_bytes() == BODY


def test_a_damaged_download_is_not_kept(server: Server, folder: Path) -> None:
    server.files[NAME] = BODY[:-1] + b"x"
    assert failure(server, folder) == "what came is damaged: it has another SHA-256 sum"


def test_a_damaged_download_does_not_replace_anything(server: Server, folder: Path) -> None:
    server.files[NAME] = b"damaged"
    folder.mkdir(parents=True)
    (folder / "numbers.gz").write_bytes(b"damaged before")
    with pytest.raises(NotDownloaded):
        fetch(server, folder)
    assert (folder / "numbers.gz").read_bytes() == b"damaged before"
    assert len(list(folder.iterdir())) == 1


def test_a_connection_that_breaks(server: Server, folder: Path) -> None:
    server.files[NAME] = BODY[:1000]
    server.announced = len(BODY)
    assert failure(server, folder) in ("the connection broke", "no connection")


def test_a_file_that_is_not_there(server: Server, folder: Path) -> None:
    assert failure(server, folder) == "the server answered 404 Not Found"


def test_a_server_in_trouble(server: Server, folder: Path) -> None:
    server.files[NAME] = BODY
    server.status = 503
    assert failure(server, folder) == "the server answered 503 Service Unavailable"


def test_no_network(server: Server, folder: Path) -> None:
    with socket.socket() as taken:
        # Bound, but it does not listen: a connection is refused.
        taken.bind(("127.0.0.1", 0))
        server.port = taken.getsockname()[1]
        assert failure(server, folder) == "no connection"


def test_a_name_that_nobody_knows(folder: Path) -> None:
    with pytest.raises(NotDownloaded, match="no connection"):
        download("http://data.invalid/numbers.gz", sha256(BODY), folder)
    assert not any(folder.rglob("*"))


def test_a_server_that_says_nothing(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.2)
    server.files[NAME] = BODY
    server.delay = 1.0
    assert failure(server, folder) == "no answer within 0.2 s"


def test_a_proxy_that_is_not_there(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    assert failure(server, folder) == "no connection through the proxy"


def test_a_full_disk(server: Server, small_disk: Path) -> None:
    server.files[NAME] = BODY
    message = sentence_of(lambda: fetch(server, small_disk))
    assert message == (
        f"{small_disk}: numbers.gz cannot be written there (No space left on device); "
        "make room, or set XDG_CACHE_HOME to a folder that can be written"
    )
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_up_elsewhere(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where no small disk can be mounted: the last step fails, the move into place."""
    server.files[NAME] = BODY

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.move", full)
    message = sentence_of(lambda: fetch(server, folder))
    assert message.startswith(f"{folder}: numbers.gz cannot be written there (No space left")
    assert list(folder.iterdir()) == []


def test_a_folder_without_rights(server: Server, locked: Path) -> None:
    server.files[NAME] = BODY
    for folder in (locked, locked / "deeper"):
        message = sentence_of(lambda place=folder: fetch(server, place))
        assert message.startswith(f"{folder}: numbers.gz cannot be written there (Permission deni")
    assert server.requests == []


def test_a_folder_that_can_only_be_read(server: Server, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    message = sentence_of(lambda: fetch(server, small_disk))
    assert message.startswith(f"{small_disk}: numbers.gz cannot be written there (Read-only file")


def test_a_file_where_the_folder_should_be(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        message = sentence_of(lambda place=folder: fetch(server, place))
        assert message.startswith(f"{folder}: numbers.gz cannot be written there (")
    assert (tmp_path / "file").read_text() == "mine"


def test_the_downloader_is_imported_only_to_download() -> None:
    code = """
import sys
import samestep.cli
from samestep.datasets import load_dataset
from samestep.experiment import Data
load_dataset(Data(name="iris", test=45), 0)
assert not {"pooch", "requests"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
