"""Where the files of an image data set are looked for: the user's folder, Debian's, the cache.

What has the wrong content is never used: in the user's folder or in Debian's it is refused by
name, in the cache it is downloaded again.
"""

import gzip
import hashlib
import os
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from samestep.config import load_config
from samestep.datasets.download import NotDownloaded, download
from samestep.datasets.idx import parse_idx
from samestep.datasets.image_sets import IMAGE_SETS, ImageFile, ImageSet
from samestep.errors import BadInput, not_read

FOLDER = "SAMESTEP_DATA"
DEBIAN = Path("/usr/share/datasets")


class _Damaged(Exception):
    """What a file holds is not what it should be; `sha256` is that of its content, if whole."""

    def __init__(self, reason: str, sha256: str | None = None) -> None:
        super().__init__(reason)
        self.sha256 = sha256


def read_array(images: ImageSet, name: str) -> NDArray[np.uint8]:
    """The array in one file of a data set; raise BadInput in one sentence if it is not to be had.

    `name` is the file's: `train-images-idx3-ubyte.gz`.
    """
    file = images.file(name)
    path, content = _find(images, file)
    try:
        array = parse_idx(content)
    except ValueError as error:
        raise BadInput(f"{path}: {error}; samestep's checksum of it is wrong") from None
    if array.shape != file.shape:
        raise BadInput(
            f"{path}: holds an array {array.shape}, not {file.shape}; "
            "samestep's checksum of it is wrong"
        )
    return array


def _find(images: ImageSet, file: ImageFile) -> tuple[Path, bytes]:
    """The first place that holds the file, and its content; downloaded if there is none."""
    folder = _own_folder()
    if folder is not None:
        remedy = "put the right one there, or take it away"
        for path in (folder / images.name / file.name, folder / file.name):
            content = _read_or_refuse(images, file, path, remedy)
            if content is not None:
                return path, content
    path = DEBIAN / images.name / file.name
    content = _read_or_refuse(images, file, path, "install its package again")
    if content is not None:
        return path, content
    return _find_in_cache(images, file)


def _own_folder() -> Path | None:
    """The folder that the user names, by variable or in the settings."""
    named, where = os.environ.get(FOLDER), FOLDER
    if not named:
        named, where = load_config().data, "data in the configuration file"
    if not named:
        return None
    folder = Path(named).expanduser()
    try:
        there = folder.is_dir()
    except OSError as error:
        raise not_read(f"{where}: {folder}", error) from None
    if not there:
        raise BadInput(f"{where}: there is no folder {folder}; make it, or name another")
    return folder


def _read_or_refuse(images: ImageSet, file: ImageFile, path: Path, remedy: str) -> bytes | None:
    try:
        return _read(file, path)
    except _Damaged as damage:
        if path.parent.name != images.name and _of_another_set(images, file, damage):
            # A folder that holds one data set's files directly says nothing about another's.
            return None
        raise BadInput(f"{path}: is not {images.name}'s file: {damage}; {remedy}") from None


def _of_another_set(images: ImageSet, file: ImageFile, damage: _Damaged) -> bool:
    others = (other for other in IMAGE_SETS.values() if other.name != images.name)
    return damage.sha256 in [other.file(file.name).sha256 for other in others]


def _find_in_cache(images: ImageSet, file: ImageFile) -> tuple[Path, bytes]:
    folder = user_cache_path("samestep") / "data" / images.name
    path = folder / file.name
    note = ""
    try:
        content = _read(file, path)
        if content is not None:
            return path, content
    except _Damaged as damage:
        note = f"; the cached file {path} was not used: {damage}"
    url = f"{images.url}/{file.name}"
    try:
        content = _read(file, download(url, file.published_sha256, folder))
    except NotDownloaded as reason:
        package = images.debian_package
        debian = "" if package is None else f"install Debian's package {package}, or "
        raise BadInput(
            f"{images.name}: {url} cannot be downloaded: {reason}{note}; "
            f"{debian}set {FOLDER} to a folder that holds {file.name}"
        ) from None
    except _Damaged as damage:
        raise BadInput(f"{path}: {damage}, although just downloaded; try again") from None
    assert content is not None
    return path, content


def _read(file: ImageFile, path: Path) -> bytes | None:
    """Unpack and check; None if there is no such file."""
    try:
        with gzip.open(path) as stream:
            # One byte more, to notice a longer one without unpacking it all.
            content = stream.read(file.bytes + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _Damaged("it is cut short or damaged") from None
    except OSError as error:
        raise not_read(path, error) from None
    if len(content) != file.bytes:
        held = "more than" if len(content) > file.bytes else f"{len(content):,} of"
        raise _Damaged(f"it holds {held} {file.bytes:,} bytes")
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != file.sha256:
        raise _Damaged(
            f"its content has the SHA-256 sum {sha256[:12]}..., not {file.sha256[:12]}...", sha256
        )
    return content
