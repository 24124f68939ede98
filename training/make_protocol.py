"""Write a protocol for open-world attribution: ``python training/make_protocol.py --dataset mine --known 4``.

The methods that data sets hold are divided into known and novel ones, by name or by chance.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.core.cli import add_debug, run_entry
from training.core.paths import MANIFESTS, shown

EPILOG = """examples:
  python training/make_protocol.py --dataset mine --known 4 --seed 0 --output training/config/protocol/mine.yaml
  python training/make_protocol.py --dataset FaceForensics++ --known real Deepfakes FaceSwap --output ff.yaml
  python training/train.py --detector_path cal --protocol mine
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="make_protocol.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--dataset", nargs="+", required=True, metavar="SET", help="data sets to train and test on")
    p.add_argument(
        "--known",
        nargs="+",
        required=True,
        metavar="N|METHOD",
        help="how many methods are known beside real, drawn by chance, or their names (real is one)",
    )
    p.add_argument("--seed", type=int, default=0, help="of the chance (0)")
    p.add_argument("--output", type=Path, required=True, metavar="YAML", help="the new file")
    p.add_argument("--manifests", type=Path, default=MANIFESTS, metavar="FOLDER", help=f"({shown(MANIFESTS)})")
    add_debug(p)
    return p


def main(argv: list[str]) -> None:
    """Choose, write, say what was chosen."""
    args = parser().parse_args(argv)
    # Only now: reading large manifests takes seconds that --help should not cost.
    from training.protocols import choose, write

    chosen = choose(args.dataset, args.known, args.seed, args.manifests)
    write(args.output, chosen, args.manifests)
    for line in chosen.told:
        print(line)
    print(f"{len(chosen.known)} known and {len(chosen.novel)} novel classes: {shown(args.output)}")


if __name__ == "__main__":
    run_entry(main)
