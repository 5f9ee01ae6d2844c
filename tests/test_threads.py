"""Threads that were asked for and those that a worker counted."""

import pytest

from samestep.threads import thread_warnings


def test_what_was_asked_for_is_nothing_to_warn_of() -> None:
    assert thread_warnings(2, {"openblas": 2, "torch": 2}, 2) == []


def test_a_worker_without_pools_is_judged_by_its_cores() -> None:
    assert thread_warnings(2, {}, 2) == []
    assert thread_warnings(16, {}, 2) == ["it may run on 16 cores, and 2 were asked for"]


@pytest.mark.parametrize("size", [1, 64])
def test_a_pool_of_another_size_is_named(size: int) -> None:
    assert thread_warnings(2, {"openblas": 2, "xla": size}, 2) == [
        f"its xla pool has {size} threads, and 2 were asked for"
    ]
