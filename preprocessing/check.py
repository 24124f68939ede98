"""Entry: is everything that a manifest names there, and whole?

``python preprocessing/check.py --dataset FaceForensics++`` opens every picture, mask and landmark file, and says which
videos are in two splits. Exits with 1 when a file is missing or broken.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from tqdm import tqdm

from preprocessing import dfb
from preprocessing.manifest import SPLITS, Manifest
from preprocessing.store import FrameStore, open_store
from training.core.cli import add_debug, run_entry
from training.core.errors import DataError
from training.core.paths import DATASETS, MANIFESTS

SHOWN = 20


def main(argv: list[str]) -> int:
    """Check each dataset asked for and print what is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", nargs="+", required=True, help="names of manifests")
    parser.add_argument("--manifests", type=Path, default=MANIFESTS, help="default: preprocessing/dataset_json")
    parser.add_argument("--datasets", type=Path, default=DATASETS, help="default: datasets")
    parser.add_argument("--store", choices=("auto", "rgb", "lmdb"), default="auto", help="which of the two to open")
    add_debug(parser)
    arguments = parser.parse_args(argv)
    broken = 0
    for dataset in arguments.dataset:
        listed = dfb.read(dfb.find(arguments.manifests, dataset))
        found = list(check(listed, open_store(arguments.datasets, listed.dataset, arguments.store)))
        broken += len(found)
        for says in found[:SHOWN]:
            print(f"broken: {says}")
        rest = f" ({len(found) - SHOWN} more not shown)" if len(found) > SHOWN else ""
        for says in (*listed.facts.get("remarks", []), *leaks(listed)):
            print(f"warning: {says}")
        print(f"{dataset}: {len({video.video for video, _ in listed.entries})} videos, {len(found)} broken files{rest}")
    return 1 if broken else 0


def leaks(listed: Manifest) -> Iterator[str]:
    """One sentence per pair of splits that share videos."""
    for one, other in combinations(SPLITS, 2):
        if videos := listed.shared(one).get(other):
            yield f"{listed.dataset}: {len(videos)} videos are in {one} and in {other}, '{min(videos)}' for one"


def check(listed: Manifest, store: FrameStore) -> Iterator[str]:
    """One sentence per file that is missing or cannot be read."""
    # DeepfakeBench's lists name a video in several splits.
    records = {record.image: record for split in SPLITS for record in listed.records(split)}
    for record in tqdm(records.values(), unit="face", desc=listed.dataset):
        readers = {
            record.image: store.image,
            record.mask: store.mask,
            record.landmarks: store.landmarks,
            record.source_image: store.source,
        }
        for path, read in readers.items():
            if path is not None:
                try:
                    read(record)
                except DataError as error:
                    yield str(error)


if __name__ == "__main__":
    run_entry(main)
