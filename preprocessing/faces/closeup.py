"""Part of a picture at the magnification that suits the work: no more pixels than it takes to see a face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from preprocessing.faces.detect import Face


@dataclass(frozen=True, slots=True)
class CloseUp:
    """A resized part of a picture, and the way from there to the picture and back."""

    pixels: np.ndarray
    corner: tuple[int, int]
    """x, y of its first pixel in the picture."""
    factors: tuple[float, float]
    """By how much it is wider and higher than what it shows."""

    def face_outside(self, face: Face) -> Face:
        """A ``face`` of the close-up in the picture."""
        edges = np.array([(face.left, face.top), (face.right + 1, face.bottom + 1)]) / self.factors + self.corner
        return _face(edges, face.score)

    def face_inside(self, face: Face) -> Face:
        """A ``face`` of the picture in the close-up."""
        edges = np.array([(face.left, face.top), (face.right + 1, face.bottom + 1)]) - self.corner
        return _face(edges * self.factors, face.score)

    def points_outside(self, points: np.ndarray) -> np.ndarray:
        """Pixel centers ``(K, 2)`` x, y of the close-up in the picture."""
        return (points + 0.5) / self.factors - 0.5 + self.corner


def close_up(picture: np.ndarray, face: Face, reach: float, factor: float) -> CloseUp:
    """``picture`` (uint8, gray or RGB) around ``face``, to ``reach`` times its width and height, times ``factor``.

    Where ``face`` lies outside, as in a video that becomes smaller, it is the pixel nearest to it.
    """
    height, width = picture.shape[:2]
    x, y = (reach - 1) / 2 * face.width, (reach - 1) / 2 * face.height
    left, top = min(max(round(face.left - x), 0), width - 1), min(max(round(face.top - y), 0), height - 1)
    right, bottom = max(round(face.right + 1 + x), left + 1), max(round(face.bottom + 1 + y), top + 1)
    return resized(picture[top:bottom, left:right], factor, (left, top))


def resized(part: np.ndarray, factor: float, corner: tuple[int, int] = (0, 0)) -> CloseUp:
    """``part`` of a picture, which has its first pixel at ``corner``, times ``factor``."""
    height, width = part.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    # On the way down areas are averaged: pixels merely left out would make patterns of their own.
    pixels = cv2.resize(part, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    return CloseUp(pixels, corner, (size[0] / width, size[1] / height))


def _face(edges: np.ndarray, score: float) -> Face:
    (left, top), (right, bottom) = np.rint(edges).astype(int).tolist()
    return Face(left, top, right - 1, bottom - 1, score)
