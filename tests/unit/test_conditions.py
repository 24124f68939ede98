"""The hash of a protocol: what changes it, what does not, and where a run leaves it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from preprocessing.layouts.base import LAYOUTS
from preprocessing.names import full_name, subset
from tests.conftest import write_dataset
from tests.end_to_end.conftest import SMALL, TINY
from training import test as test_entry
from training import train as train_entry
from training.assembly import find_yaml
from training.conditions import of_test, of_training
from training.core.conditions import differences, protocol_hash
from training.core.config import Layers, read_yaml
from training.core.errors import ConfigError, ManifestError
from training.core.paths import CONFIG
from training.core.schema import Config
from training.data.held_out import held_out
from training.data.select import select
from training.engine.checkpoint import read_card
from training.engine.results import Scores

PROTOCOLS = sorted((CONFIG / "protocol").glob("*.yaml"))
OPEN = {"data": {"recipe": {"name": "open_world", "known": ["real", "Deepfakes"]}}}

WRONG = "evaluate.metric=video/auk"


def conditions(root: Path, *trees: dict[str, Any], tested: str = "Other") -> dict[str, Any]:
    """Of a run that learns from Toy and is tested on ``tested``, as the trees change it."""
    layers = Layers().add_file(CONFIG / "train_config.yaml").add_tree({"detector": "xception"}, "test")
    layers.add_tree({"data": {"train": ["Toy"], "manifests": str(root / "manifests")}}, "test")
    for tree in trees:
        layers.add_tree(tree, "test")
    cfg = layers.read(Config)
    trained = select(cfg.data.train, "train", cfg.data.frames_train, cfg.data)
    validated = [] if cfg.evaluate.select == "last" else select(cfg.data.train, "val", 0, cfg.data)
    (chosen,) = select([tested], "test", cfg.data.frames_test, cfg.data)
    return of_test(cfg, of_training(cfg, trained, validated), chosen)


def rewritten(root: Path, name: str, change: Callable[[dict[str, Any]], None]) -> Path:
    """A folder with the toy manifests, of which one was changed."""
    target = root / name
    (target / "manifests").mkdir(parents=True)
    for path in (root / "manifests").glob("*.json"):
        tree = json.loads(path.read_text())
        if path.stem == "Other":
            change(tree)
        (target / "manifests" / path.name).write_text(json.dumps(tree))
    return target


@pytest.fixture
def toys(tmp_path: Path) -> Path:
    for name, sources in (("Toy", 9), ("Other", 7)):
        write_dataset(tmp_path, name, sources=sources, frames=2)
    return tmp_path


ENTERS = {
    "training set": {"data": {"train": ["Toy", "Other"]}},
    "frames": {"data": {"frames_test": 1}},
    "sampling": {"data": {"sampling": "first"}},
    "selection": {"evaluate": {"select": "last"}},
    "what selects": {"evaluate": {"monitor": "frame/auc"}},
    "who validates": {"evaluate": {"held_out": True}},
    "metric": {"evaluate": {"metric": "frame/auc"}},
    "what is a video": {"evaluate": {"video_key": "folder"}},
    "classes": OPEN,
}
DOES_NOT = {
    "seed": {"seed": 3},
    "device": {"device": "cuda:1", "precision": "bf16"},
    "workers": {"data": {"workers": 7, "batch_size_test": 3}},
    "paths": {"data": {"root": "/elsewhere"}, "run_dir": "/runs"},
    "store": {"data": {"store": "lmdb"}},
    "method": {"detector": "ucf", "backbone": "resnet34", "data": {"recipe": "pairs", "frames_train": 1}},
    "training": {"epochs": 99, "optim": {"rule": {"lr": 1.0}}, "data": {"augment": {"flip": 0.0}, "batch_size": 2}},
    "intervals": {"evaluate": {"resamples": 3, "cluster": "source"}},
    "log": {"log": {"every": 1}, "notes": ["one"]},
}


@pytest.mark.parametrize("tree", ENTERS.values(), ids=ENTERS)
def test_each_ingredient_changes_the_hash(tree: dict[str, Any], toys: Path) -> None:
    plain, changed = conditions(toys), conditions(toys, tree)
    assert protocol_hash(plain) != protocol_hash(changed)
    assert differences(plain, changed)


@pytest.mark.parametrize("tree", DOES_NOT.values(), ids=DOES_NOT)
def test_what_is_compared_or_runs_it_does_not(tree: dict[str, Any], toys: Path) -> None:
    assert conditions(toys) == conditions(toys, tree)


def test_test_sets_are_told_apart_by_what_their_manifests_list(toys: Path) -> None:
    plain = conditions(toys)
    assert protocol_hash(plain) != protocol_hash(conditions(toys, tested="Toy"))

    def relabel(tree: dict[str, Any]) -> None:
        tree["videos"][-1]["source"] = "another"

    def hide(tree: dict[str, Any]) -> None:
        test = next(video for video in tree["videos"] if video["split"] == "test")
        test["frames"][0] = {"frame": test["frames"][0]["frame"], "face_found": False}

    def cut(tree: dict[str, Any]) -> None:
        tree["facts"]["settings"] = {"size": 128, "scale": 1.3}

    def move(tree: dict[str, Any]) -> None:
        tree["videos"].reverse()
        tree["facts"]["versions"] = {"cv2": "9"}
        for video in tree["videos"]:
            for frame in video["frames"]:
                frame["image"] = f"elsewhere/{frame['image']}"

    for name, change in (("label", relabel), ("hide", hide), ("cut", cut)):
        assert protocol_hash(conditions(rewritten(toys, name, change))) != protocol_hash(plain), name
    assert protocol_hash(conditions(rewritten(toys, "move", move))) == protocol_hash(plain)


def test_differences_say_what_differs(toys: Path) -> None:
    plain = conditions(toys)
    assert differences(plain, plain) == []
    assert differences(plain, conditions(toys, {"data": {"frames_test": 8}})) == ["frames.per_video: 32, theirs 8"]
    found = differences(plain, conditions(toys, tested="Toy"))
    assert found == ["test.Other: there, theirs none", "test.Toy: none, theirs there"]


def test_order_of_keys_and_of_known_classes_says_nothing(toys: Path) -> None:
    plain = conditions(toys, OPEN)
    turned = {"data": {"recipe": {"name": "open_world", "known": ["Deepfakes", "real"], "clusters": 9}}}
    assert protocol_hash(dict(reversed(plain.items()))) == protocol_hash(plain)
    assert conditions(toys, turned) == plain


def test_validation_is_free_of_clips_and_people_that_train(toys: Path) -> None:
    path = toys / "manifests/Toy.json"
    tree = json.loads(path.read_text())
    validating = [video for video in tree["videos"] if video["split"] == "val"]
    trained = next(video for video in tree["videos"] if video["split"] == "train")
    validating[0]["person"] = trained["person"]
    validating[1]["donor"] = trained["source"]
    path.write_text(json.dumps(tree))
    data = Layers().add_tree({"detector": "x", "data": {"manifests": str(toys / "manifests")}}, "").read(Config).data
    (learned,), (chosen,) = select(["Toy"], "train", 0, data), select(["Toy"], "val", 0, data)
    kept = held_out(chosen, [learned])
    assert {r.video for r in chosen.records} - {r.video for r in kept.records} == {v["video"] for v in validating[:2]}
    assert kept.notes == [
        "Toy: 2 of 6 validation videos show clips or people that train too; left out (evaluate.held_out)"
    ]
    with pytest.raises(ManifestError, match="Toy: all 6 validation videos show clips or people that train too"):
        held_out(chosen, [learned, chosen])


def test_a_run_and_a_later_test_leave_the_same_hash(toy: Path, data_flags: list[str], tmp_path: Path) -> None:
    few = [*TINY, *SMALL, *data_flags, "--set", "max_steps=1", "--set", "data.workers=0"]
    words = ["--detector_path", "xception", "--train_dataset", "Toy", "--test_dataset", "Other", "Toy", *few]
    train_entry.main([*words, "--output", str(tmp_path / "run")])
    sets = json.loads((tmp_path / "run/metrics.json").read_text())["sets"]
    hashes = {name: tested["protocol"] for name, tested in sets.items()}
    assert hashes["Toy"] != hashes["Other"]
    assert all(protocol_hash(tested["conditions"]) == tested["protocol"] for tested in sets.values())
    for name, expected in hashes.items():
        with (tmp_path / f"run/scores/{name}.csv").open() as file:
            assert {row["protocol"] for row in csv.DictReader(file)} == {expected}
        assert len(Scores.load(tmp_path / f"run/scores/{name}.csv"))
    kept = tmp_path / "run/best.safetensors"
    assert read_card(kept).conditions["selection"] == {"select": "best", "monitor": "video/auc", "held_out": False}
    words = ["--weights_path", str(kept), "--test_dataset", "Other", *data_flags, "--set", "data.workers=0"]
    test_entry.main([*words, "--output", str(tmp_path / "again")])
    again = json.loads((tmp_path / "again/metrics.json").read_text())["sets"]
    assert again["Other"]["protocol"] == hashes["Other"]

    with pytest.raises(ConfigError, match=r"'evaluate.metric' is 'video/auk'; did you mean 'video/auc'"):
        train_entry.main(
            ["--detector_path", "xception", "--train_dataset", "Toy", "--set", "evaluate.metric=video/auk"]
        )


@pytest.mark.parametrize("path", PROTOCOLS, ids=lambda path: path.stem)
def test_protocols_are_configurations_and_name_data_sets_that_can_be_preprocessed(path: Path) -> None:
    layers = Layers().add_file(CONFIG / "train_config.yaml").add_file(find_yaml("supervised", "detector"))
    cfg = layers.add_file(find_yaml(path.stem, "protocol")).read(Config)
    known = {name for key in LAYOUTS.names() for name in LAYOUTS.get(key).datasets} | {"Attribution-Demo"}
    for name in (*cfg.data.train, *cfg.data.val, *cfg.data.test):
        assert subset(full_name(name)).dataset in known
    assert cfg.data.train and cfg.data.test and yaml.safe_dump(read_yaml(path))
