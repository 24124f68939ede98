"""The work on one video: decode, detect, align, cut, write. Runs in a worker process."""

from __future__ import annotations

import functools
import io
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from preprocessing.codecs import encode
from preprocessing.faces.align import Crop, warp_mask
from preprocessing.faces.detect import Face
from preprocessing.faces.find import Found
from preprocessing.faces.models import Detection, Models, build_models
from preprocessing.faces.video import Shot, open_media
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


def models(settings: Settings) -> Models:
    """The models that ``settings`` name, loaded once per process.

    Raises:
        ConfigError: detector unknown or its options wrong.
        WeightsError: a model is not there.
    """
    return _load(_Wanted(settings.detector, settings.detection, settings.landmarks, settings.forehead, settings.crop))


@dataclass(frozen=True)
class _Wanted:
    """The settings of the models, as a key."""

    detector: Spec
    detection: Detection
    landmarks: Path | None
    forehead: bool
    crop: Crop

    def __hash__(self) -> int:
        return hash((self.detector.name, self.crop))


@functools.lru_cache(maxsize=1)
def _load(wanted: _Wanted) -> Models:
    cv2.setNumThreads(1)
    return build_models(wanted.detector, wanted.detection, wanted.landmarks, wanted.forehead, wanted.crop)


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
    settings, find = task.settings, models(task.settings).find
    media = open_media(task.source.path, settings.limits)
    indices = settings.sampler.indices(media.total)
    notes: list[str] = []
    deadline = time.monotonic() + (settings.time_limit or math.inf)
    last: Face | None = None
    frames = []
    for shot, mask in _with_masks(media.read(indices), _masks(task, indices, notes)):
        if time.monotonic() > deadline:
            raise DataError(f"took more than time_limit ({settings.time_limit:g} s)")
        marks = mask.gray > 1 if mask is not None else None
        found = find(shot, last, marks if marks is not None and marks.any() else None)
        last = found.face if found is not None else last
        frames.append(Frame(shot.index, False) if found is None else _cut(task, shot, mask, found))
    note = "; ".join(note for note in (media.note, *_shortcomings(task, frames), *notes) if note) or None
    return replace(task.blank, video=replace(task.source.facts, note=note, media=media.facts), frames=frames)


def _shortcomings(task: Task, frames: list[Frame]) -> Iterator[str]:
    faces = [frame for frame in frames if frame.face_found]
    if not faces:
        yield f"no face found; frames looked at: {len(frames)}"
    without = sum(frame.mask is None for frame in faces)
    if without and task.source.mask is not None and task.settings.masks:
        yield f"no mask of the picture's size for {without} of {len(faces)} faces"


def _masks(task: Task, indices: Sequence[int], notes: list[str]) -> Iterator[Shot]:
    """The mask video's frames. Trouble goes to ``notes``: faces are worth keeping without."""
    path = task.source.mask
    if path is None or not task.settings.masks:
        return
    try:
        yield from open_media(path, task.settings.limits).read(indices)
    except DataError as error:
        notes.append(f"masks: {_reason(error, path)}")


def _reason(error: DataError, path: Path) -> str:
    """Without the path in front, which would tie the note to one machine."""
    return str(error).removeprefix(f"{shown(path)}: ")


def _with_masks(shots: Iterator[Shot], masks: Iterator[Shot]) -> Iterator[tuple[Shot, Shot | None]]:
    """Frames with the mask of the same index, where there is one of the same size."""
    mask = next(masks, None)
    for shot in shots:
        while mask is not None and mask.index < shot.index:
            mask = next(masks, None)
        fits = mask is not None and mask.index == shot.index and mask.gray.shape == shot.gray.shape
        yield shot, mask if fits else None


def _cut(task: Task, shot: Shot, mask: Shot | None, found: Found) -> Frame:
    """Store one face with all that belongs to it."""
    settings, put, matrix = task.settings, task.sink.put, found.matrix
    stem = f"{task.source.facts.video}/{shot.index:05d}"
    image_path = f"frames/{stem}.{settings.codec}"
    put(image_path, encode(settings.crop.cut(shot.rgb, matrix), settings.codec, settings.quality))
    landmarks_path = mask_path = None
    if found.landmarks is not None:
        landmarks_path = f"landmarks/{stem}.npy"
        array = io.BytesIO()
        np.save(array, found.landmarks)
        put(landmarks_path, array.getvalue())
    if mask is not None:
        mask_path = f"masks/{stem}.png"
        put(mask_path, encode(warp_mask(mask.rgb, matrix, settings.crop.side), "png"))
    rounded = tuple(round(value, 6) for value in matrix.ravel().tolist())
    return Frame(shot.index, True, image_path, mask_path, landmarks_path, rounded)
