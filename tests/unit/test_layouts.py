"""What all layouts have in common, how splits are drawn, and what names stand for."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.layouts._lists import read_lines, read_rows
from preprocessing.layouts.base import LAYOUTS, layout_for
from preprocessing.manifest import REAL
from preprocessing.names import Subset, full_name, manifest_names, subset
from preprocessing.splits import pick_share, split_groups
from training.core.errors import BenchError, ConfigError, RegistryError

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
        ("DFD_c23", Subset("DeepFakeDetection", None, "c23")),
        ("DSv1", Subset("DeepSpeak-v1")),
        ("my_c23", Subset("my_c23")),
        ("c23", Subset("c23")),
    ],
)
def test_dataset_names_of_the_command_line(name, expected):
    assert subset(name) == expected


def test_short_names_find_the_manifest_of_the_full_one():
    assert full_name("DSv1") == "DeepSpeak-v1" and full_name("mine") == "mine"
    assert manifest_names("DFD") == ["DFD", "DeepFakeDetection"]


@pytest.mark.parametrize("part", ["FF-DF", "FaceShifter", "FF-NT_c40", "FaceForensics++_c40"])
def test_parts_of_a_dataset_are_preprocessed_with_the_whole(part):
    with pytest.raises(ConfigError, match=r"is a part of FaceForensics\+\+: preprocess that"):
        layout_for(part)


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


def test_no_dataset_is_read_by_two_layouts():
    names = [name for key in LAYOUTS.names() for name in (key, *LAYOUTS.get(key).datasets)]
    assert len(set(names)) == len(names)


def test_lists_that_are_no_text_are_named(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"list\.txt: not a text file"):
        list(read_lines(tmp_path / "list.txt"))


def test_tables_may_start_with_a_mark_and_have_short_and_long_rows(tmp_path):
    (tmp_path / "table.csv").write_bytes(b"\xef\xbb\xbfname, label,note\na, 1\n\nb,0,x,y\n")
    assert [(at.rpartition(":")[2], row) for at, row in read_rows(tmp_path / "table.csv", "name", "label")] == [
        ("2", {"name": "a", "label": "1", "note": ""}),
        ("4", {"name": "b", "label": "0", "note": "x"}),
    ]
