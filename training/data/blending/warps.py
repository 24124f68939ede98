"""Warps of faces and masks: similarities and piecewise affine maps between landmarks, random deformations of masks.

Lengths are given for faces of 256 pixels, as in the literature, and scale with the face.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import Delaunay

from training.data.blending.hulls import POINTS, REFERENCE_SIDE


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The ``(2, 3)`` rotation, scale and shift that brings points ``(n, 2)`` nearest to ``target`` (least squares).

    Umeyama 1991 for two dimensions, without reflections: points as complex numbers, one factor ``a`` and shift ``b``.
    """
    p, q = (points.astype(np.float64) @ np.array([1, 1j]) for points in (source, target))
    centered = p - p.mean()
    a = np.vdot(centered, q - q.mean()) / np.vdot(centered, centered)
    b = q.mean() - a * p.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def move(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points ``(n, 2)`` under an affine map ``(2, 3)``."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def five_points(points: np.ndarray) -> np.ndarray:
    """Centers of the eyes, tip of the nose, corners of the mouth ``(5, 2)`` of 68 or 81 landmarks."""
    return np.stack([points[[36, 39]].mean(0), points[[42, 45]].mean(0), points[30], points[48], points[54]])


def inner_square(points: np.ndarray, side: int) -> np.ndarray:
    """The similarity ``(2, 3)`` that brings brows, eyes, nose and mouth, upright, into a ``side``-pixel picture."""
    left, right = five_points(points)[:2]
    angle = np.degrees(np.arctan2(*(right - left)[::-1]))
    matrix = cv2.getRotationMatrix2D((0, 0), angle, 1.0)
    inner = move(points[17:POINTS], matrix)
    low, high = inner.min(0), inner.max(0)
    scale = (side - 1) / (high - low).max()
    matrix[:, 2] -= (low + high) / 2
    matrix *= scale
    matrix[:, 2] += (side - 1) / 2
    return matrix


def piecewise_affine(
    picture: np.ndarray, source: np.ndarray, target: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """``picture`` with the points ``source`` (n, 2) moved to ``target``, affinely within each triangle of these.

    Returns:
        The warped picture ``(side, side, 3)``, black outside the triangles, and their mask, uint8, 0 or 1.
    """
    mesh = Delaunay(target)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    triangle = mesh.find_simplex(np.stack([x, y], -1))  # -1 outside
    corners = (points.astype(np.float32)[mesh.simplices] for points in (target, source))
    maps = np.stack([cv2.getAffineTransform(t, s) for t, s in zip(*corners, strict=True)]).astype(np.float32)
    from_x, from_y = (
        maps[:, i, 0][triangle] * x + maps[:, i, 1][triangle] * y + maps[:, i, 2][triangle] for i in (0, 1)
    )
    inside = (triangle >= 0).astype(np.uint8)
    warped = cv2.remap(picture, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return warped * inside[..., None], inside


def shifted(
    picture: np.ndarray, matrix: np.ndarray, interpolation: int = cv2.INTER_LINEAR, side: int | None = None
) -> np.ndarray:
    """``picture`` under an affine map ``(2, 3)``, ``side`` pixels wide and high (None: its own).

    Beyond their borders, pictures (H, W, 3) are reflected and masks (H, W) are empty.
    """
    size = (side or picture.shape[1], side or picture.shape[0])
    border = cv2.BORDER_REFLECT_101 if picture.ndim == 3 else cv2.BORDER_CONSTANT
    return cv2.warpAffine(picture, matrix, size, flags=interpolation, borderMode=border)


def put_back(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """What :func:`shifted` moved by ``matrix``, where it was before, else 0; nearest pixels, so masks stay hard."""
    return cv2.warpAffine(picture, matrix, picture.shape[1::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)


def random_shift(side: int, rng: np.random.Generator) -> np.ndarray:
    """A small misplacement: shifts up to 3 % across and 1.5 % down, scale 0.95 to 1/0.95 about the center.

    Source: Shiohara & Yamasaki, CVPR 2022, section 3.1 (resizing and translating the source).
    """
    scale = rng.uniform(0.95, 1 / 0.95)
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), 0, scale)
    matrix[:, 2] += rng.uniform(-1, 1, 2) * (0.03 * side, 0.015 * side)
    return matrix


def elastic(mask: np.ndarray, rng: np.random.Generator, strength: float = 50.0, smoothness: float = 7.0) -> np.ndarray:
    """:func:`rippled` by random noise."""
    return rippled(mask, rng.random((*mask.shape[:2], 2), np.float32) * 2 - 1, strength, smoothness)


def rippled(mask: np.ndarray, noise: np.ndarray, strength: float, smoothness: float) -> np.ndarray:
    """``mask`` under a smooth displacement (Simard et al. 2003): ``noise`` (H, W, 2) blurred, times ``strength``."""
    scale = mask.shape[0] / REFERENCE_SIDE
    field = cv2.GaussianBlur(noise, (0, 0), smoothness * scale) * (strength * scale * scale)
    return _displaced(mask, field)


def grid_warp(mask: np.ndarray, rng: np.random.Generator, spread: float = 20.0, cells: int = 4) -> np.ndarray:
    """``mask`` under the displacement that a ``cells`` x ``cells`` grid of normal random shifts spans.

    Source: Li et al., Face X-ray (CVPR 2020), section 3.2 (random shape deformation); shifts are interpolated
    bilinearly here.
    """
    height, width = mask.shape[:2]
    grid = rng.standard_normal((cells, cells, 2)).astype(np.float32) * (spread * width / REFERENCE_SIDE)
    across, down = (np.linspace(0, cells - 1, n, dtype=np.float32) for n in (width, height))
    field = cv2.remap(grid, *np.meshgrid(across, down), cv2.INTER_LINEAR)
    return _displaced(mask, field)


def _displaced(mask: np.ndarray, field: np.ndarray) -> np.ndarray:
    """``mask`` looked up at every pixel's place plus ``field`` (H, W, 2); empty beyond its borders."""
    height, width = mask.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return cv2.remap(mask, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
