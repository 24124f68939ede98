"""The file format between preprocessing (writes it) and training (reads it): one JSON file per dataset.

``{"format": "assay-manifest", "version": 1, "dataset": ..., "facts": {...}, "videos": [...]}`` with one entry per
video: what is known about it (label, method, source, ...) and its ``frames``, also those in which no face was found.
Paths are relative to the dataset's store, with forward slashes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

from training.core.errors import ManifestError, did_you_mean
from training.core.paths import atomic, names_folder, shown

FORMAT, VERSION = "assay-manifest", 1
SPLITS = ("train", "val", "test")
REAL = "real"
"""The method name of every real video."""


@dataclass(frozen=True, slots=True)
class Video:
    """One video (or still picture) of a dataset and all that is known about it."""

    dataset: str
    video: str
    """Path that is unique within the dataset, with method and compression: ``Deepfakes/c23/000_003``."""
    label: int
    """0 real, 1 fake."""
    method: str
    """Which manipulation, ``real`` for real videos."""
    source: str
    """The real video whose frames these are, manipulated or not: a fake shares it with the real video that it was made
    from: it pairs the two and keeps them in one split. FaceForensics++ calls it the target: ``000`` of ``000_003``."""
    split: str
    donor: str | None = None
    """The other real video that went into a fake: whose face (swaps) or expressions (reenactments) it got. ``003`` of
    FaceForensics++'s ``000_003``."""
    person: str | None = None
    """The identity that is seen, where known: the donor's in face swaps, the source's in reenactments and reals."""
    compression: str | None = None
    note: str | None = None
    """Why frames are missing (truncated, unreadable, ...), None when nothing is amiss."""
    media: dict[str, Any] | None = None
    """What the raw file says of itself: ``width``, ``height``, ``codec``, ``fps``, ``bit_rate``, as far as it does."""
    labelled: bool | None = None
    """Whether the data set's own lists for attribution tell training its method; None: it has no such lists."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled frame of a video."""

    frame: int
    """Index in the source video."""
    face_found: bool = True
    image: str | None = None
    mask: str | None = None
    landmarks: str | None = None
    matrix: tuple[float, ...] | None = None
    """Row-major 2x3 similarity from source pixels to crop pixels."""
    source_image: str | None = None
    """Of a fake: the same frame of the real video that it was made from, cut by this frame's matrix."""

    @property
    def files(self) -> list[str]:
        """Paths of all that the store holds of it."""
        paths = (self.image, self.mask, self.landmarks, self.source_image)
        return [path for path in paths if path is not None]


@dataclass(frozen=True, slots=True)
class Record:
    """One extracted face: the facts of its :class:`Frame` and :class:`Video` side by side. What recipes draw from."""

    dataset: str
    video: str
    frame: int
    label: int
    method: str
    source: str
    split: str
    image: str
    mask: str | None = None
    landmarks: str | None = None
    matrix: tuple[float, ...] | None = None
    source_image: str | None = None
    donor: str | None = None
    person: str | None = None
    compression: str | None = None
    labelled: bool | None = None

    @property
    def key(self) -> str:
        """Names this frame in every message and score file, unique over datasets and manipulations."""
        return f"{self.dataset}/{self.video}/{self.frame:05d}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A dataset as preprocessing left it. ``facts`` hold how (crop, detector, versions) and coverage counts."""

    dataset: str
    entries: list[tuple[Video, list[Frame]]]
    facts: dict[str, Any] = field(default_factory=dict)

    def records(self, split: str, compression: str | None = None) -> Iterator[Record]:
        """The faces of one split, in file order; with ``compression`` only videos of that level or of none."""
        for video, frames in self.entries:
            if video.split == split and (compression is None or video.compression in (None, compression)):
                yield from faces_of(video, frames)

    def shared(self, split: str) -> dict[str, set[str]]:
        """Videos of ``split`` that other splits list as well, by split: leaks. Only DeepfakeBench's lists have any."""
        names = {s: {video.video for video, _ in self.entries if video.split == s} for s in SPLITS}
        found = {other: names[split] & names[other] for other in SPLITS if other != split}
        return {other: videos for other, videos in found.items() if videos}

    def write(self, path: Path) -> None:
        """Write atomically, videos sorted by name, so that equal data give equal files."""
        videos = [entry_to_json(*entry) for entry in sorted(self.entries, key=lambda entry: entry[0].video)]
        head = {"format": FORMAT, "version": VERSION, "dataset": self.dataset, "facts": self.facts}
        # One line per video: large sets stay small, and a difference between two manifests can be read.
        lines = ",\n".join(json.dumps(video) for video in videos)
        with atomic(path) as temporary:
            temporary.write_text(f'{json.dumps(head, indent=1)[:-2]},\n "videos": [\n{lines}\n]}}\n')


