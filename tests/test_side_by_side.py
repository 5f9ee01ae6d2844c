import threading
from threading import Event

import pytest

from samestep.side_by_side import side_by_side


def test_all_items_are_worked_on_and_told_in_the_calling_thread() -> None:
    done: dict[int, int] = {}
    threads = set()

    def note(item: int, answer: int) -> None:
        done[item] = answer
        threads.add(threading.get_ident())

    side_by_side(lambda item, stop: item**2, range(5), note, jobs=2)
    assert done == {item: item**2 for item in range(5)}
    assert threads == {threading.get_ident()}


def test_an_error_stops_what_runs_and_what_is_to_come() -> None:
    stopped: list[int] = []
    begun: list[int] = []
    waiting = Event()

    def work(item: int, stop: Event) -> None:
        begun.append(item)
        if item == 0:
            waiting.wait(20)
            raise ValueError("no")
        waiting.set()
        if stop.wait(20):
            stopped.append(item)

    with pytest.raises(ValueError, match="no"):
        side_by_side(work, range(9), lambda item, answer: None, jobs=2)
    # The thread that raised may have taken up the next item before it could be told.
    assert 1 in stopped and sorted(stopped) == begun[1:]
    assert len(begun) <= 3


def test_an_error_where_the_answers_are_taken_stops_too() -> None:
    waiting, stopped = Event(), Event()

    def work(item: int, stop: Event) -> None:
        if item == 0:
            waiting.wait(20)
            return
        waiting.set()
        if stop.wait(20):
            stopped.set()

    def note(item: int, answer: None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side(work, range(2), note, jobs=2)
    assert stopped.is_set()
