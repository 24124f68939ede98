"""What becomes of each key of DeepfakeBench's YAML files: our key, or why it did nothing there or is not needed here.

Read by :mod:`training.core.migrate`; MIGRATING.md tells the same in words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any


@dataclass(frozen=True)
class Move:
    """One or more old keys that become one of ours."""

    old: tuple[str, ...]
    new: str
    convert: Callable[..., Any] = lambda value: value
    """Called with the old values; raises ``ValueError`` or ``TypeError`` on what it cannot read."""
    missing: tuple[Any, ...] = ()
    """What DeepfakeBench takes for the old keys that are not there; without it all must be."""
    remark: str = ""


def extent(value: Any) -> float:
    """``[-10, 10]`` or ``10`` as 10: how far from zero a range goes."""
    return float(max(abs(float(v)) for v in (value if isinstance(value, list) else [value])))


def names(value: Any) -> list[str]:
    """A name or a list of names as a list."""
    return [str(name) for name in (value if isinstance(value, list) else [value])]


def above(folder: str) -> str:
    """``./datasets`` of ``./datasets/rgb``, whatever the separators."""
    return PureWindowsPath(folder).parent.as_posix()


MODELS = {
    "video_baseline": "videomae",
    "time_transformer": "timesformer",
    "timetransformer": "timesformer",  # the name of its file
    "sta_clip": "sta",
}
"""Old model names whose method is called otherwise here; all others kept theirs. YAML files may be called so, too."""

MOVES = (
    Move(("train_dataset",), "data.train", names),
    Move(("test_dataset",), "data.test", names),
    Move(("compression",), "data.compression"),
    Move(("train_batchSize",), "data.batch_size"),
    Move(("test_batchSize",), "data.batch_size_test"),
    Move(("workers",), "data.workers"),
    Move(("frame_num.train",), "data.frames_train", remark="spread over the video; there its first ones"),
    Move(("frame_num.test",), "data.frames_test", remark="spread over the video; there its first ones"),
    Move(("resolution",), "data.resolution"),
    Move(("mean",), "data.mean"),
    Move(("std",), "data.std"),
    Move(("use_data_augmentation",), "data.augment.enabled"),
    Move(("data_aug.flip_prob",), "data.augment.flip"),
    Move(("data_aug.rotate_prob",), "data.augment.rotate"),
    Move(("data_aug.rotate_limit",), "data.augment.rotate_degrees", extent),
    Move(("data_aug.blur_prob",), "data.augment.blur"),
    Move(("data_aug.blur_limit",), "data.augment.blur_kernel"),
    Move(("data_aug.brightness_limit",), "data.augment.brightness", extent),
    Move(("data_aug.contrast_limit",), "data.augment.contrast", extent),
    Move(
        ("data_aug.quality_lower", "data_aug.quality_upper"),
        "data.augment.jpeg_quality",
        lambda low, high: [low, high],
        (40, 100),
    ),
    Move(("optimizer.type",), "optim.rule.name"),
    Move(("optimizer.lr",), "optim.rule.lr"),
    Move(("optimizer.weight_decay",), "optim.rule.weight_decay"),
    Move(("optimizer.momentum",), "optim.rule.momentum"),
    Move(("optimizer.amsgrad",), "optim.rule.amsgrad"),
    Move(("optimizer.beta1", "optimizer.beta2"), "optim.rule.betas", lambda one, two: [one, two], (0.9, 0.999)),
    Move(
        ("start_epoch", "nEpochs"),
        "epochs",
        lambda first, last: int(last) - int(first) + 1,
        (0, 10),
        "both ends were included, so one more than it says",
    ),
    Move(("manualSeed",), "seed"),
    Move(
        ("metric_scoring",),
        "evaluate.monitor",
        lambda name: name.replace("_", "/") if name.startswith("video_") else f"frame/{name}",
        remark="on the validation split; there on the test sets",
    ),
)

GENERAL_MOVES = (
    Move(("dataset_json_folder",), "data.manifests"),
    Move(("lmdb",), "data.store", lambda used: "lmdb" if used else "rgb"),
    Move(("rgb_dir",), "data.root", above, remark="its folder 'rgb' is looked into"),
    Move(("lmdb_dir",), "data.root", above, remark="its folder 'lmdb' is looked into"),
    Move(("log_dir",), "run_dir"),
)
"""Keys of ``train_config.yaml`` and ``test_config.yaml``."""

CLIP_MOVE = Move(("clip_size",), "data.recipe", lambda length: {"name": "clips", "length": length})
"""For methods whose recipe is ``clips``."""

NO_EFFECT = {
    "log_dir": "train_config.yaml was laid over it",
    "logdir": "no code reads it",
    "all_dataset": "no code reads it",
    "rec_iter": "no code reads it",
    "save_epoch": "no code reads it",
    "losstype": "no code reads it",
    "data_aug.brightness_prob": "no code reads it; one chance of 0.5 holds for all color changes",
    "lr_scheduler": "the schedule was never stepped during training",
    "lr_step": "the schedule was never stepped during training",
    "lr_gamma": "the schedule was never stepped during training",
    "lr_T_max": "the schedule was never stepped during training",
    "lr_eta_min": "the schedule was never stepped during training",
    "save_ckpt": "the flag --no-save_ckpt decided, whatever the file said",
    "save_feat": "the flag --no-save_feat decided, whatever the file said",
    "mode": "train_config.yaml was laid over it",
    "lmdb": "train_config.yaml was laid over it",
    "dry_run": "train_config.yaml was laid over it",
    "rgb_dir": "train_config.yaml was laid over it",
    "lmdb_dir": "train_config.yaml was laid over it",
    "dataset_json_folder": "train_config.yaml was laid over it; with LMDB train.py put another in its place",
    "SWA": "train_config.yaml was laid over it",
    "save_avg": "train_config.yaml was laid over it",
}
"""Keys of a detector's YAML that did nothing, and why."""

NOT_NEEDED = {
    "pretrained": "the backbone finds its weights in weights/ or fetches them; backbone.weights names another file",
    "backbone_name": "the method's own YAML here names its backbone",
    "backbone_config": "the method knows what its backbone must look like",
    "with_mask": "the method's recipe asks for masks when it needs them",
    "with_landmark": "the method's recipe asks for landmarks when it needs them",
    "dataset_type": "the method names the recipe that it learns from",
    "video_mode": "the method names the recipe that it learns from",
    "clip_size": "the method's recipe says how long a clip is",
    "loss_func": "the method has its losses in its own file",
    "label_dict": "label words are understood as they are, <name>_Real and <name>_Fake",
    "optimizer.eps": "always torch's 1e-8 here, which is what all of DeepfakeBench's files say",
    "cuda": "device: auto takes a GPU where there is one",
    "cudnn": "results are made repeatable either way",
    "mode": "the entry script decides",
    "dry_run": "--set max_steps=1 tries a run",
    "SWA": "weight averaging is not offered",
    "save_avg": "every table shows the mean over the test sets, and no checkpoint is chosen on it",
}
"""Keys that could matter there and have no counterpart here, and why."""
