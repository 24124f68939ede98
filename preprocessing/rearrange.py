"""Entry: face folders -> manifest, the one file that training reads a dataset from.

``python preprocessing/rearrange.py --dataset FaceForensics++`` reads the notes that preprocess.py left beside the faces
and writes ``preprocessing/dataset_json/FaceForensics++.json``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from preprocessing.codecs import LOSSY
from preprocessing.manifest import Manifest
from preprocessing.settings import asked_for
from preprocessing.sidecar import Sidecar, find_faces, read_all
from preprocessing.summary import coverage, problems, table
from training.core.cli import add_debug, run_entry
from training.core.errors import ManifestError
from training.core.paths import MANIFESTS, shown


def main(argv: list[str]) -> None:
    """Write the manifest of each dataset asked for and print what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", nargs="+", help="names as given to preprocess.py (default: that of config.yaml)")
    parser.add_argument("--datasets", type=Path, help="preprocess.py's --output (default: that of config.yaml)")
    parser.add_argument("--output", type=Path, default=MANIFESTS, help="default: preprocessing/dataset_json")
    parser.add_argument("--store", choices=("auto", "rgb", "lmdb"), default="auto", help="where preprocess.py wrote to")
    add_debug(parser)
    arguments = parser.parse_args(argv)
    names, datasets = asked_for(arguments.dataset, arguments.datasets)
    for dataset in names:
        sidecars = list(read_all(find_faces(datasets, dataset, arguments.store)))
        manifest = build(dataset, sidecars)
        path = arguments.output / f"{dataset}.json"
        manifest.write(path)
        print(table(manifest.facts["coverage"]))
        if manifest.facts["lossy"]:
            print(f"lossy: faces are {manifest.facts['settings']['codec']}, not the pixels that were cut")
        print(f"{len(sidecars)} videos, {len(problems(sidecars))} with something amiss; {shown(path)}")


def build(dataset: str, sidecars: list[Sidecar]) -> Manifest:
    """The manifest of all ``sidecars``, failed videos included, with how the faces were cut and what came of it.

    Raises:
        ManifestError: they were cut in different ways.
    """
    settings = _common(dataset, [s.settings for s in sidecars if not s.failed])
    facts = {
        "settings": settings,
        "lossy": settings.get("codec") in LOSSY,
        "versions": {name: _all_of(s.versions.get(name) for s in sidecars) for name in sidecars[0].versions},
        "coverage": coverage(sidecars),
    }
    return Manifest(dataset, [(s.video, s.frames) for s in sidecars], facts)


def _common(dataset: str, settings: list[dict[str, Any]]) -> dict[str, Any]:
    first = settings[0] if settings else {}
    for other in settings:
        for key in first.keys() | other.keys():
            if first.get(key) != other.get(key):
                raise ManifestError(
                    f"{dataset}: faces were cut with different settings, {key}: {first.get(key)} and {other.get(key)}; "
                    "run preprocess.py again with one of them"
                )
    return first


def _all_of(versions: Any) -> str:
    return ", ".join(sorted({str(version) for version in versions}))


if __name__ == "__main__":
    run_entry(main)
