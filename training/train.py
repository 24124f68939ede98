"""Train a detector: ``python training/train.py --detector_path config/detector/clip_freq.yaml --train_dataset ...``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training.core.cli import add_debug, run_entry

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
    p.add_argument("--list", action="store_true", help="list the detectors and leave")
    p.add_argument("--version", action="store_true", help="print the version and leave")
    p.add_argument("--detector_path", metavar="YAML", help="a file, or the bare name of one in config/detector")
    p.add_argument("--protocol", metavar="YAML", help="choices of config/protocol that override the detector's YAML")
    p.add_argument("--train_dataset", nargs="+", metavar="SET", help="data sets to learn from (data.train)")
    p.add_argument("--test_dataset", nargs="+", metavar="SET", help="data sets to test on afterwards (data.test)")
    p.add_argument("--weights_path", metavar="FILE", help="Assay checkpoint to start from instead of fresh weights")
    p.add_argument("--output", metavar="RUN", help="the new run folder (default: runs/<detector>/<time>)")
    p.add_argument("--resume", metavar="RUN", help="continue a run folder from its last saved state")
    p.add_argument("--no-save_ckpt", action="store_true", help="keep no checkpoints (log.save_ckpt)")
    p.add_argument("--no-save_feat", action="store_true", help="keep no features beside test scores (log.save_feat)")
    p.add_argument("--task_target", metavar="NAME", help="a word to add to the run folder's name")
    p.add_argument("--device", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="any other key")
    p.add_argument("--ddp", action="store_true", help="accepted for DeepfakeBench's scripts; torchrun is enough")
    p.add_argument("--local_rank", "--local-rank", type=int, metavar="N", help="likewise; torchrun says it itself")
    add_debug(p)
    return p


def flags(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What the flags stand for in the configuration."""
    meaning = {
        "--train_dataset": args.train_dataset and {"data": {"train": args.train_dataset}},
        "--test_dataset": args.test_dataset and {"data": {"test": args.test_dataset}},
        "--no-save_ckpt": args.no_save_ckpt and {"log": {"save_ckpt": False}},
        "--no-save_feat": args.no_save_feat and {"log": {"save_feat": False}},
        "--device": args.device and {"device": args.device},
    }
    return {flag: tree for flag, tree in meaning.items() if tree}


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
