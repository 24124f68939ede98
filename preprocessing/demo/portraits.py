"""The attribution demo: people who were photographed once, each picture real and once per kind of forgery.

The pictures are crops already, in the tree that ``--layout folder`` reads. Which kinds are known to a detector is for
``training/config/protocol/demo_attribution.yaml`` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from preprocessing.demo.camera import STUDIO, quantize
from preprocessing.demo.film import generator
from preprocessing.demo.identity import draw_identity
from preprocessing.demo.manipulate import Forge, GraphicsSwap, LearnedSwap, MouthTexture, Reenactment, Synthesis
from preprocessing.demo.motion import Motion, Pose
from preprocessing.demo.plan import SPLITS
from preprocessing.demo.setting import draw_setting
from preprocessing.demo.shot import Shot
from preprocessing.demo.synthesize import Denoising, Editing, Splice
from training.core.paths import atomic

DATASET = "Attribution-Demo"
SIZES = {"tiny": (4, 2, 2), "small": (100, 20, 100), "full": (800, 80, 300)}
"""People who train, validate and test."""
SIDE, COARSE = 64, 3.5
"""Pixels of a picture, and how much coarser traces are than in videos, of which such a picture shows a quarter."""
KINDS: dict[str, Callable[[np.random.Generator], Forge]] = {
    "autoencoder": LearnedSwap,
    "graphics": partial(GraphicsSwap, coarse=COARSE),
    "gan": partial(Synthesis, coarse=COARSE),
    "texture": partial(MouthTexture, coarse=COARSE),
    "reenactment": partial(Reenactment, coarse=COARSE),
    "diffusion": Denoising,
    "editing": Editing,
    "splice": Splice,
}
"""Folder of a kind -> the forgery drawn in it."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """One person's picture and what is forged from it: the unit of work."""

    split: str
    person: str

    @property
    def files(self) -> list[str]:
        """All pictures, relative to the output folder: the real one, then one per kind."""
        folders = ["real", *(f"fake/{kind}" for kind in KINDS)]
        return [f"{DATASET}/{self.split}/{folder}/{self.person}.png" for folder in folders]


def make_portraits(size: str) -> list[Portrait]:
    """Everybody; nobody is in two splits."""
    people = iter(range(sum(SIZES[size])))
    return [
        Portrait(split, f"{next(people):04d}")
        for split, count in zip(SPLITS, SIZES[size], strict=True)
        for _ in range(count)
    ]


def portray(portrait: Portrait, output: Path, seed: int) -> int:
    """Draw what is missing of a portrait and say how many files that were.

    What is drawn depends on the seed and the person's name only.
    """
    missing = [name for name in portrait.files if not (output / name).exists()]
    if missing:
        drawn = dict(zip(portrait.files, _take(portrait.person, seed), strict=True))
        for name in missing:
            with atomic(output / name) as part:
                part.write_bytes(cv2.imencode(".png", drawn[name][..., ::-1])[1])
    return len(missing)


def _take(person: str, seed: int) -> Iterator[np.ndarray]:
    """The real picture, then its forgeries, (SIDE, SIDE, 3) uint8."""
    rng = generator(seed, DATASET, person)
    identity, donor = draw_identity(rng), draw_identity(rng)
    shot = Shot(identity, _pose(rng), draw_setting(rng), STUDIO, SIDE)
    spoken = Motion(rng)(float(rng.uniform(0, 3))).expression
    grain = STUDIO.grain(rng, SIDE)
    yield quantize(shot.image + grain)
    for kind, forge in KINDS.items():
        image, _ = forge(generator(seed, DATASET, person, kind))(shot, donor, spoken)
        yield quantize(image + grain)


def _pose(rng: np.random.Generator) -> Pose:
    """A face nearly as aligned crops show it."""
    x, y, scale, yaw, pitch, roll = rng.normal((0.5, 0.5, 0.4, 0, 0, 0), (0.01, 0.01, 0.01, 0.15, 0.06, 0.04)).tolist()
    return Pose(x, y, scale, yaw, pitch, roll, Motion(rng)(float(rng.uniform(0, 3))).expression)
