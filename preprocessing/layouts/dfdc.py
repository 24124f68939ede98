"""DFDC, the data of the Deepfake Detection Challenge (Dolhansky et al., 2020).

``train/dfdc_train_part_<0..49>/`` (or without ``train/``), each with ``metadata.json``
(``{"a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"}}``); ``test/`` with ``labels.csv``
(``filename,label``, 1 is fake), and likewise ``validation/``. Whatever parts are there are taken. Where ``validation/``
is missing, about a tenth of the originals of the training parts becomes that split, their fakes with them.
"""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

from preprocessing.faces.video import VIDEO_SUFFIXES
from preprocessing.layouts._lists import read_json, read_rows
from preprocessing.layouts.base import (
    LAYOUTS,
    Card,
    Layout,
    Scan,
    SourceVideo,
    files_below,
    home,
    needed,
    with_validation,
)
from preprocessing.manifest import REAL, Video
from training.core.errors import ConfigError
from training.core.paths import shown

PARTS = tuple(f"dfdc_train_part_{number}" for number in range(50))
HELD_OUT = {"test": "test", "validation": "val"}
LABELS = {"REAL": 0, "FAKE": 1}

Rows = dict[str, tuple[int, str | None]]
"""Per video the label and, where told, the original of a fake."""


@LAYOUTS.register("dfdc")
class DFDC(Layout):
    """Reads the parts as unpacked."""

    datasets = {
        "DFDC": Card(
            size="train: 19,154 real, 100,000 fake videos in 50 parts (470 GB); test: 2,500 + 2,500",
            methods="several face swaps and reenactments (autoencoders, FSGAN, NTH, StyleGAN, ...), not told apart",
            subjects="paid actors, recorded for this; the lists do not say who",
            splits="official train and test; val: validation/, or else a tenth of train's originals (ours)",
            terms="registration; rules of the challenge",
            contact="dfdc.ai (Meta AI), or the challenge's page at Kaggle",
            traps="fakes outnumber reals 5 to 1; in some only the voice is changed; many test videos are distorted",
            paper="Dolhansky et al., The DeepFake Detection Challenge (DFDC) Dataset, arXiv 2006.07397, 2020",
            unverified="that the validation set lies in validation/ and has a labels.csv like test/",
        )
    }
    about = "dfdc_train_part_<0..49>/metadata.json (also below train/), test/labels.csv"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; there is one compression only."""
        above = "train/" if (home(root, dataset) / "train").is_dir() else ""
        root, scan = self.begin(root, dataset, [*(f"{above}{part}" for part in PARTS), "test"])
        for part in PARTS:
            if (folder := root / f"{above}{part}").is_dir():
                rows = _metadata(needed(folder / "metadata.json", "it comes with the part and holds the labels"))
                _add(scan, folder, rows, (dataset, f"train/{part}", "train"))
        for name, split in HELD_OUT.items():
            if (folder := root / name).is_dir():
                rows = _labels(needed(folder / "labels.csv", "it comes with the videos: filename,label"))
                _add(scan, folder, rows, (dataset, name, split))
        if not (root / "validation").is_dir():
            scan.videos = with_validation(scan.videos, lambda video: video.source)
        return scan


def _add(scan: Scan, folder: Path, rows: Rows, of: tuple[str, str, str]) -> None:
    """Add what is both in ``folder`` and in its list; ``of`` are dataset, place and split."""
    dataset, place, split = of
    paths = scan.named(files_below(folder, VIDEO_SUFFIXES), lambda path: path.stem)
    scan.compare(f"the list of {place}", rows, paths)
    for stem in sorted(rows.keys() & paths.keys()):
        label, original = rows[stem]
        method = dataset if label else REAL
        facts = Video(dataset, f"{place}/{stem}", label, method, original or stem, split)
        scan.videos.append(SourceVideo(facts, paths[stem]))


def _metadata(path: Path) -> Rows:
    tree = read_json(path)
    if not isinstance(tree, dict):
        raise ConfigError(f"{shown(path)}: expected videos by name")
    return {PurePath(name).stem: _entry(entry, f"{shown(path)}: '{name}'") for name, entry in tree.items()}


def _entry(entry: Any, at: str) -> tuple[int, str | None]:
    label = entry.get("label") if isinstance(entry, dict) else None
    if label not in LABELS:
        raise ConfigError(f"{at}: its label is {label!r}; expected REAL or FAKE")
    original = entry.get("original")
    return LABELS[label], PurePath(original).stem if LABELS[label] and isinstance(original, str) else None


def _labels(path: Path) -> Rows:
    rows: Rows = {}
    for at, row in read_rows(path, "filename", "label"):
        if row["label"] not in ("0", "1"):
            raise ConfigError(f"{at}: label is '{row['label']}'; expected 0 (real) or 1 (fake)")
        rows[PurePath(row["filename"]).stem] = int(row["label"]), None
    return rows
