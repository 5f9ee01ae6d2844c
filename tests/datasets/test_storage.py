"""Which place is used, and that what is wrong in any of them is refused by name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_places import Places, Server
from tiny_data import idx, pack, problem, sentence_of, with_content

from samestep.datasets import load_dataset, storage
from samestep.datasets.idx import parse_idx
from samestep.datasets.storage import read_array
from samestep.experiment import Data

IMAGES = "train-images-idx3-ubyte.gz"
FASHION = Data(name="fashion-mnist")


def images_of(places: Places) -> np.ndarray:
    return read_array(places.fashion.images, IMAGES)


def use_own(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMESTEP_DATA", str(places.own))


WHERE: dict[str, Callable[[Places], Path]] = {
    "own, by name": lambda places: places.own / "fashion-mnist",
    "own, directly": lambda places: places.own,
    "Debian": lambda places: places.debian / "fashion-mnist",
    "cache": lambda places: places.cache,
}


@pytest.mark.parametrize("where", WHERE)
def test_the_files_are_found_in_every_place(
    places: Places, server: Server, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    use_own(places, monkeypatch)
    places.fashion.write(WHERE[where](places))
    dataset = load_dataset(FASHION, seed=0)
    expected = parse_idx(places.fashion.contents[IMAGES])[..., np.newaxis] / 255
    np.testing.assert_array_equal(dataset.x_train, expected)
    assert dataset.x_train.shape == (12, 3, 2, 1)
    assert dataset.y_train.tolist() == [0, 1, 2] * 4
    assert dataset.x_test.shape == (6, 3, 2, 1)
    assert dataset.classes == 3
    assert server.requests == []


def test_the_places_have_an_order(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in a later place is not even looked at."""
    use_own(places, monkeypatch)
    order = [WHERE[where](places) for where in WHERE]
    for folder in order:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / IMAGES).write_bytes(b"wrong")
    for folder in order:
        (folder / IMAGES).write_bytes(pack(places.fashion.contents[IMAGES]))
        images_of(places)
        (folder / IMAGES).unlink()


