"""The IDX format, in which MNIST and its relatives are distributed: arrays of bytes."""

import math

import numpy as np
from numpy.typing import NDArray

UNSIGNED_BYTE = 0x08


def header_size(dimensions: int) -> int:
    """Bytes before the first element: the magic number, and four a dimension."""
    return 4 + 4 * dimensions


def parse_idx(content: bytes) -> NDArray[np.uint8]:
    """The array that `content` holds, without a copy; raise ValueError if it is not whole.

    Two zero bytes, the type of the elements, the number of dimensions, their sizes as
    big-endian 32-bit integers, and the elements, the last dimension fastest.
    """
    if len(content) < 4 or content[:2] != b"\0\0":
        raise ValueError("it is not an IDX file")
    if content[2] != UNSIGNED_BYTE:
        raise ValueError(f"its elements are of type 0x{content[2]:02x}, not unsigned bytes")
    dimensions = content[3]
    start = header_size(dimensions)
    if dimensions == 0 or len(content) < start:
        raise ValueError("its header is cut short")
    sizes = [int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4)]
    if len(content) - start != math.prod(sizes):
        raise ValueError(
            f"it holds {len(content) - start} elements, and its header says {math.prod(sizes)}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes)
