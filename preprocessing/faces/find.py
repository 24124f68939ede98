"""Which face of a frame is cut and how: found fast, exactly as published crops were made, or the whole picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy as np

from preprocessing.faces.align import FIVE_POINTS, Crop, carry, enlarged, similarity_in_float32, template, warp
from preprocessing.faces.closeup import CloseUp, close_up, resized
from preprocessing.faces.detect import Face, FaceDetector, HogDetector, ranked
from preprocessing.faces.landmarks import LandmarkPredictor
from preprocessing.faces.video import Shot

CLEAR = 110
"""Width in pixels that a face is brought to for the detector, which sees faces from 80 px: it may have shrunk."""
REACH = 2.0
"""How far around its last place a face is searched first, in its widths."""
SAME = 0.3
"""Overlap from which on two hits are one face."""
MARKED = 0.1
"""Share of a face's box from which on a mask means that face, and not one beside it."""
CONFIRMED = Crop()
"""The crop in which a detector must see a face again, whatever the size of those that are written."""


@dataclass(frozen=True, slots=True)
class Found:
    """A face and how it is cut."""

    face: Face
    matrix: np.ndarray
    """``(2, 3)`` from pixels of the frame to those of the crop, margin included."""
    landmarks: np.ndarray | None
    """``(68 or 81, 2)`` float32 in pixels of the crop."""


class Finder(Protocol):
    """Finds faces and says how to cut them."""

    def __call__(self, shot: Shot, last: Face | None = None, mask: np.ndarray | None = None) -> Found | None:
        """The one face of a frame that is to be cut, None if there is none. Of several that which ``mask`` marks
        (``(H, W)`` bool), else the one that was ``last`` cut, else the one of the best score."""
        ...

    def every(self, shot: Shot, lasts: Sequence[Face] = ()) -> list[Found]:
        """All faces of a frame; ``lasts`` are those of the frame before. One that is alone is cut as by a call."""
        ...


class FastFinder:
    """Looks at as few pixels as it can, all of them gray: around the last face, then at the whole picture at half size,
    full size and larger, for as long as nothing is found.

    A hit counts only if the detector sees a face in the crop as well. That keeps false hits out.
    """

    def __init__(self, detect: FaceDetector, predict: LandmarkPredictor, crop: Crop) -> None:
        self._detect, self._predict, self._crop = detect, predict, crop

    def __call__(self, shot: Shot, last: Face | None = None, mask: np.ndarray | None = None) -> Found | None:
        """See :class:`Finder`."""
        others: list[Found] = []
        for faces, smallest in self._views(shot.gray, last):
            candidates = (self._cut(shot.gray, face) for face in ranked(faces, last, mask))
            found = next((found for found in candidates if found is not None), None)
            if found is not None and _expected(found.face, last, mask, smallest):
                return found
            others += [found] if found is not None else []
        best = ranked([found.face for found in others], last, mask)[:1]
        return next((found for found in others if found.face in best), None)

    def every(self, shot: Shot, lasts: Sequence[Face] = ()) -> list[Found]:
        """See :class:`Finder`."""
        near = [ranked(self._near(shot.gray, last), last) for last in lasts]
        found: list[Found] = []
        for face in chain(*near, *(faces for faces, _ in self._views(shot.gray, None))):
            new = all(face.overlap(other.face) < SAME for other in found)
            if new and (cut := self._cut(shot.gray, face)) is not None:
                found.append(cut)
        return found

    def _views(self, gray: np.ndarray, last: Face | None) -> Iterator[tuple[list[Face], float]]:
        """What is to be seen, in the cheapest view first, and from which width on that view shows a face well."""
        if last is not None:
            yield self._near(gray, last), 0
        yield self._seen(resized(gray, 0.5)), CLEAR * 2
        for times in range(self._detect.upsample + 1):
            yield self._detect(gray, times), CLEAR / 2**times

    def _near(self, gray: np.ndarray, last: Face) -> list[Face]:
        """Around ``last``. Where a face was, a weak hit is one too: it has turned, or moves."""
        seen = self._seen(close_up(gray, last, REACH, CLEAR / last.width), min(0.0, self._detect.min_score))
        return [face for face in seen if face.score > self._detect.min_score or face.overlap(last) >= SAME]

    def _seen(self, view: CloseUp, min_score: float | None = None) -> list[Face]:
        return [view.face_outside(face) for face in self._detect(view.pixels, 0, min_score)]

    def _cut(self, gray: np.ndarray, face: Face) -> Found | None:
        points = self._predict.finely(gray, face)
        if not self._detect.confirm(warp(gray, CONFIRMED.of_face(points), CONFIRMED.size)):
            return None
        matrix = self._crop.around(self._crop.of_face(points))
        return Found(face, matrix, carry(points, matrix))


