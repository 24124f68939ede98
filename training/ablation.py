"""Train and test a method part by part: ``python training/ablation.py --detector_path config/detector/clip_freq.yaml``.

Prints a table of the variants in config/ablation/<detector>.yaml and writes it as Markdown, CSV and JSON. Stopped, the
same command goes on where it stood.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.core.cli import add_data_options, add_run_options, data_flags, run_entry

EPILOG = """examples:
  python training/ablation.py --detector_path clip_freq --train_dataset FaceForensics++ --test_dataset Celeb-DF-v2
  python training/ablation.py --detector_path clip_freq --protocol demo --seeds 1 2 --variants "LN tuning" "+ FFT"
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="ablation.py", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--train_dataset", nargs="+", metavar="SET", help="data sets to learn from (data.train)")
    p.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="N", help="runs per variant (1 2 3)")
    p.add_argument("--variants", nargs="+", metavar="NAME", help="run these only (all)")
    p.add_argument("--ablation", metavar="YAML", help="variants (config/ablation/<detector>.yaml)")
    p.add_argument("--output", type=Path, metavar="FOLDER", help="where runs and table go (runs/ablation/<name>)")
    add_data_options(p)
    add_run_options(p)
    return p


def main(argv: list[str]) -> None:
    """Parse, run what is left to do, print."""
    args = parser().parse_args(argv)
    if args.list:
        from training.listing import detectors_table

        print(detectors_table())
    else:
        start(args)


def start(args: argparse.Namespace) -> None:
    """Run cell after cell; the table is written anew after each."""
    # Only now: importing torch takes seconds that --help should not cost.
    from analysis.ablation import write_table
    from training.ablating import cells, run
    from training.assembly import Asked
    from training.core.errors import ConfigError
    from training.core.paths import shown

    if args.detector_path is None:
        raise ConfigError("--detector_path is missing; --list shows what there is")
    flags = data_flags(args)
    if args.train_dataset:
        flags["--train_dataset"] = {"data": {"train": args.train_dataset}}
    asked = Asked(args.protocol, flags, args.overrides)
    home, todo = cells(args.detector_path, asked, args.seeds, args.variants, args.ablation, args.output)
    table = ""
    for number, cell in enumerate(todo, start=1):
        done = "done" if run(cell) else "was done before"
        print(f"{number}/{len(todo)} {cell.variant}, seed {cell.seed}: {done}", flush=True)
        table = write_table(home)
    print(table)
    print(f"ablation: {shown(home)}")


if __name__ == "__main__":
    run_entry(main)
