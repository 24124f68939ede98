"""Puts head and surroundings together into one clean picture: linear light, before any camera."""

from __future__ import annotations

import numpy as np

from preprocessing.demo.head import see_head
from preprocessing.demo.identity import Identity
from preprocessing.demo.motion import Pose
from preprocessing.demo.paint import occlusion, paint_face
from preprocessing.demo.scene import add_hair, paint_backdrop
from preprocessing.demo.setting import Light, Setting
from preprocessing.demo.shapes import over


def render_backdrop(identity: Identity, pose: Pose, setting: Setting, size: int) -> np.ndarray:
    """The frame without the head, (size, size, 3) float32 in [0, 1]."""
    return paint_backdrop(identity, pose, setting, *_positions(pose, size))


def render_head(backdrop: np.ndarray, identity: Identity, pose: Pose, light: Light) -> np.ndarray:
    """A copy of `backdrop` with the head in it, (size, size, 3) float32 in [0, 1]."""
    size = len(backdrop)
    box = _head_box(identity, pose, size)
    u, v = (position[box] for position in _positions(pose, size))
    surface = see_head(identity, pose, light, u, v, pose.scale * size)
    light_in = surface.diffuse * occlusion(identity, pose.expression, surface)
    face = paint_face(identity, pose.expression, surface, light) * light_in[..., None] + surface.gloss[..., None]
    face = face * (0.60 + 0.40 * surface.rim)[..., None]
    image = backdrop.copy()
    image[box] = over(image[box], add_hair(face, identity, surface), surface.coverage)
    return np.clip(image, 0, 1)


def _positions(pose: Pose, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel positions relative to the head's center in head units, two (size, size) float32 arrays."""
    pixel = (np.arange(size, dtype=np.float32) + 0.5) / size
    u, v = np.meshgrid((pixel - pose.x) / pose.scale, (pixel - pose.y) / pose.scale)
    return u, v


def _head_box(identity: Identity, pose: Pose, size: int) -> tuple[slice, slice]:
    """Rows and columns that hold the head, cut at the frame's border."""
    reach = 1.12 * max(identity.half_width, identity.half_height) + 0.02

    def span(center: float) -> slice:
        first, last = ((center + sign * reach * pose.scale) * size for sign in (-1, 1))
        return slice(max(0, int(first)), min(size, int(last) + 1))

    return span(pose.y), span(pose.x)
