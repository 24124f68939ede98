"""The data of the Deepfake Detection Challenge, and its preview."""

from __future__ import annotations

import json

import pytest

from preprocessing.manifest import REAL
from tests.unit.trees import by_name, facts, per_split, scan, splits, touch
from training.core.errors import ConfigError

# DFDC


def challenge(root, train="train/"):
    """Two parts of fifty, with twenty originals each and two fakes of each of these, and two test videos."""
    for part in (0, 7):
        folder = root / f"{train}dfdc_train_part_{part}"
        listed = {}
        for i in range(20):
            listed[f"real{part}_{i}.mp4"] = {"label": "REAL", "split": "train", "original": None}
            for j in range(2):
                fake = {"label": "FAKE", "split": "train", "original": f"real{part}_{i}.mp4"}
                listed[f"fake{part}_{i}_{j}.mp4"] = fake
        touch(folder, *listed)
        (folder / "metadata.json").write_text(json.dumps(listed))
    touch(root / "test", "a.mp4", "b.mp4", "labels.csv")
    (root / "test/labels.csv").write_text("filename,label\na.mp4,0\nb.mp4,1\n")
    return root


def test_challenge_videos_know_label_and_original_and_parts_not_there_are_named(tmp_path):
    found = scan(challenge(tmp_path), "DFDC")
    assert (
        facts(found, "label", "method", "source").items()
        >= {
            "train/dfdc_train_part_7/real7_3": (0, REAL, "real7_3"),
            "train/dfdc_train_part_7/fake7_3_1": (1, "DFDC", "real7_3"),
            "test/a": (0, REAL, "a"),
            "test/b": (1, "DFDC", "b"),
        }.items()
    )
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith("not there: train/dfdc_train_part_1, train/dfdc_train_part_2,")
    assert found.remarks[0].endswith("and 43 more")


def test_an_original_and_its_fakes_are_validation_together(tmp_path):
    found = scan(challenge(tmp_path), "DFDC")
    counts = splits(found)
    assert counts["val", REAL] == 4 and counts["val", "DFDC"] == 8
    assert counts["test", REAL] == counts["test", "DFDC"] == 1
    sources = per_split(found, lambda video: video.source)
    assert not sources["train"] & sources["val"]


def test_an_official_validation_set_is_taken_where_it_is(tmp_path):
    touch(challenge(tmp_path) / "validation", "v.mp4", "labels.csv")
    (tmp_path / "validation/labels.csv").write_text("filename,label\nv.mp4,1\n")
    found = by_name(scan(tmp_path, "DFDC"))
    assert [name for name, s in found.items() if s.facts.split == "val"] == ["validation/v"]


def test_parts_are_found_without_the_folder_train_and_without_test(tmp_path):
    challenge(tmp_path, train="")
    (tmp_path / "test/labels.csv").unlink()
    for path in (tmp_path / "test").iterdir():
        path.unlink()
    (tmp_path / "test").rmdir()
    found = scan(tmp_path, "DFDC")
    assert len(found.videos) == 120
    assert "train/dfdc_train_part_0/real0_0" in by_name(found)


def test_challenge_videos_without_an_entry_or_without_a_file_are_counted(tmp_path):
    part = challenge(tmp_path) / "train/dfdc_train_part_0"
    touch(part, "stranger.mp4")
    (part / "real0_1.mp4").unlink()
    remarks = scan(tmp_path, "DFDC").remarks
    assert "1 videos of the list of train/dfdc_train_part_0 are not there: real0_1" in remarks
    assert "1 videos are not in the list of train/dfdc_train_part_0, left out: stranger" in remarks


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("train/dfdc_train_part_7/metadata.json", '{\n"a.mp4": \n}', "metadata.json:3: not a JSON file"),
        ("train/dfdc_train_part_7/metadata.json", "[]", "metadata.json: expected videos by name"),
        ("train/dfdc_train_part_7/metadata.json", '{"a.mp4": {"label": "fake"}}', "'a.mp4': its label is 'fake'"),
        ("test/labels.csv", "filename,label\na.mp4,0\nb.mp4,FAKE\n", "labels.csv:3: label is 'FAKE'"),
        ("test/labels.csv", "filename,label\na.mp4,\n", "labels.csv:2: 'label' is empty"),
        ("test/labels.csv", "file,label\na.mp4,0\n", "labels.csv:1: lacks the column filename; there is file, label"),
    ],
)
def test_wrong_lists_of_the_challenge_are_named(tmp_path, file, text, says):
    (challenge(tmp_path) / file).write_text(text)
    with pytest.raises(ConfigError) as error:
        scan(tmp_path, "DFDC")
    assert says in str(error.value) and file in str(error.value)


