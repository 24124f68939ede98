"""Released weights: ``python -m training.weights fetch clip_vit_l14`` puts a file into weights/ and checks it.

Its hash is compared with the one in weights/index.json; where no public page tells one, that of the first fetch is
recorded in weights/fetched.json, and compared from then on. A stopped fetch goes on where it was. Offline, put
files into weights/ by hand and verify them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.core.cli import add_debug, run_entry
from training.core.errors import BenchError
from training.core.paths import WEIGHTS, shown
from training.released import INDEX, Released, entry_of, fetch, read_index, verify

EPILOG = """examples:
  python -m training.weights list
  python -m training.weights fetch clip_vit_l14
  python -m training.weights fetch deepfakebench_xception --acknowledge
  python -m training.weights verify
"""


def main(argv: list[str]) -> int:
    """List, fetch or verify; 1 when a file is not what it should be."""
    p = argparse.ArgumentParser(
        prog="python -m training.weights",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("do", choices=("list", "fetch", "verify"))
    p.add_argument("names", nargs="*", metavar="NAME", help="entries of the index; to verify: all that are there")
    p.add_argument("--acknowledge", action="store_true", help="I keep to the non-commercial terms of what I fetch")
    p.add_argument("--index", type=Path, default=INDEX, metavar="FILE", help="default: weights/index.json")
    p.add_argument("--output", type=Path, default=WEIGHTS, metavar="FOLDER", help="default: weights")
    add_debug(p)
    args = p.parse_args(argv)
    index = read_index(args.index)
    chosen = {name: entry_of(name, index) for name in args.names or index}
    if args.do == "list":
        print("\n".join(_line(name, entry) for name, entry in chosen.items()))
        return 0
    if args.do == "fetch":
        if not args.names:
            p.error("fetch: name what to fetch; `list` shows what there is")
        return _fetch(chosen, args.output, args.acknowledge)
    return _verify(chosen, args.output, bool(args.names))


def _line(name: str, entry: Released) -> str:
    hashed = "hash known" if entry.sha256 else "hash not told anywhere"
    terms = f"{entry.licence}{' (acknowledge)' if entry.noncommercial else ''}"
    whose = f"{entry.detector}, protocol {entry.protocol}: " if entry.detector else ""
    return f"{name}: {entry.file}; {whose}{entry.about}; {terms}; {hashed}; {entry.address or 'no address'}"


def _fetch(chosen: dict[str, Released], folder: Path, acknowledged: bool) -> int:
    for name, entry in chosen.items():
        path = fetch(name, entry, folder, acknowledged or _asked(name, entry))
        how = "as told" if entry.sha256 else "no public hash: recorded, and compared from now on"
        print(f"{name}: {shown(path)} ({how})")
    return 0


def _asked(name: str, entry: Released) -> bool:
    """Whether somebody at a terminal agrees to non-commercial terms."""
    if not entry.noncommercial or not sys.stdin.isatty():
        return False
    print(f"{name}: {entry.licence}")
    return input("Do you keep to these terms? Your answer is recorded. [yes/no] ").strip().lower() == "yes"


def _verify(chosen: dict[str, Released], folder: Path, named: bool) -> int:
    wrong = 0
    for name, entry in chosen.items():
        try:
            said = verify(name, entry, folder)
        except BenchError as error:
            said, wrong = f"problem: {error}", wrong + 1
        if named or said != "not there":
            print(f"{name}: {said}")
        wrong += named and said == "not there"
    return int(wrong > 0)


if __name__ == "__main__":
    run_entry(main)
