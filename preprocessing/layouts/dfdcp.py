"""DFDC preview (Dolhansky et al., 2019), called DFDCP.

``original_videos/1003254/1003254_A_001.mp4`` of actor 1003254, and in ``method_A`` and ``method_B``
``1003254/1003254_A/1255229_1003254_A_001.mp4``: the face of actor 1255229 in that video. ``dataset.json`` names the
official train and test sets. There is no validation set: the videos of about a tenth of the actors of the training set,
and the fakes made from them, become one.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from preprocessing.faces.video import VIDEO_SUFFIXES
from preprocessing.layouts._lists import read_json
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, files_below, needed, with_validation
from preprocessing.manifest import REAL, Video
from training.core.errors import ConfigError
from training.core.paths import shown

FOLDERS = {"original_videos": REAL, "method_A": "method_A", "method_B": "method_B"}
LABELS = {"real": 0, "fake": 1}
SETS = ("train", "test")


@LAYOUTS.register("dfdcp")
class DFDCP(Layout):
    """Reads the tree as unpacked."""

    datasets = {
        "DFDCP": Card(
            size="1,131 real, 4,119 fake videos",
            methods="two face swaps, not named by the authors: method_A (3,975 videos) and method_B (144)",
            subjects="66 paid actors",
            splits="official train and test; val: the videos of a tenth of train's actors (ours)",
            terms="registration; rules of the challenge",
            contact="dfdc.ai (Meta AI)",
            traps="not a part of DFDC; faces of one actor are in videos of others, so val shares faces with train",
            paper="Dolhansky et al., The Deepfake Detection Challenge (DFDC) Preview Dataset, arXiv 1910.08854, 2019",
            unverified="that in 1255229_1003254_A_001 the second actor's video got the face of the first",
        )
    }
    about = "original_videos, method_A, method_B, dataset.json"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        root, scan = self.begin(root, dataset, FOLDERS)
        splits = _splits(needed(root / "dataset.json", "it comes with the videos and names the splits"))
        found = (path for folder in FOLDERS for path in files_below(root / folder, VIDEO_SUFFIXES))
        paths = scan.named(found, lambda path: _name(path.relative_to(root).as_posix()))
        scan.compare("dataset.json", splits, paths)
        videos = [
            SourceVideo(facts(dataset, video, splits[video]), paths[video])
            for video in sorted(splits.keys() & paths.keys())
        ]
        scan.videos += with_validation(videos, lambda video: video.source.partition("_")[0])
        return scan


def facts(dataset: str, video: str, split: str) -> Video:
    """What the name of ``video`` (``method_A/1255229_1003254_A_001``) says about it."""
    folder, _, stem = video.partition("/")
    method = FOLDERS[folder]
    parts = re.fullmatch(r"(?:(\d+)_)?((\d+)_[A-Za-z]+_.+)", stem)
    donor, source, actor = parts.groups() if parts else (None, stem, None)
    return Video(dataset, video, int(method != REAL), method, source, split, donor=donor, person=donor or actor)


def _name(path: str) -> str:
    """``method_A/x`` of ``method_A/1003254/1003254_A/x.mp4``."""
    return f"{path.partition('/')[0]}/{PurePosixPath(path).stem}"


def _splits(path: Path) -> dict[str, str]:
    tree = read_json(path)
    if not isinstance(tree, dict):
        raise ConfigError(f"{shown(path)}: expected videos by their paths")
    return {_name(name): _split(name, entry, f"{shown(path)}: '{name}'") for name, entry in tree.items()}


def _split(name: str, entry: Any, at: str) -> str:
    folder = name.partition("/")[0]
    if folder not in FOLDERS:
        raise ConfigError(f"{at}: lies in none of {', '.join(FOLDERS)}")
    label, split = (entry.get("label"), entry.get("set")) if isinstance(entry, dict) else (None, None)
    if label not in LABELS or split not in SETS:
        raise ConfigError(f"{at}: label is {label!r} and set {split!r}; expected real or fake, and train or test")
    if LABELS[label] != int(FOLDERS[folder] != REAL):
        raise ConfigError(f"{at}: label is '{label}', which contradicts its folder")
    return split
