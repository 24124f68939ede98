"""DeepfakeBench's names of methods that are called otherwise here work wherever a method is named, and leave a note."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.assembly import Asked, find_yaml
from training.core.config import Layers
from training.core.dfb_keys import MODELS
from training.core.errors import ConfigError
from training.core.migrate import migrate
from training.core.paths import CONFIG
from training.core.registry import DETECTORS
from training.session import configure

NOTE = "DeepfakeBench's time_transformer is timesformer here"


def test_they_stand_for_methods_and_are_none() -> None:
    assert set(MODELS.values()) <= set(DETECTORS.names())
    assert not set(MODELS) & set(DETECTORS.names())


def test_the_registry_knows_them() -> None:
    assert DETECTORS.get("sta_clip") is DETECTORS.get("sta")
    assert DETECTORS.resolve("xception") == "xception"


@pytest.mark.parametrize("place", ["{}", "config/detector/{}.yaml", "training/config/detector/{}.yaml"])
@pytest.mark.parametrize("name", MODELS)
def test_a_yaml_is_found_by_either_name(name: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CONFIG.parents[1])
    assert find_yaml(place.format(name), "detector").resolve() == CONFIG / "detector" / f"{MODELS[name]}.yaml"


def test_a_file_of_that_name_comes_first_and_a_missing_one_elsewhere_is_missed(tmp_path: Path) -> None:
    own = tmp_path / "sta_clip.yaml"
    with pytest.raises(ConfigError, match="no such file"):
        find_yaml(str(own), "detector")
    own.write_text("detector: xception")
    assert find_yaml(str(own), "detector") == own


def test_runs_have_our_name_and_a_note() -> None:
    cfg = configure("config/detector/time_transformer.yaml", None, Asked())
    assert cfg.detector.name == "timesformer" and cfg.notes == [NOTE]
    assert configure("timesformer", None, Asked()).notes == []


def test_a_yaml_may_name_its_method_so() -> None:
    tree = {"detector": {"name": "time_transformer"}, "notes": ["mine"]}
    cfg = Asked().over(Layers().add_tree(tree, "mine.yaml"))
    assert cfg.detector.name == "timesformer" and cfg.notes == ["mine", NOTE]


def test_migration_takes_them() -> None:
    assert migrate({"model_name": "sta_clip"}, "old.yaml").tree["detector"]["name"] == "sta"
