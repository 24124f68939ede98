"""What happens when processes that work together lose one another."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from training.core.errors import BenchError


class LostError(BenchError):
    """Another process of this run is gone."""


@contextlib.contextmanager
def collective() -> Iterator[None]:
    """Around whatever all processes do together.

    Raises:
        LostError: one of the others is gone: it failed, was killed, or its machine went away.
    """
    try:
        yield
    except RuntimeError as error:
        reason = (str(error).splitlines() or [""])[0]
        raise LostError(
            "another process of this run is gone; its own message, if it had any, stands above or in its node's log. "
            f"Training goes on from the last saved state with --resume, with any number of processes ({reason})"
        ) from error
