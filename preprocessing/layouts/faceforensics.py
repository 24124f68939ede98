"""FaceForensics++ (Roessler et al., ICCV 2019), with FaceShifter where it was downloaded too.

``original_sequences/youtube/<compression>/videos/000.mp4`` and
``manipulated_sequences/<method>/{<compression>,masks}/videos/000_003.mp4``; the official ``train.json``, ``val.json``
and ``test.json`` (pairs of clip ids) in the root. What Google added lies in the same tree and is a dataset of its own,
DeepFakeDetection: see the layout ``deepfakedetection``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from preprocessing.faces.video import VIDEO_SUFFIXES
from preprocessing.layouts._lists import read_json
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, files_below, needed, some
from preprocessing.manifest import REAL, SPLITS, Video
from training.core.errors import ConfigError
from training.core.paths import shown

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
# In face swaps the donor is seen; Face2Face and NeuralTextures only move the face that is there.
SWAPS = frozenset({"Deepfakes", "FaceSwap", "FaceShifter"})
SPLITS_FROM = "the official splits: copy train.json, val.json and test.json of github.com/ondyari/FaceForensics there"


@LAYOUTS.register("faceforensics")
class FaceForensics(Layout):
    """Reads the tree of the official download script."""

    datasets = {
        "FaceForensics++": Card(
            size="1,000 real videos; 1,000 fakes of each method; each raw, c23 and c40",
            methods="Deepfakes, Face2Face, FaceSwap, NeuralTextures; FaceShifter was added in 2020",
            subjects="977 YouTube videos, mostly newsreaders",
            splits="official, by pairs of clips: 720 / 140 / 140 reals",
            terms="request form; research and education only, no redistribution",
            contact="form in the repository ondyari/FaceForensics (TU Munich)",
            traps="seven source videos have clips in two official splits; mask videos cover four methods only",
            paper="Roessler et al., FaceForensics++: Learning to Detect Manipulated Facial Images, ICCV 2019",
        )
    }
    about = "original_sequences/youtube, manipulated_sequences/<method>, train.json, val.json, test.json"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`. Methods that are not there are named in the remarks; what is there is taken."""
        folders = {REAL: "original_sequences/youtube"} | {name: f"manipulated_sequences/{name}" for name in METHODS}
        root, scan = self.begin(root, dataset, folders.values())
        splits = read_splits(root)
        if others := sorted(p.name for p in (root / "manipulated_sequences").glob("*/") if p.name not in METHODS):
            scan.remarks.append(f"left out: {some(others)} (DeepFakeDetection is a dataset of its own)")
        for method, folder in folders.items():
            scan_part(scan, root / folder, compression, in_split(dataset, method, splits, compression))
        return scan


Facts = Callable[[str], Video | None]
"""What the stem of a video says, None when it does not belong to the dataset."""


def in_split(dataset: str, method: str, splits: dict[str, str], compression: str) -> Facts:
    """Facts of the videos whose stems are in ``splits``."""
    return lambda stem: facts(dataset, method, stem, splits[stem], compression) if stem in splits else None


def facts(dataset: str, method: str, stem: str, split: str, compression: str | None) -> Video | None:
    """What ``000`` (a real clip) or ``000_003`` (clip 000 with face or expressions of 003) says; None: another name."""
    clips = re.fullmatch(r"(\d{3})(?:_(\d{3}))?", stem)
    if clips is None or (method == REAL) != (clips[2] is None):
        return None
    source, donor = clips.groups()
    return Video(
        dataset=dataset,
        video=f"{'youtube' if method == REAL else method}/{compression}/{stem}",
        label=int(method != REAL),
        method=method,
        source=source,
        split=split,
        donor=donor,
        person=donor if method in SWAPS else source,
        compression=compression,
    )


def scan_part(scan: Scan, folder: Path, compression: str, facts: Facts) -> None:
    """Add the videos of ``compression`` in ``folder``, with their masks, and remark on what is missing or strange."""
    videos = folder / compression / "videos"
    if folder.is_dir() and not videos.is_dir():
        there = sorted(p.name for p in folder.iterdir() if (p / "videos").is_dir())
        says = f"there is {', '.join(there)}" if there else "nothing else either"
        scan.remarks.append(f"{folder.parent.name}/{folder.name}: no {compression}/videos ({says})")
    masks = {path.stem: path for path in files_below(folder / "masks", VIDEO_SUFFIXES)}
    strangers = []
    for stem, path in scan.named(files_below(videos, VIDEO_SUFFIXES), lambda path: path.stem).items():
        if known := facts(stem):
            scan.videos.append(SourceVideo(known, path, masks.get(stem)))
        else:
            strangers.append(path.name)
    if strangers:
        scan.remarks.append(f"{folder.name}: {len(strangers)} videos are in no split, left out: {some(strangers)}")


def read_splits(folder: Path) -> dict[str, str]:
    """Stem -> split, of the official lists in ``folder``: a pair (a, b) places originals a, b and fakes a_b, b_a.

    Raises:
        ConfigError: a list is missing, is none of pairs of clip ids, or has a clip that another has.
    """
    splits: dict[str, str] = {}
    for split in SPLITS:
        path = needed(folder / f"{split}.json", SPLITS_FROM)
        for first, second in _pairs(read_json(path), path):
            for stem in (first, second, f"{first}_{second}", f"{second}_{first}"):
                if splits.setdefault(stem, split) != split:
                    raise ConfigError(f"{shown(path)}: '{stem}' is in the {splits[stem]} split too")
    return splits


def _pairs(tree: Any, path: Path) -> list[Any]:
    if not isinstance(tree, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(clip, str) for clip in pair) for pair in tree
    ):
        raise ConfigError(f'{shown(path)}: expected a list of pairs of clip ids like ["071", "054"]')
    return tree
