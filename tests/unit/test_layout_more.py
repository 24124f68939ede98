"""UADFV, FFIW, DeepSpeak and WildDeepfake."""

from __future__ import annotations

import pytest

from preprocessing.manifest import REAL
from tests.unit.trees import by_name, facts, per_split, scan, splits, touch
from training.core.errors import ConfigError


def test_uadfv_pairs_by_number_and_is_all_test(tmp_path):
    found = scan(touch(tmp_path, "real/0000.mp4", "real/0001.mp4", "fake/0000_fake.mp4"), "UADFV")
    assert facts(found, "label", "method", "source", "split") == {
        "real/0000": (0, REAL, "0000", "test"),
        "real/0001": (0, REAL, "0001", "test"),
        "fake/0000_fake": (1, "UADFV", "0000", "test"),
    }


# FFIW


def test_ffiw_is_read_from_both_archives_with_its_masks(tmp_path):
    released = ("source", "target", "target_mask")
    touch(tmp_path / "FFIW10K-v1-release", *(f"{kind}/{s}/00001.mp4" for kind in released for s in ("train", "val")))
    touch(tmp_path / "FFIW10K-v1-release-test", *(f"{kind}/test_00001.mp4" for kind in released), "source/odd.mp4")
    found = scan(tmp_path, "FFIW")
    assert facts(found, "label", "method", "source", "split") == {
        f"{kind}/{split}/{stem}": (label, method, f"{split}/{stem}", split)
        for kind, label, method in (("source", 0, REAL), ("target", 1, "FFIW"))
        for split, stem in (("train", "00001"), ("val", "00001"), ("test", "test_00001"))
    }
    masks = {name: s.mask and s.mask.relative_to(tmp_path).as_posix() for name, s in by_name(found).items()}
    assert masks["source/train/00001"] is None
    assert masks["target/train/00001"] == "FFIW10K-v1-release/target_mask/train/00001.mp4"
    assert masks["target/test/test_00001"] == "FFIW10K-v1-release-test/target_mask/test_00001.mp4"
    assert found.remarks == ["1 videos are in no split, left out: odd.mp4"]


def test_ffiw_is_read_from_the_root_itself(tmp_path):
    found = scan(touch(tmp_path, "source/val/a.mp4", "target/val/a.mp4"), "FFIW")
    assert splits(found) == {("val", REAL): 1, ("val", "FFIW"): 1}
    assert all(s.mask is None for s in found.videos)


# DeepSpeak

FAKES = "video-file,kind,engine,identity-source,identity-target,recording-source,recording-target,gesture-type\n"


def speakers(root, fakes=None, people=None):
    """Twenty people in pairs, the last two for testing: a video each, and each one's face in the other's."""
    reals, swaps = [], []
    for i in range(20):
        reals.append(f",{i}-{100 + i}.mp4,{i}\n")
        other, clip = i ^ 1, 100 + (i ^ 1)
        swaps.append(f"facefusion--{i}-{other}--1-{clip}--0.mp4,face-swap,facefusion,{i},{other},1,{clip},x\n")
    swaps.append("wav2lip--4-4--104-7--1.mp4,lip-sync,wav2lip,4,4,104,7,x\n")
    table = FAKES + "".join(swaps) + (fakes or "")
    touch(root / "deepspeak-v1-0", *(line.split(",")[1] for line in reals))
    touch(root / "deepspeak-v1-1/fake", *(line.split(",")[0] for line in table.splitlines()[1:]))
    (root / "annotations-real.csv").write_text(",video-file,identity\n" + "".join(reals))
    (root / "annotations-fake.csv").write_text(table)
    assigned = [f"{i},{'test' if i > 17 else 'train'}\n" for i in range(20)]
    (root / "annotations-split-def.csv").write_text("identity,split\n" + (people or "".join(assigned)))
    return root


def test_speakers_know_whose_recording_and_whose_face_it_is(tmp_path):
    found = scan(speakers(tmp_path), "DeepSpeak-v1")
    assert found.remarks == []
    assert (
        facts(found, "label", "method", "source", "donor", "person").items()
        >= {
            "real/4-104": (0, REAL, "4-104", None, "4"),
            "facefusion/facefusion--5-4--1-104--0": (1, "facefusion", "4-104", "5-1", "5"),
            "wav2lip/wav2lip--4-4--104-7--1": (1, "wav2lip", "4-104", "4-7", "4"),
        }.items()
    )


def test_people_whose_faces_were_swapped_are_validation_together(tmp_path):
    found = scan(speakers(tmp_path), "DeepSpeak-v1")
    shown, sources = per_split(found, lambda video: video.person), per_split(found, lambda video: video.source)
    assert shown["test"] == {"18", "19"}
    assert len(shown["val"]) == 2 and {int(i) ^ 1 for i in shown["val"]} == {int(i) for i in shown["val"]}
    assert not sources["train"] & sources["val"] and not sources["train"] & sources["test"]


def test_fakes_of_people_of_two_splits_are_left_out(tmp_path):
    found = scan(speakers(tmp_path, "f--0-19--1-2--0.mp4,face-swap,f,0,19,1,2,x\n"), "DeepSpeak-v1")
    assert found.remarks == ["1 videos show people of no split or of two, left out: f--0-19--1-2--0"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"fakes": "x.mp4,face-swp,f,0,1,1,2,x\n"},
            "annotations-fake.csv:23: kind is 'face-swp'; did you mean 'face-swap'?",
        ),
        ({"people": "0,train\n1,dev\n"}, "annotations-split-def.csv:3: split is 'dev'; expected train or test"),
    ],
)
def test_wrong_tables_of_speakers_are_named_by_line(tmp_path, changes, says):
    with pytest.raises(ConfigError) as error:
        scan(speakers(tmp_path, **changes), "DeepSpeak-v1")
    assert says in str(error.value)


# WildDeepfake


@pytest.mark.parametrize("space", ["_", " "])
def test_sequences_of_pictures_are_videos(tmp_path, space):
    for kind in ("real", "fake"):
        shots = [f"{kind}{space}train/{a}/{kind}/{s}/{f}.png" for a in range(20) for s in (1, 2) for f in (0, 10, 9)]
        touch(tmp_path, *shots, f"{kind}{space}test/3/{kind}/54/0.png", f"{kind}{space}test/3.tar.gz")
    touch(tmp_path, f"real{space}test/8.tar.gz")
    found = scan(tmp_path, "WildDeepfake")
    sources = by_name(found)
    assert len(sources) == 82
    assert sources["fake_train/6/fake/2"].path == tmp_path / f"fake{space}train/6/fake/2"
    assert facts(found, "label", "method", "split")["fake_test/3/fake/54"] == (1, "WildDeepfake", "test")
    assert splits(found)["val", REAL] == splits(found)["val", "WildDeepfake"] == 4
    archives = per_split(found, lambda video: video.video.split("/")[1])
    assert not archives["train"] & archives["val"]
    (remark,) = found.remarks
    assert f"1 archives are packed, left out: real{space}test/8.tar.gz; unpack them there" in remark
