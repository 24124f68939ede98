"""Work in the processes of a Dask cluster: of this machine, or of many that share a file system."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from functools import partial

from preprocessing.executors import Children, Item, Result, Work, deaf_to_ctrl_c
from training.core.errors import ConfigError, DataError

try:
    from distributed import Client, Future, KilledWorker, LocalCluster, Worker, WorkerPlugin, as_completed, get_worker
    from distributed.comm import get_address_host_port
except ImportError as error:
    raise ConfigError("executor 'dask' needs the package distributed: pip install distributed") from error


def run(
    work: Work[Item, Result], items: Iterable[Item], processes: int, scheduler: str | None = None
) -> Iterator[tuple[Item, Result | Exception]]:
    """As :func:`preprocessing.executors.run`, on the cluster at the address ``scheduler``, else on one of our own.

    Every thread of a Dask worker leads a child process, which dies or exceeds the limit at its own item's cost only.
    What a lost worker was at is done again by others; an item that was lost with too many gets a :class:`DataError`.

    Raises:
        ConfigError: there is no scheduler at the address.
        DataError: the scheduler was lost, or its workers run in another environment.
    """
    items, crew = list(items), _Crew(work)
    with contextlib.ExitStack() as stack:
        address = scheduler or stack.enter_context(_own_cluster(processes)).scheduler_address
        client = stack.enter_context(_connected(address))
        stack.enter_context(_in_one_line(address))
        client.register_plugin(crew)
        tasks = client.map(partial(_do, crew.name), items, pure=False, batch_size=1000)
        waiting = dict(zip(tasks, items, strict=True))
        del tasks  # what nobody here holds is forgotten by the cluster, with its result
        try:
            for future in as_completed(list(waiting), loop=client.loop):
                yield waiting.pop(future), _result(future)
        finally:
            if client.status == "running":
                with contextlib.suppress(OSError):  # whatever stops the run may have stopped the scheduler too
                    client.cancel(list(waiting))
                    client.unregister_worker_plugin(crew.name)


class _Crew(WorkerPlugin):
    """The child processes of one Dask worker."""

    def __init__(self, work: Work) -> None:
        self.name, self._work = f"assay-{uuid.uuid4()}", work

    def setup(self, worker: Worker) -> None:  # noqa: ARG002
        """Called by Dask on each worker."""
        # Dask's nanny makes its worker a daemon, and a daemon must not have children.
        multiprocessing.current_process().daemon = False
        self.children = Children(self._work)

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002
        """Called by Dask when the worker or the run ends."""
        self.children.end()


def _do(crew: str, item: object) -> object:
    return get_worker().plugins[crew].children.do(item)


def _result(future: Future) -> object:
    try:
        return future.result()
    except KilledWorker as error:
        return DataError(f"its Dask worker died {error.allowed_failures + 1} times")


def _own_cluster(processes: int) -> LocalCluster:
    with deaf_to_ctrl_c():
        return LocalCluster(n_workers=processes, threads_per_worker=1, dashboard_address=None)


def _connected(address: str) -> Client:
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # its tracebacks are our one line
    try:
        get_address_host_port(address)  # a client that is given nonsense takes a minute to be gone
        return Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"no Dask scheduler at '{address}' ({error})") from error


@contextlib.contextmanager
def _in_one_line(address: str) -> Iterator[None]:
    try:
        yield
    except (CancelledError, OSError) as error:
        raise DataError(f"lost the Dask scheduler at {address}; the same command again goes on from here") from error
    except Exception as error:
        raise DataError(
            f"the Dask workers at {address} cannot do the work ({error}); start them in this command's environment"
        ) from error