def read(path: Path) -> Manifest:
    """The manifest in ``path``.

    Raises:
        ManifestError: the file is missing, no JSON, of another format or version, or an entry is not as it should be.
    """
    return parse(load(path), shown(path))


def load(path: Path) -> Any:
    """The JSON tree in ``path``, of whatever format.

    Raises:
        ManifestError: the file is missing or no JSON.
    """
    if not path.is_file():
        known = did_you_mean(path.stem, (p.stem for p in path.parent.glob("*.json")))
        raise ManifestError(f"no manifest {shown(path)}; {known}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"{shown(path)}: not a JSON file ({error})") from error


def entry_to_json(video: Video, frames: list[Frame]) -> dict[str, Any]:
    """One video of a manifest as plain data, frames by index, without the dataset's name."""
    return {**_sparse(video, skip="dataset"), "frames": [_sparse(f) for f in sorted(frames, key=lambda f: f.frame)]}


def entry_from_json(item: Any, dataset: str, at: str) -> tuple[Video, list[Frame]]:
    """What :func:`entry_to_json` wrote.

    Raises:
        ManifestError: naming ``at`` and the key that is unknown, missing or not as it should be.
    """
    if not isinstance(item, dict) or not isinstance(item.get("frames"), list):
        raise ManifestError(f"{at}: expected an object with 'frames' (list)")
    video = _build(Video, {"dataset": dataset, **{k: v for k, v in item.items() if k != "frames"}}, at)
    _check_video(video, at)
    frames = [_frame(f, f"{at}.frames[{i}]") for i, f in enumerate(item["frames"])]
    if len({frame.frame for frame in frames}) < len(frames):
        raise ManifestError(f"{at}: lists a frame of '{video.video}' twice")
    return video, frames


def parse(tree: Any, where: str) -> Manifest:
    """The manifest in the JSON ``tree``; ``where`` is what messages call it.

    Raises:
        ManifestError: it is of another format or version, or an entry is not as it should be.
    """
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise ManifestError(f"{where}: not a manifest; expected 'format': '{FORMAT}'")
    if tree.get("version") != VERSION:
        raise ManifestError(f"{where}: manifest version {tree.get('version')!r}; this Assay reads {VERSION}")
    dataset, videos, facts = tree.get("dataset"), tree.get("videos"), tree.get("facts", {})
    if not isinstance(dataset, str) or not isinstance(videos, list) or not isinstance(facts, dict):
        raise ManifestError(f"{where}: needs 'dataset' (text), 'videos' (list) and 'facts' (object)")
    check_dataset(dataset, where)
    entries, seen = [], set()
    for number, item in enumerate(videos):
        at = f"{where}: videos[{number}]"
        video, frames = entry_from_json(item, dataset, at)
        if video.video in seen:
            raise ManifestError(f"{at}: video '{video.video}' is listed twice")
        seen.add(video.video)
        entries.append((video, frames))
    return Manifest(dataset, entries, facts)


def check_dataset(name: str, at: str) -> None:
    """Refuse a data set's ``name`` that names another folder than its own.

    Raises:
        ManifestError: naming ``at``.
    """
    if not names_folder(name) or not _is_text(name):
        raise ManifestError(f"{at}: dataset is {name!r}; expected the name of a folder")


def _check_video(video: Video, at: str) -> None:
    if type(video.label) is not int or video.label not in (0, 1):
        raise ManifestError(f"{at}: label is {video.label!r}; expected 0 (real) or 1 (fake)")
    if video.split not in SPLITS:
        raise ManifestError(f"{at}: split is {video.split!r}; expected one of {', '.join(SPLITS)}")
    for name in ("video", "method", "source"):
        if not _is_text(getattr(video, name)) or not getattr(video, name):
            raise ManifestError(f"{at}: {name} is {getattr(video, name)!r}; expected text")
    for name in ("donor", "person", "compression", "note"):
        if getattr(video, name) is not None and not _is_text(getattr(video, name)):
            raise ManifestError(f"{at}: {name} is {getattr(video, name)!r}; expected text")
    check_relative(video.video, f"{at}.video")
    if not isinstance(video.media, dict | None):
        raise ManifestError(f"{at}: media is {video.media!r}; expected an object")
    if not isinstance(video.labelled, bool | None):
        raise ManifestError(f"{at}: labelled is {video.labelled!r}; expected true or false")


def _frame(item: Any, at: str) -> Frame:
    if not isinstance(item, dict):
        raise ManifestError(f"{at}: expected an object")
    frame = _build(Frame, item, at)
    if type(frame.frame) is not int or frame.frame < 0:
        raise ManifestError(f"{at}: frame is {frame.frame!r}; expected an index >= 0")
    if type(frame.face_found) is not bool:
        raise ManifestError(f"{at}: face_found is {frame.face_found!r}; expected true or false")
    if frame.matrix is not None and not _is_matrix(frame.matrix):
        raise ManifestError(f"{at}: matrix is {frame.matrix!r}; expected six numbers")
    if frame.face_found and frame.image is None:
        raise ManifestError(f"{at}: has a face but no 'image'")
    for name in ("image", "mask", "landmarks", "source_image"):
        check_relative(getattr(frame, name), f"{at}.{name}")
    return frame


def _is_text(value: Any) -> bool:
    """Whether ``value`` is text: JSON may spell half of a character. File names may hold bytes that are no UTF-8."""
    try:
        return isinstance(value, str) and value.encode(errors="surrogateescape") is not None
    except UnicodeEncodeError:
        return False


def _is_matrix(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 6
        and all(type(v) in (int, float) and math.isfinite(v) for v in value)
    )


def check_relative(path: Any, at: str) -> None:
    """Refuse a store path that is not text, is absolute or climbs out of the store. (Links: see the store.)

    Raises:
        ManifestError: naming ``at``.
    """
    if path is None:
        return
    bad = not isinstance(path, str) or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts
    if bad or not path or "\0" in path:
        raise ManifestError(f"{at}: {path!r} must be a relative path inside the store")


def _build(kind: type, item: dict[str, Any], at: str) -> Any:
    known = {f.name for f in fields(kind)}
    for key in item:
        if key not in known:
            raise ManifestError(f"{at}: '{key}' is not a known key; {did_you_mean(key, known)}")
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in item.items()})
    except TypeError as error:
        raise ManifestError(f"{at}: {str(error).split('() ')[-1]}") from error


def faces_of(video: Video, frames: list[Frame]) -> list[Record]:
    """The frames of one video that have a face, as records, in the order given."""
    return [_record(video, frame) for frame in frames if frame.face_found]


def _record(video: Video, frame: Frame) -> Record:
    facts = {f.name: getattr(video, f.name) for f in fields(Video) if f.name not in ("note", "media")}
    facts |= {f.name: getattr(frame, f.name) for f in fields(Frame) if f.name != "face_found"}
    return Record(**facts)


def _sparse(item: Video | Frame, skip: str = "") -> dict[str, Any]:
    """Without the keys that hold their default, so that manifests of large sets stay readable and small."""
    pairs = ((f, getattr(item, f.name)) for f in fields(item) if f.name != skip)
    return {f.name: value for f, value in pairs if value != f.default}
