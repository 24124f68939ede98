"""DeepfakeBench's YAML files turned into ours: every key is accounted for, and the result loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from preprocessing.names import DATASETS
from training.core.config import Layers
from training.core.dfb_keys import CLIP_MOVE, GENERAL_MOVES, MOVES, NOT_NEEDED
from training.core.dfb_keys import NO_EFFECT as NO_EFFECT_KEYS
from training.core.errors import ConfigError
from training.core.migrate import COMPAT, main, migrate
from training.core.paths import CONFIG
from training.core.schema import Config

# Written by hand after the list of fields in use there; values differ from our defaults, so that losing one shows.
DETECTOR = """
log_dir: ./logs/training/
pretrained: ./training/pretrained/xception-b5690688.pth
model_name: xception
backbone_name: xception
backbone_config: {mode: original, num_classes: 2, inc: 3, dropout: false}
all_dataset: [FaceForensics++, UADFV]
train_dataset: [FF-NT]
test_dataset: [FaceForensics++, DeepFakeDetection]
compression: c40
train_batchSize: 24
test_batchSize: 12
workers: 3
frame_num: {train: 8, test: 16}
resolution: 224
with_mask: false
with_landmark: false
use_data_augmentation: true
data_aug:
  flip_prob: 0.25
  rotate_prob: 0.125
  rotate_limit: [-15, 15]
  blur_prob: 0.75
  blur_limit: [5, 9]
  brightness_prob: 0.5
  brightness_limit: [-0.2, 0.2]
  contrast_limit: [-0.3, 0.3]
  quality_lower: 50
  quality_upper: 90
mean: [0.4, 0.5, 0.6]
std: [0.2, 0.3, 0.4]
optimizer:
  type: adam
  adam: {lr: 0.002, beta1: 0.8, beta2: 0.99, eps: 0.00000001, weight_decay: 0.005, amsgrad: true}
  sgd: {lr: 0.1, momentum: 0.9, weight_decay: 0.0001}
