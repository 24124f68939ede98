"""A person who does not exist: the numbers that make one drawn face differ from another."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

DARK_SKIN, LIGHT_SKIN = np.array([0.36, 0.23, 0.16]), np.array([0.95, 0.76, 0.65])
HAIR_COLORS = np.array(
    [
        [0.05, 0.04, 0.04],
        [0.16, 0.10, 0.06],
        [0.33, 0.20, 0.11],
        [0.62, 0.46, 0.25],
        [0.45, 0.18, 0.08],
        [0.55, 0.54, 0.53],
    ]
)
HAIR_WEIGHTS = np.array([0.30, 0.27, 0.18, 0.10, 0.06, 0.09])
IRIS_COLORS = np.array([[0.22, 0.12, 0.06], [0.30, 0.20, 0.10], [0.25, 0.40, 0.55], [0.25, 0.38, 0.25]])
IRIS_WEIGHTS = np.array([0.45, 0.25, 0.18, 0.12])


@dataclass(frozen=True, slots=True)
class Identity:
    """One person.

    Colors are linear RGB (3,) float32 in [0, 1]. Lengths are in head units: 1 is about half the height of a head,
    the origin is the head's center, x points right and y down as seen by the camera.
    """

    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    lip: np.ndarray
    half_width: float
    half_height: float
    jaw: float
    eye_x: float
    eye_y: float
    eye_width: float
    eye_height: float
    brow_rise: float
    brow_width: float
    brow_thickness: float
    brow_tilt: float
    brow_density: float
    nose_length: float
    nose_width: float
    nose_depth: float
    mouth_y: float
    mouth_width: float
    lip_thickness: float
    hairline: float
    hair_length: float
    hair_volume: float
    beard: float
    texture_seed: int

    @property
    def nose_tip(self) -> float:
        """Height (y) of the lower end of the nose."""
        return self.eye_y + self.nose_length

    @property
    def long_hair(self) -> bool:
        """Whether hair falls beside the face."""
        return self.hair_length > 0.1


def draw_identity(rng: np.random.Generator) -> Identity:
    """Draw a person at random."""

    def uniform(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    tone = uniform(0, 1)
    skin, hair, iris, lip = _draw_colors(rng, tone)
    female = uniform(0, 1) < 0.5
    return Identity(
        skin=skin,
        hair=hair,
        iris=iris,
        lip=lip,
        half_width=uniform(0.68, 0.78),
        half_height=uniform(0.96, 1.05),
        jaw=uniform(0.10, 0.34),
        eye_x=uniform(0.285, 0.345),
        eye_y=uniform(-0.17, -0.10),
        eye_width=uniform(0.130, 0.165),
        eye_height=uniform(0.052, 0.074),
        brow_rise=uniform(0.135, 0.185),
        brow_width=uniform(0.165, 0.205),
        brow_thickness=uniform(0.022, 0.042) * (0.8 if female else 1.1),
        brow_tilt=uniform(-0.05, 0.16),
        brow_density=uniform(0.62, 0.92),
        nose_length=uniform(0.40, 0.50),
        nose_width=uniform(0.10, 0.15),
        nose_depth=uniform(0.13, 0.20),
        mouth_y=uniform(0.46, 0.53),
        mouth_width=uniform(0.22, 0.30),
        lip_thickness=uniform(0.040, 0.068),
        hairline=uniform(-0.78, -0.60),
        hair_length=uniform(0.10, 0.30) if female else uniform(0.02, 0.12),
        hair_volume=uniform(0.05, 0.16),
        beard=0.0 if female or uniform(0, 1) < 0.6 else uniform(0.15, 0.6),
        texture_seed=int(rng.integers(1 << 30)),
    )


def _draw_colors(rng: np.random.Generator, tone: float) -> tuple[np.ndarray, ...]:
    """Skin, hair, iris and lip colors that go together; `tone` 0 is the darkest skin, 1 the lightest."""
    skin = np.clip(DARK_SKIN * (1 - tone) + LIGHT_SKIN * tone + rng.normal(0, 0.015, 3), 0.12, 0.98)
    weights = HAIR_WEIGHTS * np.array([1, 1, 0.15 + tone, 0.02 + tone**2, 0.02 + tone**2, 1])
    hair = HAIR_COLORS[rng.choice(len(HAIR_COLORS), p=weights / weights.sum())] * rng.uniform(0.8, 1.15)
    iris = IRIS_COLORS[rng.choice(len(IRIS_COLORS), p=IRIS_WEIGHTS)]
    lip = np.clip(skin * np.array([0.86, 0.58, 0.58]) + np.array([rng.uniform(0, 0.10), 0, 0.02]), 0.08, 0.9)
    return tuple(color.astype(np.float32) for color in (skin, hair, iris, lip))


def fit_face(face: Identity, head: Identity) -> Identity:
    """The inner face of one person in the head shape of another, without hair: what a face swap pastes."""
    outline = {name: getattr(head, name) for name in ("half_width", "half_height", "jaw")}
    return replace(face, **outline, hairline=-0.95, hair_length=0.0, hair_volume=0.02)


def morph(first: Identity, second: Identity, weight: float) -> Identity:
    """A person between two others: `weight` 0 is the first, 1 the second. The skin's grain is the first's."""
    names = [field.name for field in fields(Identity) if field.name != "texture_seed"]
    mixed = {name: (1 - weight) * getattr(first, name) + weight * getattr(second, name) for name in names}
    return replace(first, **mixed)
