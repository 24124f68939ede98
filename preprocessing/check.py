"""Entry: is everything that a manifest names there and whole, and what would make a detector look better than it is?

``python preprocessing/check.py --dataset FaceForensics++`` opens every picture, mask and landmark file, and looks for
leaks: videos, sources and people in two splits, look-alikes in two splits or of both labels, metadata that give the
label away. Prints what it finds and writes it into a JSON report. Exits with 1 when a file is missing or broken; with
``--strict`` for leaks too.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from preprocessing import dfb
from preprocessing.checks.files import files
from preprocessing.checks.lookalikes import lookalikes
from preprocessing.checks.overlaps import overlaps
from preprocessing.store import open_store
from training.core.cli import add_debug, run_entry
from training.core.paths import DATASETS, MANIFESTS, atomic, shown

SHOWN = 20
REPORTS = "checks"
"""Folder beside the manifests."""


def main(argv: list[str]) -> int:
    """Check each dataset asked for, print and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", nargs="+", required=True, help="names of manifests")
    parser.add_argument("--manifests", type=Path, default=MANIFESTS, help="default: preprocessing/dataset_json")
    parser.add_argument("--datasets", type=Path, default=DATASETS, help="default: datasets")
    parser.add_argument("--store", choices=("auto", "rgb", "lmdb"), default="auto", help="which of the two to open")
    parser.add_argument("--output", type=Path, help=f"report (default: {REPORTS}/<dataset>.json beside the manifests)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when there are leaks, too")
    add_debug(parser)
    arguments = parser.parse_args(argv)
    reports = {dataset: _check(dataset, arguments) for dataset in arguments.dataset}
    if arguments.output is not None:
        _write(arguments.output, reports)
    else:
        for dataset, report in reports.items():
            _write(arguments.manifests / REPORTS / f"{dataset}.json", {dataset: report})
    broken = any(report["files"]["broken"] for report in reports.values())
    leaks = any(report["leaks"] for report in reports.values())
    return int(broken or (arguments.strict and leaks))


def _check(dataset: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Check one dataset and print what was found; the same as a tree."""
    from preprocessing.checks.giveaways import giveaways  # scikit-learn takes seconds that --help should not cost

    listed = dfb.read(dfb.find(arguments.manifests, dataset))
    store = open_store(arguments.datasets, listed.dataset, arguments.store)
    whole, looks = files(listed, store)
    parts = [whole, overlaps(listed), lookalikes(looks), giveaways(listed)]
    remarks, leaks = listed.facts.get("remarks", []), [leak for part in parts for leak in part.leaks]
    broken = whole.facts["broken"]
    for word, sentences in (("broken", broken), ("warning", remarks), ("leak", leaks)):
        for says in sentences[:SHOWN]:
            print(f"{word}: {says if word == 'broken' else f'{dataset}: {says}'}")
        if len(sentences) > SHOWN:
            print(f"{word}: {len(sentences) - SHOWN} more not shown")
    for part in parts:
        print(f"{dataset}: {part.name}: {part.summary}")
    videos = len({video.video for video, _ in listed.entries})
    print(f"{dataset}: {videos} videos, {len(broken)} broken files, {len(leaks)} leaks")
    facts = {part.name: part.facts for part in parts}
    return {"store": store.where, "videos": videos, **facts, "remarks": list(remarks), "leaks": leaks}


def _write(path: Path, reports: dict[str, Any]) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(reports, indent=1) + "\n")
    print(f"report: {shown(path)}")


if __name__ == "__main__":
    run_entry(main)
