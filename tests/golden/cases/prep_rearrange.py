"""Every manifest that DeepfakeBench's rearrange.py writes is read, in every form of path; what it fails on works."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from preprocessing import dfb
from preprocessing.layouts.base import layout_for
from preprocessing.manifest import SPLITS, Manifest
from tests.dfb_trees import FORMS, rewritten
from tests.golden.compare import Result
from tests.golden.registry import Golden, case
from training.core.errors import ConfigError

Seen = set[tuple[str, int, str | None, str]]
"""(split, label, compression, picture below the data set's folder)."""


@case("prep/rearrange")
def rearrange(golden: Golden) -> Iterator[Result]:
    """The manifests, then the trees on which rearrange.py failed."""
    for name, tree in golden["json"].items():
        for form, write in FORMS.items():
            ours = dfb.parse(rewritten(tree, write), name)
            yield Result(f"json.{name} ({form})", records_of(ours) == seen(tree), f"{len(records_of(ours))} faces")
    for probe in golden["probes"]:
        yield _probe(probe, golden["json"])


def seen(tree: dict[str, Any]) -> Seen:
    """What a golden manifest lists, read naively."""
    found: Seen = set()
    for words in tree.values():
        for word, splits in words.items():
            for split, videos in splits.items():
                levels = [level for level in ("c23", "c40") if level in videos]
                groups = [(level, videos[level]) for level in levels] or [(None, videos)]
                for level, group in groups:
                    for entry in (e for e in group.values() if isinstance(e, dict)):
                        label = 0 if "real" in word.lower() else 1
                        found |= {(split, label, level, path.split("/", 2)[2]) for path in entry["frames"]}
    return found


def records_of(ours: Manifest) -> Seen:
    """What our reading of it lists."""
    return {(split, r.label, r.compression, r.image) for split in SPLITS for r in ours.records(split)}


def _probe(probe: str, manifests: dict[str, Any]) -> Result:
    entry = f"probes.{probe}"
    if probe == "Celeb-DF-v2 test video without extracted frames":
        tree = copy.deepcopy(manifests["Celeb-DF-v2.json"])
        tree["Celeb-DF-v2"]["CelebDFv2_real"]["test"]["00001"]["frames"] = []
        ours = dfb.parse(tree, probe)
        empty = [video.note for video, frames in ours.entries if not frames]
        return Result(entry, records_of(ours) == seen(tree) and len(empty) == 1, f"{empty}")
    if probe.startswith("FaceForensics++"):
        return Result(entry, *_faceforensics(probe))
    with tempfile.TemporaryDirectory() as folder:
        return Result(entry, *PROBES[probe](Path(folder)))


def _faceforensics(probe: str) -> tuple[bool, str]:
    """Raw videos as downloaded, less or more what the probe says; two reals and their four fakes must be found."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for split, pair in (("train", '[["000", "003"]]'), ("val", "[]"), ("test", "[]")):
            if "split json" not in probe:
                (root / f"{split}.json").write_text(pair)
        touch(root / "original_sequences/youtube/c23/videos", "000.mp4", "003.mp4")
        for method in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"):
            touch(root / "manipulated_sequences" / method / "c23/videos", "000_003.mp4")
        if "extra method" in probe:
            touch(root / "manipulated_sequences/FaceDancer/c23/videos", "000_003.mp4")
        if ".DS_Store" in probe:
            touch(root / "original_sequences/youtube", ".DS_Store")
        if "c40 folder" in probe:
            (root / "manipulated_sequences/Deepfakes/c40").mkdir()
        try:
            scan = layout_for("FaceForensics++").scan(root, "FaceForensics++", "c23")
        except ConfigError as error:
            return "split json" in probe and "train.json" in str(error), str(error)
        return len(scan.videos) == 6 and "split json" not in probe, f"{len(scan.videos)} videos, {scan.remarks}"


def _celeb(root: Path) -> tuple[bool, str]:
    touch(root / "Celeb-real", "id0_0000.mp4", "id1_0000.mp4")
    touch(root / "Celeb-synthesis", "id0_id1_0000.mp4")
    (root / "List_of_testing_videos.txt").write_text("1 Celeb-real/id0_0000.mp4\n\n")
    scan = layout_for("Celeb-DF-v2").scan(root, "Celeb-DF-v2", "c23")
    tested = [source.facts.video for source in scan.videos if source.facts.split == "test"]
    return tested == ["Celeb-real/id0_0000"] and len(scan.videos) == 3, f"{tested}"


def _deeper(root: Path) -> tuple[bool, str]:
    touch(root / "manipulated_videos/end_to_end", "000_W121.mp4", "001_W122.mp4")
    touch(root / "lists/splits")
    for split, listed in (("train", "000_W121.mp4\n"), ("val", ""), ("test", "")):
        (root / "lists/splits" / f"{split}.txt").write_text(listed)
    scan = layout_for("DeeperForensics-1.0").scan(root, "DeeperForensics-1.0", "c23")
    named = any("001_W122" in remark for remark in scan.remarks)
    return len(scan.videos) == 1 and named, f"{len(scan.videos)} videos, {scan.remarks}"


def _preview(root: Path) -> tuple[bool, str]:
    touch(root / "original_videos", "1000_A_001.mp4")
    (root / "dataset.json").write_text('{"original_videos/1000_A_001.mp4": {"label": "unsure", "set": "train"}}')
    try:
        layout_for("DFDCP").scan(root, "DFDCP", "c23")
    except ConfigError as error:
        return "original_videos/1000_A_001" in str(error) and "'unsure'" in str(error), str(error)
    return False, "not refused"


def _challenge(root: Path) -> tuple[bool, str]:
    touch(root / "train/dfdc_train_part_0", "a.mp4")
    metadata = '{"a.mp4": {"label": "REAL", "split": "train", "original": null}}'
    (root / "train/dfdc_train_part_0/metadata.json").write_text(metadata)
    scan = layout_for("DFDC").scan(root, "DFDC", "c23")
    return [source.facts.split for source in scan.videos] == ["train"], f"{len(scan.videos)} videos"


PROBES = {
    "Celeb-DF-v2 with trailing blank line in the list": _celeb,
    "DeeperForensics video not in any split": _deeper,
    "DFDCP unknown label": _preview,
    "DFDC train without test": _challenge,
}
"""What rearrange.py failed on or passed over, as our layout of that data set reads it."""


def touch(folder: Path, *files: str) -> None:
    """Empty files: layouts look at names only."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file).touch()
