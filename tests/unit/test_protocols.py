"""Attribution protocols: the shipped ones are the published ones, layouts feed them, and new ones can be made."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from preprocessing.layouts import owdfa40
from preprocessing.layouts.base import Scan
from preprocessing.manifest import REAL, Frame, Record, faces_of
from tests.unit.test_owdfa import release
from tests.unit.trees import scan, touch
from training.assembly import Asked
from training.core.config import Layers, read_yaml
from training.core.errors import ConfigError
from training.core.paths import CONFIG, ROOT
from training.core.registry import DETECTORS
from training.core.schema import Config
from training.data.protocol import Protocol, told
from training.make_protocol import main as make_protocol

GOLDEN = ROOT / "tests" / "golden" / "data" / "owdfa"
SHIPPED = sorted((CONFIG / "protocol").glob("owdfa*.yaml"))


def protocol(name: str) -> Protocol:
    return Protocol.of(read_yaml(CONFIG / "protocol" / f"{name}.yaml")["data"]["recipe"])


def records(found: Scan, split: str = "train") -> list[Record]:
    """One face of each video of a layout's scan."""
    videos = [source.facts for source in found.videos if source.facts.split == split]
    return [record for video in videos for record in faces_of(video, [Frame(0, image="x.png")])]


def counts(records: list[Record]) -> Counter[str]:
    return Counter(record.method for record in records)


# The shipped protocols


@pytest.mark.parametrize(("name", "published"), [("owdfa_p1", "protocol1"), ("owdfa_p2", "protocol2")])
def test_owdfas_protocols_have_the_published_classes_in_their_order(name: str, published: str) -> None:
    rows = sorted(json.loads((GOLDEN / "cpl_protocols.json").read_text())[published], key=lambda row: row["label"])
    names = [f"{REAL if row['method'] == 'Real' else row['method']}@{row['image_source']}" for row in rows]
    known = sum(row["labelled_tag1"] > 0 for row in rows)
    assert (protocol(name).known, protocol(name).novel) == (names[:known], names[known:])
    extended = protocol({"owdfa_p1": "owdfapp_p3", "owdfa_p2": "owdfapp_p4"}[name])
    assert (extended.known, extended.novel) == (names[:known], names[known:]) and extended.tagged


@pytest.mark.parametrize("number", [1, 2, 3])
def test_owdfa40s_protocols_have_the_published_classes_in_their_order(number: int) -> None:
    published = json.loads((GOLDEN / "cal_protocols.json").read_text())["protocols"][str(number)]
    folders = {int(f.split("_")[0]): REAL if "_Real_" in f else f.split("_", 2)[2] for f in owdfa40.FOLDERS}
    target_of = {folders[int(folder)]: target for folder, target in published["target_of_folder_id"].items()}
    names = sorted(target_of, key=lambda name: target_of[name])
    ours = protocol(f"owdfa40_p{number}")
    assert (ours.known, ours.novel) == (names[: published["n_known"]], names[published["n_known"] :])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_protocols_fit_every_method_of_attribution(path: Path) -> None:
    for name in DETECTORS.names():
        if DETECTORS.get(name).recipe == "open_world":
            layers = Layers().add_file(CONFIG / "train_config.yaml").add_file(CONFIG / f"detector/{name}.yaml")
            cfg = Asked(str(path)).over(layers)
            assert isinstance(cfg, Config) and cfg.data.recipe.params["known"] and cfg.data.train == cfg.data.test


# What layouts give them


@pytest.mark.parametrize(("name", "known", "novel"), [("owdfa_p1", 8, 12), ("owdfa_p2", 9, 13)])
def test_owdfas_lists_say_who_is_labelled(tmp_path: Path, name: str, known: int, novel: int) -> None:
    found = scan(release(tmp_path), "OW-DFA")
    ours = protocol(name)
    train, test = (ours.scope(records(found, split)) for split in ("train", "test"))
    classes = ours.classes(train)
    assert classes[:known] == ours.known and len(classes) == known + novel
    assert set(counts(train)) == set(counts(test)) == {*ours.known, *(ours.novel or ())}
    by_lists = told(train, ours.known, None)
    assert by_lists.tolist() == [record.labelled for record in train] and 0 < by_lists.mean() < 1
    share = told(train, ours.known, 0.25)
    for method, count in counts(train).items():
        asked = sum(share[at] for at, record in enumerate(train) if record.method == method)
        assert asked == (int(0.25 * count + 0.5) if method in ours.known else 0)


