"""Bring a face to its canonical place: one similarity transform for picture, mask and landmarks alike.

The crop is the one that most of the field trains on (DeepfakeBench's): five landmarks are moved onto ArcFace's
five-point template (Deng et al., 2019), with a margin around it.
"""

from __future__ import annotations

import cv2
import numpy as np

from training.core.errors import DataError

# 0-based indices into 68 or 81 points: an upper lid of each eye, the nose tip, and the neighbors of the mouth's
# corners (the corners are 48 and 54). Published crops were made with these.
FIVE_POINTS = (37, 44, 30, 49, 55)

# ArcFace's template for a 112 x 112 crop: eyes, nose tip, mouth corners; widened from its 96 columns by 8 on each side.
ARCFACE = np.array(
    [(30.2946, 51.6963), (65.5318, 51.5014), (48.0252, 71.7366), (33.5493, 92.3655), (62.7299, 92.2041)]
) + (8.0, 0.0)


def template(size: int = 256, scale: float = 1.3) -> np.ndarray:
    """``(5, 2)``: where the five points lie in a ``size`` x ``size`` crop that shows ``scale`` times ArcFace's view."""
    margin = (scale - 1) * size / 2
    return (ARCFACE * size / 112 + margin) / scale


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
