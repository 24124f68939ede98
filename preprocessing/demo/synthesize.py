"""Three more forgeries, for the attribution demo: made like those of :mod:`preprocessing.demo.manipulate`."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from preprocessing.demo.effects import blotch, match_color, posterize, recompress
from preprocessing.demo.identity import Identity, fit_face
from preprocessing.demo.manipulate import Forgery, inner_face, whole_face
from preprocessing.demo.motion import Expression
from preprocessing.demo.shapes import over
from preprocessing.demo.shot import Shot


class Denoising:
    """Another person's whole face out of noise: slightly smooth skin with blotches of color that were never removed."""

    def __init__(self, rng: np.random.Generator) -> None:
        cells = int(rng.integers(9, 12))
        self._noise = rng.standard_normal((cells, cells, 3)).astype(np.float32)
        self._amount = float(rng.uniform(0.06, 0.09))
        self._match = float(rng.uniform(0.5, 0.9))

    def __call__(self, shot: Shot, donor: Identity, expression: Expression) -> Forgery:
        """Forge one frame; the target's own expression is kept."""
        face = cv2.GaussianBlur(shot.render(fit_face(donor, shot.person)), (0, 0), 0.0060 * shot.size)
        mask = shot.region(whole_face(shot.person), 0.020)
        face = match_color(blotch(face, self._noise, self._amount), shot.image, mask, self._match)
        return over(shot.image, face, mask), mask


class Editing:
    """The same person with other lips, brows and eyes, whose colors were stretched and came out in steps."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._levels = float(rng.uniform(6, 8))
        self._stretch = float(rng.uniform(1.3, 1.5))

    def __call__(self, shot: Shot, donor: Identity, expression: Expression) -> Forgery:
        """Forge one frame; the target's own expression is kept."""
        edited = replace(
            shot.person, lip=donor.lip, iris=donor.iris, brow_thickness=donor.brow_thickness, brow_rise=donor.brow_rise
        )
        mask = shot.region(whole_face(shot.person), 0.012)
        face = shot.render(edited)
        middle = face[mask > 0.5].mean(0)
        face = posterize(middle + self._stretch * (face - middle), self._levels)
        return over(shot.image, face, mask), mask


class Splice:
    """Another person's face cut from a picture that was compressed too much: blocks within a soft edge."""

    BLOCKS = 8

    def __init__(self, rng: np.random.Generator) -> None:
        self._quality = int(rng.integers(5, 10))
        self._match = float(rng.uniform(0.5, 0.9))

    def __call__(self, shot: Shot, donor: Identity, expression: Expression) -> Forgery:
        """Forge one frame; the target's own expression is kept."""
        face = recompress(shot.render(fit_face(donor, shot.person)), self.BLOCKS, self._quality)
        mask = shot.region(inner_face(shot.person), 0.015)
        face = match_color(face, shot.image, mask, self._match)
        return over(shot.image, face, mask), mask
