"""What every entry script shares: one line for a user's mistake, a traceback only when asked for."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from training.core.errors import BenchError


def run_entry(main: Callable[[list[str]], int | None]) -> None:
    """Run ``main(argv)`` and exit: 0 done, 1 failed work, 2 bad usage, 130 interrupted.

    ``--debug`` anywhere on the command line lets the traceback through.
    """
    argv = sys.argv[1:]
    # Read when torch is imported. Threads that spin while they wait make a step ten times slower on a shared machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        sys.exit(main(argv) or 0)
    except BenchError as error:
        if "--debug" in argv:
            raise
        print(f"error: {error}" if error.exit_code else str(error), file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if "--debug" in argv or error.filename is None:
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def add_debug(parser: argparse.ArgumentParser) -> None:
    """Add the option that :func:`run_entry` looks for."""
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error instead of one line")
