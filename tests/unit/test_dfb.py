"""DeepfakeBench's data as its users have them: every manifest, path form, data set name and database."""

from __future__ import annotations

import copy
import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from preprocessing import check, dfb
from preprocessing.manifest import SPLITS
from tests.dfb_trees import FORMS, face, files, points, rewritten, write_folders, write_lmdb, write_manifest
from training.core.errors import DataError, ManifestError
from training.core.schema import DataConfig
from training.data.select import Faces, Selected, select
from training.testing import leaks

GOLDEN = Path(__file__).parents[1] / "golden" / "data" / "prep" / "rearrange.json"
MANIFESTS = json.loads(GOLDEN.read_text())["json"]
HOMES = ("FaceForensics++", "Celeb-DF-v1", "Celeb-DF-v2", "DFDCP", "DFDC", "DeeperForensics-1.0", "UADFV")
FF = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
METHODS = {
    "FaceForensics++": FF,
    "FF-DF": ("Deepfakes",),
    "FF-F2F": ("Face2Face",),
    "FF-FS": ("FaceSwap",),
    "FF-NT": ("NeuralTextures",),
    "FaceShifter": ("FaceShifter",),
    "DeepFakeDetection": ("DeepFakeDetection",),
    "Celeb-DF-v1": ("Celeb-synthesis",),
    "Celeb-DF-v2": ("Celeb-synthesis",),
    "DFDCP": ("method_B",),
    "DFDC": ("DFDC",),
    "DeeperForensics-1.0": ("DeeperForensics",),
    "UADFV": ("UADFV",),
}
"""Manipulations in the test split of each data set that DeepfakeBench names."""


@pytest.fixture(scope="module")
def content() -> dict[str, np.ndarray]:
    """Everything on disk, by path below the folder of all data sets."""
    return {path: value for tree in MANIFESTS.values() for path, value in files(tree).items()}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory, content: dict[str, np.ndarray]) -> Path:
    """A folder with face folders, manifests of Windows in ``json``, and per system a folder with LMDBs."""
    root = tmp_path_factory.mktemp("dfb")
    write_folders(root, content)
    for system in ("linux", "windows"):
        for home in HOMES:
            write_lmdb(root / system, home, content, system)
    for name, tree in MANIFESTS.items():
        write_manifest(root / "json", name.removesuffix(".json"), rewritten(tree, FORMS["Windows"]))
    return root


def chosen(disk: Path, *names: str, split: str = "test", **changes: object) -> list[Selected]:
    return select(list(names), split, 0, DataConfig(**{"root": disk, "manifests": disk / "json", **changes}))


def one(disk: Path, name: str, **changes: object) -> Selected:
    (found,) = chosen(disk, name, **changes)
    return found


def home_and(record: object) -> str:
    return f"{record.dataset}/{record.image}"


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("split", SPLITS)
def test_every_data_set_is_read_from_face_folders(disk, name, split):
    found, faces = one(disk, name, split=split), Faces(DataConfig(root=disk, store="rgb"))
    assert {r.label for r in found.records} == {0, 1}
    if split == "test":
        assert {r.method for r in found.records} == {"real", *METHODS[name]}
    for record in found.records:
        assert np.array_equal(faces.of(record).image(record), face(home_and(record)))
        assert np.array_equal(faces.of(record).landmarks(record), points(home_and(record)))


@pytest.mark.parametrize("name", ["FF-DF", "FaceShifter", "DeepFakeDetection", "Celeb-DF-v2", "DFDC", "UADFV"])
@pytest.mark.parametrize("system", ["linux", "windows"])
def test_lmdbs_of_both_systems_hold_the_same_faces(disk, content, name, system):
    faces = Faces(DataConfig(root=disk / system, store="lmdb"))
    for record in one(disk, name).records:
        assert np.array_equal(faces.of(record).image(record), face(home_and(record)))
        assert np.array_equal(faces.of(record).landmarks(record), points(home_and(record)))
        if record.mask is not None:
            expected = content[f"{record.dataset}/{record.mask}"][..., 0]
            assert np.array_equal(faces.of(record).mask(record), expected)