def test_classes_that_no_protocol_names_take_their_role_from_the_lists(tmp_path: Path) -> None:
    stem = "Protocol4_openset_real_fake_aigc_large_merge_meta.csv"
    found = scan(release(tmp_path, stem=stem), "OW-DFA++")
    renamed = {"FaceAPP@DFFD": "MidJourney@DF3", "PGGAN@DFFD": "SD@DF3"}  # one known, one novel

    def changed(split: str) -> list[Record]:
        return [replace(record, method=renamed.get(record.method, record.method)) for record in records(found, split)]

    for name, reals in (("owdfapp_p3", 0), ("owdfapp_p4", 2)):
        whole = protocol(name)
        ours = replace(whole, known=[known for known in whole.known if known not in renamed])
        train = ours.scope(changed("train"))
        classes = ours.classes(train)
        known = [*ours.known, "MidJourney@DF3"]
        assert classes[: len(known)] == known and len(classes) == 20 + reals
        assert sum(method.startswith(REAL) for method in counts(train)) == reals
        assert set(counts(ours.scope(changed("test")))) == set(counts(train))
        assert told(train, known, None).tolist() == [record.labelled for record in train]


def test_owdfa40_has_as_many_pictures_of_each_class_as_published(tmp_path: Path) -> None:
    found = scan(touch(tmp_path, *(f"data/{f}/{i:05d}.png" for f in owdfa40.FOLDERS for i in range(50))), "OWDFA-40")
    ours = protocol("owdfa40_p1")
    small = {"train": {"known": 32, "novel": 24, "real": 64}, "test": {"known": 8, "novel": 6, "real": 16}}
    published = {
        "train": {"known": 1600, "novel": 1200, "real": 16000},
        "test": {"known": 400, "novel": 300, "real": 4000},
    }
    assert ours.limit == published
    ours = replace(ours, limit=small)
    for split, limits in small.items():
        kept = ours.scope(records(found, split))
        sides = {
            name: limits["real" if name == REAL else "known" if name in ours.known else "novel"]
            for name in counts(kept)
        }
        assert counts(kept) == sides and len(sides) == 41
        folders = Counter(record.video.split("/")[0] for record in kept if record.method == REAL)
        assert set(folders.values()) == {limits["real"] // 2} and len(folders) == 2
        assert ours.scope(records(found, split)[::-1]) == kept[::-1], "whatever the order of files"
    assert ours.classes(ours.scope(records(found)))[:19] == ours.known
    assert protocol("owdfa40_p1").scope(records(found)) == records(found), "smaller classes are kept whole"


def test_a_source_divides_a_method_only_where_it_is_named() -> None:
    facts = {"dataset": "D", "frame": 0, "label": 0, "source": "s", "split": "train", "image": "x.png"}
    made = [
        Record(video=video, method=method, **facts)
        for video, method in (("A/1", REAL), ("B/2", REAL), ("A/3", "gan@A"), ("B/4", "gan@B"), ("A/5", "swap"))
    ]

    def classes(known: list[str], novel: list[str] | None = None) -> list[str]:
        return [record.method for record in Protocol(known=known, novel=novel).scope(made)]

    assert classes(["gan@A", REAL]) == [REAL, REAL, "gan@A", "gan@B", "swap"]
    assert classes(["gan@A", "real@A"]) == ["real@A", "real@B", "gan@A", "gan@B", "swap"]
    assert classes(["gan@A"], ["real@B", "swap@A"]) == ["real@B", "gan@A", "swap@A"]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"known": "gan"}, "'data.recipe.known' is 'gan'; expected a list"),
        ({"known": ["gan", "gan"]}, "gan is named twice"),
        ({"known": ["gan", "real@A", "real@B"]}, "real@A and real@B; one class of real pictures at most"),
        ({"known": ["real@A"]}, "name at least one method beside real"),
        ({"known": ["gan"], "limit": {"train": {"fake": 3}}}, "limit.train: unknown 'fake'"),
        ({"known": ["gan"], "limit": {"test": {"novel": 0}}}, "limit.test.novel is 0; expected 1 or more"),
    ],
)
def test_protocols_that_contradict_themselves_are_refused(params: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says.replace("(", r"\(")):
        Protocol.of(params)


# New ones


def made(toy: Path, output: Path, *known: str, dataset: str = "Toy") -> dict:
    words = ["--dataset", dataset, "--known", *known, "--output", str(output), "--manifests", str(toy / "manifests")]
    make_protocol(words)
    return read_yaml(output)["data"]


