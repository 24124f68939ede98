"""One's own data, as folders or as a table."""

from __future__ import annotations

import pytest

from preprocessing.manifest import REAL, SPLITS
from tests.unit.trees import by_name, scan, touch
from training.core.errors import ConfigError


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
        "path,label,split,method,person,source\nclips/a.mp4,real,train,,anna,\nclips/b.mp4,fake,test,gan,anna,a\nc.png,1,val,,,\n",
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
        ("path,label\n../a.mp4,real\n", "data.csv:2: '../a.mp4' leads out of"),
        ("path,label\n/etc/a.mp4,real\n", "data.csv:2: '/etc/a.mp4' leads out of"),
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