@pytest.mark.parametrize("name", ["DFDCP", "DeeperForensics-1.0"])
def test_what_its_lmdb_script_left_out_is_explained(disk, name):
    faces = Faces(DataConfig(root=disk / "linux", store="lmdb"))
    missing = next(r for r in one(disk, name).records if "video" in r.image)
    with pytest.raises(DataError, match=r"leaves out folders with 'video' in their name: .*data\.store rgb"):
        faces.of(missing).image(missing)


@pytest.mark.parametrize("name", ["FaceForensics++", "FF-DF", "FF-F2F", "FF-FS", "FF-NT", "FaceShifter"])
def test_an_ending_picks_the_compression(disk, name):
    assert {r.compression for r in one(disk, name).records} == {"c23"}
    assert {r.compression for r in one(disk, f"{name}_c40").records} == {"c40"}
    assert {r.compression for r in one(disk, name, compression=None).records} == {"c23", "c40"}
    assert one(disk, f"{name}_c23").records == one(disk, name).records


def test_endings_do_no_harm_where_there_is_one_compression(disk):
    assert one(disk, "Celeb-DF-v2_c23").records == one(disk, "Celeb-DF-v2").records
    with pytest.raises(ManifestError, match=r"DeepFakeDetection_c40: no faces in split 'test' with compression 'c40'"):
        one(disk, "DeepFakeDetection_c40")


def test_parts_are_found_in_the_whole_and_copies_for_a_compression_by_their_name(tmp_path):
    whole = rewritten(MANIFESTS["FaceForensics++.json"], FORMS["below rgb_dir"])
    write_manifest(tmp_path, "FaceForensics++", whole)
    found = one(tmp_path, "FF-NT_c40", manifests=tmp_path)
    assert {r.method for r in found.records} == {"real", "NeuralTextures"}
    with pytest.raises(ManifestError, match="FaceShifter: its manifest has no test videos of FaceShifter"):
        one(tmp_path, "FaceShifter", manifests=tmp_path)
    (tmp_path / "FaceForensics++.json").rename(tmp_path / "FaceForensics++_c40.json")
    assert {r.compression for r in one(tmp_path, "FaceForensics++_c40", manifests=tmp_path).records} == {"c40"}


def test_videos_keep_apart_what_shares_a_name(disk):
    records = one(disk, "FaceForensics++", compression=None).records
    assert {r.video for r in records if r.video.endswith("021_020")} == {
        f"{method}/{level}/021_020" for method in FF for level in ("c23", "c40")
    }
    assert len({r.key for r in records}) == len(records)


def test_names_of_videos_tell_source_donor_and_person(disk):
    def facts(name: str, video: str) -> tuple[str, str | None, str | None]:
        return next((r.source, r.donor, r.person) for r in one(disk, name).records if r.video == video)

    assert facts("FF-DF", "Deepfakes/c23/021_020") == ("021", "020", "020")
    assert facts("FF-F2F", "Face2Face/c23/021_020") == ("021", "020", "021"), "a reenactment keeps its face"
    assert facts("FF-DF", "youtube/c23/021") == ("021", None, "021")
    assert facts("DeepFakeDetection", "DeepFakeDetection/c23/01_02__walking__ABC") == ("01__walking", "02", "02")
    assert facts("DeepFakeDetection", "actors/c23/01__walking") == ("01__walking", None, "01")
    assert facts("Celeb-DF-v2", "Celeb-synthesis/id1_id0_0001") == ("id1_0001", "id0", "id0")
    assert facts("Celeb-DF-v2", "Celeb-real/id1_0001") == ("id1_0001", None, "id1")
    assert facts("DeeperForensics-1.0", "manipulated_videos/end_to_end/001_W122") == ("001", "W122", "W122")
    assert facts("UADFV", "fake/0001_fake")[0] == facts("UADFV", "real/0001")[0] == "0001"


