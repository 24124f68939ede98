"""Entry: CADDM's ``train_images`` and ``test_images`` with ``ldm.json`` -> manifest; nothing is cut again.

``python preprocessing/adopt_caddm.py --dataset CADDM-FF --train .../train_images --test .../test_images`` puts the
pictures into ``datasets/rgb/CADDM-FF`` (as hard links, which take no room, or as copies where disks differ), writes the
landmarks beside them as files of their own, and the manifest. The pictures are whole frames: the recipes ``mfs`` and
``aligned`` cut faces by landmarks, others would see all of them.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import re
import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from preprocessing import manifest
from preprocessing.layouts import faceforensics
from preprocessing.manifest import REAL, Frame, Manifest, Video
from preprocessing.names import COMPRESSIONS
from preprocessing.store import rgb_root
from training.core.cli import add_debug, run_entry
from training.core.errors import ConfigError, ManifestError
from training.core.paths import DATASETS, MANIFESTS, atomic, shown

LISTED = "ldm.json"
PARTS = {"original_sequences", "manipulated_sequences", "frames", *COMPRESSIONS}
"""Folders that say nothing about which video it is: CADDM reads one compression."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One entry: the file below the root, that of the source's frame, 68 or 81 landmarks and 0 (real) or 1."""

    path: PurePosixPath
    source: PurePosixPath | None
    landmarks: np.ndarray
    label: int


def main(argv: list[str]) -> None:
    """Adopt the folders and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, metavar="NAME", help="the name that it gets here")
    parser.add_argument("--train", type=Path, metavar="FOLDER", help="train_images, with ldm.json in it")
    parser.add_argument("--test", type=Path, metavar="FOLDER", help="test_images, likewise")
    parser.add_argument("--datasets", type=Path, default=DATASETS, help="default: datasets")
    parser.add_argument("--output", type=Path, default=MANIFESTS, help="default: preprocessing/dataset_json")
    add_debug(parser)
    args = parser.parse_args(argv)
    folders = {split: folder for split, folder in (("train", args.train), ("test", args.test)) if folder}
    if not folders:
        raise ConfigError("nothing to adopt: give --train or --test, a folder with ldm.json in it")
    path = args.output / f"{args.dataset}.json"
    found = adopt(args.dataset, folders, rgb_root(args.datasets, args.dataset))
    found.write(path)
    print(*found.facts["remarks"], sep="\n")
    print(f"{len(found.entries)} videos, {sum(len(frames) for _, frames in found.entries)} pictures; {shown(path)}")


def adopt(dataset: str, folders: dict[str, Path], home: Path) -> Manifest:
    """The manifest of the ``folders`` by split; ``home`` gets their pictures and the landmarks.

    Raises:
        ManifestError: an ``ldm.json`` is missing or not as it should be, or a video is in both splits.
        ConfigError: another file lies where a picture should.
    """
    read = {split: read_pictures(folder) for split, folder in folders.items()}
    entries, remarks = [], []
    for split, (pictures, missing) in read.items():
        shutil.copytree(folders[split], home / "frames" / split, copy_function=_put, dirs_exist_ok=True)
        if missing:
            remarks.append(f"{split}: {missing} pictures that {LISTED} lists are not there, left out")
        videos: dict[PurePosixPath, list[Picture]] = defaultdict(list)
        for picture in pictures:
            videos[picture.path.parent].append(picture)
        for folder, members in videos.items():
            frames = [_frame(picture, split, home) for picture in members]
            entries.append((_facts(dataset, split, folder, members[0]), frames))
    for name, times in Counter(video.video for video, _ in entries).items():
        if times > 1:
            raise ManifestError(f"{dataset}: video '{name}' is in {' and in '.join(map(shown, folders.values()))}")
    return Manifest(dataset, entries, {"made_by": "CADDM", "pictures": "whole frames", "remarks": remarks})


def read_pictures(folder: Path) -> tuple[list[Picture], int]:
    """What ``ldm.json`` in ``folder`` lists, and how many of that are not there.

    Raises:
        ManifestError: it is missing, or an entry is not as it should be.
    """
    where = folder / LISTED
    tree = manifest.load(where)
    if not isinstance(tree, dict) or not tree:
        raise ManifestError(f"{shown(where)}: expected pictures by path, with landmark, source_path and label")
    pictures, missing = [], 0
    for key, item in tree.items():
        landmarks, label = _checked(item, f"{shown(where)}: '{key}'")
        path, source = _below(folder, key), _below(folder, str(item.get("source_path")))
        if path is None:
            missing += 1
        else:
            pictures.append(Picture(path, source if label else None, landmarks, label))
    if not pictures:
        raise ManifestError(f"{shown(where)}: none of its {missing} pictures lies in {shown(folder)}")
    return pictures, missing


def _checked(item: Any, at: str) -> tuple[np.ndarray, int]:
    if not isinstance(item, dict) or item.get("label") not in (0, 1):
        raise ManifestError(f"{at}: expected an object with landmark, source_path and a label of 0 or 1")
    try:
        points = np.array(item.get("landmark"), np.float32)
    except (TypeError, ValueError) as error:
        raise ManifestError(f"{at}: its landmarks are no numbers ({error})") from error
    if points.shape not in ((68, 2), (81, 2)):
        raise ManifestError(f"{at}: has landmarks of shape {points.shape}; expected 68 or 81 points")
    return points, int(item["label"])


def _below(folder: Path, key: str) -> PurePosixPath | None:
    """The picture that a path without ending names, relative to ``folder``, whatever lies above that in the path."""
    parts = [part for part in re.split(r"[/\\]", key.removesuffix(".png")) if part not in ("", ".", "..")]
    names = (PurePosixPath(*parts[:-1][i:], f"{parts[-1]}.png") for i in range(len(parts)))
    return next((name for name in names if (folder / name).is_file()), None)


def _frame(picture: Picture, split: str, home: Path) -> Frame:
    number = re.search(r"(\d+)\D*$", picture.path.stem)
    if number is None:
        raise ManifestError(f"{picture.path}: its name does not say which frame it is; expected frame_<number>.png")
    landmarks = f"landmarks/{split}/{picture.path.with_suffix('.npy')}"
    with atomic(home / landmarks) as temporary, temporary.open("wb") as file:
        np.save(file, picture.landmarks)
    source = picture.source and f"frames/{split}/{picture.source}"
    return Frame(int(number[1]), image=f"frames/{split}/{picture.path}", landmarks=landmarks, source_image=source)


def _facts(dataset: str, split: str, folder: PurePosixPath, first: Picture) -> Video:
    """What the folder of a video says: ``manipulated_sequences/Deepfakes/raw/frames/000_003``."""
    names = [part for part in folder.parts if part not in PARTS]
    method = (names[0] if len(names) > 1 else "fake") if first.label else REAL
    video = "/".join(names)
    source = first.source.parent.name if first.source else names[-1]
    known = faceforensics.facts(dataset, method, names[-1], split, None)
    return replace(known, video=video) if known else Video(dataset, video, first.label, method, source, split)


def _put(source: str, target: str) -> str:
    """``target`` is the file ``source``: the same one where the disk can do that, else a copy."""
    there = Path(target)
    if there.exists():
        if not filecmp.cmp(source, target):
            raise ConfigError(f"{shown(there)} is there already; remove it, or choose another --dataset")
        return target
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


if __name__ == "__main__":
    run_entry(main)
