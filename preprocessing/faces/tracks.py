"""Every face of a picture or video, each followed by itself; what prediction looks at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from preprocessing.faces.align import FIVE_POINTS, carry, similarity, template, warp
from preprocessing.faces.detect import Face, FaceDetector, LandmarkPredictor


@dataclass(frozen=True, slots=True)
class Cut:
    """One face cut out of one frame."""

    index: int
    """Of the frame in the source."""
    box: Face
    crop: np.ndarray
    """``(size, size, 3)`` uint8 RGB."""
    landmarks: np.ndarray
    """``(68 or 81, 2)`` float32 in crop pixels."""


@dataclass(slots=True)
class Track:
    """One face through the frames in which it was found."""

    cuts: list[Cut] = field(default_factory=list)

    @property
    def last(self) -> Face:
        """Where it was seen last."""
        return self.cuts[-1].box


def find_tracks(
    frames: Iterable[tuple[int, np.ndarray]],
    detect: FaceDetector,
    predict: LandmarkPredictor,
    size: int = 256,
    scale: float = 1.3,
) -> tuple[list[Track], list[int]]:
    """The faces of ``frames``, longest track first, and the indices of frames without any.

    A detection joins the track whose last box it overlaps most; every track takes one per frame, and what overlaps
    none begins a track of its own.
    """
    tracks: list[Track] = []
    empty: list[int] = []
    target = template(size, scale)
    for index, image in frames:
        found = detect(image)
        if not found:
            empty.append(index)
        for track, face in _assign(tracks, found):
            points = predict(image, face)
            matrix = similarity(points[list(FIVE_POINTS)], target)
            track.cuts.append(Cut(index, face, warp(image, matrix, size), carry(points, matrix)))
    return sorted(tracks, key=lambda track: -len(track.cuts)), empty


def _assign(tracks: list[Track], found: list[Face]) -> list[tuple[Track, Face]]:
    """Which track each face of one frame belongs to; new tracks are added to ``tracks``."""
    pairs = [(track.last.overlap(face), t, f) for t, track in enumerate(tracks) for f, face in enumerate(found)]
    given: dict[int, Track] = {}
    taken: set[int] = set()
    for overlap, t, f in sorted(pairs, key=lambda pair: -pair[0]):
        if overlap > 0 and t not in taken and f not in given:
            given[f] = tracks[t]
            taken.add(t)
    for f in range(len(found)):
        if f not in given:
            given[f] = Track()
            tracks.append(given[f])
    return [(given[f], face) for f, face in enumerate(found)]
