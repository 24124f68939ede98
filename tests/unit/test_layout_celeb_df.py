"""Celeb-DF, its two versions and Celeb-DF++."""

from __future__ import annotations

import pytest

from preprocessing.manifest import REAL
from tests.unit.trees import by_name, facts, per_split, scan, splits, touch
from training.core.errors import ConfigError


def celeb(root, listed="1 Celeb-real/id0_0001.mp4\n1 YouTube-real/00000.mp4\n0 Celeb-synthesis/id1_id2_0001.mp4\n"):
    touch(root, *(f"Celeb-real/id{i}_000{j}.mp4" for i in range(20) for j in range(2)))
    touch(root, *(f"Celeb-synthesis/id{i}_id{(i + 1) % 20}_000{j}.mp4" for i in range(20) for j in range(2)))
    touch(root, *(f"YouTube-real/0000{i}.mp4" for i in range(4)))
    (root / "List_of_testing_videos.txt").write_text(listed)
    return root


def test_celeb_videos_know_label_method_source_and_person(tmp_path):
    found = by_name(scan(celeb(tmp_path), "Celeb-DF-v2"))
    real, fake, other = (
        found[v].facts for v in ("Celeb-real/id3_0000", "Celeb-synthesis/id3_id4_0000", "YouTube-real/00001")
    )
    assert (real.label, real.method, real.source, real.person) == (0, REAL, "id3_0000", "id3")
    assert (fake.label, fake.method, fake.source, fake.donor, fake.person) == (
        1,
        "Celeb-synthesis",
        "id3_0000",
        "id4",
        "id4",
    )
    assert (other.label, other.source, other.person) == (0, "00001", None)


def test_celeb_test_videos_are_the_listed_ones_and_validation_is_a_tenth_by_identity(tmp_path):
    found = by_name(scan(celeb(tmp_path), "Celeb-DF-v2"))
    test = {v for v, s in found.items() if s.facts.split == "test"}
    assert test == {"Celeb-real/id0_0001", "YouTube-real/00000", "Celeb-synthesis/id1_id2_0001"}
    owners = per_split(scan(tmp_path, "Celeb-DF-v2"), lambda video: video.source.partition("_")[0])
    assert not owners["train"] & owners["val"]
    assert len(owners["val"]) == 2  # of 23 with videos left to train on
    assert by_name(scan(tmp_path, "Celeb-DF-v2")) == found


def test_celeb_parts_and_listed_videos_that_are_not_there_are_named(tmp_path):
    root = touch(tmp_path, "Celeb-real/id0_0000.mp4")
    (root / "List_of_testing_videos.txt").write_text("0 Celeb-synthesis/id0_id1_0000.mp\n")
    remarks = scan(root, "Celeb-DF-v2").remarks
    assert "not there: YouTube-real, Celeb-synthesis" in remarks
    assert any(
        "1 videos of List_of_testing_videos.txt are not there: Celeb-synthesis/id0_id1_0000" in r for r in remarks
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0 Celeb-real/id0_0001.mp4", "1 stands for real and 0 for fake"),
        ("1 Celeb-fake/id0_0001.mp4", "expected '1 YouTube-real/00170.mp4'"),
    ],
)
def test_celeb_lists_are_checked_line_by_line(tmp_path, line, says):
    with pytest.raises(ConfigError) as error:
        scan(celeb(tmp_path, f"1 YouTube-real/00000.mp4\n{line}\n"), "Celeb-DF-v2")
    assert "List_of_testing_videos.txt:2: " in str(error.value) and says in str(error.value)


def test_celeb_needs_its_list_and_its_folders(tmp_path):
    with pytest.raises(ConfigError, match="no Celeb-DF-v2 here"):
        scan(tmp_path, "Celeb-DF-v2")
    (celeb(tmp_path) / "List_of_testing_videos.txt").unlink()
    with pytest.raises(ConfigError, match="it comes with the dataset and names the test videos"):
        scan(tmp_path, "Celeb-DF-v2")


def test_all_of_version_2_has_the_published_numbers(tmp_path):
    reals = [f"Celeb-real/id{i}_{j:04d}.mp4" for i in range(59) for j in range(10)]
    youtube = [f"YouTube-real/{i:05d}.mp4" for i in range(300)]
    swaps = [(i, (i + 1 + k) % 59, j) for i in range(59) for k in range(10) for j in range(10)][:5639]
    fakes = [f"Celeb-synthesis/id{i}_id{k}_{j:04d}.mp4" for i, k, j in swaps]
    touch(tmp_path, *reals, *youtube, *fakes)
    listed = [f"1 {name}\n" for name in (*reals[::5][:108], *youtube[:70])] + [f"0 {name}\n" for name in fakes[:340]]
    (tmp_path / "List_of_testing_videos.txt").write_text("".join(listed))
    found = scan(tmp_path, "Celeb-DF-v2")
    counts = splits(found)
    assert found.remarks == []
    assert counts["test", REAL] == 178 and counts["test", "Celeb-synthesis"] == 340
    assert counts.total() == 6529
    owners = per_split(found, lambda video: video.source.partition("_")[0])
    assert not owners["train"] & owners["val"]
    assert 0.08 < len(owners["val"]) / len(owners["val"] | owners["train"]) < 0.12


def test_files_of_one_name_are_not_both_taken(tmp_path):
    found = scan(touch(celeb(tmp_path), "Celeb-real/id3_0000.avi"), "Celeb-DF-v2")
    assert by_name(found)["Celeb-real/id3_0000"].path.suffix == ".avi"
    assert "1 files are named like others, left out: id3_0000.mp4" in found.remarks


# Celeb-DF++


def test_the_continuation_knows_its_methods_and_whose_face_is_seen(tmp_path):
    fakes = (
        "FaceSwap/Celeb-DF-v2/id1_id0_0007",
        "FaceSwap/BlendFace/id1_id0_0007",
        "FaceReenact/LivePortrait/id1_id0_0007",
        "TalkingFace/SadTalker/id1_0007_test_id08701_a-B",
    )
    touch(tmp_path, "Celeb-real/id1_0007.mp4", "YouTube-real/00170.mp4")
    touch(tmp_path / "Celeb-synthesis", *(f"{fake}.mp4" for fake in fakes))
    listed = f"1 YouTube-real/00170.mp4\n0 Celeb-synthesis/{fakes[2]}.mp4\n"
    (tmp_path / "List_of_testing_videos.txt").write_text(listed)
    found = scan(tmp_path, "Celeb-DF++")
    assert facts(found, "label", "method", "source", "donor", "person") == {
        "Celeb-real/id1_0007": (0, REAL, "id1_0007", None, "id1"),
        "YouTube-real/00170": (0, REAL, "00170", None, None),
        f"Celeb-synthesis/{fakes[0]}": (1, "Celeb-synthesis", "id1_0007", "id0", "id0"),
        f"Celeb-synthesis/{fakes[1]}": (1, "BlendFace", "id1_0007", "id0", "id0"),
        f"Celeb-synthesis/{fakes[2]}": (1, "LivePortrait", "id1_0007", "id0", "id1"),
        f"Celeb-synthesis/{fakes[3]}": (1, "SadTalker", "id1_0007", None, "id1"),
    }
    assert per_split(found, lambda video: video.video)["test"] == {f"Celeb-synthesis/{fakes[2]}", "YouTube-real/00170"}
