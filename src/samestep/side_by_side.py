"""Run work in threads, each of which starts one worker at a time."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

WAKE_SECONDS = 0.2


def side_by_side(
    work: Callable[[Item, Event], Answer],
    items: Iterable[Item],
    on_done: Callable[[Item, Answer], None],
    jobs: int | None = None,
) -> None:
    """Call work(item, stop) for all items, at most `jobs` at a time, one a core by default.

    `on_done` is called from this thread, in the order in which work ends. If anything raises,
    `stop` is set, which ends the workers that run, and what has not begun never does.
    """
    stop = Event()
    # A worker dies with the thread that started it, so the threads must outlive the workers.
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        try:
            futures = {pool.submit(work, item, stop): item for item in items}
            while futures:
                # An interrupt that arrives just before a wait without end would wait as long.
                ended, _ = wait(futures, WAKE_SECONDS, FIRST_COMPLETED)
                for future in ended:
                    on_done(futures.pop(future), future.result())
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
