import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tiny_data import idx

from samestep.datasets.idx import header_size, parse_idx

anything = arrays.arrays(
    np.uint8, arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)
)


@given(anything)
def test_what_is_written_is_read(array: np.ndarray) -> None:
    content = idx(array)
    assert len(content) == header_size(array.ndim) + array.size
    again = parse_idx(content)
    assert again.dtype == np.uint8
    np.testing.assert_array_equal(again, array)


@given(anything, st.data())
def test_a_part_or_more_than_the_whole_is_refused(array: np.ndarray, data: st.DataObject) -> None:
    content = idx(array)
    with pytest.raises(ValueError):
        parse_idx(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(ValueError, match="elements, and its header says"):
        parse_idx(content + data.draw(st.binary(min_size=1, max_size=9)))


@given(st.binary(max_size=40))
def test_any_bytes_give_an_array_or_a_value_error(content: bytes) -> None:
    try:
        array = parse_idx(content)
    except ValueError as error:
        assert str(error)
    else:
        assert idx(array) == content


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "it is not an IDX file"),
        (b"\0\0\x08", "it is not an IDX file"),
        (b"\1\0\x08\x01\0\0\0\0", "it is not an IDX file"),
        (b"\0\0\x0d\x01\0\0\0\0", "its elements are of type 0x0d, not unsigned bytes"),
        (b"\0\0\x08\0", "its header is cut short"),
        (b"\0\0\x08\xff" + bytes(40), "its header is cut short"),
        (b"\0\0\x08\x02" + b"\xff" * 8, "it holds 0 elements, and its header says 18446744065"),
    ],
)
def test_what_is_wrong_is_said(content: bytes, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        parse_idx(content)