def test_real_faces_have_no_mask_and_a_missing_one_is_no_black_one(disk, content, tmp_path):
    records = one(disk, "FF-DF").records
    assert all(r.mask is None for r in records if r.label == 0)
    fake = next(r for r in records if r.label == 1)
    lacking = {
        p: v for p, v in content.items() if p not in (f"{fake.dataset}/{fake.mask}", f"{fake.dataset}/{fake.landmarks}")
    }
    write_folders(tmp_path, {p: v for p, v in lacking.items() if fake.video.rpartition("/")[2] in p})
    store = Faces(DataConfig(root=tmp_path)).of(fake)
    with pytest.raises(DataError, match=r"Deepfakes/c23/021_020/00000: .* has no mask .*masks/021_020/000\.png"):
        store.mask(fake)
    with pytest.raises(DataError, match=r"has no landmarks .*landmarks/021_020/000\.npy"):
        store.landmarks(fake)


def test_masks_go_with_the_frames_that_have_one():
    tree = copy.deepcopy(MANIFESTS["FF-DF.json"])
    video = tree["FF-DF"]["FF-DF"]["test"]["c23"]["021_020"]
    video["masks"] = video["masks"][1:]
    frames = next(f for v, f in dfb.parse(tree, "x").entries if v.video == "Deepfakes/c23/021_020")
    assert [f.mask is None for f in frames] == [True, False, False]
    assert frames[1].mask == "manipulated_sequences/Deepfakes/c23/masks/021_020/005.png"


def uadfv(frames: object, label: str = "UADFV_Real", split: str = "test") -> dict:
    return {"UADFV": {"UADFV_Real": {split: {"0000": {"label": label, "frames": frames}}}}}


@pytest.mark.parametrize(
    ("stems", "numbers"),
    [
        (["010", "5", "000"], [0, 5, 10]),
        (["frame_2", "frame_10", "frame_1"], [1, 2, 10]),
        (["v1_f7.crop", "v1_f12.crop"], [7, 12]),
        (["b", "a"], [0, 1]),
        (["a1_x2", "a3_x2"], [0, 1]),
        (["000", "000"], [0]),
    ],
)
def test_frames_are_numbered_by_their_names_as_far_as_these_go(stems, numbers):
    tree = uadfv([f"UADFV/real/frames/0000/{stem}.png" for stem in stems])
    ((_, frames),) = dfb.parse(tree, "x").entries
    assert [f.frame for f in frames] == numbers
    if numbers == [1, 2, 10]:
        assert [f.image[-6:] for f in frames] == ["_1.png", "_2.png", "10.png"]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (uadfv(["UADFV/a.png"], label="UADFV"), r"f: UADFV_Real\.test\.0000: label 'UADFV' is neither"),
        (uadfv(["UADFV/a.png"], split="tset"), r"'UADFV_Real\.tset' is no split; did you mean 'test'"),
        (uadfv(["DFDC/a.png"]), r"0000: 'DFDC/a\.png' names no file below a folder 'UADFV'"),
        (uadfv(["UADFV/../a.png"]), "names no file below"),
        (uadfv("UADFV/a.png"), "'frames' must be a list of paths"),
        (uadfv([3]), "'frames' must be a list of paths"),
        ({"UADFV": {"UADFV_Real": {"test": ["0000"]}}}, r"UADFV_Real\.test: is \['0000'\]; expected videos by name"),
        ({"UADFV": {"UADFV_Real": {"test": {"0000": ["a.png"]}}}}, r"0000: expected a video with 'label' and 'frames'"),
        (
            {"UADFV": {f"UADFV_{w}": {"test": {"0": {"frames": ["UADFV/r/0/1.png"]}}} for w in ("Real", "Fake")}},
            "the test split lists video 'r/0' twice",
        ),
    ],
)
def test_what_is_wrong_is_named(tree, message):
    with pytest.raises(ManifestError, match=message):
        dfb.parse(tree, "f")


