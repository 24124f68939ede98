"""FaceForensics++, DeepFakeDetection in the same tree, and DeeperForensics-1.0, which is made from it."""

from __future__ import annotations

import json

import pytest

from preprocessing.manifest import REAL
from tests.unit.trees import by_name, facts, scan, splits, touch
from training.core.errors import ConfigError

METHOD = "DeepFakeDetection"


def forensics(root, *extra):
    splits = {"train": [["000", "003"]], "val": [["001", "002"]], "test": [["004", "005"]]}
    root.mkdir(exist_ok=True)
    for split, pairs in splits.items():
        (root / f"{split}.json").write_text(json.dumps(pairs))
    youtube = [f"original_sequences/youtube/c23/videos/{i:03d}.mp4" for i in range(6)]
    fakes = [
        f"manipulated_sequences/{m}/c23/videos/{v}.mp4"
        for m in ("Deepfakes", "Face2Face")
        for v in ("000_003", "005_004")
    ]
    return touch(root, *youtube, *fakes, "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4", *extra)


def test_forensics_videos_know_label_method_split_source_donor_and_person(tmp_path):
    found = by_name(scan(forensics(tmp_path), "FaceForensics++"))
    assert len(found) == 10
    real, swap, moved = (found[v].facts for v in ("youtube/c23/001", "Deepfakes/c23/000_003", "Face2Face/c23/005_004"))
    assert (real.label, real.method, real.split, real.source, real.donor, real.person) == (
        0,
        REAL,
        "val",
        "001",
        None,
        "001",
    )
    assert (swap.label, swap.method, swap.split, swap.source, swap.donor, swap.person) == (
        1, "Deepfakes", "train", "000", "003", "003",
    )  # fmt: skip
    assert (moved.source, moved.donor, moved.person, moved.split) == ("005", "004", "005", "test")
    assert {f.facts.compression for f in found.values()} == {"c23"}
    assert found["Deepfakes/c23/000_003"].mask == tmp_path / "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4"
    assert found["Deepfakes/c23/005_004"].mask is None


def test_forensics_parts_that_are_not_there_are_named(tmp_path):
    root = forensics(tmp_path, "manipulated_sequences/FaceSwap/c40/videos/000_003.mp4")
    remarks = "\n".join(scan(root, "FaceForensics++").remarks)
    assert "manipulated_sequences/FaceSwap: no c23/videos (there is c40)" in remarks
    assert "not there: manipulated_sequences/NeuralTextures, manipulated_sequences/FaceShifter" in remarks


def test_forensics_videos_in_no_split_are_counted(tmp_path):
    extra = [f"manipulated_sequences/Deepfakes/c23/videos/{v}.mp4" for v in ("000_001", "holiday")]
    found = scan(forensics(tmp_path, *extra), "FaceForensics++")
    assert len(found.videos) == 10
    assert "Deepfakes: 2 videos are in no split, left out: 000_001.mp4, holiday.mp4" in found.remarks


def test_forensics_is_found_one_folder_below_too(tmp_path):
    forensics(tmp_path / "FaceForensics++")
    assert len(scan(tmp_path, "FaceForensics++").videos) == 10


def test_forensics_needs_its_splits(tmp_path):
    (forensics(tmp_path) / "val.json").unlink()
    with pytest.raises(ConfigError, match=r"val\.json: missing; the official splits: .*ondyari/FaceForensics"):
        scan(tmp_path, "FaceForensics++")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not a JSON file"),
        ('["000"]', "expected a list of pairs"),
        ('[["000", "001"]]', "'000' is in the train split too"),
    ],
)
def test_forensics_splits_are_checked(tmp_path, text, says):
    (forensics(tmp_path) / "val.json").write_text(text)
    with pytest.raises(ConfigError) as error:
        scan(tmp_path, "FaceForensics++")
    assert says in str(error.value) and "val.json" in str(error.value)


def test_an_empty_root_is_no_forensics(tmp_path):
    with pytest.raises(ConfigError, match=r"no FaceForensics\+\+ here; expected original_sequences"):
        scan(tmp_path, "FaceForensics++")


def test_all_of_forensics_has_the_official_numbers(tmp_path):
    pairs = [[f"{i:03d}", f"{i + 1:03d}"] for i in range(0, 1000, 2)]
    for split, chosen in (("train", pairs[:360]), ("val", pairs[360:430]), ("test", pairs[430:])):
        (tmp_path / f"{split}.json").write_text(json.dumps(chosen))
    methods = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
    stems = [f"{a}_{b}" for pair in pairs for a, b in (pair, pair[::-1])]
    touch(tmp_path / "original_sequences/youtube/c40/videos", *(f"{i:03d}.mp4" for i in range(1000)))
    for method in methods:
        touch(tmp_path / "manipulated_sequences" / method / "c40/videos", *(f"{stem}.mp4" for stem in stems))
    found = scan(tmp_path, "FaceForensics++", compression="c40")
    assert found.remarks == []
    counts = {"train": 720, "val": 140, "test": 140}
    assert splits(found) == {(split, method): n for split, n in counts.items() for method in (REAL, *methods)}


