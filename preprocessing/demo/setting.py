"""Where a video is shot: background, clothes and light, drawn once per video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Light:
    """One distant lamp (unit direction, x right, y down, z to the camera) and light from everywhere in [0, 1]."""

    x: float
    y: float
    z: float
    ambient: float

    @classmethod
    def towards(cls, x: float, y: float, z: float, ambient: float) -> Light:
        """Light from a direction of any length."""
        length = float(np.sqrt(x * x + y * y + z * z))
        return cls(x / length, y / length, z / length, ambient)

    def diffuse(self, nx: np.ndarray, ny: np.ndarray, nz: np.ndarray) -> np.ndarray:
        """Lambert shading of unit normals."""
        return self.ambient + (1 - self.ambient) * 1.25 * np.clip(nx * self.x + ny * self.y + nz * self.z, 0, 1)

    def gloss(self, nx: np.ndarray, ny: np.ndarray, nz: np.ndarray) -> np.ndarray:
        """Faint Blinn-Phong highlight of skin."""
        half = float(np.sqrt(self.x**2 + self.y**2 + (1 + self.z) ** 2))
        return 0.10 * np.clip((nx * self.x + ny * self.y + nz * (1 + self.z)) / half, 0, 1) ** 28


@dataclass(frozen=True, slots=True)
class Setting:
    """Background as a coarse (5, 5, 3) picture, cloth color (3,), both float32 in [0, 1], and the light."""

    background: np.ndarray
    cloth: np.ndarray
    light: Light


def draw_setting(rng: np.random.Generator) -> Setting:
    """Draw a place at random."""
    wall = np.clip(rng.uniform(0.2, 0.8) + rng.uniform(-0.12, 0.12, 3), 0.05, 0.95)
    blotches = rng.uniform(-0.20, 0.20, (5, 5, 1)) + rng.uniform(-0.07, 0.07, (5, 5, 3))
    return Setting(
        background=(wall + blotches).astype(np.float32),
        cloth=rng.uniform(0.08, 0.75, 3).astype(np.float32),
        light=Light.towards(float(rng.uniform(-0.5, 0.5)), -0.45, 0.85, float(rng.uniform(0.42, 0.55))),
    )
