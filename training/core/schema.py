"""The keys of a training or testing run, their types and defaults. What is not here, no code may read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from training.core.config import Spec


@dataclass(kw_only=True)
class AugmentConfig:
    """Chances and ranges of the per-image augmentation of training frames (DeepfakeBench's set)."""

    enabled: bool = True
    where: Literal["auto", "workers", "device"] = "auto"
    flip: float = 0.5
    rotate: float = 0.5
    rotate_degrees: float = 10.0
    blur: float = 0.5
    blur_kernel: tuple[int, int] = (3, 7)
    blur_sigma: tuple[float, float] | None = None
    color: float = 0.5
    brightness: float = 0.1
    contrast: float = 0.1
    hue: float = 20.0
    saturation: float = 30.0
    value: float = 20.0
    jpeg: float = 0.5
    jpeg_quality: tuple[int, int] = (40, 100)
    crop: float = 0.0
    crop_share: tuple[float, float] = (0.6, 1.0)
    erase: float = 0.0
    erase_share: tuple[float, float] = (0.02, 0.2)

    def mirrored(self) -> AugmentConfig:
        """Of this augmentation only the mirroring: a weak view."""
        return AugmentConfig(flip=self.flip, rotate=0.0, blur=0.0, color=0.0, jpeg=0.0)


@dataclass(kw_only=True)
class DataConfig:
    """Which frames, and how they are drawn."""

    train: list[str] = field(default_factory=list)
    val: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)
    root: Path = Path("datasets")
    manifests: Path = Path("preprocessing/dataset_json")
    store: Literal["auto", "rgb", "lmdb"] = "auto"
    picture_limit: float = 50.0
    compression: str | None = "c23"
    frames_train: int = 32
    frames_test: int = 32
    sampling: Literal["even", "first"] = "even"
    allow_sparse: bool = False
    recipe: Spec = field(default_factory=lambda: Spec(name="frames"))
    resolution: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    cache_features: bool = False
    cache_kind: Literal["float32", "float16"] = "float32"
    batch_size: int = 32
    batch_size_test: int = 64
    workers: int | None = None


@dataclass(kw_only=True)
class OptimConfig:
    """How parameters move."""

    rule: Spec = field(default_factory=lambda: Spec(name="adam", params={"lr": 2e-4, "weight_decay": 5e-4}))
    groups: dict[str, dict[str, float]] = field(default_factory=dict)
    schedule: Spec = field(default_factory=lambda: Spec(name="constant"))
    accumulate: int = 1
    clip_norm: float | None = None
    clip_value: float | None = None


@dataclass(kw_only=True)
class EvaluateConfig:
    """How scores become figures. ``video_key: folder`` and ``select: test`` reproduce DeepfakeBench's, marked."""

    video_key: Literal["path", "folder"] = "path"
    select: Literal["best", "last", "test"] = "best"
    monitor: str = "video/auc"
    held_out: bool = False
    metric: str | None = None
    resamples: int = 1000
    cluster: Literal["video", "source"] = "video"


@dataclass(kw_only=True)
class LogConfig:
    """What a run writes, and how often (in steps)."""

    every: int = 20
    save_every: int = 500
    save_ckpt: bool = True
    save_feat: bool = True


@dataclass(kw_only=True)
class Config:
    """Everything a run needs."""

    detector: Spec
    backbone: Spec | None = None
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    log: LogConfig = field(default_factory=LogConfig)
    epochs: int = 10
    max_steps: int | None = None
    seed: int = 1024
    device: str = "auto"
    precision: Literal["auto", "float32", "bf16"] = "auto"
    compile: Literal["auto", "always", "never"] = "auto"
    run_dir: Path = Path("runs")
    notes: list[str] = field(default_factory=list)