def test_a_protocol_is_made_by_chance_or_by_name(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = made(toy, tmp_path / "drawn.yaml", "1")
    assert drawn["train"] == drawn["test"] == ["Toy"] and drawn["manifests"] == str(toy / "manifests")
    known, novel = drawn["recipe"]["known"], drawn["recipe"]["novel"]
    assert known[0] == REAL and sorted([*known, *novel]) == ["Deepfakes", "FaceSwap", REAL] and len(novel) == 1
    assert made(toy, tmp_path / "again.yaml", "1") == drawn
    named = made(toy, tmp_path / "named.yaml", "FaceSwap", REAL)["recipe"]
    assert (named["known"], named["novel"]) == (["FaceSwap", REAL], ["Deepfakes"])
    capsys.readouterr()
    assert made(toy, tmp_path / "novel.yaml", "FaceSwap")["recipe"]["novel"] == ["Deepfakes", REAL]
    assert capsys.readouterr().out.startswith("real is novel here, since --known does not name it\n1 known and 2 novel")
    text = (tmp_path / "drawn.yaml").read_text()
    assert "drawn with seed 0" in text and "#   FaceSwap: 5, 2" in text


def test_another_seed_draws_others(toy: Path, tmp_path: Path) -> None:
    words = ["--dataset", "Toy", "--known", "1", "--manifests", str(toy / "manifests")]
    chosen = set()
    for seed in range(8):
        make_protocol([*words, "--seed", str(seed), "--output", str(tmp_path / f"{seed}.yaml")])
        chosen.add(read_yaml(tmp_path / f"{seed}.yaml")["data"]["recipe"]["known"][1])
    assert chosen == {"Deepfakes", "FaceSwap"}


@pytest.mark.parametrize(
    ("known", "says"),
    [
        (["2"], r"--known 2: there are 2 methods beside real \(Deepfakes, FaceSwap\); expected 1 to 1"),
        (["0"], "expected 1 to 1"),
        (["DeepFakes"], "no videos of 'DeepFakes' train and test; did you mean 'Deepfakes'"),
        (["real"], "name a method beside real"),
        (["FaceSwap", "FaceSwap"], "FaceSwap is named twice"),
        (["real", "Deepfakes", "FaceSwap"], "leave one out, to be novel"),
    ],
)
def test_what_cannot_be_a_protocol_is_refused(toy: Path, tmp_path: Path, known: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        made(toy, tmp_path / "p.yaml", *known)
    assert not (tmp_path / "p.yaml").exists()


def test_a_protocol_that_is_there_is_left_alone(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        made(toy, tmp_path / "p.yaml", "1")
    assert (tmp_path / "p.yaml").read_text() == "mine"


def test_two_classes_are_too_few(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"FF-DF: 2 classes train and test \(Deepfakes, real\); a protocol needs 3"):
        manifests = tmp_path / "manifests"
        manifests.mkdir()
        text = (toy / "manifests/Toy.json").read_text().replace('"dataset": "Toy"', '"dataset": "FaceForensics++"')
        (manifests / "FaceForensics++.json").write_text(text)
        made(tmp_path, tmp_path / "p.yaml", "1", dataset="FF-DF")


def test_classes_without_test_videos_are_left_out(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = json.loads((toy / "manifests/Toy.json").read_text())
    extra = [
        {**video, "method": "gan", "video": video["video"].replace("Deepfakes", "gan")}
        for video in tree["videos"]
        if video["method"] == "Deepfakes" and video["split"] == "train"
    ]
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/Toy.json").write_text(json.dumps({**tree, "videos": [*tree["videos"], *extra]}))
    assert "gan" not in str(made(tmp_path, tmp_path / "p.yaml", "1")["recipe"])
    assert "left out, since no video of it tests: gan" in capsys.readouterr().out


def test_labels_follow_no_seed() -> None:
    facts = {"dataset": "D", "frame": 0, "label": 1, "source": "s", "split": "train", "image": "x.png"}
    made = [Record(video=f"v{i}", method="gan", **facts) for i in range(40)]
    assert (told(made, ["gan"], None) == told(made[::-1], ["gan"], None)[::-1]).all()
    assert told(made, ["gan"], None).sum() == 30 and not told(made, [], None).any()
    assert isinstance(told([], ["gan"], None), np.ndarray)
