"""What each layout makes of a raw tree. Nothing is decoded, so the files are empty."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.layouts.base import LAYOUTS, layout_for
from preprocessing.manifest import REAL, SPLITS
from preprocessing.names import Subset, subset
from preprocessing.splits import pick_share, split_groups
from training.core.errors import BenchError, ConfigError, RegistryError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def scan(root, dataset="mine", layout=None, compression="c23"):
    return layout_for(dataset, layout).scan(root, dataset, compression)


def by_name(found):
    return {source.facts.video: source for source in found.videos}


# FaceForensics++


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


# Celeb-DF


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
    owners = {split: set() for split in SPLITS}
    for source in found.values():
        owners[source.facts.split].add(source.facts.source.partition("_")[0])
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


# One's own data


def test_a_folder_tree_gives_label_method_and_source(tmp_path):
    root = touch(tmp_path, "real/a.mp4", "REAL/x/b.PNG", "fake/gan/x/b.png", "fake/lone.jpg", "fake/swap/a.mp4")
    found = by_name(scan(root, layout="folder"))
    facts = {v: (s.facts.label, s.facts.method, s.facts.source) for v, s in found.items()}
    assert facts == {
        "real/a": (0, REAL, "a"),
        "REAL/x/b": (0, REAL, "x/b"),
        "fake/gan/x/b": (1, "gan", "x/b"),
        "fake/lone": (1, "fake", "lone"),
        "fake/swap/a": (1, "swap", "a"),
    }
    assert found["real/a"].facts.split == found["fake/swap/a"].facts.split


def test_folders_called_like_splits_are_splits(tmp_path):
    root = touch(tmp_path, "train/real/a.mp4", "val/fake/gan/b.mp4", "test/fake/c.mp4")
    assert {v: s.facts.split for v, s in by_name(scan(root, layout="folder")).items()} == {
        "train/real/a": "train",
        "val/fake/gan/b": "val",
        "test/fake/c": "test",
    }


def test_files_that_are_no_data_are_counted(tmp_path):
    root = touch(tmp_path, "real/a.mp4", "real/notes.txt", "other/b.mp4", ".hidden/c.mp4", "real/.d.mp4")
    found = scan(root, layout="folder")
    assert len(found.videos) == 1
    assert any("2 files are no videos or pictures" in r and "other/b.mp4, real/notes.txt" in r for r in found.remarks)


def test_files_that_differ_in_their_ending_stay_apart(tmp_path):
    found = by_name(scan(touch(tmp_path, "real/a.mp4", "real/a.png"), layout="folder"))
    assert set(found) == {"real/a.mp4", "real/a.png"}


def test_linked_folders_are_followed_once(tmp_path):
    touch(tmp_path / "elsewhere", "a.mp4")
    (tmp_path / "root/real").mkdir(parents=True)
    (tmp_path / "root/real/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/real/loop").symlink_to(tmp_path / "root/real")
    assert set(by_name(scan(tmp_path / "root", layout="folder"))) == {"real/linked/a"}


def test_odd_file_names_become_usable_ones(tmp_path):
    touch(tmp_path, "real/ok.mp4", f"real/{'x' * 240}.mp4")
    (tmp_path / "real/bad\udcff.mp4").touch()
    for source in scan(tmp_path, layout="folder").videos:
        assert source.path.exists()
        source.facts.video.encode("utf-8")
        assert max(map(len, source.facts.video.split("/"))) < 200


def write_csv(tmp_path, text):
    (tmp_path / "data.csv").write_text(text)
    return tmp_path / "data.csv"


def test_a_table_gives_all_facts(tmp_path):
    table = write_csv(
        tmp_path,
        "path,label,split,method,person,source\nclips/a.mp4,real,train,,anna,\nclips/b.mp4,fake,test,gan,anna,a\n../c.png,1,val,,,\n",
    )
    found = by_name(scan(table, layout="folder"))
    a, b, c = (found[v].facts for v in ("clips/a", "clips/b", "c"))
    assert (a.label, a.method, a.split, a.person, a.source) == (0, REAL, "train", "anna", "a")
    assert (b.label, b.method, b.split, b.person, b.source) == (1, "gan", "test", "anna", "a")
    assert (c.label, c.method, c.split, c.person) == (1, "fake", "val", None)
    assert found["clips/a"].path == tmp_path / "clips/a.mp4"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("path,labl\na.mp4,real\n", "unknown column 'labl'; did you mean 'label'?"),
        ("path\na.mp4\n", "lacks the column label"),
        ("path,label\na.mp4,reel\n", "data.csv:2: label is 'reel'; expected real, fake, 0 or 1"),
        ("path,label\n,real\n", "data.csv:2: the path is empty"),
        ("path,label,split\na.mp4,real,tset\n", "data.csv:2: split is 'tset'; did you mean 'test'?"),
        ("path,label,method\na.mp4,real,gan\n", "data.csv:2: method is 'gan' but label is 'real'"),
        ("path,label\na.mp4,real\na.mp4,fake\n", "lists twice"),
        ("path,label\n", "holds no videos or pictures"),
        ("path,label\na.mp4,real,extra\n", "data.csv:2: has more cells than the header"),
    ],
)
def test_wrong_tables_are_named_by_line(tmp_path, text, says):
    with pytest.raises(ConfigError) as error:
        scan(write_csv(tmp_path, text), layout="folder")
    assert says in str(error.value) and "data.csv" in str(error.value)


def test_a_person_stays_in_one_split(tmp_path):
    rows = [
        f"p{person}_{i}.mp4,{label},person{person}" for person in range(9) for i, label in enumerate(("real", "fake"))
    ]
    found = scan(write_csv(tmp_path, "path,label,person\n" + "\n".join(rows)), layout="folder")
    splits = {
        person: {s.facts.split for s in found.videos if s.facts.person == f"person{person}"} for person in range(9)
    }
    assert all(len(s) == 1 for s in splits.values())
    assert {s for group in splits.values() for s in group} == set(SPLITS)
    assert any("divided by a hash" in remark for remark in found.remarks)


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="holds no videos or pictures; expected real/"):
        scan(tmp_path, layout="folder")


# Splits and names

groups = st.dictionaries(
    st.text(max_size=6), st.sampled_from([frozenset({0}), frozenset({1}), frozenset({0, 1})]), max_size=40
)
SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}


@given(groups)
def test_every_split_gets_a_group_of_each_label_that_has_three(labels):
    splits = split_groups(labels, SHARES)
    assert splits.keys() == labels.keys()
    for label in (0, 1):
        counts = Counter(splits[group] for group, found in labels.items() if label in found)
        if counts.total() >= 3:
            assert all(counts[split] >= 1 for split in SHARES)


@pytest.mark.parametrize(("groups", "filled"), [(1, ["train"]), (2, ["test", "train"]), (3, ["test", "train", "val"])])
def test_few_groups_serve_training_first_and_testing_second(groups, filled):
    splits = split_groups({f"g{i}": frozenset({0}) for i in range(groups)}, SHARES)
    assert sorted(splits.values()) == filled


def test_large_sets_are_divided_by_the_shares():
    labels = {f"g{i}": frozenset({i % 2}) for i in range(1000)}
    counts = Counter(split_groups(labels, SHARES).values())
    assert counts == {"train": 700, "val": 100, "test": 200}


@given(st.sets(st.text()), st.floats(0, 1))
def test_a_share_is_some_but_never_all(names, share):
    picked = pick_share(names, share)
    assert picked <= names
    assert len(picked) < max(len(names), 1)
    assert len(names) < 2 or picked


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FaceForensics++", Subset("FaceForensics++", (REAL, "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"))),
        ("FF-DF", Subset("FaceForensics++", (REAL, "Deepfakes"))),
        ("FF-NT_c40", Subset("FaceForensics++", (REAL, "NeuralTextures"), "c40")),
        ("FaceShifter", Subset("FaceForensics++", (REAL, "FaceShifter"))),
        (
            "FaceForensics++_raw",
            Subset("FaceForensics++", (REAL, "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"), "raw"),
        ),
        ("Celeb-DF-v2", Subset("Celeb-DF-v2")),
        ("DeepFakeDetection_c23", Subset("DeepFakeDetection", None, "c23")),
        ("my_c23", Subset("my_c23")),
        ("c23", Subset("c23")),
    ],
)
def test_dataset_names_of_the_command_line(name, expected):
    assert subset(name) == expected


def test_unknown_datasets_and_layouts_are_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown dataset 'Celeb-DF-v3'; did you mean 'Celeb-DF-v2'\?"):
        layout_for("Celeb-DF-v3")
    with pytest.raises(RegistryError, match=r"unknown layout 'foldr'; did you mean 'folder'\?"):
        layout_for("mine", "foldr")


@pytest.mark.parametrize("name", LAYOUTS.names())
def test_every_layout_says_what_it_expects_and_refuses_an_empty_root(name, tmp_path):
    layout = LAYOUTS.get(name)
    assert layout.about
    with pytest.raises(BenchError):
        layout().scan(tmp_path, next(iter(layout.datasets), "mine"), "c23")
