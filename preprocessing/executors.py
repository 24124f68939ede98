"""Where work runs: in this process or in several of this machine, behind one generator."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from typing import TypeVar

from training.core.errors import BenchError, DataError

Item = TypeVar("Item")
Result = TypeVar("Result")


def run(
    function: Callable[[Item], Result], items: Iterable[Item], processes: int
) -> Iterator[tuple[Item, Result | BaseException]]:
    """Pairs of item and ``function(item)``, or the exception it ended with, in order of completion.

    A process that dies (out of memory, a crash in a library) costs its own item only: whatever was under way then is
    tried again, one item at a time, and the culprit gets a :class:`DataError`. Closing the generator ends the workers.
    With ``processes`` 0 all runs here, and only a BenchError or OSError is handed back: anything else is a bug to see.
    """
    if processes == 0:
        yield from _run_here(function, items)
        return
    waiting, suspects = deque(items), deque()
    while waiting or suspects:
        alone = bool(suspects)
        lost = yield from _run_pool(function, suspects if alone else waiting, 1 if alone else processes)
        if len(lost) == 1:
            yield lost[0], DataError("its worker process died (out of memory, or a crash in a library)")
        else:
            suspects.extend(lost)


def _run_here(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[tuple[Item, Result | BaseException]]:
    for item in items:
        try:
            result: Result | BaseException = function(item)
        except (BenchError, OSError) as error:
            result = error
        yield item, result


def _run_pool(function: Callable, queue: deque, processes: int) -> Iterator[tuple]:
    """Work the queue off in one pool; returns what was under way when the pool broke."""
    others = set(multiprocessing.active_children())
    # Spawned, not forked: OpenCV and FFmpeg hold threads that do not survive a fork.
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_prepare_worker)
    running: dict[Future, object] = {}
    try:
        while queue or running:
            while queue and len(running) < processes:
                with _deaf_to_ctrl_c():
                    running[pool.submit(function, queue[0])] = queue[0]
                queue.popleft()
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    return list(running.values())
                yield running.pop(future), error if error is not None else future.result()
    except BrokenProcessPool:
        return list(running.values())
    finally:
        if running:
            for child in set(multiprocessing.active_children()) - others:
                child.kill()
        pool.shutdown(cancel_futures=True)
    return []


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Workers started in this block never get a Ctrl-C, not even while they start; here it waits for the end."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it: a killed run must not go on writing behind the next one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)
