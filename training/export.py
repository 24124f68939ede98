"""Write a trained detector as ONNX: ``python -m training.export RUN/best.safetensors --output model.onnx``.

The file takes cut faces (float32 RGB from 0 to 255), any number of them, and gives the probability of fake; of methods
of attribution also a logit per class. It is compared with torch before it is kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.core.cli import add_debug, run_entry


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m training.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("checkpoint", type=Path, help="a checkpoint of Assay's or of a method's authors")
    p.add_argument("--output", type=Path, metavar="FILE", help="(the checkpoint's name, ending in .onnx)")
    p.add_argument("--detector_path", metavar="YAML", help="the method; needed for published checkpoints only")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="any other key")
    add_debug(p)
    return p


def main(argv: list[str]) -> None:
    """Load, export, say how far it agrees."""
    args = parser().parse_args(argv)
    # Only now: importing torch takes seconds that --help should not cost.
    from training.assembly import Asked
    from training.core.paths import shown
    from training.exporting import export
    from training.loading import load_trained

    trained = load_trained(args.checkpoint, args.detector_path, Asked(overrides=args.overrides))
    path = args.output or args.checkpoint.with_suffix(".onnx")
    difference = export(trained, path)
    print(f"{shown(path)}: differs from torch by {difference:.1g} at most")


if __name__ == "__main__":
    run_entry(main)
