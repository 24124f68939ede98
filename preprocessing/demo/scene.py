"""Everything in the frame but the face: background, shoulders, neck, ears and hair."""

from __future__ import annotations

import cv2
import numpy as np

from preprocessing.demo.head import Surface
from preprocessing.demo.identity import Identity
from preprocessing.demo.motion import Pose
from preprocessing.demo.setting import Light, Setting
from preprocessing.demo.shapes import blob, over, ridge, step


def paint_backdrop(identity: Identity, pose: Pose, setting: Setting, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The frame without the head, (H, W, 3) float32; `u`, `v` (H, W) are positions in head units."""
    image = cv2.resize(setting.background, u.shape[::-1], interpolation=cv2.INTER_CUBIC)
    image = np.clip(image, 0.02, 0.98)
    image = _hair_behind(image, identity, pose, setting.light, u, v)
    image = _shoulders(image, setting.cloth, u, v)
    image = _neck(image, identity, pose, setting.light, u, v)
    return image if identity.hair_length >= 0.2 else _ears(image, identity, pose, u, v)


def add_hair(face: np.ndarray, identity: Identity, s: Surface) -> np.ndarray:
    """Scalp hair and its shadow on the forehead over a shaded face (H, W, 3)."""
    curve = 0.392 if identity.long_hair else 0.28
    hairline = identity.hairline + curve * (s.side / identity.half_width) ** 2 + 0.02 * np.sin(23 * s.x)
    cap = np.maximum(step(hairline - s.y, 0.03), 1 - s.front)
    inner = identity.half_width - 0.04 - 0.55 * identity.hair_length
    if not identity.long_hair:
        inner = inner + 0.10 * np.clip(s.y + 0.2, 0, 1)
    sides = step(s.side - inner, 0.02) * (1 - step(s.y - (0.02 + 2.5 * identity.hair_length), 0.06))
    hair = np.maximum(cap, sides)
    shadow = 0.30 * np.exp(-np.clip(s.y - hairline, 0, 9) / 0.05) * (1 - hair)
    color = identity.hair * (_strands(s.x, s.y, 46) * (0.45 + 0.60 * s.diffuse))[..., None]
    return over(face * (1 - shadow)[..., None], color, hair)


def _strands(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    return 0.88 + 0.12 * np.sin(frequency * x + 5 * np.sin(4 * y)) * np.cos(9 * y)


def _hair_behind(
    image: np.ndarray, identity: Identity, pose: Pose, light: Light, u: np.ndarray, v: np.ndarray
) -> np.ndarray:
    x = u - 0.10 * float(np.sin(pose.yaw))
    width, height = identity.half_width + identity.hair_volume, identity.half_height + identity.hair_volume
    alpha = step(1 - (np.abs(x) / width) ** 2.3 - (np.abs(v + 0.10) / height) ** 2.3, 0.03)
    if identity.long_hair:
        end = 0.35 + 2.2 * identity.hair_length
        falling = step(width - np.abs(x), 0.03) * step(v + 0.2, 0.1) * (1 - step(v - end, 0.05))
        alpha = np.maximum(alpha, falling)
    else:
        alpha = alpha * (1 - step(v - 0.12, 0.05))
    shine = 0.75 + 0.35 * blob(x, v, light.x * 0.7, -0.85, 0.5, 0.35)
    return over(image, identity.hair * (_strands(x, v, 42) * shine)[..., None], alpha)


def _shoulders(image: np.ndarray, cloth: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The body moves with the head but does not turn with it."""
    alpha = step(v - 0.82 - 0.55 * np.abs(u / 1.65) ** 2.2, 0.02)
    folds = (0.70 + 0.30 * np.exp(-((u / 1.1) ** 2))) * (1 - 0.12 * np.abs(np.sin(9 * u + 2 * v)))
    return over(image, cloth * folds[..., None], alpha)


def _neck(image: np.ndarray, identity: Identity, pose: Pose, light: Light, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    x = u - 0.25 * float(np.sin(pose.yaw)) * np.clip(1.35 - v, 0, 1)
    width = 0.40 + 0.08 * step(v - 1.15, 0.08)
    collar = 1.30 + 0.18 * np.exp(-((x / 0.3) ** 2))
    alpha = step(width - np.abs(x), 0.02) * step(v - 0.25, 0.05) * (1 - step(v - collar, 0.03))
    across = np.clip(x / width, -1, 1)
    chin_shadow = 0.42 + 0.40 * step(v - 1.22, 0.10)
    shade = light.diffuse(across, np.zeros_like(across), np.sqrt(1 - across**2)) * chin_shadow
    return over(image, identity.skin * shade[..., None], alpha)


def _ears(image: np.ndarray, identity: Identity, pose: Pose, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    for sign in (-1, 1):
        x, y, _ = (float(c) for c in pose.rotation() @ np.array([sign * identity.half_width * 0.985, 0.02, -0.10]))
        turned_towards = float(step(np.float32(0.55 - 1.6 * sign * np.sin(pose.yaw)), 0.1))
        alpha = step(1 - ((u - x) / 0.095) ** 2 - ((v - y) / 0.20) ** 2, 0.12) * turned_towards
        shade = 0.72 - 0.30 * ridge(u - x, 0.035) * ridge(v - y, 0.09)
        image = over(image, identity.skin * shade[..., None], alpha)
    return image
