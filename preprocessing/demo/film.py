"""Films one footage: the real video, its forgeries and their masks, frame by frame from the same shots."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from preprocessing.demo.camera import quantize
from preprocessing.demo.identity import Identity, draw_identity
from preprocessing.demo.manipulate import METHODS, Forge
from preprocessing.demo.motion import Motion
from preprocessing.demo.plan import Fake, Footage
from preprocessing.demo.setting import draw_setting
from preprocessing.demo.shot import Shot
from preprocessing.demo.video import write_video

MASK_CRF = 8
MASK_FROM = 0.1
"""A pixel counts as manipulated when at least this share of it was pasted."""


@dataclass(slots=True)
class _Forger:
    """One fake video in the making."""

    fake: Fake
    forge: Forge
    donor: Identity
    motion: Motion
    frames: list[np.ndarray] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)

    def take(self, shot: Shot, time: float, grain: np.ndarray) -> None:
        """Forge one frame. Forgeries carry the noise of the footage, so that its lack gives none of them away."""
        image, opacity = self.forge(shot, self.donor, self.motion(time).expression)
        self.frames.append(quantize(image + grain))
        self.masks.append(np.where(opacity > MASK_FROM, np.uint8(255), np.uint8(0)))


def film(footage: Footage, output: Path, seed: int) -> int:
    """Draw what is missing of a footage and say how many files that were.

    What is drawn depends on the seed, the dataset and the names of the videos only.
    """
    missing = {name for name in footage.files if not (output / name).exists()}
    if not missing:
        return 0
    real, forgers = _record(footage, seed)
    videos = {footage.video: real}
    masks = {}
    for forger in forgers:
        videos[forger.fake.video] = forger.frames
        if forger.fake.mask:
            masks[forger.fake.mask] = forger.masks
    for files, crf in ((videos, footage.camera.crf), (masks, MASK_CRF)):
        for name in sorted(missing & files.keys()):
            write_video(output / name, files[name], footage.camera.rate, crf)
    return len(missing)


def generator(seed: int, *names: str) -> np.random.Generator:
    """Randomness that belongs to a seed and a chain of names."""
    return np.random.default_rng([seed, *"/".join(names).encode()])


def _record(footage: Footage, seed: int) -> tuple[list[np.ndarray], list[_Forger]]:
    """Frames of the real video, and the forgers with theirs."""
    rng = partial(generator, seed, footage.dataset)
    person = draw_identity(rng("person", footage.person))
    setting = draw_setting(rng("setting", footage.video))
    motion, noise = Motion(rng("motion", footage.video)), rng("noise", footage.video)
    forgers = [
        _Forger(
            fake,
            forge=METHODS[fake.method](rng("forge", fake.video)),
            donor=draw_identity(rng("person", fake.donor)),
            motion=Motion(rng("motion", fake.clip)),
        )
        for fake in footage.fakes
    ]
    real = []
    for index in range(footage.frames):
        time = index / footage.camera.rate
        shot = Shot(person, motion(time), setting, footage.camera, footage.side)
        grain = footage.camera.grain(noise, footage.side)
        real.append(quantize(shot.image + grain))
        for forger in forgers:
            forger.take(shot, time, grain)
    return real, forgers
