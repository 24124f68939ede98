"""Landmarks of a face that was found: dlib's 68 or 81 points, and a forehead for those who have 68."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import dlib
import numpy as np

from preprocessing.faces.closeup import close_up
from preprocessing.faces.detect import Face
from training.core.errors import WeightsError
from training.core.paths import shown

POINT_COUNTS = (68, 81)

FINE = 600
"""Width in pixels of a face whose landmarks are wanted to a fraction of a pixel: dlib rounds them to whole ones."""
AROUND = 1.6
"""How much of a face's surroundings the predictor looks at, in widths of the face."""


class LandmarkPredictor:
    """dlib's regression trees (Kazemi and Sullivan 2014); the file decides between 68 and 81 points.

    With ``forehead`` the last 13 points are extrapolated where the file has only 68.

    Raises:
        WeightsError: the file is missing or no such model.
    """

    def __init__(self, path: Path, forehead: bool = False) -> None:
        self.path = path
        if not path.is_file():
            raise WeightsError(
                f"no landmark predictor {shown(path)}; install.sh puts the 68-point one there, "
                "weights/README.md says where the 81-point one comes from"
            )
        try:
            self._predictor = dlib.shape_predictor(str(path))
        except RuntimeError as error:
            raise WeightsError(f"{shown(path)}: not a dlib landmark predictor ({error})") from error
        self.extrapolated = False
        self.points = len(self(np.zeros((64, 64, 3), np.uint8), Face(0, 0, 63, 63, 0.0)))
        if self.points not in POINT_COUNTS:
            raise WeightsError(f"{shown(path)}: predicts {self.points} points; expected 68 or 81")
        if forehead and self.points == 68:
            self.extrapolated, self.points = True, 81

    def __call__(self, image: np.ndarray, face: Face) -> np.ndarray:
        """``(68 or 81, 2)`` float64 x, y in pixels of ``image`` (uint8, RGB or gray): whole numbers if predicted."""
        shape = self._predictor(image, dlib.rectangle(face.left, face.top, face.right, face.bottom))
        points = np.array([(p.x, p.y) for p in shape.parts()], np.float64)
        return with_forehead(points) if self.extrapolated else points

    def finely(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The same to a fraction of a pixel: small faces are predicted from an enlarged picture."""
        view = close_up(image, face, AROUND, max(FINE / face.width, 1.0))
        return view.points_outside(self(view.pixels, view.face_inside(face)))

    @cached_property
    def facts(self) -> dict[str, Any]:
        """File, its digest and what it gives, as recorded in manifests."""
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        forehead = {"forehead": "extrapolated"} if self.extrapolated else {}
        return {"file": self.path.name, "sha256": digest, "points": self.points, **forehead}


def with_forehead(points: np.ndarray) -> np.ndarray:
    """``(81, 2)``: 68 landmarks and 13 of the forehead that are extrapolated from them.

    The forehead is half an ellipse from one end of the jaw line (point 0) to the other (16), without these two, from
    left to right in equal steps of angle. Its top lies as far above the brows (21, 22) as these lie above the base of
    the nose (33), by the canon of three equal parts of the face (Farkas et al., Plastic and Reconstructive Surgery 75,
    1985). The 81-point predictor orders its forehead otherwise; hulls, which these points are for, need no order.
    """
    center, across = (points[0] + points[16]) / 2, (points[16] - points[0]) / 2
    brows = (points[21] + points[22]) / 2
    upward = 2 * brows - points[33] - center
    angles = np.linspace(np.pi, 0, 15)[1:-1, None]
    return np.concatenate([points, center + across * np.cos(angles) + upward * np.sin(angles)])
