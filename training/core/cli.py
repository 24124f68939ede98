"""What every entry script shares: one line for a user's mistake, a traceback only when asked for."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

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
        if "--debug" in argv or error.errno is None:
            raise
        place = f"{error.filename}: " if error.filename is not None else ""  # a write to an open file names none
        print(f"error: {place}{error.strerror}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    finally:
        # Loader processes are deaf to the signal by which Python would end them, and it would wait for them forever.
        children = multiprocessing.active_children()
        if children and hasattr(signal, "SIGCHLD"):
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # PyTorch would show a traceback: to it, they have crashed
        for child in children:
            child.kill()


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What training, testing and prediction have in common."""
    parser.add_argument("--device", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="any other key"
    )
    add_debug(parser)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """What training and testing have in common; flags of DeepfakeBench keep their names."""
    parser.add_argument("--list", action="store_true", help="list the detectors and leave")
    parser.add_argument("--detector_path", metavar="YAML", help="a file, or the bare name of one in config/detector")
    parser.add_argument(
        "--protocol", metavar="YAML", help="choices of config/protocol that override the detector's YAML"
    )
    parser.add_argument("--test_dataset", nargs="+", metavar="SET", help="data sets to test on (data.test)")
    parser.add_argument("--no-save_feat", action="store_true", help="keep no features beside scores (log.save_feat)")
    parser.add_argument("--ddp", action="store_true", help="accepted for DeepfakeBench's scripts; torchrun is enough")
    parser.add_argument("--local_rank", "--local-rank", type=int, metavar="N", help="likewise; torchrun says it itself")


def data_flags(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What the shared flags stand for in the configuration."""
    meaning = {
        "--test_dataset": args.test_dataset and {"data": {"test": args.test_dataset}},
        "--no-save_feat": args.no_save_feat and {"log": {"save_feat": False}},
        "--device": args.device and {"device": args.device},
    }
    return {flag: tree for flag, tree in meaning.items() if tree}


def add_debug(parser: argparse.ArgumentParser) -> None:
    """Add the option that :func:`run_entry` looks for."""
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error instead of one line")
