"""The note left beside the faces of each video: what it is, what came of it, how. Written last, so it says "done".

It lies in ``videos/<video>.json`` of a dataset's face folder, or beside its LMDB; the pictures in ``frames/<video>/``,
``masks/<video>/``, ``landmarks/<video>/`` and ``sources/<video>/``. Manifests are made from these notes alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.manifest import Frame, Video, entry_from_json, entry_to_json
from preprocessing.store import lmdb_root, rgb_root
from training.core.errors import ManifestError, did_you_mean
from training.core.paths import atomic, shown

KINDS = ("frames", "masks", "landmarks", "sources")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """All that preprocessing knows about one video."""

    video: Video
    frames: list[Frame]
    settings: dict[str, Any]
    """How the faces were cut; equal settings and an equal raw file give equal faces."""
    raw: dict[str, Any]
    """The raw file: path below the root, size in bytes, size of the mask video."""
    versions: dict[str, str]
    """Of the libraries that cut the faces. Recorded only: a newer one is no reason to do all again."""
    failed: bool = False
    """Nothing could be had from the video; its note says why."""


def find_faces(datasets: Path, dataset: str, store: str = "auto") -> Path:
    """Where the notes of ``dataset`` lie: in its face folder (``rgb``), beside the LMDB that preprocess.py wrote
    (``lmdb``), or in whichever of the two has any (``auto``).

    Raises:
        ManifestError: there are none, and names the nearest ones; or there are both, and ``store`` does not choose.
    """
    roots = {"rgb": rgb_root, "lmdb": lmdb_root}
    found = [
        root(datasets, dataset)
        for name, root in roots.items()
        if store in (name, "auto") and (root(datasets, dataset) / "videos").is_dir()
    ]
    if len(found) == 2:
        raise ManifestError(
            f"faces of '{dataset}' are in {' and in '.join(map(shown, found))}: say --store rgb or lmdb"
        )
    if not found:
        there = [notes.parent.name.removesuffix("_lmdb") for notes in datasets.glob("*/*/videos")]
        raise ManifestError(f"no faces of '{dataset}' in {shown(datasets)}; {did_you_mean(dataset, there)}")
    return found[0]


def sidecar_path(root: Path, video: str) -> Path:
    """Where the note of ``video`` lies below the dataset's face folder ``root``."""
    return root / "videos" / f"{video}.json"


def write(root: Path, sidecar: Sidecar) -> None:
    """Write atomically: from now on the video counts as done."""
    tree = {
        "dataset": sidecar.video.dataset,
        "failed": sidecar.failed,
        "settings": sidecar.settings,
        "raw": sidecar.raw,
        "versions": sidecar.versions,
        "entry": entry_to_json(sidecar.video, sidecar.frames),
    }
    with atomic(sidecar_path(root, sidecar.video.video)) as temporary:
        temporary.write_text(json.dumps(tree, indent=1) + "\n")


def read(path: Path) -> Sidecar:
    """The note in ``path``.

    Raises:
        ManifestError: it is missing or not as :func:`write` leaves it.
    """
    try:
        tree = json.loads(path.read_text())
        video, frames = entry_from_json(tree["entry"], tree["dataset"], shown(path))
        details = (dict(tree[key]) for key in ("settings", "raw", "versions"))
        return Sidecar(video, frames, *details, failed=bool(tree["failed"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ManifestError(
            f"{shown(path)}: not a note of preprocess.py ({error}); delete it and run that again"
        ) from error


def read_all(root: Path) -> Iterator[Sidecar]:
    """Every note below ``root``, in order of the videos' names.

    Raises:
        ManifestError: there is none, or one is unreadable.
    """
    paths = paths_below(root)
    if not paths:
        raise ManifestError(f"{shown(root)}: no faces here; make them with preprocessing/preprocess.py")
    yield from (read(path) for _, path in paths)


def paths_below(root: Path) -> list[tuple[str, Path]]:
    """Names of all videos with a note below ``root`` and the notes' paths, sorted."""
    found = (p for p in (root / "videos").rglob("*.json") if not p.name.startswith("."))
    return sorted((p.relative_to(root / "videos").with_suffix("").as_posix(), p) for p in found)
