"""ForgeryNIR and ForgeryNIR+ (Wang et al., TIFS 2022): faces in near infrared.

``ForgeryNIR-{std,rand,mix}/{0_real,cyclegan,progan,stylegan,stylegan2}``, which are one set of pictures without, with
one and with several perturbations, and ``ForgeryNIR+`` with those that fooled detectors. There may be split folders
above the generators, and endings like ``ForgeryNIR-mix_multi``. Without split folders, pictures are divided 70 / 10 /
20 by a hash of their name, which is the same in all three sets; ForgeryNIR+ is a test set.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from preprocessing.faces.video import PICTURE_SUFFIXES
from preprocessing.layouts.base import LAYOUTS, Card, Layout, Scan, SourceVideo, files_below
from preprocessing.manifest import REAL, SPLITS, Video
from preprocessing.splits import split_groups
from training.core.errors import ConfigError
from training.core.paths import shown

FOLDERS = {"0_real": REAL} | {name: name for name in ("cyclegan", "progan", "stylegan", "stylegan2")}
SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
HARD = "ForgeryNIR+"

_CARD = Card(
    size="50,000 pictures",
    methods="cyclegan, progan, stylegan, stylegan2 (whole faces)",
    subjects="725 people of CASIA NIR-VIS 2.0 in real pictures",
    splits="folders train, val and test where there are any, else 70 / 10 / 20 by a hash of the name (ours)",
    terms="none told; research",
    contact="the repository AEP-WYK/forgerynir",
    traps="near infrared, so gray; face crops already: --detector already-cropped; real pictures show few people",
    paper="Wang et al., ForgeryNIR: Deep Face Forgery and Detection in Near-Infrared Scenario, TIFS 2022",
    unverified="endings and split folders of the download; that all are crops, and equal names mean one picture",
)
CARDS = {f"ForgeryNIR-{name}": _CARD for name in ("std", "rand", "mix")} | {
    HARD: replace(_CARD, size="pictures that detectors took for real ones", splits="none official; all of it is test")
}


@LAYOUTS.register("forgerynir")
class ForgeryNIR(Layout):
    """Reads the folder of one of the four sets, ``root`` itself or one below it."""

    datasets = CARDS
    about = "ForgeryNIR-{std,rand,mix} or ForgeryNIR+, each with " + ", ".join(FOLDERS)

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        scan = Scan()
        for place in _folders(root, dataset):
            for path in files_below(place, PICTURE_SUFFIXES):
                inside = path.relative_to(place).with_suffix("").parts
                method = next((FOLDERS[part] for part in inside[:-1] if part in FOLDERS), None)
                if method is not None:
                    split = next((part for part in inside if part in SPLITS), "")
                    video = "/".join((place.name, *inside))
                    facts = Video(dataset, video, int(method != REAL), method, path.stem, split)
                    scan.videos.append(SourceVideo(facts, path))
        found = {video.facts.method for video in scan.videos}
        if not found:
            raise ConfigError(f"{shown(root)}: no {dataset} here; expected {self.about}")
        if absent := [folder for folder, method in FOLDERS.items() if method not in found]:
            scan.remarks.append(f"not there: {', '.join(absent)}")
        scan.videos = _divide(scan.videos, dataset)
        return scan


def _folders(root: Path, dataset: str) -> list[Path]:
    """The folders of ``dataset`` in ``root`` or in a folder in that, or else ``root`` itself if it holds generators."""
    pattern = dataset if dataset == HARD else f"{dataset}*"
    below = sorted(path for start in (pattern, f"*/{pattern}") for path in root.glob(start) if path.is_dir())
    itself = any((root / name).is_dir() for name in (*FOLDERS, *SPLITS))
    return below or ([root] if itself else [])


def _divide(videos: list[SourceVideo], dataset: str) -> list[SourceVideo]:
    if dataset == HARD:
        return [replace(video, facts=replace(video.facts, split="test")) for video in videos]
    labels: dict[str, frozenset[int]] = {}
    for facts in (video.facts for video in videos if not video.facts.split):
        labels[facts.source] = labels.get(facts.source, frozenset()) | {facts.label}
    splits = split_groups(labels, SHARES)
    return [
        video if video.facts.split else replace(video, facts=replace(video.facts, split=splits[video.facts.source]))
        for video in videos
    ]
