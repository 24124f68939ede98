"""Bring a face to its canonical place: one similarity transform for picture, mask and landmarks alike.

The crop is the one that most of the field trains on (DeepfakeBench's): five landmarks are moved onto ArcFace's
five-point template (Deng et al., 2019), with a margin around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.core.errors import DataError

# 0-based indices into 68 or 81 points: an upper lid of each eye, the nose tip, and the neighbors of the mouth's
# corners (the corners are 48 and 54). Published crops were made with these.
FIVE_POINTS = (37, 44, 30, 49, 55)

# ArcFace's template for a crop of 96 columns and 112 rows: eyes, nose tip, mouth corners.
ARCFACE = np.array([(30.2946, 51.6963), (65.5318, 51.5014), (48.0252, 71.7366), (33.5493, 92.3655), (62.7299, 92.2041)])


def template(size: int = 256, scale: float = 1.3, dtype: type[np.floating] = np.float64) -> np.ndarray:
    """``(5, 2)``: where the five points lie in a ``size`` x ``size`` crop that shows ``scale`` times ArcFace's view.

    ``dtype`` is what it is computed in: published crops were made in float32.
    """
    points = ARCFACE.astype(dtype)
    points[:, 0] += 8  # from 96 columns to 112
    return (points * size / 112 + (scale - 1) * size / 2) * (1 / scale)


@dataclass(frozen=True, slots=True)
class Crop:
    """What a face's picture shows.

    Args:
        size: width and height in pixels, without margin.
        scale: how much of the surroundings is in it; 1 is ArcFace's view.
        margin: pixels more on every side, at the same magnification, for methods that crop later themselves.
    """

    size: int = 256
    scale: float = 1.3
    margin: int = 0

    @property
    def side(self) -> int:
        """Width and height of the picture in pixels, margin included."""
        return self.size + 2 * self.margin

    def around(self, matrix: np.ndarray) -> np.ndarray:
        """``matrix`` to the crop without margin as one to the crop with it."""
        return matrix + np.array([(0, 0, self.margin), (0, 0, self.margin)])

    def of_face(self, points: np.ndarray) -> np.ndarray:
        """``(2, 3)`` matrix to the crop without margin that shows the face with these 68 or 81 landmarks upright."""
        return similarity(points[list(FIVE_POINTS)], template(self.size, self.scale))

    def of_box(self, box: tuple[int, int, int, int]) -> np.ndarray:
        """``(2, 3)`` matrix that stretches a box (left, upper, right and lower edge) over the crop, unaligned."""
        left, top, right, bottom = box
        x, y = self.size / (right - left), self.size / (bottom - top)
        return np.array([(x, 0, (x - 1) / 2 - x * left), (0, y, (y - 1) / 2 - y * top)])

    def of_picture(self, height: int, width: int) -> np.ndarray:
        """``(2, 3)`` matrix that stretches a whole picture over the crop, pixel edges onto pixel edges."""
        return self.of_box((0, 0, width, height))

    def cut(self, picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """The crop of ``picture`` under ``matrix``, margin included; a whole picture is resized, areas averaged."""
        if not np.allclose(matrix, self.of_picture(*picture.shape[:2]), rtol=0, atol=1e-5):
            return warp(picture, matrix, self.side)
        how = cv2.INTER_AREA if matrix[0, 0] < 1 or matrix[1, 1] < 1 else cv2.INTER_LINEAR
        return cv2.resize(picture, (self.side, self.side), interpolation=how)


def enlarged(box: tuple[int, int, int, int], factor: float, height: int, width: int) -> tuple[int, int, int, int]:
    """``box`` (left, upper, right and lower edge) made ``factor`` times as large, within the picture.

    Each side moves by a whole number of pixels, as published for open-world attribution (OWDFA.md, 3).
    """
    left, top, right, bottom = box
    x, y = int((right - left) * (factor - 1) / 2), int((bottom - top) * (factor - 1) / 2)
    return max(left - x, 0), max(top - y, 0), min(right + x, width), min(bottom + y, height)


def similarity(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """``(2, 3)`` float64 matrix of the rotation, scale and shift that best moves ``points`` onto ``target``.

    Least squares over similarities without reflection (Umeyama 1991, eqs. 40-42). In the plane, with points written
    as complex numbers, that is ordinary regression on one complex factor.

    Raises:
        DataError: all points coincide.
    """
    x, y = np.asarray(points, np.float64) @ (1, 1j), np.asarray(target, np.float64) @ (1, 1j)
    centered = x - x.mean()
    spread = np.vdot(centered, centered).real
    if spread == 0:
        raise DataError("cannot align a face whose landmarks coincide")
    factor = np.vdot(centered, y - y.mean()) / spread
    shift = y.mean() - factor * x.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def similarity_in_float32(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The same with the rounding of published crops: ``(2, 3)`` float64 that holds what 32 bits made of it.

    They were cut by scikit-image's least squares in single precision; a matrix that differs in the last bit moves
    some pixels to another gray level. Umeyama (1991): covariance, its singular values, eqs. 39 to 42.
    """
    x, y = (np.asarray(side, np.float32) for side in (points, target))
    centered, moved = x - x.mean(axis=0), y - y.mean(axis=0)
    left, strengths, right = np.linalg.svd(moved.T @ centered / len(x))
    signs = np.ones(2)
    if np.linalg.det(left) * np.linalg.det(right) < 0:
        signs[1] = -1
    matrix = np.empty((2, 3))
    matrix[:, :2] = left @ np.diag(signs) @ right
    factor = 1.0 / centered.var(axis=0).sum() * (strengths @ signs)
    matrix[:, 2] = y.mean(axis=0) - factor * (matrix[:, :2] @ x.mean(axis=0))
    matrix[:, :2] *= factor
    return matrix


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The ``size`` x ``size`` crop of ``image`` under ``matrix``, bilinear, black outside the picture."""
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)


def warp_mask(mask: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """``(size, size)`` uint8 crop of an RGB or gray mask: 255 wherever anything was marked, else 0."""
    gray = mask if mask.ndim == 2 else mask.max(axis=2)
    return np.where(warp(gray, matrix, size) > 1, 255, 0).astype(np.uint8)


def carry(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """``(K, 2)`` float32 ``points`` of the source picture in crop coordinates."""
    return (np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
