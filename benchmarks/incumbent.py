"""DeepfakeBench's preprocessing of one video, step by step as its defaults go, in our own code: the measure of speed.

Models loaded for every video; the whole file decoded, in color; HOG at double size on 32 whole frames; the largest face
aligned and cut; detection and landmarks once more in the crop; a PNG and an array written for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import dlib
import numpy as np

from preprocessing.faces.align import FIVE_POINTS, similarity_in_float32, template, warp

SIZE = 256


@dataclass(frozen=True)
class Face:
    """What it makes of one frame."""

    landmarks: np.ndarray
    """``(68, 2)`` in pixels of the frame."""
    crop: np.ndarray
    """``(256, 256, 3)`` uint8 BGR."""


def preprocess(video: Path, predictor: Path, output: Path, frames: int = 32) -> dict[int, Face]:
    """The faces by index of their frame, written below ``output``."""
    detect, predict = load(predictor)
    reader = cv2.VideoCapture(str(video))
    total = int(reader.get(cv2.CAP_PROP_FRAME_COUNT))
    wanted = set(np.linspace(0, total - 1, frames, dtype=int).tolist())
    faces = {}
    for index in range(total):
        frame = decode(reader)
        if frame is None:
            break
        if index in wanted and (face := _face(frame, detect, predict, output / f"{index:03d}.png")) is not None:
            faces[index] = face
    return faces


def _face(
    frame: np.ndarray, detect: dlib.fhog_object_detector, predict: dlib.shape_predictor, path: Path
) -> Face | None:
    rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    boxes = first_pass(detect, rgb)
    if not boxes:
        return None
    points = landmarks(predict, rgb, max(boxes, key=lambda box: box.width() * box.height()))
    crop = align(rgb, points)
    boxes = second_pass(detect, crop)
    if not boxes:
        return None
    write(path, crop, landmarks(predict, crop, boxes[0]))
    return Face(points, crop)


def load(predictor: Path) -> tuple[dlib.fhog_object_detector, dlib.shape_predictor]:
    """Both models."""
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(predictor))


def decode(reader: cv2.VideoCapture) -> np.ndarray | None:
    """The next frame, BGR."""
    return reader.read()[1]


def first_pass(detect: dlib.fhog_object_detector, rgb: np.ndarray) -> dlib.rectangles:
    """Boxes in the whole frame."""
    return detect(rgb, 1)


def second_pass(detect: dlib.fhog_object_detector, crop: np.ndarray) -> dlib.rectangles:
    """Boxes in the crop, which is BGR."""
    return detect(crop, 1)


def landmarks(predict: dlib.shape_predictor, image: np.ndarray, box: dlib.rectangle) -> np.ndarray:
    """All 68 points."""
    return np.array([(point.x, point.y) for point in predict(image, box).parts()])


def align(rgb: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The crop, BGR."""
    matrix = similarity_in_float32(points[list(FIVE_POINTS)], template(SIZE, dtype=np.float32))
    return cv2.cvtColor(warp(rgb, matrix, SIZE), cv2.COLOR_RGB2BGR)


def write(path: Path, crop: np.ndarray, points: np.ndarray) -> None:
    """Picture and landmarks."""
    cv2.imwrite(str(path), crop)
    np.save(path.with_suffix(".npy"), points)
