"""Every face of a picture or video, each followed by itself; what prediction looks at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from preprocessing.faces.align import Crop
from preprocessing.faces.detect import Face
from preprocessing.faces.find import Finder, Found
from preprocessing.faces.video import Shot


@dataclass(frozen=True, slots=True)
class Cut:
    """One face cut out of one frame."""

    index: int
    """Of the frame in the source."""
    box: Face
    crop: np.ndarray
    """``(side, side, 3)`` uint8 RGB."""
    landmarks: np.ndarray | None
    """``(68 or 81, 2)`` float32 in crop pixels; None where faces are cut without."""


@dataclass(slots=True)
class Track:
    """One face through the frames in which it was found."""

    cuts: list[Cut] = field(default_factory=list)

    @property
    def last(self) -> Face:
        """Where it was seen last."""
        return self.cuts[-1].box


def find_tracks(shots: Iterable[Shot], find: Finder, crop: Crop) -> tuple[list[Track], list[int]]:
    """The faces of ``shots``, longest track first, and the indices of frames without any.

    A face joins the track whose last box it overlaps most; every track takes one per frame, and what overlaps none
    begins a track of its own.
    """
    tracks: list[Track] = []
    empty: list[int] = []
    for shot in shots:
        faces = find.every(shot, [track.last for track in tracks])
        if not faces:
            empty.append(shot.index)
        for track, found in _assign(tracks, faces):
            track.cuts.append(Cut(shot.index, found.face, crop.cut(shot.rgb, found.matrix), found.landmarks))
    return sorted(tracks, key=lambda track: -len(track.cuts)), empty


def _assign(tracks: list[Track], faces: list[Found]) -> list[tuple[Track, Found]]:
    """Which track each face of one frame belongs to; new tracks are added to ``tracks``."""
    pairs = [(track.last.overlap(found.face), t, f) for t, track in enumerate(tracks) for f, found in enumerate(faces)]
    given: dict[int, Track] = {}
    taken: set[int] = set()
    for overlap, t, f in sorted(pairs, key=lambda pair: -pair[0]):
        if overlap > 0 and t not in taken and f not in given:
            given[f] = tracks[t]
            taken.add(t)
    for f in range(len(faces)):
        if f not in given:
            given[f] = Track()
            tracks.append(given[f])
    return [(given[f], found) for f, found in enumerate(faces)]
