"""Find faces with dlib: which there are, how sure that is, and which of several to take."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import dlib
import numpy as np

from training.core.config import Spec, instantiate
from training.core.errors import ConfigError, WeightsError, did_you_mean
from training.core.paths import WEIGHTS, shown

WHOLE = "already-cropped"
"""In place of a detector's name: pictures that are crops already."""
CNN_WEIGHTS = WEIGHTS / "mmod_human_face_detector.dat"


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face: box in pixels (``right`` and ``bottom`` belong to it) and the detector's score."""

    left: int
    top: int
    right: int
    bottom: int
    score: float

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left + 1

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top + 1

    @property
    def area(self) -> int:
        """In pixels."""
        return self.width * self.height

    def overlap(self, other: Face) -> float:
        """Intersection over union of the two boxes, 0 to 1."""
        width = min(self.right, other.right) - max(self.left, other.left) + 1
        height = min(self.bottom, other.bottom) - max(self.top, other.top) + 1
        shared = max(width, 0) * max(height, 0)
        return shared / (self.area + other.area - shared)

    def marked(self, mask: np.ndarray) -> float:
        """Which share of the box ``mask``, a ``(H, W)`` bool array, marks."""
        inside = mask[max(self.top, 0) : max(self.bottom + 1, 0), max(self.left, 0) : max(self.right + 1, 0)]
        return int(np.count_nonzero(inside)) / self.area


class FaceDetector(Protocol):
    """Finds the faces in a uint8 picture, ``(H, W, 3)`` RGB or ``(H, W)`` gray, best score first.

    Its options are its attributes of the same name.
    """

    upsample: int
    """How often it doubles a picture first."""
    min_score: float
    """What a face must score more than."""

    def __call__(self, image: np.ndarray, upsample: int | None = None, min_score: float | None = None) -> list[Face]:
        """The faces, an empty list where there is none; ``upsample`` and ``min_score`` are for this once."""
        ...

    def confirm(self, crop: np.ndarray) -> bool:
        """Whether a gray ``crop``, cut around what was taken for a face, shows one."""
        ...


class HogDetector:
    """dlib's frontal HOG detector (Dalal and Triggs 2005; King 2015).

    Args:
        upsample: how often to double the picture first. The search window is 80 px: 1 finds faces from 40 px.
        min_score: detections at or below it are dropped. False hits score up to about 0.25, faces usually above 0.5,
            and false hits can be as large as the face, so the score decides and never the size.
    """

    def __init__(self, upsample: int = 1, min_score: float = 0.3) -> None:
        self.upsample, self.min_score = _checked(upsample), min_score
        self._detector = dlib.get_frontal_face_detector()

    def __call__(self, image: np.ndarray, upsample: int | None = None, min_score: float | None = None) -> list[Face]:
        """See :class:`FaceDetector`."""
        least = self.min_score if min_score is None else min_score
        boxes, scores, _ = self._detector.run(image, self.upsample if upsample is None else upsample, min(0.0, least))
        return _faces(boxes, scores, least)

    def confirm(self, crop: np.ndarray) -> bool:
        """See :class:`FaceDetector`: at any score that dlib takes, doubling the crop only if need be."""
        return any(len(self._detector(crop, times)) > 0 for times in (0, 1))


class CnnDetector:
    """dlib's CNN detector (King, Max-Margin Object Detection, 2015), for faces that are not frontal; slow on a CPU.

    It was trained on pictures that are free for non-commercial use only.

    Args:
        upsample: how often to double the picture first; 0 finds faces from about 80 px.
        min_score: detections at or below it are dropped; faces usually score about 1.
    """

    def __init__(self, upsample: int = 0, min_score: float = 0.5) -> None:
        self.upsample, self.min_score = _checked(upsample), min_score
        if not CNN_WEIGHTS.is_file():
            raise WeightsError(f"no face detector {shown(CNN_WEIGHTS)}; install.sh puts it there")
        self._detector = dlib.cnn_face_detection_model_v1(str(CNN_WEIGHTS))

    def __call__(self, image: np.ndarray, upsample: int | None = None, min_score: float | None = None) -> list[Face]:
        """See :class:`FaceDetector`."""
        found = self._detector(image, self.upsample if upsample is None else upsample)
        least = self.min_score if min_score is None else min_score
        return _faces([f.rect for f in found], [f.confidence for f in found], least)

    def confirm(self, crop: np.ndarray) -> bool:  # noqa: ARG002 - the other detector looks again
        """See :class:`FaceDetector`: it knows faces from other things at first sight."""
        return True


DETECTORS: dict[str, type[FaceDetector]] = {"hog": HogDetector, "cnn": CnnDetector}


def build_detectors(spec: Spec) -> dict[str, FaceDetector]:
    """The face detector that ``spec`` names with its options; or a chain, ``hog,cnn``, each with those in its name.

    Raises:
        ConfigError: there is none of that name, or it has no such option.
        WeightsError: its model is not there.
    """
    names = spec.name.split(",")
    known = list(DETECTORS) if len(names) > 1 else [*DETECTORS, WHOLE]
    for name in names:
        if name not in DETECTORS:
            raise spec.at.error(f"is '{spec.name}'; {did_you_mean(name, known)}")
    if len(names) == 1:
        return {spec.name: instantiate(DETECTORS[spec.name], spec.params, {}, spec.at)}
    for name, given in spec.params.items():
        if name not in names or not isinstance(given, dict):
            raise spec.at.child(name).error(f"is none of the chain's; options go below a name: {names[0]}: {{...}}")
    return {name: instantiate(DETECTORS[name], spec.params.get(name, {}), {}, spec.at.child(name)) for name in names}


def described(detectors: dict[str, FaceDetector]) -> dict[str, Any]:
    """What :func:`build_detectors` must be told to build them again."""
    options = {
        name: {option: getattr(detect, option) for option in inspect.signature(type(detect)).parameters}
        for name, detect in detectors.items()
    }
    return {"name": ",".join(options), **(options if len(options) > 1 else next(iter(options.values())))}


def ranked(faces: list[Face], last: Face | None = None, mask: np.ndarray | None = None) -> list[Face]:
    """``faces`` in the order to take them: first what a ``mask`` marks (``(H, W)`` bool), then by overlap with the
    ``last`` box of the one that is followed, then by score."""

    def merit(face: Face) -> tuple[float, float, float]:
        # No mask fills a box, and some reach into the next: a quarter is enough to be meant, and more no better.
        marked = 0 if mask is None else min(face.marked(mask), 0.25)
        return marked, face.overlap(last) if last else 0, face.score

    return sorted(faces, key=merit, reverse=True)


def _checked(upsample: int) -> int:
    if upsample < 0:
        raise ConfigError(f"'detector.upsample' is {upsample}; expected 0 or more")
    return upsample


def _faces(boxes: Iterable[dlib.rectangle], scores: Iterable[float], min_score: float) -> list[Face]:
    faces = [Face(b.left(), b.top(), b.right(), b.bottom(), score) for b, score in zip(boxes, scores, strict=True)]
    return sorted((face for face in faces if face.score > min_score), key=lambda face: -face.score)
