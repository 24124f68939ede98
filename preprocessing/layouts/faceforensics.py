"""FaceForensics++ (Roessler et al., ICCV 2019), with FaceShifter where it was downloaded too.

``original_sequences/youtube/<compression>/videos/000.mp4`` and
``manipulated_sequences/<method>/{<compression>,masks}/videos/000_003.mp4``; the official ``train.json``, ``val.json``
and ``test.json`` (pairs of clip ids) in the root.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from preprocessing.faces.video import VIDEO_SUFFIXES
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, files_below, home, needed, some
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
        root = home(root, dataset)
        folders = {REAL: root / "original_sequences" / "youtube"}
        folders |= {method: root / "manipulated_sequences" / method for method in METHODS}
        if not any(folder.is_dir() for folder in folders.values()):
            raise ConfigError(f"{shown(root)}: no FaceForensics++ here; expected {self.about}")
        splits, scan = _read_splits(root), Scan()
        for method, folder in folders.items():
            _scan_method(scan, folder, method, Place(dataset, compression, splits))
        return scan


class Place:
    """Turns a file name into facts."""

    def __init__(self, dataset: str, compression: str, splits: dict[str, str]) -> None:
        self.dataset, self.compression, self.splits = dataset, compression, splits

    def facts(self, method: str, stem: str) -> Video | None:
        """None when the name is none of FaceForensics++'s or in no official split."""
        clips = re.fullmatch(r"(\d{3})(?:_(\d{3}))?", stem)
        if clips is None or stem not in self.splits or (method == REAL) != (clips[2] is None):
            return None
        source, donor = clips.groups()
        return Video(
            dataset=self.dataset,
            video=f"{'youtube' if method == REAL else method}/{self.compression}/{stem}",
            label=int(method != REAL),
            method=method,
            source=source,
            split=self.splits[stem],
            donor=donor,
            person=donor if method in SWAPS else source,
            compression=self.compression,
        )


def _scan_method(scan: Scan, folder: Path, method: str, place: Place) -> None:
    videos = folder / place.compression / "videos"
    if not videos.is_dir():
        there = sorted(p.name for p in folder.iterdir() if (p / "videos").is_dir()) if folder.is_dir() else []
        wanted = f"{folder.parent.name}/{folder.name}/{place.compression}/videos"
        scan.remarks.append(f"{method}: no {wanted}" + (f" (there is {', '.join(there)})" if there else ""))
        return
    masks = {p.stem: p for p in files_below(folder / "masks", VIDEO_SUFFIXES)} if (folder / "masks").is_dir() else {}
    strangers = []
    for path in files_below(videos, VIDEO_SUFFIXES):
        facts = place.facts(method, path.stem)
        if facts is None:
            strangers.append(path.name)
        else:
            scan.videos.append(SourceVideo(facts, path, masks.get(path.stem)))
    if strangers:
        scan.remarks.append(f"{method}: {len(strangers)} videos are in no official split, left out: {some(strangers)}")


def _read_splits(root: Path) -> dict[str, str]:
    """Stem -> split: a pair (a, b) places the originals a and b and the fakes a_b and b_a."""
    splits = {}
    for split in SPLITS:
        path = needed(root / f"{split}.json", SPLITS_FROM)
        for first, second in _read_pairs(path):
            for stem in (first, second, f"{first}_{second}", f"{second}_{first}"):
                if splits.setdefault(stem, split) != split:
                    raise ConfigError(f"{shown(path)}: '{stem}' is in the {splits[stem]} split too")
    return splits


def _read_pairs(path: Path) -> list[Any]:
    try:
        pairs = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown(path)}: not a JSON file ({error})") from error
    if not isinstance(pairs, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(clip, str) for clip in pair) for pair in pairs
    ):
        raise ConfigError(f'{shown(path)}: expected a list of pairs of clip ids like ["071", "054"]')
    return pairs