def _expected(face: Face, last: Face | None, mask: np.ndarray | None, smallest: float) -> bool:
    """Whether ``face`` is the one wanted, or that one is not there: it would have been seen from ``smallest`` px on."""
    if mask is not None:
        return face.marked(mask) > MARKED
    return last is None or face.overlap(last) > 0 or last.width >= smallest


class ChainFinder:
    """Several finders, each asked when those before it found nothing."""

    def __init__(self, members: list[Finder]) -> None:
        self._members = members

    def __call__(self, shot: Shot, last: Face | None = None, mask: np.ndarray | None = None) -> Found | None:
        """See :class:`Finder`."""
        found = (find(shot, last, mask) for find in self._members)
        return next((face for face in found if face is not None), None)

    def every(self, shot: Shot, lasts: Sequence[Face] = ()) -> list[Found]:
        """See :class:`Finder`."""
        found = (find.every(shot, lasts) for find in self._members)
        return next((faces for faces in found if faces), [])


class ExactFinder:
    """What DeepfakeBench's preprocessing does, bit for bit for crops of 256 pixels at a scale of 1.3.

    It takes the largest face that HOG sees at double size, without regard to score, track or mask. It then looks for
    faces and landmarks once more in the crop, whose red and blue it exchanges, and takes the first; a crop in which
    none is seen is dropped.
    """

    def __init__(self, detect: HogDetector, predict: LandmarkPredictor, crop: Crop) -> None:
        self._detect, self._predict, self._crop = detect, predict, crop
        self._template = template(crop.size, crop.scale, np.float32)

    def __call__(self, shot: Shot, last: Face | None = None, mask: np.ndarray | None = None) -> Found | None:  # noqa: ARG002
        """See :class:`Finder`, but of several faces the largest."""
        face = max(self._detect(shot.rgb), key=lambda f: f.area, default=None)
        return None if face is None else self._cut(shot.rgb, face)

    def every(self, shot: Shot, lasts: Sequence[Face] = ()) -> list[Found]:  # noqa: ARG002 - as others are
        """See :class:`Finder`."""
        found = (self._cut(shot.rgb, face) for face in self._detect(shot.rgb))
        return [face for face in found if face is not None]

    def _cut(self, rgb: np.ndarray, face: Face) -> Found | None:
        matrix = similarity_in_float32(self._predict(rgb, face)[list(FIVE_POINTS)], self._template)
        bgr = np.ascontiguousarray(warp(rgb, matrix, self._crop.size)[..., ::-1])
        again = self._detect(bgr)
        if not again:
            return None
        points = self._predict(bgr, again[0]) + self._crop.margin
        return Found(face, self._crop.around(matrix), points.astype(np.float32))


class BoxFinder:
    """What the published loaders of open-world attribution do (OWDFA.md, 3).

    The best box that HOG sees at the picture's own size, its red and blue exchanged, is cut 1.2 times as large and as
    upright as it is; where there is none, the whole picture.
    """

    ENLARGED = 1.2

    def __init__(self, detect: HogDetector, predict: LandmarkPredictor | None, crop: Crop) -> None:
        self._detect, self._predict, self._crop = detect, predict, crop

    def __call__(self, shot: Shot, last: Face | None = None, mask: np.ndarray | None = None) -> Found:  # noqa: ARG002
        """See :class:`Finder`."""
        return self.every(shot)[0]

    def every(self, shot: Shot, lasts: Sequence[Face] = ()) -> list[Found]:  # noqa: ARG002 - as others are
        """See :class:`Finder`."""
        height, width = shot.gray.shape
        faces = self._detect(np.ascontiguousarray(shot.rgb[..., ::-1])) or [Face(0, 0, width, height, 0.0)]
        return [self._cut(shot, face) for face in faces]

    def _cut(self, shot: Shot, face: Face) -> Found:
        box = enlarged((face.left, face.top, face.right, face.bottom), self.ENLARGED, *shot.gray.shape)
        matrix = self._crop.of_box(box)
        points = None if self._predict is None else carry(self._predict.finely(shot.gray, face), matrix)
        return Found(face, matrix, points)


class WholePicture:
    """The picture is the crop: nothing is searched, and only its size is brought to the one wanted."""

    def __init__(self, predict: LandmarkPredictor | None, crop: Crop) -> None:
        self._predict, self._crop = predict, crop

    def __call__(self, shot: Shot, last: Face | None = None, mask: np.ndarray | None = None) -> Found:  # noqa: ARG002
        """See :class:`Finder`."""
        height, width = shot.gray.shape
        face, matrix = Face(0, 0, width - 1, height - 1, 1.0), self._crop.of_picture(height, width)
        points = None if self._predict is None else carry(self._predict.finely(shot.gray, face), matrix)
        return Found(face, matrix, points)

    def every(self, shot: Shot, lasts: Sequence[Face] = ()) -> list[Found]:  # noqa: ARG002 - as others are
        """See :class:`Finder`."""
        return [self(shot)]
