"""Do two splits share videos, the footage that videos were made from, or people?"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from preprocessing.checks.part import Part
from preprocessing.manifest import SPLITS, Manifest, Video


def overlaps(listed: Manifest) -> Part:
    """Compare every two splits of ``listed``. Footage and people count for videos that are in one split only: those in
    two share everything."""
    counts, shared, leaks = {}, [], []
    twice = {video for split in SPLITS for videos in listed.shared(split).values() for video in videos}
    for kind, does in (("videos", "are"), ("sources", "are"), ("persons", "are seen")):
        names: dict[str, set[str]] = {split: set() for split in SPLITS}
        for video, _ in listed.entries:
            if kind == "videos" or video.video not in twice:
                names[video.split] |= _names(video)[kind] - {None}
        counts[kind] = len(set().union(*names.values()))
        for one, other in combinations(SPLITS, 2):
            if both := sorted(names[one] & names[other]):
                shared.append({"kind": kind, "splits": [one, other], "names": both})
                leaks.append(f"{len(both)} {kind} {does} in {one} and in {other}, '{both[0]}' for one")
    summary = f"{', '.join(f'{count} {kind}' for kind, count in counts.items())} looked at"
    return Part(
        "overlaps", f"{summary}, {len(leaks)} overlaps of two splits", {"looked_at": counts, "shared": shared}, leaks
    )


def _names(video: Video) -> dict[str, set[Any]]:
    return {"videos": {video.video}, "sources": {video.source, video.donor}, "persons": {video.person}}
