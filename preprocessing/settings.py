"""What ``preprocessing/config.yaml`` and the flags of ``preprocess.py`` may say, typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from preprocessing.codecs import IN_LMDB, Codec
from preprocessing.faces.align import Crop
from preprocessing.faces.sampling import Sampling
from preprocessing.faces.video import Limits
from preprocessing.names import full_name
from training.core.config import Layers, Spec
from training.core.errors import ConfigError
from training.core.paths import DATASETS, ROOT, WEIGHTS, names_folder, processors

CONFIG = ROOT / "preprocessing" / "config.yaml"
_PATHS = ("root", "output", "landmarks")
LONGEST = 1_000_000
"""Seconds; what systems can wait for has an end."""


@dataclass(kw_only=True)
class Settings:
    """How a dataset is preprocessed; ``config.yaml`` says what each key means."""

    dataset: str | None = None
    layout: str | None = None
    root: Path | None = None
    output: Path = DATASETS
    compression: Literal["raw", "c23", "c40"] = "c23"
    frames: int = 32
    sampling: Literal["even", "first", "clips", "all"] = "even"
    clips: int = 4
    clip_length: int = 16
    picture_limit: float = Limits().megapixels
    video_limit: int = Limits().frames
    time_limit: float | None = 600.0
    detector: Spec = field(default_factory=lambda: Spec(name="hog"))
    detection: Literal["fast", "exact", "boxes"] = "fast"
    landmarks: Path | None = WEIGHTS / "shape_predictor_68_face_landmarks.dat"
    forehead: bool = False
    size: int = 256
    scale: float = 1.3
    margin: int = 0
    store: Literal["rgb", "lmdb"] = "rgb"
    codec: Codec | None = None
    quality: int = 95
    masks: bool = True
    paired: bool = False
    workers: int | None = None
    executor: Literal["local", "dask"] = "local"
    scheduler: str | None = None

    def __post_init__(self) -> None:
        self.dataset = self.dataset and full_name(self.dataset)
        self.codec = self.codec or (IN_LMDB if self.store == "lmdb" else "png")

    @property
    def sampler(self) -> Sampling:
        """Which frames of a video to take."""
        return Sampling(self.sampling, self.frames, self.clips, self.clip_length)

    @property
    def limits(self) -> Limits:
        """Which files are refused."""
        return Limits(self.picture_limit, self.video_limit)

    @property
    def crop(self) -> Crop:
        """What a face's picture shows."""
        return Crop(self.size, self.scale, self.margin)

    @property
    def processes(self) -> int:
        """How many worker processes to start; 0 for none."""
        return processors() if self.workers is None else self.workers


def load(file: Path, flags: dict[str, Any]) -> Settings:
    """The settings in ``file``, overlaid with ``flags`` (key -> value).

    Raises:
        ConfigError: naming the file or flag, the key and what would be right.
    """
    layers = Layers().add_file(file)
    for key in _PATHS:
        if isinstance(layers.tree.get(key), str):
            layers.tree[key] = str(ROOT / layers.tree[key])
    for key, value in flags.items():
        # Absolute: the workers of a cluster stand in other folders.
        value = str(Path(value).absolute()) if key in _PATHS and value else value
        layers.add_tree({key: value}, f"--{key.replace('_', '-')}")
    settings = layers.read(Settings)
    _check(settings, layers.origin)
    _check_executor(settings, layers.origin)
    if settings.detection != "fast" and "detector" in flags:
        own = f"detection '{settings.detection}' has its own detector, options included"
        raise ConfigError(f"{own}; leave out --detector and --min-score")
    return settings


def asked_for(datasets: list[str] | None, output: Path | None) -> tuple[list[str], Path]:
    """Names of datasets and the folder of their faces: as the flags ``--dataset`` and ``--datasets`` say, else as
    ``config.yaml`` does.

    Raises:
        ConfigError: neither names a dataset.
    """
    settings = load(CONFIG, {})
    names = datasets or ([settings.dataset] if settings.dataset else [])
    if not names:
        raise ConfigError("no dataset: give --dataset NAME, or set 'dataset' in preprocessing/config.yaml")
    return [full_name(name) for name in names], output or settings.output


def _check(settings: Settings, origin: dict[str, str]) -> None:
    least = {"frames": 1, "clips": 1, "clip_length": 1, "size": 16, "margin": 0, "workers": 0}
    least |= {"scale": 0.5, "picture_limit": 0.01, "video_limit": 1, "time_limit": 0.1}
    for key, bound in least.items():
        value = getattr(settings, key)
        if value is not None and not value >= bound:
            raise ConfigError(f"{origin.get(key, '')}: '{key}' is {value}; expected {bound} or more")
    if settings.margin and (settings.detector.name == "already-cropped" or settings.detection == "boxes"):
        raise ConfigError(f"{origin['margin']}: 'margin' is {settings.margin}; only aligned faces have one")
    if not 1 <= settings.quality <= 100:
        raise ConfigError(f"{origin['quality']}: 'quality' is {settings.quality}; expected 1 to 100")
    if settings.dataset is not None and not names_folder(settings.dataset):
        raise ConfigError(f"{origin['dataset']}: '{settings.dataset}' cannot name a folder; use letters and digits")


def _check_executor(settings: Settings, origin: dict[str, str]) -> None:
    if (settings.time_limit or 0) > LONGEST:
        raise ConfigError(f"{origin['time_limit']}: 'time_limit' is {settings.time_limit}; expected {LONGEST} or less")
    if settings.scheduler is not None and settings.executor != "dask":
        raise ConfigError(f"{origin['scheduler']}: 'scheduler' is for executor dask; expected --executor dask")
    if settings.scheduler is not None and settings.workers is not None:
        raise ConfigError(f"{origin['workers']}: 'workers' has no say in a cluster that runs already; leave it out")
    if settings.executor == "dask" and settings.workers == 0:
        raise ConfigError(f"{origin['workers']}: 'workers' is 0; executor dask needs 1 or more")
