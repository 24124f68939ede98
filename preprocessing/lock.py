"""One run at a time on a folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from training.core.errors import ConfigError
from training.core.paths import shown

try:
    import fcntl
except ImportError:  # not a POSIX system: two runs at a time are then the user's to avoid
    fcntl = None


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for as long as the block runs; a process that is killed lets go of it.

    Raises:
        ConfigError: another run holds it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise ConfigError(f"{shown(folder)}: cannot be written ({error.strerror})") from error
    with lock as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(f"{shown(folder)}: another run is at work here; wait for it or stop it") from error
        yield


def held(folder: Path) -> bool:
    """Whether another run is at work on ``folder`` now, as far as can be told."""
    if fcntl is None:
        return False
    try:
        with (folder / ".lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # never locked, or on a file system without locks
        return False
    return False
