"""Are golden figures reproduced? ``python tests/golden/check.py DIR [--only NAME ...]`` reads any folder of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if not __package__:  # run as a script: start again as a module of this checkout
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-P", "-m", "tests.golden.check", *sys.argv[1:]]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": root})

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import torch
import yaml

from tests.golden.compare import Result
from tests.golden.networks import NOT_RETURNED, check_network, method_of
from tests.golden.registry import CASES, discover
from tests.golden.status import write_status
from training.core.registry import DETECTORS

DIFFERENCES: list[dict[str, str]] = yaml.safe_load(
    Path(__file__).with_name("differences.yaml").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Report:
    """What became of one golden file. ``results`` is None when nothing here knows the file."""

    name: str
    results: list[Result] | None
    reason: str = ""

    @property
    def failed(self) -> list[Result]:
        """Entries that should be reproduced and are not."""
        return [r for r in self.results or [] if r.ok is False and not self.difference(r.entry)]

    @property
    def reproduced(self) -> bool:
        """Is there a check, and does every entry pass it?"""
        return self.results is not None and not self.failed

    def difference(self, entry: str) -> dict[str, str] | None:
        """The note in differences.yaml about ``entry``."""
        stem = self.name.rpartition("/")[2]
        return next((d for d in DIFFERENCES if d["file"] == stem and fnmatch(entry, d["entry"])), None)

    def lines(self) -> Iterator[str]:
        """One line on the file, and one per entry that needs a word."""
        if self.results is None:
            yield f"{self.name}: missing ({self.reason})"
            return
        good = sum(r.ok is True for r in self.results)
        state = f"{len(self.failed)} entries FAILED" if self.failed else "reproduced"
        silent = [r.entry for r in self.results if r.ok is None]
        yield f"{self.name}: {state} ({good} entries agree" + (
            f"; not compared: {', '.join(silent)})" if silent else ")"
        )
        for result in self.results:
            note = self.difference(result.entry)
            if result.ok is False and note:
                yield f"    {result.entry} differs on purpose: {note['reason']} [{note['source']}]"
            elif result.ok is False:
                yield f"    {result.entry}: {result.detail}"
            elif result.ok is None and result.detail != NOT_RETURNED:
                yield f"    {result.entry} skipped: {result.detail}"


def golden_files(folder: Path, only: list[str] | None = None) -> list[Path]:
    """The golden files below ``folder``, or ``only`` some of them: stems or ``folder/stem``."""
    files = sorted(folder.rglob("*.json"))
    return [f for f in files if only is None or {f.stem, name_of(f)} & set(only)]


def name_of(path: Path) -> str:
    """How cases and differences call a golden file: ``v1/xception``."""
    return f"{path.parent.name}/{path.stem}"


def check_file(path: Path) -> Report:
    """Compare everything in one golden file with what this checkout computes."""
    golden: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if path.stem in CASES:
        return Report(name_of(path), list(CASES[path.stem](golden)))
    if not {"output", "state", "name"} <= golden.keys():
        return Report(name_of(path), None, "no case in tests/golden/cases")
    if method_of(golden) not in DETECTORS.names():
        return Report(name_of(path), None, f"no detector '{method_of(golden)}'")
    return Report(name_of(path), list(check_network(golden, path)))


def main(argv: list[str]) -> int:
    """Print a line per file and how many are reproduced; 1 when a known one is not, 2 when there is nothing to read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these files: their stems, or folder/stem")
    parser.add_argument("--write-status", action="store_true", help="keep the verdicts for train.py --list")
    options = parser.parse_args(argv)
    files = golden_files(options.folder, options.only)
    if not files:
        print(f"error: no golden file {', '.join(options.only or [])} in {options.folder}", file=sys.stderr)
        return 2
    discover()
    reports = []
    for path in files:
        reports.append(check_file(path))
        print(*reports[-1].lines(), sep="\n", flush=True)
    print(f"{sum(r.reproduced for r in reports)}/{len(reports)} reproduced")
    if options.write_status:
        write_status(files, reports)
    return 1 if any(r.failed for r in reports) else 0


if __name__ == "__main__":
    torch.manual_seed(0)
    sys.exit(main(sys.argv[1:]))