lr_scheduler: step
lr_step: 5
lr_gamma: 0.1
lr_T_max: 5
lr_eta_min: 0
nEpochs: 12
start_epoch: 2
save_epoch: 1
rec_iter: 100
logdir: ./logs
manualSeed: 7
save_ckpt: false
save_feat: false
loss_func: cross_entropy
losstype: null
metric_scoring: eer
cuda: true
cudnn: true
lmdb: false
dry_run: true
rgb_dir: ./elsewhere
"""
EXPECTED = {
    "data.train": ["FF-NT"],
    "data.test": ["FaceForensics++", "DeepFakeDetection"],
    "data.compression": "c40",
    "data.batch_size": 24,
    "data.batch_size_test": 12,
    "data.workers": 3,
    "data.frames_train": 8,
    "data.frames_test": 16,
    "data.sampling": "even",
    "data.resolution": 224,
    "data.mean": (0.4, 0.5, 0.6),
    "data.std": (0.2, 0.3, 0.4),
    "data.store": "auto",
    "data.root": Path("datasets"),
    "data.augment.enabled": True,
    "data.augment.flip": 0.25,
    "data.augment.rotate": 0.125,
    "data.augment.rotate_degrees": 15.0,
    "data.augment.blur": 0.75,
    "data.augment.blur_kernel": (5, 9),
    "data.augment.brightness": 0.2,
    "data.augment.contrast": 0.3,
    "data.augment.jpeg_quality": (50, 90),
    "detector.name": "xception",
    "backbone.name": "xception",
    "optim.rule.name": "adam",
    "optim.rule.params": {"lr": 0.002, "weight_decay": 0.005, "amsgrad": True, "betas": [0.8, 0.99]},
    "optim.schedule.name": "constant",
    "epochs": 11,
    "seed": 7,
    "evaluate.monitor": "frame/eer",
    "evaluate.select": "best",
    "evaluate.video_key": "path",
    "log.save_ckpt": True,
    "max_steps": None,
}
NO_EFFECT = [
    "log_dir",
    "all_dataset",
    "data_aug.brightness_prob",
    "optimizer.sgd",
    "lr_scheduler",
    "lr_step",
    "lr_gamma",
    "lr_T_max",
    "lr_eta_min",
    "save_epoch",
    "rec_iter",
    "logdir",
    "save_ckpt",
    "save_feat",
    "losstype",
    "lmdb",
    "dry_run",
    "rgb_dir",
]


def loaded(tree: dict, detector: str | None = None) -> Config:
    """The tree as a run would read it, from its text."""
    layers = Layers().add_file(CONFIG / "train_config.yaml")
    if detector:
        layers.add_tree({"detector": detector}, "")
    return layers.add_tree(yaml.safe_load(yaml.safe_dump(tree)), "new.yaml").read(Config)


def old(**changes: object) -> dict:
    return {**yaml.safe_load(DETECTOR), **changes}


def keys(lines: list[str]) -> list[str]:
    return [line.partition(":")[0] for line in lines]


def test_every_value_arrives_where_it_belongs():
    cfg = loaded(migrate(old(), "old.yaml").tree)
    for path, expected in EXPECTED.items():
        value = cfg
        for part in path.split("."):
            value = getattr(value, part)
        assert value == expected, path


def test_every_key_is_accounted_for_once():
    found = migrate(old(stray=1), "old.yaml")
    assert sorted(keys(found.no_effect)) == sorted(NO_EFFECT)
    assert keys(found.unknown) == ["stray"]
    told = "\n".join(found.report())
    for key, value in old().items():
        for name in [f"{key}.{inner}" for inner in value] if key in ("data_aug", "frame_num") else [key]:
            assert name in told, name
    assert "(the schedule was never stepped during training)" in told


@pytest.mark.parametrize(
    ("optimizer", "name", "params"),
    [
        ({"type": "sgd", "sgd": {"lr": 0.1, "momentum": 0.8}, "adam": {"lr": 1}}, "sgd", {"lr": 0.1, "momentum": 0.8}),
        ({"type": "sam", "sam": {"lr": 0.1, "momentum": 0.9}}, "sam", {"lr": 0.1, "momentum": 0.9}),
        (
            {"type": "adam", "adam": {"lr": "1e-3", "beta1": 0.5}},
            "adam",
            {"lr": "1e-3", "weight_decay": 5e-4, "betas": [0.5, 0.999]},
        ),
    ],
)
def test_the_chosen_optimizer_counts(optimizer, name, params):
    rule = loaded(migrate(old(optimizer=optimizer), "old.yaml").tree).optim.rule
    assert (rule.name, rule.params) == (name, params)


@pytest.mark.parametrize("detector", sorted(path.stem for path in (CONFIG / "detector").glob("*.yaml")))
def test_every_method_can_be_migrated_and_none_gets_a_schedule(detector):
    cfg = loaded(migrate(old(model_name=detector), "old.yaml").tree)
    own = (
        Layers().add_file(CONFIG / "train_config.yaml").add_file(CONFIG / "detector" / f"{detector}.yaml").read(Config)
    )
    assert (cfg.detector.name, cfg.backbone, cfg.data.recipe) == (detector, own.backbone, own.data.recipe)
    assert cfg.optim.schedule.name == "constant"


@pytest.mark.parametrize("length", [4, 16])
def test_clip_lengths_arrive_where_a_method_learns_from_clips(tmp_path, monkeypatch, length):
    monkeypatch.setattr("training.core.migrate.CONFIG", tmp_path)
    (tmp_path / "detector").mkdir()
    (tmp_path / "detector" / "video.yaml").write_text("detector: video\ndata: {recipe: {name: clips, length: 8}}\n")
    (tmp_path / "train_config.yaml").write_text((CONFIG / "train_config.yaml").read_text())
    found = migrate({"model_name": "video", "video_mode": True, "clip_size": length}, "old.yaml")
    assert found.tree["data"]["recipe"] == {"name": "clips", "length": length}
    assert keys(found.not_needed) == ["video_mode"]


def test_old_habits_of_video_methods_are_sparse_clips_and_no_made_fakes():
    video = loaded(migrate(old(model_name="altfreezing"), "old.yaml", compat=True).tree).data
    assert video.allow_sparse and video.recipe.params["fakes"] == [] and video.sampling == "first"
    assert not loaded(migrate(old(), "old.yaml", compat=True).tree).data.allow_sparse


def test_a_file_that_names_another_method_is_doubted():
    assert "called meso4, which is a method of its own" in migrate(old(), "old/meso4.yaml").translated[0]
    assert "called" not in migrate(old(), "old/xception.yaml").translated[0]


def test_compat_sets_the_switches():
    cfg = loaded(migrate(old(), "old.yaml", compat=True).tree)
    assert (cfg.data.sampling, cfg.evaluate.video_key, cfg.evaluate.select) == ("first", "folder", "test")


def test_general_files_become_protocols():
    general = {
        "mode": "train",
        "lmdb": True,
        "dry_run": False,
        "rgb_dir": ".\\data\\rgb",
        "lmdb_dir": "./data/lmdb",
        "dataset_json_folder": "./preprocessing/dataset_json",
        "SWA": False,
        "save_avg": True,
        "log_dir": "./logs",
        "label_dict": {"FF-DF": 1, "FF-real": 0},
    }
    found = migrate(general, "train_config.yaml")
    cfg = loaded(found.tree, "xception")
    assert (cfg.data.store, cfg.data.root, cfg.run_dir) == ("lmdb", Path("data"), Path("logs"))
    assert cfg.data.manifests == Path("preprocessing/dataset_json")
    assert not found.unknown and not found.no_effect
    assert sorted(keys(found.not_needed)) == ["SWA", "dry_run", "label_dict", "mode", "save_avg"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_name": "xceptoin"}, r"old\.yaml: model_name 'xceptoin' is not a method here; did you mean 'xception'"),
        (
            {"data_aug": {"rotate_limit": "wide"}},
            r"old\.yaml: 'data_aug\.rotate_limit' is 'wide', which cannot be read",
        ),
        ({"train_batchSize": "many"}, r"old\.yaml: 'data\.batch_size' is 'many'; expected int"),
    ],
)
def test_what_cannot_be_read_is_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        migrate(old(**changes), "old.yaml")


def test_the_command_writes_a_file_that_train_takes(tmp_path, capsys):
    (tmp_path / "old.yaml").write_text(DETECTOR)
    main([str(tmp_path / "old.yaml"), "--output", str(tmp_path / "new.yaml")])
    told = capsys.readouterr().err
    assert "had no effect in DeepfakeBench:\n" in told and "use it with --detector_path" in told
    assert loaded(yaml.safe_load((tmp_path / "new.yaml").read_text())).epochs == 11
    main([str(tmp_path / "old.yaml")])
    assert capsys.readouterr().out == (tmp_path / "new.yaml").read_text()


def test_the_guide_names_every_key_and_dataset():
    guide = (CONFIG.parents[1] / "MIGRATING.md").read_text()
    moves = [key for move in (*MOVES, *GENERAL_MOVES, CLIP_MOVE) for key in (*move.old, move.new)]
    for key in (*moves, *NO_EFFECT_KEYS, *NOT_NEEDED, *COMPAT["data"], *COMPAT["evaluate"]):
        assert key.rpartition(".")[2] in guide, key
    for name in (*DATASETS, "FF-DF", "FF-F2F", "FF-FS", "FF-NT", "FaceShifter"):
        assert f"`{name}`" in guide, name


def test_it_runs_as_a_module(tmp_path):
    (tmp_path / "old.yaml").write_text("model_name: [")
    words = [sys.executable, "-m", "training.core.migrate", str(tmp_path / "old.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=CONFIG.parents[1])
    assert done.returncode == 2 and done.stderr.startswith("error: ") and "not valid YAML" in done.stderr
