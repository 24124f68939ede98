"""A data set preprocessed by us and the same one read from DeepfakeBench's manifest say the same of each video."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from preprocessing import dfb
from preprocessing.manifest import Video
from tests.unit.trees import scan, touch

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/data/prep/rearrange.json").read_text())
CELEB = "1 YouTube-real/00001.mp4\n1 Celeb-real/id1_0001.mp4\n0 Celeb-synthesis/id1_id0_0001.mp4\n"
PREVIEW = {
    "original_videos/1000_A_001": ("real", "train"),
    "original_videos/1000_A_002": ("real", "test"),
    "method_A/1000_2000_A_003": ("fake", "train"),
    "method_B/1000_2000_B_004": ("fake", "test"),
    "method_B/1001_2001_B_005": ("fake", "train"),
}
LISTS = {
    "FaceForensics++/train.json": '[["000", "003"]]',
    "FaceForensics++/val.json": '[["010", "011"]]',
    "FaceForensics++/test.json": '[["020", "021"]]',
    "Celeb-DF-v1/List_of_testing_videos.txt": CELEB,
    "Celeb-DF-v2/List_of_testing_videos.txt": CELEB,
    "DFDC/test/labels.csv": "filename,label\naaaaaaaaaa.mp4,0\nbbbbbbbbbb.mp4,1\n",
    "DFDC/train/dfdc_train_part_0/metadata.json": '{"cccccccccc.mp4": {"label": "FAKE", "split": "train"}, '
    '"dddddddddd.mp4": {"label": "REAL", "split": "train"}}',
    "DFDC/train/dfdc_train_part_1/metadata.json": '{"eeeeeeeeee.mp4": {"label": "FAKE", "split": "train"}}',
    "DFDCP/dataset.json": json.dumps({f"{k}.mp4": {"label": label, "set": s} for k, (label, s) in PREVIEW.items()}),
    # The golden tree's own actors have no fakes in it: here W122 stands for them.
    "DeeperForensics-1.0/lists/splits/train.txt": "000_W121\n100_M001\n",
    "DeeperForensics-1.0/lists/splits/val.txt": "002_W123\n102_W002\n",
    "DeeperForensics-1.0/lists/splits/test.txt": "001_W122\n",
}
"""What lies beside the videos, agreeing with the golden manifests."""


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """The raw files behind the golden tree of faces."""
    root = tmp_path_factory.mktemp("raw")
    for path in GOLDEN["tree"]:
        place, found, rest = path.partition("/frames/")
        if found:
            inside = "videos/" if place.startswith("FaceForensics++") else ""
            touch(root, f"{place}/{inside}{rest.rpartition('/')[0]}.mp4")
    for name, text in LISTS.items():
        touch(root, name).joinpath(name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("FaceForensics++", "FaceForensics++"),
        ("FaceShifter", "FaceForensics++"),
        ("DeepFakeDetection", "FaceForensics++"),
        *((name, name) for name in ("Celeb-DF-v1", "Celeb-DF-v2", "DFDC", "DFDCP", "DeeperForensics-1.0", "UADFV")),
    ],
)
def test_both_ways_to_the_same_videos_agree(raw, name, folder):
    theirs = dfb.parse(GOLDEN["json"][f"{name}.json"], name)
    dataset = "FaceForensics++" if name == "FaceShifter" else name
    ours = {}
    for compression in ("c23", "c40"):
        ours |= {s.facts.video: s.facts for s in scan(raw / folder, dataset, compression=compression).videos}
    assert theirs.entries
    for video, _ in theirs.entries:
        # Their splits let videos be in several; the folder of DeepFakeDetection's faces is FaceForensics++'s.
        assert _timeless(video) == _timeless(ours[video.video])


def _timeless(video: Video) -> Video:
    return replace(video, split="", dataset="")
