"""A local web page: ``python -m training.ui``. Judge pictures and videos, browse runs, compare their tables.

It starts the entries of the command line (predict.py, analysis.report) and shows what they write. It listens on this
machine only unless --host says otherwise; it asks nobody for a password.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.core.cli import add_debug, run_entry
from training.core.errors import ConfigError
from training.core.paths import RUNS, WEIGHTS


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m training.ui", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (127.0.0.1: here only)")
    p.add_argument("--port", type=int, default=8765, metavar="N", help="(8765); 0: any that is free")
    p.add_argument("--names", nargs="+", default=[], metavar="NAME", help="of this machine, by which others may ask")
    p.add_argument("--runs", type=Path, default=RUNS, metavar="FOLDER", help="runs to offer (runs)")
    p.add_argument("--weights", type=Path, default=WEIGHTS, metavar="FOLDER", help="more checkpoints (weights)")
    p.add_argument("--kept", type=Path, default=Path("predictions"), metavar="FOLDER", help="where kept uploads go")
    p.add_argument("--max-mb", type=float, default=512, metavar="MB", help="of one upload (512)")
    p.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    add_debug(p)
    return p


def main(argv: list[str]) -> None:
    """Serve until interrupted."""
    args = parser().parse_args(argv)
    try:
        import uvicorn

        from training.ui.app import create_app
    except ModuleNotFoundError as error:
        raise ConfigError(f"the page needs the extra 'ui' ({error.name} is missing): pip install -e '.[ui]'") from error
    from training.ui.settings import LOOPBACK, Settings

    host = f"[{args.host}]" if ":" in args.host else args.host
    settings = Settings(
        runs=args.runs.resolve(),
        weights=args.weights.resolve(),
        kept=args.kept,
        max_bytes=int(args.max_mb * 2**20),
        names=(*LOOPBACK, host, *args.names),
        device=args.device,
    )
    config = uvicorn.Config(
        create_app(settings), args.host, args.port, log_level="warning", timeout_graceful_shutdown=3
    )
    listening = config.bind_socket()
    print(f"http://{host}:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    run_entry(main)
