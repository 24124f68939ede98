"""Detectors with random weights, and batches of noise for them that lie on the device already."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from preprocessing.manifest import REAL
from training.assembly import Asked, add_method, build, network_input, prepare_of
from training.core.config import Layers
from training.core.paths import CONFIG
from training.core.registry import DETECTORS
from training.core.schema import Config
from training.core.types import Batch, Identity
from training.data.runs import Shape
from training.detectors.base import Detector
from training.networks import zoo

CLASSES = [REAL, "filmed"]
POINTS = 81


@dataclass(frozen=True)
class Subject:
    """A method as configured, but with random weights; ``size`` tiny or full."""

    name: str
    size: str = "full"
    overrides: tuple[str, ...] = ()

    def config(self) -> Config:
        """What a run would have."""
        layers = add_method(Layers().add_file(CONFIG / "train_config.yaml"), self.name)
        layers.add_tree(zoo.overlay(layers.tree, size=self.size, weights="random"), "benchmark")
        open_world = DETECTORS.get(self.name).recipe == "open_world"
        known = [f"data.recipe.known=[{','.join(CLASSES)}]"] if open_world else []
        return Asked(overrides=[*known, *self.overrides]).over(layers)

    def detector(self, cfg: Config, device: torch.device, seed: int = 0) -> Detector:
        """With the weights of ``seed``."""
        torch.manual_seed(seed)
        return build(cfg, CLASSES, ["a", "b"]).to(device)


def batch_of(cfg: Config, rows: int, device: torch.device, frames: int | None = None) -> Batch:
    """``rows`` samples, prepared: every other one is fake; with all that some recipe may give."""
    side = network_input(cfg).resolution
    generator = torch.Generator().manual_seed(0)
    length = () if frames is None else (frames,)
    image = torch.randint(0, 256, (rows, *length, 3, side, side), generator=generator, dtype=torch.uint8)
    label = torch.arange(rows) % 2
    angles = torch.linspace(0, 6.28, POINTS)
    points = side * (0.5 + 0.3 * torch.stack([angles.cos(), angles.sin()], 1))
    mask = torch.zeros(rows, 1, side, side)
    mask[1::2, :, side // 4 : -side // 4, side // 4 : -side // 4] = 1
    wants_view = cfg.data.recipe.params.get("view")
    batch = Batch(
        image, label, label, torch.arange(rows) % 4 < 2, label,
        [Identity("Bench", str(row), 0) for row in range(rows)],
        view=image.flip(-1) if wants_view else None,
        mask=mask,
        landmarks=points.expand(rows, -1, -1),
        boxes=torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(rows, 1, 4),
        face_embedding=torch.nn.functional.normalize(torch.ones(rows, 128), dim=1),
        index=torch.arange(rows),
    )  # fmt: skip
    return prepare_of(cfg, device)(batch)


def frames_of(cfg: Config) -> int | None:
    """Frames of a clip, None where the method takes pictures."""
    if DETECTORS.get(cfg.detector.name).recipe != "clips":
        return None
    return cfg.data.recipe.params.get("length", Shape.length)
