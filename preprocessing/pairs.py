"""Cut the real videos that fakes were made from as the fakes were cut: the same frames, by the same matrices.

Done once all videos are, since a fake's matrices must be known; each real video is decoded once for all its fakes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from preprocessing.codecs import encode
from preprocessing.faces.video import open_media
from preprocessing.layouts.base import SourceVideo, some
from preprocessing.manifest import Frame
from preprocessing.settings import Settings
from preprocessing.sidecar import Sidecar
from preprocessing.sinks import Parcel, Sink


@dataclass(slots=True)
class Families:
    """Real videos, each with the notes of its fakes, by the real one's name; ``remarks`` name fakes without."""

    reals: dict[str, SourceVideo] = field(default_factory=dict)
    fakes: dict[str, list[Sidecar]] = field(default_factory=lambda: defaultdict(list))
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PairTask:
    """One real video and the notes of fakes to pair with it. ``raw`` is what these will say of its file."""

    real: SourceVideo
    fakes: list[Sidecar]
    raw: dict[str, Any]
    sink: Sink
    settings: Settings


def families(videos: Iterable[SourceVideo], notes: Iterable[Sidecar]) -> Families:
    """Fakes that have faces, each with the one real video of its source and compression."""
    found, alone = Families(), []
    known: dict[tuple[str, str | None], list[SourceVideo]] = defaultdict(list)
    for video in videos:
        if video.facts.label == 0:
            known[video.facts.source, video.facts.compression].append(video)
    for note in notes:
        if note.video.label == 0 or not any(frame.face_found for frame in note.frames):
            continue
        reals = known[note.video.source, note.video.compression]
        if len(reals) == 1:
            name = reals[0].facts.video
            found.reals[name] = reals[0]
            found.fakes[name].append(note)
        else:
            alone.append(note.video.video)
    if alone:
        found.remarks.append(f"{len(alone)} fakes are not paired, their one real video is not here: {some(alone)}")
    return found


def pair(task: PairTask) -> list[Parcel]:
    """Cut what the fakes have; frames that the real video lacks, or has in another size, stay without.

    Raises:
        DataError: the real video cannot be read.
    """
    media = open_media(task.real.path, task.settings.limits)
    wanted: dict[int, list[tuple[Sidecar, Frame]]] = defaultdict(list)
    for fake in task.fakes:
        for frame in fake.frames:
            if frame.face_found and frame.frame < media.total:
                wanted[frame.frame].append((fake, frame))
    done = set()
    for shot in media.read(sorted(wanted)):
        for fake, frame in wanted[shot.index]:
            if _size(fake) == sorted(shot.gray.shape):
                crop = task.settings.crop.cut(shot.rgb, np.array(frame.matrix).reshape(2, 3))
                path = _path(fake, frame, task.settings)
                task.sink.put(path, encode(crop, task.settings.codec, task.settings.quality))
                done.add(path)
    return [task.sink.add(_paired(fake, done, task)) for fake in task.fakes]


def _size(fake: Sidecar) -> list[int]:
    """Of its pictures, in pixels; in which order does not matter, since some videos are stored lying."""
    facts = fake.video.media or {}
    return sorted(facts[side] for side in ("height", "width") if side in facts)


def _path(fake: Sidecar, frame: Frame, settings: Settings) -> str:
    return f"sources/{fake.video.video}/{frame.frame:05d}.{settings.codec}"


def _paired(fake: Sidecar, done: set[str], task: PairTask) -> Sidecar:
    paths = [_path(fake, frame, task.settings) for frame in fake.frames]
    frames = [
        replace(frame, source_image=path if path in done else None)
        for frame, path in zip(fake.frames, paths, strict=True)
    ]
    return replace(fake, frames=frames, raw={**fake.raw, "source": task.raw})
