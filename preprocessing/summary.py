"""What a dataset came to: counts per split, method and label, and every video with something amiss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from preprocessing.manifest import SPLITS
from preprocessing.sidecar import Sidecar

COLUMNS = ("videos", "with_faces", "failed", "frames", "faces", "masks", "sources")


def coverage(sidecars: Iterable[Sidecar]) -> list[dict[str, Any]]:
    """One row per split, method and label that occurs, in that order, with the counts of :data:`COLUMNS`."""
    counts: dict[tuple[int, str, int], Counter[str]] = {}
    for sidecar in sidecars:
        video, faces = sidecar.video, [frame for frame in sidecar.frames if frame.face_found]
        row = counts.setdefault((SPLITS.index(video.split), video.method, video.label), Counter())
        row["videos"] += 1
        row["with_faces"] += bool(faces)
        row["failed"] += sidecar.failed
        row["frames"] += len(sidecar.frames)
        row["faces"] += len(faces)
        row["masks"] += sum(frame.mask is not None for frame in faces)
        row["sources"] += sum(frame.source_image is not None for frame in faces)
    return [
        {"split": SPLITS[split], "method": method, "label": label, **{column: row[column] for column in COLUMNS}}
        for (split, method, label), row in sorted(counts.items(), key=lambda item: (item[0][0], item[0][2], item[0][1]))
    ]


def problems(sidecars: Iterable[Sidecar]) -> dict[str, str]:
    """Video -> what was amiss, for those with a note."""
    return {s.video.video: s.video.note for s in sidecars if s.video.note is not None}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows of :func:`coverage` as aligned text."""
    names = ("split", "method", "label", *COLUMNS)
    lines = [names, *([str(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
    aligned = (
        "  ".join(
            cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
    return "\n".join(line.rstrip() for line in aligned)