@pytest.mark.parametrize("tree", [[], {}, {"a": 1}, {"UADFV": {"UADFV_Real": []}}, {"a": {}, "b": {}}])
def test_other_files_are_no_manifests(tmp_path, tree):
    with pytest.raises(ManifestError, match="not a manifest"):
        dfb.read(write_manifest(tmp_path, "x", tree))


def test_empty_frame_lists_are_told_and_all_empty_is_an_error(disk, tmp_path):
    tree = copy.deepcopy(MANIFESTS["Celeb-DF-v2.json"])
    videos = tree["Celeb-DF-v2"]["CelebDFv2_real"]["test"]
    videos["00001"]["frames"] = []
    write_manifest(tmp_path, "Celeb-DF-v2", tree)
    found = one(disk, "Celeb-DF-v2", manifests=tmp_path)
    assert found.notes == ["Celeb-DF-v2: 1 of 3 test videos show no face and are in no figure"]
    assert "Celeb-real/id1_0001" in {r.video for r in found.records}
    write_manifest(tmp_path, "UADFV", uadfv([]))
    with pytest.raises(ManifestError, match="UADFV: no faces in split 'test'"):
        one(disk, "UADFV", manifests=tmp_path)


def test_records_without_a_video_are_told(disk):
    assert [note.partition(": ")[2] for note in one(disk, "DFDC").notes] == [
        f"DFDC_{word}.val holds frames without a video, as DeepfakeBench writes them; left out"
        for word in ("Fake", "Real")
    ]


def test_leaks_of_its_lists_are_told_where_they_matter(disk):
    found = one(disk, "UADFV")
    assert found.shared == {"train": 4, "val": 4}
    on_uadfv = {"data": {"train": ["UADFV"], "val": []}, "evaluate": {"select": "best"}}
    assert list(leaks(found, on_uadfv)) == [
        "UADFV: 4 of 4 test videos are in the train split of its manifest too: the detector has seen them",
        "UADFV: 4 of 4 test videos are in the val split of its manifest too: the checkpoint was chosen on them",
    ]
    assert len(list(leaks(found, {**on_uadfv, "evaluate": {"select": "last"}}))) == 1
    assert not list(leaks(found, {"data": {"train": ["FF-DF"]}, "evaluate": {"select": "best"}}))
    on_celeb = {"data": {"train": ["Celeb-DF-v2"]}, "evaluate": {"select": "last"}}
    assert list(leaks(one(disk, "Celeb-DF-v2"), on_celeb)) == [
        "Celeb-DF-v2: 2 of 3 test videos are in the train split of its manifest too: the detector has seen them"
    ]
    assert not one(disk, "FaceForensics++").shared


@pytest.mark.parametrize("name", ["UADFV", "FF-DF"])
def test_check_opens_everything_and_names_leaks(disk, name, capsys):
    words = ["--dataset", name, "--manifests", str(disk / "json"), "--datasets", str(disk), "--store", "rgb"]
    assert check.main(words) == 0
    printed = capsys.readouterr().out
    assert (f"leak: {name}: 4 videos are in train and in test, 'fake/0000_fake' for one" in printed) == (
        name == "UADFV"
    )
    assert f"{name}: {4 if name == 'UADFV' else 18} videos, 0 broken files, " in printed


def test_one_lmdb_serves_several_sets_and_spawned_workers(disk):
    data = DataConfig(root=disk / "windows", manifests=disk / "json", store="lmdb")
    parts = [r for found in chosen(disk, "FF-DF", "FF-F2F") for r in found.records]
    first, second = Faces(data), Faces(data)
    for record in parts:
        assert np.array_equal(first.of(record).image(record), second.of(record).image(record))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(first.of(parts[0]).image, (parts[0],))
    assert np.array_equal(there, face(home_and(parts[0])))


def test_first_frames_are_a_switch(disk):
    data = DataConfig(root=disk, manifests=disk / "json", sampling="first")
    (found,) = select(["UADFV"], "test", 2, data)
    assert {r.frame for r in found.records} == {0, 5}
    (found,) = select(["UADFV"], "test", 2, DataConfig(root=disk, manifests=disk / "json"))
    assert {r.frame for r in found.records} == {0, 10}
