"""The forgeries: five ways to change the face in a shot, each with a trace of its own.

Every class draws the strengths of one video when it is made, and forges one frame when it is called. A forgery is the
new image (H, W, 3) float32 in [0, 1] and the opacity (H, W) of what was pasted. Lengths in the picture are fractions
of the frame, so that traces look the same at every resolution; times ``coarse``, they survive in few pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from preprocessing.demo.effects import (
    lattice,
    lose_resolution,
    match_color,
    sharpen,
    upsample_unevenly,
    warp,
)
from preprocessing.demo.identity import Identity, fit_face, morph
from preprocessing.demo.motion import Expression
from preprocessing.demo.setting import Light
from preprocessing.demo.shapes import over
from preprocessing.demo.shot import Shot

Forgery = tuple[np.ndarray, np.ndarray]
Forge = Callable[[Shot, Identity, Expression], Forgery]


class LearnedSwap:
    """Another person's face as an autoencoder returns it: low resolution, nearly matching colors, soft edge."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._loss = float(rng.uniform(2.2, 3.2))
        self._match = float(rng.uniform(0.4, 0.8))

    def __call__(self, shot: Shot, donor: Identity, expression: Expression) -> Forgery:
        """Forge one frame; the target's own expression is kept."""
        face = shot.render(fit_face(donor, shot.person))
        mask = shot.region(inner_face(shot.person), 0.030)
        face = match_color(lose_resolution(face, self._loss), shot.image, mask, self._match)
        return over(shot.image, face, mask), mask


class GraphicsSwap:
    """Another person's face pasted by computer graphics: sharp, hard edge, wrong light, trembling fit."""

    TREMBLE = 0.012

    def __init__(self, rng: np.random.Generator, coarse: float = 1.0) -> None:
        self._rng = rng
        self._radius = 0.004 * coarse
        self._match = float(rng.uniform(0.2, 0.6))
        self._light = Light.towards(*rng.uniform((-0.6, -0.6, 0.7), (0.6, 0.1, 0.9)).tolist(), ambient=0.5)

    def __call__(self, shot: Shot, donor: Identity, expression: Expression) -> Forgery:
        """Forge one frame; the target's own expression is kept."""
        face = shot.render(fit_face(donor, shot.person), light=self._light)
        outline = facets(shot.person) + self._rng.normal(0, self.TREMBLE, 2)
        mask = shot.region(outline, 0.004)
        face = match_color(sharpen(face, self._radius * shot.size, 0.8), shot.image, mask, self._match)
        return over(shot.image, face, mask), mask


class Reenactment:
    """The same person with another's expression: rendered again in guessed light, warped and slightly smoothed."""

    def __init__(self, rng: np.random.Generator, coarse: float = 1.0) -> None:
        self._ambient = float(rng.uniform(0.08, 0.16))
        self._reach = 0.0040 * coarse
        self._field = rng.standard_normal((2, 6, 6)).astype(np.float32)

    def __call__(self, shot: Shot, donor: Identity, expression: Expression) -> Forgery:
        """Forge one frame."""
        light = replace(shot.setting.light, ambient=shot.setting.light.ambient + self._ambient)
        face = shot.render(shot.person, expression, light)
        face = warp(cv2.GaussianBlur(face, (0, 0), self._reach * shot.size), self._field, self._reach)
        mask = shot.region(inner_face(shot.person), 0.015)
        face = match_color(face, shot.image, mask, 1.0)
        return over(shot.image, face, mask), mask


class MouthTexture:
    """Only the mouth, with another's expression, decoded from a learned texture that leaves a periodic pattern."""

    def __init__(self, rng: np.random.Generator, coarse: float = 1.0) -> None:
        self._period = coarse * float(rng.uniform(0.022, 0.028))
        self._strength = float(rng.uniform(0.036, 0.050))

    def __call__(self, shot: Shot, donor: Identity, expression: Expression) -> Forgery:
        """Forge one frame."""
        spoken = replace(shot.pose.expression, mouth=expression.mouth, smile=expression.smile)
        face = lose_resolution(shot.render(shot.person, spoken), 2.0)
        face = face + self._strength * lattice(shot.size, self._period * shot.size)[..., None]
        mask = shot.region(mouth_area(shot.person), 0.012)
        return over(shot.image, face, mask), mask


class Synthesis:
    """The whole face drawn anew by a generator: a blend of both persons with a checkerboard from its upsampling."""

    def __init__(self, rng: np.random.Generator, coarse: float = 1.0) -> None:
        self._weight = float(rng.uniform(0.6, 0.8))
        self._match = float(rng.uniform(0.6, 1.0))
        self._pixel = coarse * float(rng.uniform(0.0050, 0.0062))
        self._unevenness = float(rng.uniform(0.018, 0.032))

    def __call__(self, shot: Shot, donor: Identity, expression: Expression) -> Forgery:
        """Forge one frame; the target's own expression is kept."""
        face = shot.render(morph(shot.person, fit_face(donor, shot.person), self._weight))
        face = sharpen(upsample_unevenly(face, self._pixel * shot.size, self._unevenness), 0.008 * shot.size, 0.25)
        mask = shot.region(whole_face(shot.person), 0.020)
        face = match_color(face, shot.image, mask, self._match)
        return over(shot.image, face, mask), mask


def inner_face(person: Identity) -> np.ndarray:
    """Oval (N, 2) from the brows to the chin, in head units."""
    reach = person.mouth_y - person.eye_y
    return _oval(person.eye_y + 0.42 * reach, 1.10 * (person.eye_x + person.eye_width), 1.10 * reach)


def whole_face(person: Identity) -> np.ndarray:
    """Oval (N, 2) from the forehead to the chin, in head units."""
    return _oval(0.12, 0.82 * person.half_width, 0.84 * person.half_height)


def mouth_area(person: Identity) -> np.ndarray:
    """Oval (N, 2) around the mouth, in head units."""
    return _oval(person.mouth_y + 0.04, 1.45 * person.mouth_width, 0.24)


def facets(person: Identity) -> np.ndarray:
    """Polygon (10, 2) through brows, cheeks, jaw and chin, in head units: the edge of a coarse 3D face model."""
    brow, width, chin = person.eye_y - 1.5 * person.brow_rise, person.half_width, person.half_height
    right = [(0.10, brow), (0.45, brow), (0.76 * width, person.eye_y), (0.72 * width, 0.30), (0.22, 0.82 * chin)]
    return np.array([*right, *((-x, y) for x, y in reversed(right))])


def _oval(middle: float, half_width: float, half_height: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.stack([half_width * np.cos(angle), middle + half_height * np.sin(angle)], axis=1)


METHODS: dict[str, type[LearnedSwap | GraphicsSwap | Reenactment | MouthTexture | Synthesis]] = {
    "Deepfakes": LearnedSwap,
    "Face2Face": Reenactment,
    "FaceSwap": GraphicsSwap,
    "NeuralTextures": MouthTexture,
    "Celeb-synthesis": Synthesis,
}
"""Folder of a manipulation -> the forgery drawn in it."""
