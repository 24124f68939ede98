"""Layers of configuration: who wins, what is refused, and how it is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.core.config import At, Layers, Spec, instantiate, read_section, to_tree
from training.core.errors import ConfigError, did_you_mean
from training.core.paths import CONFIG
from training.core.schema import Config

BASE = CONFIG / "train_config.yaml"


def xception(*overrides: str) -> Config:
    return (
        Layers().add_file(BASE).add_file(CONFIG / "detector/xception.yaml").add_overrides(list(overrides)).read(Config)
    )


def test_the_base_file_states_exactly_the_schemas_defaults() -> None:
    stated = Layers().add_file(BASE).add_tree({"detector": "xception"}, "test").read(Config)
    assert stated == Config(detector=Spec(name="xception"))
    keys = {"detector", "backbone", *Layers().add_file(BASE).tree}
    assert keys == set(Config.__dataclass_fields__)


def test_detector_beats_base_and_command_line_beats_both(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("detector: meso4\nepochs: 3\ndata: {batch_size: 7}\n")
    layers = Layers().add_file(BASE).add_file(own)
    assert layers.read(Config).epochs == 3 and layers.read(Config).data.frames_test == 32
    assert layers.add_overrides(["epochs=5"]).read(Config).epochs == 5


def test_another_plug_in_drops_the_parameters_of_the_old_one() -> None:
    assert xception("optim.rule={name: sgd, lr: 1}").optim.rule.params == {"lr": 1}
    assert xception("optim.rule.name=sgd", "optim.rule.lr=1").optim.rule.params == {"lr": 1}
    assert xception("optim.rule.lr=1").optim.rule.params["weight_decay"] == 5e-4


def test_a_bare_plug_in_name_takes_parameters_later(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("detector: meso4\ndata: {recipe: pairs}\n")
    cfg = Layers().add_file(own).add_overrides(["data.recipe.match=any"]).read(Config)
    assert cfg.data.recipe == Spec(name="pairs", params={"match": "any"})


def test_scientific_notation_is_a_number_where_one_is_expected() -> None:
    assert xception("optim.clip_norm=1e-4").optim.clip_norm == 1e-4
    assert xception("notes=[1e-4 is text]").notes == ["1e-4 is text"]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("epochs=ten", "--set epochs=ten: 'epochs' is 'ten'; expected int"),
        ("epochs=true", "expected int"),
        ("log.save_ckpt=1", "expected bool"),
        ("data.mean=[1, 2]", "'data.mean' has 2 values; expected 3"),
        ("data.train=Toy", "'data.train' is 'Toy'; expected a list"),
        ("data=3", "'data' is 3; expected 'key: value' entries"),
        ("optim.groups.a=1", "expected 'key: value' entries"),
        ("data.store=lmbd", "did you mean 'lmdb'"),
        ("data.recipe=[a]", "'data.recipe' needs a 'name'"),
        ("epochs: 3", "expected key=value"),
        ("epochs=[", "not valid YAML"),
        ("data.augment.flipp=1", "'data.augment.flipp' is not a known key; did you mean 'flip'"),
    ],
)
def test_mistakes_name_origin_key_and_what_would_be_right(override: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        xception(override)
    assert says in str(caught.value)


def test_a_wrong_value_in_a_file_names_the_file(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("detector: meso4\noptim:\n  clip_norm: much\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: 'optim\.clip_norm' is 'much'; expected float"):
        Layers().add_file(BASE).add_file(own).read(Config)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "\x00", "just words"])
def test_files_that_are_no_mapping_are_named(tmp_path: Path, text: str) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        Layers().add_file(own)


def test_a_yaml_cannot_run_code(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("detector: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(ConfigError, match="not valid YAML"):
        Layers().add_file(own)


def test_every_detector_yaml_survives_the_round_trip_through_a_checkpoint() -> None:
    for path in (CONFIG / "detector").glob("*.yaml"):
        cfg = Layers().add_file(BASE).add_file(path).read(Config)
        assert read_section(to_tree(cfg), Config) == cfg


def test_instantiate_fills_in_only_what_the_signature_asks_for() -> None:
    def build(backbone: str, width: int = 3) -> tuple[str, int]:
        return backbone, width

    provided = {"backbone": "b", "num_methods": 5}
    assert instantiate(build, {"width": 4}, provided, At("detector")) == ("b", 4)
    with pytest.raises(ConfigError, match="'detector.wdith' is not a parameter of build; did you mean 'width'"):
        instantiate(build, {"wdith": 4}, provided, At("detector"))
    with pytest.raises(ConfigError, match="'detector' lacks backbone"):
        instantiate(build, {}, {}, At("detector"))


@given(st.text(max_size=20), st.lists(st.text(min_size=1, max_size=10), max_size=5))
def test_did_you_mean_offers_only_what_exists(word: str, known: list[str]) -> None:
    said = did_you_mean(word, known)
    assert any(name in said for name in known) or said == "known: (none)"


VALUES = {
    "epochs": st.integers(0, 999),
    "seed": st.integers(0, 2**31),
    "data.batch_size": st.integers(1, 999),
    "data.train": st.lists(st.text("abc+-_", min_size=1, max_size=5), max_size=3),
    "data.compression": st.none() | st.sampled_from(["raw", "c23"]),
    "data.augment.flip": st.floats(0, 1),
    "evaluate.video_key": st.sampled_from(["path", "folder"]),
    "optim.clip_norm": st.none() | st.floats(1e-9, 1e9),
}
layers_of = st.lists(st.fixed_dictionaries({}, optional=VALUES), max_size=4)


def nested(flat: dict[str, object]) -> dict:
    tree: dict = {}
    for key, value in flat.items():
        node, (*stem, leaf) = tree, key.split(".")
        for part in stem:
            node = node.setdefault(part, {})
        node[leaf] = value
    return tree


@given(layers_of)
def test_the_last_layer_that_names_a_key_wins_and_the_result_is_read_back_as_it_is(layers: list[dict]) -> None:
    stack = Layers().add_tree({"detector": "meso4"}, "base")
    for number, flat in enumerate(layers):
        stack.add_tree(nested(flat), f"layer {number}")
    cfg, plain = stack.read(Config), Config(detector=Spec(name="meso4"))
    for key in VALUES:
        at, default = cfg, plain
        for part in key.split("."):
            at, default = getattr(at, part), getattr(default, part)
        assert at == next((flat[key] for flat in reversed(layers) if key in flat), default)
    assert read_section(to_tree(cfg), Config) == cfg


@given(st.text(max_size=12), st.integers() | st.floats() | st.text(max_size=5) | st.none() | st.lists(st.integers()))
def test_a_key_that_is_none_is_refused_whatever_its_value(key: str, value: object) -> None:
    if key not in Config.__dataclass_fields__:
        with pytest.raises(ConfigError, match="is not a known key"):
            Layers().add_tree({"detector": "meso4", key: value}, "x.yaml").read(Config)
