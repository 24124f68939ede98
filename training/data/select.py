"""Which frames a run uses: manifests of the named datasets, one split, one compression, evenly spaced frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from preprocessing import dfb
from preprocessing.manifest import REAL, Frame, Manifest, Record, Video, faces_of
from preprocessing.names import Subset, subset
from preprocessing.store import FrameStore, open_store
from training.core.coverage import Faceless
from training.core.errors import ManifestError
from training.core.paths import ROOT, names_folder
from training.core.registry import RECIPES
from training.core.schema import DataConfig
from training.data.listed import facts_of, identity

T = TypeVar("T")


class FaceSource(Protocol):
    """Something that holds the pictures of records."""

    def of(self, record: Record) -> FrameStore:
        """The store that holds ``record``."""
        ...


class Faces:
    """The frame stores of several datasets behind one door; safe to send to worker processes."""

    def __init__(self, data: DataConfig) -> None:
        self._root, self._kind, self._limit = located(data.root), data.store, data.picture_limit
        self._stores: dict[str, FrameStore] = {}

    def of(self, record: Record) -> FrameStore:
        """The store that holds ``record``.

        Raises:
            ManifestError: its dataset has neither face folders nor an LMDB.
        """
        if record.dataset not in self._stores:
            self._stores[record.dataset] = open_store(self._root, record.dataset, self._kind, self._limit)
        return self._stores[record.dataset]


def located(path: Path) -> Path:
    """A configured path: as given when it is there, else below the checkout, so that any working folder will do."""
    return path if path.is_absolute() or path.exists() else ROOT / path


@dataclass(frozen=True)
class Selected:
    """The faces of one split of a data set as named on the command line (``FF-DF``, ``FaceForensics++_c40``)."""

    name: str
    records: list[Record]
    faceless: list[Faceless]
    """The videos in some of whose sampled frames preprocessing found no face."""
    facts: dict[str, Any]
    """How preprocessing cut the faces."""
    notes: list[str]
    """What a reader of its figures should know about the data, one sentence each."""
    shared: dict[str, int]
    """How many of its videos the manifest lists in another split too, by that split's name."""
    listed: dict[str, Any] = field(default_factory=dict)
    """By its name, what of it enters the hash of a protocol; see :mod:`training.data.listed`."""

    @property
    def without_face(self) -> int:
        """Sampled frames of its videos that have no face."""
        return sum(video.without_face for video in self.faceless)


def select(names: list[str], split: str, frames: int, data: DataConfig) -> list[Selected]:
    """The faces of several data sets: at most ``frames`` per video of those that have a face; 0: all.

    They are spread evenly, or with ``data.sampling: first`` the first ones, as DeepfakeBench takes them. A recipe that
    draws neighboring frames spreads its clips by itself, and gets all.

    Raises:
        ManifestError: no manifest, or nothing left for this split, compression and these methods.
    """
    return [_select(name, split, frames, data) for name in names]


def _select(name: str, split: str, frames: int, data: DataConfig) -> Selected:
    if not names_folder(name):
        raise ManifestError(f"{name!r} cannot name a data set; expected a name without folders")
    wanted = subset(name)
    compression = wanted.compression or data.compression
    listed = dfb.read(dfb.find(located(data.manifests), name))
    entries = [
        (video, found)
        for video, found in listed.entries
        if video.split == split
        and (compression is None or video.compression in (None, compression))
        and (wanted.methods is None or video.method in wanted.methods)
    ]
    recipe = RECIPES.get(data.recipe.name)
    pick = _all if data.sampling == "even" and recipe.neighbors else SAMPLING[data.sampling]
    faces = [r for video, found in entries for r in pick(faces_of(video, found), frames)]
    if not faces:
        raise ManifestError(f"{name}: no faces in split '{split}'{_why_empty(listed, split, compression)}")
    records = recipe.scope(faces, data.recipe.params)
    if not records:
        raise ManifestError(f"{name}: data.recipe names no class of its split '{split}'")
    # A protocol that leaves faces out names those that take part; what has none is then not its matter.
    partial = {r.video for r in records} if len(records) < len(faces) else None
    faceless = [one for one in _faceless(entries) if partial is None or one.video in partial]
    notes = [*listed.facts.get("remarks", []), *_notes(name, split, wanted, entries)]
    if left_out := len(faces) - len(records):
        notes.append(f"{name}: {left_out} of {len(faces)} {split} faces take no part in this protocol (data.recipe)")
    chosen = {video.video for video, _ in entries}
    shared = {other: len(videos & chosen) for other, videos in listed.shared(split).items() if videos & chosen}
    return Selected(name, records, faceless, listed.facts, notes, shared, {identity(wanted): facts_of(entries, listed)})


def _faceless(entries: list[tuple[Video, list[Frame]]]) -> Iterator[Faceless]:
    facts = ("dataset", "video", "label", "method", "source")
    for video, found in entries:
        faces = sum(frame.face_found for frame in found)
        if faces < len(found):
            known = {name: getattr(video, name) for name in facts}
            yield Faceless(
                **known, compression=video.compression or "", with_face=faces, without_face=len(found) - faces
            )


def _notes(name: str, split: str, wanted: Subset, entries: list[tuple[Video, list[Frame]]]) -> Iterator[str]:
    if faceless := sum(not any(frame.face_found for frame in found) for _, found in entries):
        yield f"{name}: {faceless} of {len(entries)} {split} videos show no face and are in no figure"
    fakes = set(wanted.methods or ()) - {REAL}
    if missing := sorted(fakes - {video.method for video, _ in entries}):
        sentence = f"{name}: its manifest has no {split} videos of {', '.join(missing)}"
        if len(missing) == len(fakes):
            raise ManifestError(sentence)
        yield sentence


def _all(items: list[Record], count: int) -> list[Record]:  # noqa: ARG001 - one signature for all ways
    return items


def first(items: list[Record], count: int) -> list[Record]:
    """The first ``count`` of ``items``; all when ``count`` is 0."""
    return items[:count] if count > 0 else items


def evenly(items: Sequence[T], count: int) -> Sequence[T]:
    """``count`` of ``items``, evenly spaced from the first to the last; all when there are fewer or ``count`` is 0."""
    if count <= 0 or len(items) <= count:
        return items
    if count == 1:
        return [items[len(items) // 2]]
    return [items[i * (len(items) - 1) // (count - 1)] for i in range(count)]


SAMPLING = {"even": evenly, "first": first}


def class_names(records: list[Record]) -> list[str]:
    """Methods in the order of ``batch.method``: real, then the manipulations by name."""
    return [REAL, *sorted({record.method for record in records} - {REAL})]


def person_names(records: list[Record]) -> list[str]:
    """Identities in the order of ``batch.person``."""
    return sorted({record.person for record in records if record.person is not None})


def _why_empty(listed: Manifest, split: str, compression: str | None) -> str:
    splits = sorted({video.split for video, _ in listed.entries})
    if split not in splits:
        return f"; its manifest has {', '.join(splits) or 'no videos at all'}"
    levels = sorted({str(video.compression) for video, _ in listed.entries if video.split == split})
    return f" with compression '{compression}'; its manifest has {', '.join(levels)} there"