def test_a_part_needs_its_list(tmp_path):
    (challenge(tmp_path) / "train/dfdc_train_part_7/metadata.json").unlink()
    with pytest.raises(ConfigError, match=r"metadata\.json: missing; it comes with the part"):
        scan(tmp_path, "DFDC")


# DFDC preview


def preview(root, **changes):
    """Twenty actors with a video each, and a fake of each with the next one's face, by method A; one by method B."""
    listed = {}
    for i in range(20):
        actor, split = 1000 + i, "test" if i == 19 else "train"
        stem = f"{actor}_A_001"
        listed[f"original_videos/{actor}/{stem}.mp4"] = {"label": "real", "set": split, "augmentations": []}
        fake = f"method_A/{actor}/{actor}_A/{1000 + (i + 1) % 20}_{stem}.mp4"
        listed[fake] = {"label": "fake", "set": split, "augmentations": []}
    listed["method_B/1019/1019_A/1003_1019_A_001.mp4"] = {"label": "fake", "set": "test"}
    touch(root, *listed)
    (root / "dataset.json").write_text(json.dumps(listed | changes))
    return root


def test_preview_videos_know_the_actors_of_body_and_face(tmp_path):
    found = scan(preview(tmp_path), "DFDCP")
    assert found.remarks == [] and len(found.videos) == 41
    assert (
        facts(found, "label", "method", "source", "donor", "person").items()
        >= {
            "original_videos/1003_A_001": (0, REAL, "1003_A_001", None, "1003"),
            "method_A/1004_1003_A_001": (1, "method_A", "1003_A_001", "1004", "1004"),
            "method_B/1003_1019_A_001": (1, "method_B", "1019_A_001", "1003", "1003"),
        }.items()
    )


def test_preview_splits_are_the_official_ones_and_validation_is_by_actor(tmp_path):
    found = scan(preview(tmp_path), "DFDCP")
    assert splits(found) == {
        ("train", REAL): 17, ("val", REAL): 2, ("test", REAL): 1,
        ("train", "method_A"): 17, ("val", "method_A"): 2, ("test", "method_A"): 1, ("test", "method_B"): 1,
    }  # fmt: skip
    sources = per_split(found, lambda video: video.source)
    assert not sources["train"] & sources["val"]


@pytest.mark.parametrize(
    ("name", "entry", "says"),
    [
        ("method_C/1/1_A/2_1_A_001.mp4", {"label": "fake", "set": "test"}, "lies in none of original_videos, method_A"),
        ("method_A/1/1_A/2_1_A_001.mp4", {"label": "fale", "set": "test"}, "label is 'fale' and set 'test'; expected"),
        ("method_A/1/1_A/2_1_A_001.mp4", {"label": "real", "set": "test"}, "which contradicts its folder"),
        ("method_A/1/1_A/2_1_A_001.mp4", "fake", "label is None and set None"),
    ],
)
def test_wrong_entries_of_the_preview_are_named(tmp_path, name, entry, says):
    with pytest.raises(ConfigError) as error:
        scan(preview(tmp_path, **{name: entry}), "DFDCP")
    assert says in str(error.value) and "dataset.json: '" in str(error.value)
