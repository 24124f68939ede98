"""From a claim to its evidence: ``python training/reproduce.py ROW``, ROW a line of a table that comes with Assay.

Checks that the row's data and weights are there, trains and tests as its protocol says (or scores --weights_path), and
prints per figure whether it lies within the interval measured here, outside, or was measured under another protocol,
and how that differs. Exits with 0 when all figures are within, 1 when one is not, 2 when something is missing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.core.cli import add_run_options, run_entry

EPILOG = """examples:
  python training/reproduce.py --list
  python training/reproduce.py leaderboard/xception
  python training/reproduce.py deepfakebench_frame_auc/Xception --check
  python training/reproduce.py deepfakebench_frame_auc/Xception --weights_path weights/deepfakebench/xception_best.pth
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="reproduce.py", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("row", nargs="?", metavar="ROW", help="table/row, as --list shows them")
    p.add_argument("--list", action="store_true", help="list the rows and leave")
    p.add_argument("--check", action="store_true", help="only see whether data and weights are there")
    p.add_argument("--weights_path", type=Path, metavar="FILE", help="score this checkpoint instead of training one")
    p.add_argument("--output", type=Path, metavar="FOLDER", help="the run's folder (default: runs/reproduce/<row>)")
    add_run_options(p)
    return p


def main(argv: list[str]) -> int:
    """Parse, check, run, compare."""
    p = parser()
    args = p.parse_args(argv)
    if not args.list and args.row is None:
        p.error("name a ROW; --list shows what there is")
    return start(args)


def start(args: argparse.Namespace) -> int:
    """List the rows, or reproduce one."""
    # Only now: importing torch takes seconds that --help should not cost.
    from analysis.claims import WITHIN, claims_table
    from training.assembly import Asked
    from training.core.paths import shown
    from training.recorded import find, rows
    from training.reproducing import Attempt, check, compared

    known = rows()
    if args.list:
        for row in known.values():
            print(f"{row.name}: {row.detector}, protocol {row.protocol}, {len(row.figures)} figures")
        return 0
    row = find(args.row, known)
    flags = {"--device": {"device": args.device}} if args.device else {}
    attempt = Attempt(row, Asked(None, flags, args.overrides), args.weights_path, args.output)
    for leak in check(attempt):
        print(f"leak: {leak}")
    if args.check:
        print(f"{row.name}: all is there; it goes to {shown(attempt.folder)}")
        return 0
    found = compared(row, attempt.run())
    print(claims_table(found))
    verdicts = [one.verdict for one in found]
    counts = ", ".join(f"{verdicts.count(said)} {said}" for said in dict.fromkeys(verdicts))
    print(f"{row.name}: {counts}; run: {shown(attempt.folder)}")
    return int(any(said != WITHIN for said in verdicts))


if __name__ == "__main__":
    run_entry(main)