def test_folders_that_are_no_method_of_forensics_are_named(tmp_path):
    touch(forensics(tmp_path), *(f"manipulated_sequences/{m}/c23/videos/000_003.mp4" for m in ("Mine", METHOD)))
    found = scan(tmp_path, "FaceForensics++")
    assert len(found.videos) == 10
    assert "left out: DeepFakeDetection, Mine (DeepFakeDetection is a dataset of its own)" in found.remarks


# DeepFakeDetection


def actors(root, compression="c23"):
    fakes = f"manipulated_sequences/{METHOD}"
    return touch(
        root,
        *(f"original_sequences/actors/{compression}/videos/{s}.mp4" for s in ("01__kitchen_pan", "02__podium_speech")),
        f"{fakes}/{compression}/videos/01_02__kitchen_pan__YVGY8LOK.mp4",
        f"{fakes}/masks/videos/01_02__kitchen_pan__YVGY8LOK.mp4",
    )


def test_actors_and_their_fakes_are_a_test_set_without_lists(tmp_path):
    found = scan(actors(tmp_path, "raw"), METHOD, compression="raw")
    assert facts(found, "label", "method", "source", "donor", "person", "split", "compression") == {
        "actors/raw/01__kitchen_pan": (0, REAL, "01__kitchen_pan", None, "01", "test", "raw"),
        "actors/raw/02__podium_speech": (0, REAL, "02__podium_speech", None, "02", "test", "raw"),
        f"{METHOD}/raw/01_02__kitchen_pan__YVGY8LOK": (1, METHOD, "01__kitchen_pan", "02", "02", "test", "raw"),
    }
    assert [s.mask.parent.parent.name for s in found.videos if s.mask] == ["masks"]


def test_names_that_are_no_scene_are_counted(tmp_path):
    touch(actors(tmp_path), "original_sequences/actors/c23/videos/01_02__kitchen_pan__X.mp4")
    assert any("actors: 1 videos are in no split, left out" in remark for remark in scan(tmp_path, METHOD).remarks)


# DeeperForensics-1.0


def deeper(root):
    lists = {"train": "000_W121.mp4\n001_M004.mp4\n", "val": "002_W122.mp4\n", "test": "end_to_end/003_M005.mp4\n"}
    for split, text in lists.items():
        touch(root, f"lists/splits/{split}.txt")
        (root / f"lists/splits/{split}.txt").write_text(text)
    fakes = [f"{v}/{s}.mp4" for v in ("end_to_end", "end_to_end_level_5") for s in ("000_W121", "003_M005")]
    touch(root / "manipulated_videos", *fakes, "end_to_end/900_W999.mp4")
    actors = ("W121/light_up/happy/camera_front/W121_light_up_happy", "M005/BlendShape/camera_up/M005_BlendShape")
    return touch(root / "source_videos", *(f"{name}_camera_up.mp4" for name in actors)).parent


def test_deeper_fakes_know_clip_and_actor_in_every_variant(tmp_path):
    found = scan(deeper(tmp_path), "DeeperForensics-1.0")
    assert facts(found, "method", "source", "donor", "person", "split") == {
        "manipulated_videos/end_to_end/000_W121": ("DeeperForensics", "000", "W121", "W121", "train"),
        "manipulated_videos/end_to_end_level_5/000_W121": ("DeeperForensics", "000", "W121", "W121", "train"),
        "manipulated_videos/end_to_end/003_M005": ("DeeperForensics", "003", "M005", "M005", "test"),
        "manipulated_videos/end_to_end_level_5/003_M005": ("DeeperForensics", "003", "M005", "M005", "test"),
        "source_videos/W121/W121_light_up_happy_camera_up": (
            REAL, "W121_light_up_happy_camera_up", None, "W121", "train",
        ),
        "source_videos/M005/M005_BlendShape_camera_up": (REAL, "M005_BlendShape_camera_up", None, "M005", "test"),
    }  # fmt: skip
    assert found.remarks == [
        "2 videos of lists/splits are not there: 001_M004, 002_W122",
        "1 videos are not in lists/splits, left out: 900_W999",
    ]


def test_clips_of_forensics_take_the_place_of_the_actors_own_videos(tmp_path):
    touch(deeper(tmp_path) / "target_videos", "000.mp4", "003.mp4", "777.mp4")
    found = scan(tmp_path, "DeeperForensics-1.0")
    assert (
        facts(found, "source", "person", "split").items()
        >= {
            "target_videos/000": ("000", "000", "train"),
            "target_videos/003": ("003", "003", "test"),
        }.items()
    )
    assert not any(name.startswith("source_videos") for name in by_name(found))
    assert "target_videos are the reals; source_videos are left out" in found.remarks
    assert "1 reals have fakes in no split or in two, left out: target_videos/777" in found.remarks


@pytest.mark.parametrize(
    ("line", "says"),
    [("W121_000.mp4", "expected '000_W121.mp4'"), ("000_W121.mp4", "'000_W121' is in the train split too")],
)
def test_deeper_lists_are_checked_line_by_line(tmp_path, line, says):
    (deeper(tmp_path) / "lists/splits/val.txt").write_text(f"002_W122.mp4\n\n{line}\n")
    with pytest.raises(ConfigError) as error:
        scan(tmp_path, "DeeperForensics-1.0")
    assert "val.txt:3: " in str(error.value) and says in str(error.value)