def test_each_file_is_looked_for_by_itself(
    places: Places, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_own(places, monkeypatch)
    for where, name in zip(WHERE, places.fashion.contents, strict=True):
        folder = WHERE[where](places)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(pack(places.fashion.contents[name]))
    load_dataset(FASHION, seed=0)
    assert server.requests == []


def test_the_folder_in_the_settings(no_settings: Path, places: Places) -> None:
    places.fashion.write(no_settings / "config" / "samestep" / "data")
    (no_settings / "config" / "samestep" / "config.toml").write_text('data = "data"')
    images_of(places)


def test_another_way_to_pack_the_same_is_as_good(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_own(places, monkeypatch)
    stamped = bytearray(pack(places.fashion.contents[IMAGES]))
    stamped[4:8] = b"time"
    (places.own / IMAGES).write_bytes(stamped)
    images_of(places)


WRONG: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "it holds 0 of 88 bytes"),
    "not packed": (lambda content: content, "it is cut short or damaged"),
    "cut in the header": (lambda content: pack(content)[:5], "it is cut short or damaged"),
    "cut in the middle": (lambda content: pack(content)[:-30], "it is cut short or damaged"),
    "cut at the end": (lambda content: pack(content)[:-1], "it is cut short or damaged"),
    "damaged": (lambda content: pack(content)[:-8] + bytes(8), "it is cut short or damaged"),
    "shorter": (lambda content: pack(content[:-1]), "it holds 87 of 88 bytes"),
    "longer": (lambda content: pack(content + b"x"), "it holds more than 88 bytes"),
    "endless": (lambda content: pack(content + bytes(10**7)), "it holds more than 88 bytes"),
    "other data": (lambda content: pack(content[:-1] + b"x"), "its content has the SHA-256 sum "),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("where", [where for where in WHERE if where != "cache"])
def test_a_wrong_file_is_refused_by_name(
    places: Places, server: Server, monkeypatch: pytest.MonkeyPatch, where: str, wrong: str
) -> None:
    use_own(places, monkeypatch)
    path = WHERE[where](places) / IMAGES
    path.parent.mkdir(parents=True, exist_ok=True)
    change, part = WRONG[wrong]
    path.write_bytes(change(places.fashion.contents[IMAGES]))
    before = path.read_bytes()
    message = problem(FASHION)
    assert message.startswith(f"{path}: is not fashion-mnist's file: ")
    assert part in message
    remedy = "install its package again" if where == "Debian" else "take it away"
    assert message.endswith(remedy)
    assert path.read_bytes() == before
    assert places.cached() == [] and server.requests == []


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_in_the_cache_is_downloaded_again(
    places: Places, server: Server, wrong: str
) -> None:
    places.fashion.write(places.cache)
    path = places.cache / IMAGES
    path.write_bytes(WRONG[wrong][0](places.fashion.contents[IMAGES]))
    before = path.read_bytes()
    message = sentence_of(lambda: images_of(places))
    url = f"{server.url}/fashion/{IMAGES}"
    assert message.startswith(f"fashion-mnist: {url} cannot be downloaded: the server answered 404")
    assert f"; the cached file {path} was not used: {WRONG[wrong][1]}" in message
    assert path.read_bytes() == before

    server.files[f"/fashion/{IMAGES}"] = pack(places.fashion.contents[IMAGES])
    images_of(places)
    assert path.read_bytes() == pack(places.fashion.contents[IMAGES])
    assert len(places.cached()) == 4


def test_one_set_of_files_says_nothing_about_another(
    places: Places, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MNIST's files have the same names: in the user's folder itself, they may lie there."""
    use_own(places, monkeypatch)
    places.mnist.write(places.own)
    places.fashion.write(places.debian / "fashion-mnist")
    images_of(places)
    read_array(places.mnist.images, IMAGES)
    assert server.requests == []


def test_another_sets_file_under_this_sets_name_is_refused(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_own(places, monkeypatch)
    places.mnist.write(places.own / "fashion-mnist")
    message = problem(FASHION)
    assert message.startswith(f"{places.own / 'fashion-mnist' / IMAGES}: is not fashion-mnist's")


def test_a_named_folder_that_is_not_there(
    places: Places, no_settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.fashion.write(places.cache)
    missing = places.own / "none"
    monkeypatch.setenv("SAMESTEP_DATA", str(missing))
    assert problem(FASHION) == (
        f"SAMESTEP_DATA: there is no folder {missing}; make it, or name another"
    )
    monkeypatch.delenv("SAMESTEP_DATA")
    settings = no_settings / "config" / "samestep" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'data = "{missing}"')
    assert problem(FASHION) == (
        f"data in the configuration file: there is no folder {missing}; make it, or name another"
    )
    # No other data set needs it.
    load_dataset(Data(name="iris", test=45), seed=0)


def test_a_folder_where_a_file_should_be(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    use_own(places, monkeypatch)
    (places.own / IMAGES).mkdir()
    assert problem(FASHION) == (
        f"{places.own / IMAGES}: cannot be read (Is a directory); "
        "a file is wanted there, not a folder"
    )


def test_a_folder_without_rights(
    places: Places, monkeypatch: pytest.MonkeyPatch, locked: Path
) -> None:
    monkeypatch.setenv("SAMESTEP_DATA", str(locked))
    message = problem(FASHION)
    assert message.startswith(("SAMESTEP_DATA: ", str(locked)))
    assert str(locked) in message
    assert message.endswith(
        "cannot be read (Permission denied); give yourself the right to read it, or name another"
    )


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (
            b"\0\0\x09\x01" + bytes(84),
            "its elements are of type 0x09, not unsigned bytes; samestep",
        ),
        (b"\0\0\x08\x03" + b"\0\0\0\1" * 21, "it holds 72 elements, and its header says 1; sam"),
        (idx(np.zeros((12, 2, 3))), "holds an array (12, 2, 3), not (12, 3, 2); samestep's check"),
    ],
)
def test_a_right_checksum_of_the_wrong_content(
    places: Places, monkeypatch: pytest.MonkeyPatch, content: bytes, part: str
) -> None:
    places.use(with_content(places.fashion, IMAGES, content), monkeypatch)
    use_own(places, monkeypatch)
    places.fashion.write(places.own)
    message = problem(FASHION)
    assert message.startswith(f"{places.own / IMAGES}: ")
    assert part in message


def test_no_place_holds_anything(places: Places, server: Server) -> None:
    assert problem(FASHION) == (
        f"fashion-mnist: {server.url}/fashion/{IMAGES} cannot be downloaded: the server answered "
        "404 Not Found; install Debian's package dataset-fashion-mnist, or set SAMESTEP_DATA to a "
        f"folder that holds {IMAGES}"
    )
    assert problem(Data(name="mnist")) == (
        f"mnist: {server.url}/mnist/{IMAGES} cannot be downloaded: the server answered "
        f"404 Not Found; set SAMESTEP_DATA to a folder that holds {IMAGES}"
    )
    assert places.cached() == []


def test_all_four_files_are_downloaded_once(places: Places, server: Server) -> None:
    for name, content in places.fashion.contents.items():
        server.files[f"/fashion/{name}"] = pack(content)
    first = load_dataset(FASHION, seed=0)
    again = load_dataset(FASHION, seed=0)
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert sorted(server.requests) == sorted(server.files)
    assert len(places.cached()) == 4


def test_a_download_that_was_interrupted_is_taken_up(places: Places, server: Server) -> None:
    """Two files of four are here; the others are fetched when the network is back."""
    names = list(places.fashion.contents)
    for name in names[:2]:
        server.files[f"/fashion/{name}"] = pack(places.fashion.contents[name])
    assert names[2] in problem(FASHION)
    assert len(places.cached()) == 2
    for name in names[2:]:
        server.files[f"/fashion/{name}"] = pack(places.fashion.contents[name])
    load_dataset(FASHION, seed=0)
    assert server.requests.count(f"/fashion/{names[0]}") == 1


def test_nothing_is_looked_for_in_the_working_folder(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty variable is none; the current folder is no place."""
    monkeypatch.setenv("SAMESTEP_DATA", "")
    monkeypatch.chdir(places.own)
    places.fashion.write(places.own)
    assert "cannot be downloaded" in problem(FASHION)


def test_debian_puts_its_files_there() -> None:
    assert Path("/usr/share/datasets") == storage.DEBIAN
