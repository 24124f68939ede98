"""Test a checkpoint: ``python training/test.py --weights_path runs/xception/.../best.safetensors --test_dataset ...``.

Prints the cross-dataset table and writes it as Markdown, CSV and JSON, with the score files beside it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.core.cli import add_data_options, add_run_options, data_flags, run_entry

EPILOG = """examples:
  python training/test.py --weights_path runs/demo/best.safetensors --test_dataset FF-DF Celeb-DF-v2
  python training/test.py --detector_path xception --weights_path xception_best.pth --test_dataset Celeb-DF-v2
  python training/test.py --weights_path runs/demo/best.safetensors --test_dataset Celeb-DF-v2 --leakage
"""


def parser() -> argparse.ArgumentParser:
    """The command line; the flags of DeepfakeBench keep their names."""
    p = argparse.ArgumentParser(
        prog="test.py", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--weights_path", metavar="FILE", help="a checkpoint of Assay's or of a method's authors")
    p.add_argument("--output", metavar="FOLDER", help="where results go (default: test/<time> beside the checkpoint)")
    p.add_argument("--leakage", action="store_true", help="how well do its features tell persons? beside the AUC")
    add_data_options(p)
    add_run_options(p)
    return p


def main(argv: list[str]) -> None:
    """Parse, load, score, print."""
    args = parser().parse_args(argv)
    if args.list:
        from training.listing import detectors_table

        print(detectors_table())
    else:
        start(args)


def start(args: argparse.Namespace) -> None:
    """Test, then print the table and where everything lies."""
    # Only now: importing torch takes seconds that --help should not cost.
    from analysis.leakage import find, table
    from analysis.tables import report_tables
    from training.assembly import Asked
    from training.core.errors import ConfigError
    from training.core.paths import shown
    from training.leakage import Leakage
    from training.loading import load_trained
    from training.testing import evaluate_checkpoint

    if args.weights_path is None:
        raise ConfigError("--weights_path is missing: the checkpoint to test")
    trained = load_trained(
        Path(args.weights_path), args.detector_path, Asked(args.protocol, data_flags(args), args.overrides)
    )
    leakage = Leakage(trained.cfg) if args.leakage else None
    folder = evaluate_checkpoint(trained, Path(args.weights_path), Path(args.output) if args.output else None)
    if folder is not None:
        print(report_tables(folder))
        if leakage is not None:
            leakage.measure(folder)
            print(table(find([folder])))
        print(f"results: {shown(folder)}")


if __name__ == "__main__":
    run_entry(main)
