"""What the tests of data sets share: inputs, tiny image sets, and what went wrong as a sentence."""

import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from samestep.datasets import load_dataset
from samestep.datasets.image_sets import ImageFile, ImageSet
from samestep.errors import BadInput
from samestep.experiment import Data

TINY_SHAPES = {
    "train-images-idx3-ubyte.gz": (12, 3, 2),
    "train-labels-idx1-ubyte.gz": (12,),
    "t10k-images-idx3-ubyte.gz": (6, 3, 2),
    "t10k-labels-idx1-ubyte.gz": (6,),
}


def csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def data_of(path: Path, label: str = "kind", **more: object) -> Data:
    return Data.model_validate({"path": str(path), "label": label, "test": 0.3} | more)


def sentence_of(action: Callable[[], object]) -> str:
    """What BadInput says, which is one line."""
    with pytest.raises(BadInput) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    return message


def problem(data: Data) -> str:
    return sentence_of(lambda: load_dataset(data, seed=0))


def idx(array: np.ndarray) -> bytes:
    """An array of bytes as an IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def pack(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class TinySet:
    """An image set of a few rows: what its files hold, unpacked, by name."""

    images: ImageSet
    contents: dict[str, bytes]

    def write(self, folder: Path) -> None:
        """The four files, as they should be."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.contents.items():
            (folder / name).write_bytes(pack(content))


def tiny_set(name: str, seed: int, url: str, contents: dict[str, bytes] | None = None) -> TinySet:
    """A set of random images and of the labels 0 to 2, or of the contents given."""
    generator = np.random.default_rng(seed)
    if contents is None:
        contents = {
            file: idx(
                np.arange(shape[0]) % 3 if len(shape) == 1 else generator.integers(0, 256, shape)
            )
            for file, shape in TINY_SHAPES.items()
        }
    files = tuple(
        ImageFile(file, shape, sha256(contents[file]), sha256(pack(contents[file])))
        for file, shape in TINY_SHAPES.items()
    )
    package = "dataset-fashion-mnist" if name == "fashion-mnist" else None
    return TinySet(ImageSet(name, url, files, package), contents)


def with_content(tiny: TinySet, file: str, content: bytes) -> TinySet:
    """As if this were the file's right content."""
    contents = tiny.contents | {file: content}
    right = {"sha256": sha256(content), "published_sha256": sha256(pack(content))}
    files = tuple(replace(f, **right) if f.name == file else f for f in tiny.images.files)
    return TinySet(replace(tiny.images, files=files), contents)
