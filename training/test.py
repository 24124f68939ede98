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
  python training/test.py --weights_path runs/demo/best.safetensors --test_dataset Celeb-DF-v2 --robustness jpeg:1,5
"""


def parser() -> argparse.ArgumentParser:
    """The command line; the flags of DeepfakeBench keep their names."""
    p = argparse.ArgumentParser(
        prog="test.py", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--weights_path", metavar="FILE", help="a checkpoint of Assay's or of a method's authors")
    p.add_argument("--output", metavar="FOLDER", help="where results go (default: test/<time> beside the checkpoint)")
    p.add_argument("--leakage", action="store_true", help="how well do its features tell persons? beside the AUC")
    p.add_argument(
        "--robustness",
        nargs="*",
        metavar="NAME[:LEVELS]",
        help="AUC under jpeg, h264, noise, blur, resize, saturation, contrast, occlusion at levels 1 to 5; alone: all",
    )
    p.add_argument("--raw", metavar="FOLDER", help="the data set's raw files: corrupt them before faces are cut")
    p.add_argument("--explain", type=int, metavar="N", help="heat maps of the N most certain errors per test set")
    p.add_argument("--cost", action="store_true", help="parameters, operations per frame and frames per second")
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
    from analysis import leakage as leakage_tables
    from analysis import robustness as robustness_tables
    from analysis.tables import report_tables
    from training.assembly import Asked
    from training.core.errors import ConfigError
    from training.core.paths import shown
    from training.cost import Cost
    from training.explain import Explain
    from training.leakage import Leakage
    from training.loading import load_trained
    from training.robustness import Robustness
    from training.testing import evaluate_checkpoint

    if args.weights_path is None:
        raise ConfigError("--weights_path is missing: the checkpoint to test")
    if args.raw and args.robustness is None:
        raise ConfigError("--raw says where --robustness finds raw files; give both")
    weights, output = Path(args.weights_path), Path(args.output) if args.output else None
    trained = load_trained(weights, args.detector_path, Asked(args.protocol, data_flags(args), args.overrides))
    leakage = Leakage(trained.cfg) if args.leakage else None
    also = []
    if args.robustness is not None:
        also.append(Robustness(trained, weights, args.robustness, Path(args.raw) if args.raw else None).measure)
    if args.explain is not None:
        also.append(Explain(trained, args.explain).write)
    if args.cost:
        also.append(Cost(trained).measure)
    folder = evaluate_checkpoint(trained, weights, output, also)
    if folder is None:
        return
    print(report_tables(folder))
    if leakage is not None:
        leakage.measure(folder)
        print(leakage_tables.table(leakage_tables.find([folder])))
    if args.robustness is not None:
        runs = robustness_tables.find([folder])
        print(robustness_tables.table(runs))
        robustness_tables.draw(runs, folder / "robustness_curves.png")
    print(f"results: {shown(folder)}")


if __name__ == "__main__":
    run_entry(main)
