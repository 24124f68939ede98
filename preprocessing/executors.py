"""Where work runs: in this process, in several of this machine, or in those of a Dask cluster, behind one generator."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from typing import Generic, TypeVar

from training.core.errors import BenchError, DataError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Work(Generic[Item, Result]):
    """What to do with each item, within how many seconds; before its first, a process may ``prepare``."""

    function: Callable[[Item], Result]
    limit: float | None = None
    prepare: Callable[[], object] | None = None
    """Loads what all items need. Its errors count for nothing: ``function`` will meet them again."""


def run(work: Work[Item, Result], items: Iterable[Item], processes: int) -> Iterator[tuple[Item, Result | Exception]]:
    """Pairs of an item and what came of it, a result or an exception, in order of completion.

    A process that dies (out of memory, a crash in a library) or takes more than the limit costs its own item only:
    that gets a :class:`DataError`. Closing the generator ends the processes. With ``processes`` 0 all runs here,
    without a limit, and only a BenchError or OSError is handed back: anything else is a bug to see.
    """
    return _in_children(work, items, processes) if processes else _here(work, items)


def _here(work: Work[Item, Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result | Exception]]:
    for item in items:
        try:
            result: Result | Exception = work.function(item)
        except (BenchError, OSError) as error:
            result = error
        yield item, result


def _in_children(
    work: Work[Item, Result], items: Iterable[Item], processes: int
) -> Iterator[tuple[Item, Result | Exception]]:
    children, waiting = Children(work), deque(items)
    running: dict[Future, Item] = {}
    with ThreadPoolExecutor(processes) as threads:  # each waits for one child
        try:
            while waiting or running:
                while waiting and len(running) < processes:
                    item = waiting.popleft()
                    running[threads.submit(children.do, item)] = item
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            children.end()


class Children(Generic[Item, Result]):
    """Processes that do ``work``: as many as threads ask at once, each used again until it dies or is killed."""

    def __init__(self, work: Work[Item, Result]) -> None:
        self._work = work
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._lock, self._ended = threading.Lock(), False

    def do(self, item: Item) -> Result | Exception:
        """See :func:`run`; waits in the thread that calls."""
        with self._lock:
            if self._ended:
                return DataError("called off")
            self._idle = [child for child in self._idle if child.process.is_alive()]
            child = self._idle.pop() if self._idle else _Child(self._work)
            self._busy.add(child)
        result = child.do(item, self._work.limit)
        with self._lock:
            self._busy.remove(child)
            self._idle.append(child)
        return result

    def end(self) -> None:
        """Kill all processes, whatever they do."""
        with self._lock:
            self._ended = True
            for child in (*self._busy, *self._idle):
                child.kill()


class _Child:
    """A process that does one item after the other."""

    def __init__(self, work: Work) -> None:
        # Spawned, not forked: OpenCV and FFmpeg hold threads that do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, far_end), daemon=True)
        with deaf_to_ctrl_c():
            self.process.start()
        far_end.close()
        self._ready = False

    def do(self, item: object, limit: float | None) -> object:
        """What came of ``item``; if that is the end of this process, it is gone afterwards."""
        try:
            while not self._ready:
                self._ready = self._pipe.recv()  # preparing is not the item's time
            self._pipe.send(item)
            if self._pipe.poll(limit):
                return self._pipe.recv()
            says = f"took more than time_limit ({limit:g} s)"
        except (EOFError, ConnectionError):
            says = "its worker process died (out of memory, or a crash in a library)"
        self.kill()
        return DataError(says)

    def kill(self) -> None:
        """End at once."""
        self.process.kill()
        self.process.join(5)  # one that waits for a dead disk cannot be killed, and must not hold up the rest


@contextlib.contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """A process started in this block never gets a Ctrl-C, not even while it starts; here it waits for the end."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(work: Work, pipe: Connection) -> None:
    """The life of a child: leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if work.prepare is not None:
        _attempt(lambda _: work.prepare(), None)
    pipe.send(True)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            pipe.send(_attempt(work.function, pipe.recv()))


def _attempt(function: Callable, item: object) -> object:
    try:
        return function(item)
    except (BenchError, OSError) as error:
        return error
    except Exception as error:  # noqa: BLE001 - one item's trouble, whatever it is, is not the others'
        return DataError(f"{type(error).__name__}: {error}")


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        # A killed run must not go on writing behind the next one.
        wait_for([parent.sentinel])
        os._exit(1)
