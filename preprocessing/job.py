"""The work on one video: decode, detect, align, cut, write. Runs in a worker process."""

from __future__ import annotations

import functools
import io
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from preprocessing.codecs import encode
from preprocessing.faces.align import FIVE_POINTS, carry, similarity, template, warp, warp_mask
from preprocessing.faces.detect import Face, FaceDetector, LandmarkPredictor, build_detector, follow
from preprocessing.faces.video import frame_indices, open_media
from preprocessing.layouts.base import SourceVideo
from preprocessing.manifest import Frame
from preprocessing.settings import Settings
from preprocessing.sidecar import Sidecar
from preprocessing.sinks import Parcel, Sink
from training.core.config import Spec
from training.core.errors import DataError
from training.core.paths import shown


@dataclass(frozen=True, slots=True)
class Task:
    """One video to do: ``blank`` is the note to leave, all but its frames; ``sink`` where all goes."""

    source: SourceVideo
    sink: Sink
    settings: Settings
    blank: Sidecar


@dataclass(frozen=True, slots=True)
class Models:
    """What finds faces and their landmarks."""

    detect: FaceDetector
    predict: LandmarkPredictor


def models(settings: Settings) -> Models:
    """The models that ``settings`` name, loaded once per process.

    Raises:
        ConfigError: detector unknown or its options wrong.
        WeightsError: no landmark predictor.
    """
    return _load(settings.detector.name, tuple(settings.detector.params.items()), settings.landmarks)


@functools.cache
def _load(detector: str, options: tuple[tuple[str, Any], ...], landmarks: Path) -> Models:
    cv2.setNumThreads(1)
    return Models(build_detector(Spec(name=detector, params=dict(options))), LandmarkPredictor(landmarks))


def process(task: Task) -> Parcel:
    """Do one video from scratch and hand it to the sink, its note last.

    A video that cannot be read, or not in time, leaves a note that says so and nothing else.
    """
    video = task.source.facts
    task.sink.begin(video.video)
    try:
        sidecar = _extract(task)
    except DataError as error:
        task.sink.begin(video.video)
        sidecar = failure(task.blank, _reason(error, task.source.path))
    return task.sink.end(sidecar)


def failure(blank: Sidecar, reason: str) -> Sidecar:
    """The note of a video that came to nothing."""
    return replace(blank, video=replace(blank.video, note=reason), frames=[], failed=True)


def _extract(task: Task) -> Sidecar:
    settings, detect = task.settings, models(task.settings).detect
    media = open_media(task.source.path, settings.picture_limit)
    indices = frame_indices(media.total, settings.frames, settings.sampling)
    notes: list[str] = []
    deadline = time.monotonic() + (settings.time_limit or math.inf)
    last: Face | None = None
    frames = []
    for index, image, mask in _with_masks(media.read(indices), _masks(task, indices, notes)):
        if time.monotonic() > deadline:
            raise DataError(f"took more than time_limit ({settings.time_limit:g} s)")
        face = follow(detect(image), last)
        last = face or last
        frames.append(Frame(index, False) if face is None else _cut(task, index, image, mask, face))
    note = "; ".join(note for note in (media.note, *_shortcomings(task, frames), *notes) if note) or None
    return replace(task.blank, video=replace(task.source.facts, note=note, media=media.facts), frames=frames)


def _shortcomings(task: Task, frames: list[Frame]) -> Iterator[str]:
    faces = [frame for frame in frames if frame.face_found]
    if not faces:
        yield f"no face found; frames looked at: {len(frames)}"
    without = sum(frame.mask is None for frame in faces)
    if without and task.source.mask is not None and task.settings.masks:
        yield f"no mask of the picture's size for {without} of {len(faces)} faces"


def _masks(task: Task, indices: Sequence[int], notes: list[str]) -> Iterator[tuple[int, np.ndarray]]:
    """The mask video's frames. Trouble goes to ``notes``: faces are worth keeping without."""
    path = task.source.mask
    if path is None or not task.settings.masks:
        return
    try:
        yield from open_media(path).read(indices)
    except DataError as error:
        notes.append(f"masks: {_reason(error, path)}")


def _reason(error: DataError, path: Path) -> str:
    """Without the path in front, which would tie the note to one machine."""
    return str(error).removeprefix(f"{shown(path)}: ")


def _with_masks(
    frames: Iterator[tuple[int, np.ndarray]], masks: Iterator[tuple[int, np.ndarray]]
) -> Iterator[tuple[int, np.ndarray, np.ndarray | None]]:
    """Frames with the mask of the same index, where there is one of the same size."""
    mask_index, mask = -1.0, None
    for index, image in frames:
        while mask_index < index:
            mask_index, mask = next(masks, (math.inf, None))
        fits = mask_index == index and mask is not None and mask.shape == image.shape
        yield index, image, mask if fits else None


def _cut(task: Task, index: int, image: np.ndarray, mask: np.ndarray | None, face: Face) -> Frame:
    """Store one face with all that belongs to it."""
    settings, video, put = task.settings, task.source.facts.video, task.sink.put
    points = models(settings).predict(image, face)
    matrix = similarity(points[list(FIVE_POINTS)], template(settings.size, settings.scale))
    stem = f"{video}/{index:05d}"
    image_path = f"frames/{stem}.{settings.codec}"
    put(image_path, encode(warp(image, matrix, settings.size), settings.codec, settings.quality))
    landmarks_path = f"landmarks/{stem}.npy"
    array = io.BytesIO()
    np.save(array, carry(points, matrix))
    put(landmarks_path, array.getvalue())
    mask_path = None
    if mask is not None:
        mask_path = f"masks/{stem}.png"
        put(mask_path, encode(warp_mask(mask, matrix, settings.size), "png"))
    rounded = tuple(round(value, 6) for value in matrix.ravel().tolist())
    return Frame(index, True, image_path, mask_path, landmarks_path, rounded)
