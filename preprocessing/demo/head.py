"""The head's geometry: an ellipsoid with a narrowing jaw, a relief of facial features on its front, and its shading."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from preprocessing.demo.identity import Identity
from preprocessing.demo.motion import Expression, Pose
from preprocessing.demo.setting import Light
from preprocessing.demo.shapes import blob, ridge, step

DEPTH = 0.82
"""Half depth of every head, in head units."""
MOUTH_TRAVEL = 0.12
"""How far the lower lip sinks when the mouth is wide open, in head units."""


@dataclass(frozen=True, slots=True)
class Surface:
    """What the camera sees of a head, per pixel (H, W): a point of the head, and the light there.

    `x`, `y` are the point in head units; `front` is 1 on the face and 0 behind the ears; `coverage` is the head's
    opacity; `rim` falls to 0 at the outline.
    """

    x: np.ndarray
    y: np.ndarray
    front: np.ndarray
    coverage: np.ndarray
    rim: np.ndarray
    diffuse: np.ndarray
    gloss: np.ndarray

    @property
    def side(self) -> np.ndarray:
        """Distance from the middle of the face: features come in mirrored pairs."""
        return np.abs(self.x)


def see_head(identity: Identity, pose: Pose, light: Light, u: np.ndarray, v: np.ndarray, pixels: float) -> Surface:
    """Intersect the camera's parallel rays with a head and shade it.

    `u`, `v` (H, W) are pixel positions relative to the head's center in head units, `pixels` the length of one unit.
    """
    x, y, z, depth, inside = _cast(identity, pose.rotation(), u, v)
    relief = _relief(identity, pose.expression, x, y) * step(z, 0.05)
    normal = _normals(depth + relief, pixels)
    return Surface(
        x=x,
        y=y,
        front=step(z, 0.06),
        coverage=step(inside, 0.018),
        rim=np.clip(inside / 0.30, 0, 1) ** 0.35,
        diffuse=light.diffuse(*normal),
        gloss=light.gloss(*normal),
    )


def project(identity: Identity, pose: Pose, points: np.ndarray, size: int) -> np.ndarray:
    """Pixel positions (N, 2) of face points (N, 2) in head units, in a square frame of `size` pixels."""
    x, y = points[:, 0], points[:, 1]
    width = identity.half_width * _jaw(identity, y)
    z = DEPTH * np.sqrt(np.clip(1 - (x / width) ** 2 - (y / identity.half_height) ** 2, 0, 1))
    seen = np.stack([x, y, z], axis=1) @ pose.rotation().T
    return (np.array([pose.x, pose.y]) + seen[:, :2] * pose.scale) * size


def _jaw(identity: Identity, y: np.ndarray) -> np.ndarray:
    """Width of the head at height y relative to its full width: 1 above the center, narrowing to the chin."""
    return 1 - identity.jaw * np.clip(y / identity.half_height, 0, 1.2) ** 2


def _cast(identity: Identity, rotation: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
    """Hit point x, y, z in head units, depth towards the camera, and how far inside the outline a ray passes."""
    origin = [float(rotation[0, i]) * u + float(rotation[1, i]) * v for i in range(3)]
    ray = [float(rotation[2, i]) for i in range(3)]
    x, y, z = origin
    for _ in range(3):  # the jaw's width depends on the height of the hit, which depends on the width
        radii = (identity.half_width * _jaw(identity, y), identity.half_height, DEPTH)
        a = sum((d / r) ** 2 for d, r in zip(ray, radii, strict=True))
        b = sum(o * d / r**2 for o, d, r in zip(origin, ray, radii, strict=True))
        c = sum((o / r) ** 2 for o, r in zip(origin, radii, strict=True)) - 1
        inside = b**2 - a * c
        depth = (-b + np.sqrt(np.maximum(inside, 0))) / a
        x, y, z = (o + depth * d for o, d in zip(origin, ray, strict=True))
    return x, y, z, depth, inside


def _normals(depth: np.ndarray, pixels: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit normals of a depth map; its slope is bounded because it is infinite at the outline."""
    smooth = cv2.GaussianBlur(depth, (0, 0), max(0.6, pixels * 0.008))
    gy, gx = (np.clip(slope * pixels, -4, 4) for slope in np.gradient(smooth))
    nz = 1 / np.sqrt(1 + gx**2 + gy**2)
    return -gx * nz, -gy * nz, nz


def _relief(identity: Identity, expression: Expression, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Height of the facial features over the ellipsoid, in head units."""
    side = np.abs(x)
    return (
        _eye_relief(identity, side, y)
        + _nose_relief(identity, x, y)
        + _cheek_relief(identity, expression, side, y)
        + _mouth_relief(identity, expression, x, y)
    )


def _eye_relief(identity: Identity, side: np.ndarray, y: np.ndarray) -> np.ndarray:
    ex, ey = identity.eye_x, identity.eye_y
    brow_ridge = 0.050 * blob(side, y, ex * 0.95, ey - identity.brow_rise + 0.02, 0.17, 0.050)
    socket = 0.085 * blob(side, y, ex * 0.92, ey - 0.005, 0.15, 0.085)
    eyeball = 0.040 * blob(side, y, ex, ey + 0.005, identity.eye_width * 0.75, 0.055)
    tear_trough = 0.022 * blob(side, y, ex * 0.95, ey + 0.115, 0.12, 0.030)
    return brow_ridge - socket + eyeball - tear_trough


def _nose_relief(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    ey, tip = identity.eye_y, identity.nose_tip
    along = np.clip((y - (ey - 0.06)) / identity.nose_length, 0, 1)
    ends = (1 - step(y - (tip + 0.005), 0.020)) * step(y - (ey - 0.08), 0.04)
    bridge = identity.nose_depth * along**1.15 * ridge(x, 0.045 + 0.045 * along) * ends
    wings = 0.055 * blob(np.abs(x), y, identity.nose_width * 0.82, tip - 0.055, 0.045, 0.045)
    return bridge + wings


def _cheek_relief(identity: Identity, expression: Expression, side: np.ndarray, y: np.ndarray) -> np.ndarray:
    cheek_bone = 0.050 * blob(side, y, 0.40, 0.17, 0.16, 0.14)
    smile_fold = 0.028 * blob(side, y, identity.nose_width + 0.13, 0.36, 0.050, 0.12) * (1 + expression.smile)
    return cheek_bone - smile_fold


def _mouth_relief(identity: Identity, expression: Expression, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    mouth, width, lip = identity.mouth_y, identity.mouth_width, identity.lip_thickness
    drop = MOUTH_TRAVEL * expression.mouth
    philtrum = 0.020 * blob(x, y, 0, mouth - 0.105, 0.030, 0.045)
    upper_lip = 0.045 * blob(x, y, 0, mouth - lip * 0.55, width * 0.62, lip * 0.6)
    lower_lip = 0.052 * blob(x, y, 0, mouth + lip * 0.75 + drop, width * 0.55, lip * 0.65)
    below_lip = 0.045 * blob(x, y, 0, mouth + 0.155 + drop, 0.17, 0.040)
    chin = 0.060 * blob(x, y, 0, mouth + 0.30 + drop * 0.7, 0.15, 0.10)
    return upper_lip + lower_lip + chin - philtrum - below_lip
