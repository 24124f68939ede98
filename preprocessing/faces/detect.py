"""Find faces and their landmarks with dlib."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import dlib
import numpy as np

from training.core.config import Spec, instantiate
from training.core.errors import ConfigError, WeightsError, did_you_mean
from training.core.paths import shown

POINT_COUNTS = (68, 81)


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face: box in pixels (``right`` and ``bottom`` belong to it) and the detector's score."""

    left: int
    top: int
    right: int
    bottom: int
    score: float

    def overlap(self, other: Face) -> float:
        """Intersection over union of the two boxes, 0 to 1."""
        width = min(self.right, other.right) - max(self.left, other.left) + 1
        height = min(self.bottom, other.bottom) - max(self.top, other.top) + 1
        shared = max(width, 0) * max(height, 0)
        return shared / (self._area() + other._area() - shared)

    def _area(self) -> int:
        return (self.right - self.left + 1) * (self.bottom - self.top + 1)


class FaceDetector(Protocol):
    """Finds the faces in ``(H, W, 3)`` uint8 RGB, best score first. Its options are its attributes of the same name."""

    def __call__(self, image: np.ndarray) -> list[Face]:
        """The faces; an empty list where there is none."""
        ...


class HogDetector:
    """dlib's frontal HOG detector (Dalal and Triggs 2005; King 2015).

    Args:
        upsample: how often to double the picture first. The search window is 80 px: 1 finds faces from 40 px.
        min_score: detections at or below it are dropped. False hits score up to about 0.25, faces usually above 0.5,
            and false hits can be as large as the face, so the score decides and never the size.
    """

    def __init__(self, upsample: int = 1, min_score: float = 0.3) -> None:
        if upsample < 0:
            raise ConfigError(f"'detector.upsample' is {upsample}; expected 0 or more")
        self.upsample, self.min_score = upsample, min_score
        self._detector = dlib.get_frontal_face_detector()

    def __call__(self, image: np.ndarray) -> list[Face]:
        """See :class:`FaceDetector`."""
        boxes, scores, _ = self._detector.run(image, self.upsample, min(0.0, self.min_score))
        faces = [Face(b.left(), b.top(), b.right(), b.bottom(), score) for b, score in zip(boxes, scores, strict=True)]
        return sorted((f for f in faces if f.score > self.min_score), key=lambda f: -f.score)


FACE_DETECTORS: dict[str, type[FaceDetector]] = {"hog": HogDetector}


def build_detector(spec: Spec) -> FaceDetector:
    """The face detector that ``spec`` names, with its options.

    Raises:
        ConfigError: there is none of that name, or it has no such option.
    """
    if spec.name not in FACE_DETECTORS:
        raise spec.at.error(f"is '{spec.name}'; {did_you_mean(spec.name, FACE_DETECTORS)}")
    return instantiate(FACE_DETECTORS[spec.name], spec.params, {}, spec.at)


def follow(faces: list[Face], last: Face | None) -> Face | None:
    """Which of ``faces`` (best first) to take: the one that most overlaps ``last``, else the best, else None."""
    if last is not None and any(face.overlap(last) > 0 for face in faces):
        return max(faces, key=lambda face: face.overlap(last))
    return faces[0] if faces else None


class LandmarkPredictor:
    """dlib's regression trees (Kazemi and Sullivan 2014); the file decides between 68 and 81 points.

    Raises:
        WeightsError: the file is missing or no such model.
    """

    def __init__(self, path: Path) -> None:
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
        self.points = len(self(np.zeros((64, 64, 3), np.uint8), Face(0, 0, 63, 63, 0.0)))
        if self.points not in POINT_COUNTS:
            raise WeightsError(f"{shown(path)}: predicts {self.points} points; expected 68 or 81")

    def __call__(self, image: np.ndarray, face: Face) -> np.ndarray:
        """``(68 or 81, 2)`` float64 x, y in pixels of ``image`` (uint8 RGB)."""
        shape = self._predictor(image, dlib.rectangle(face.left, face.top, face.right, face.bottom))
        return np.array([(p.x, p.y) for p in shape.parts()], np.float64)

    @cached_property
    def sha256(self) -> str:
        """Of the model file, as recorded in manifests."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
