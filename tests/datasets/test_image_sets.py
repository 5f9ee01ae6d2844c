import gzip
import hashlib
from pathlib import Path

import pytest

from samestep.datasets.image_sets import IMAGE_SETS

# Of the README of github.com/zalandoresearch/fashion-mnist.
PUBLISHED_MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
PUBLISHED_TIME = {"train": "dee9a759", "t10k": "f3e9a759"}


def test_checksums_are_of_different_files() -> None:
    files = [file for images in IMAGE_SETS.values() for file in images.files]
    checksums = {checksum for file in files for checksum in (file.sha256, file.published_sha256)}
    assert len(checksums) == 2 * len(files) == 16
    assert all(len(checksum) == 64 and int(checksum, 16) for checksum in checksums)


@pytest.mark.parametrize("name", PUBLISHED_MD5)
def test_checksums_are_those_of_the_published_files(fashion_mnist: Path, name: str) -> None:
    """Debian's files are the publisher's without the name and the time in gzip's header."""
    debian = (fashion_mnist / name).read_bytes()
    inner = name.removesuffix(".gz").encode()
    time = bytes.fromhex(PUBLISHED_TIME[name.split("-")[0]])
    published = b"\x1f\x8b\x08\x08" + time + b"\0\3" + inner + b"\0" + debian[10:]
    if hashlib.md5(published).hexdigest() != PUBLISHED_MD5[name]:
        pytest.skip("this Debian packs the files in another way than that of 2020")
    file = IMAGE_SETS["fashion-mnist"].file(name)
    assert hashlib.sha256(published).hexdigest() == file.published_sha256
    content = gzip.decompress(published)
    assert hashlib.sha256(content).hexdigest() == file.sha256
    assert len(content) == file.bytes
