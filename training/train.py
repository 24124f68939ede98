"""Train a detector: ``python training/train.py --detector_path config/detector/clip_freq.yaml --train_dataset ...``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training.core.cli import add_data_options, add_run_options, data_flags, run_entry

EPILOG = """examples:
  python training/train.py --list
  python training/train.py --detector_path xception --train_dataset FaceForensics++ --test_dataset Celeb-DF-v2
  python training/train.py --detector_path clip_freq --protocol demo --set optim.rule.lr=1e-4 --set epochs=5
  python training/train.py --resume runs/xception/2026-01-31_12-00-00
  torchrun --nproc_per_node 2 training/train.py --detector_path xception --train_dataset FaceForensics++
"""


def parser() -> argparse.ArgumentParser:
    """The command line; the flags of DeepfakeBench keep their names."""
    p = argparse.ArgumentParser(
        prog="train.py", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--version", action="store_true", help="print the version and leave")
    p.add_argument("--train_dataset", nargs="+", metavar="SET", help="data sets to learn from (data.train)")
    p.add_argument("--weights_path", metavar="FILE", help="Assay checkpoint to start from instead of fresh weights")
    p.add_argument("--output", metavar="RUN", help="the new run folder (default: runs/<detector>/<time>)")
    p.add_argument("--resume", metavar="RUN", help="continue a run folder from its last saved state")
    p.add_argument("--no-save_ckpt", action="store_true", help="keep no checkpoints (log.save_ckpt)")
    p.add_argument("--task_target", metavar="NAME", help="a word to add to the run folder's name")
    add_data_options(p)
    add_run_options(p)
    return p


def flags(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What the flags stand for in the configuration."""
    meaning = data_flags(args)
    if args.train_dataset:
        meaning["--train_dataset"] = {"data": {"train": args.train_dataset}}
    if args.no_save_ckpt:
        meaning["--no-save_ckpt"] = {"log": {"save_ckpt": False}}
    return meaning


def main(argv: list[str]) -> None:
    """Parse, build, call."""
    args = parser().parse_args(argv)
    if args.version:
        from importlib.metadata import version

        print(f"assay {version('assay')}")
    elif args.list:
        from training.listing import detectors_table

        print(detectors_table())
    else:
        start(args)


def start(args: argparse.Namespace) -> None:
    """Train, then print the table and where everything lies."""
    # Only now: importing torch takes seconds that --help should not cost.
    from analysis.tables import report_tables
    from training.assembly import Asked
    from training.core.paths import shown
    from training.session import Places, configure, train

    cfg = configure(args.detector_path, args.resume, Asked(args.protocol, flags(args), args.overrides))
    places = Places(*(Path(p) if p else None for p in (args.output, args.resume, args.weights_path)), args.task_target)
    done = train(cfg, places)
    if done.writes:
        if done.summary:
            print(report_tables(done.folder))
        print(f"run: {shown(done.folder)}")


if __name__ == "__main__":
    run_entry(main)
