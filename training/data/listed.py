"""What of a data set's split enters the hash of a protocol: which videos and frames its manifest lists, how they are
cut. Paths, stores, codecs and versions do not: the same faces elsewhere are the same faces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from preprocessing.manifest import REAL, Frame, Manifest, Video
from preprocessing.names import Subset

CUT = ("size", "scale", "margin", "detection", "detector")
"""Settings of preprocessing that decide which faces are found and what they show."""
LENGTH = 16

Entries = Sequence[tuple[Video, list[Frame]]]


def identity(wanted: Subset) -> str:
    """The name of a selection, the same whatever it was called: ``FaceForensics++: Deepfakes`` for FF-DF."""
    methods = [name for name in wanted.methods or () if name != REAL]
    return f"{wanted.dataset}: {', '.join(methods)}" if methods else wanted.dataset


def facts_of(entries: Entries, listed: Manifest) -> dict[str, Any]:
    """Split, number of videos, compressions, hash of the list and crop of the chosen ``entries`` of a manifest."""
    settings = listed.facts.get("settings") or {}
    points = settings.get("predictor") or {}
    return {
        "split": entries[0][0].split,
        "videos": len(entries),
        "compressions": sorted({video.compression for video, _ in entries if video.compression is not None}),
        "manifest": _hash(entries),
        "crop": {key: settings[key] for key in CUT if key in settings}
        | ({"landmarks": points.get("sha256", points.get("points"))} if points else {}),
    }


def _hash(entries: Entries) -> str:
    found = hashlib.sha256()
    for line in sorted(_lines(entries)):
        found.update(line.encode())
    return found.hexdigest()[:LENGTH]


def _lines(entries: Entries) -> Iterator[str]:
    for video, frames in entries:
        facts = (video.video, video.label, video.method, video.source, video.compression, video.labelled)
        shown = sorted(frame.frame for frame in frames if frame.face_found)
        yield "\t".join(map(str, (*facts, *shown))) + "\n"
