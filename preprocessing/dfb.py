"""Reads DeepfakeBench's manifests as they are.

``{dataset: {label word: {split: {video: {"label", "frames", "masks"}}}}}``, in the FaceForensics++ family with one more
level for the compression above the videos. Paths come relative or absolute, from Windows or Linux or mixed; what counts
is what follows the data set's folder. Landmarks lie in ``landmarks`` where the picture lies in ``frames``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from preprocessing import manifest
from preprocessing.dfb_names import facts_of, home_of, method_of
from preprocessing.faces.video import in_natural_order
from preprocessing.manifest import SPLITS, Frame, Manifest, Video
from preprocessing.names import COMPRESSIONS, manifest_names
from training.core.errors import ManifestError, did_you_mean
from training.core.paths import shown

FACTS = {
    "made_by": "DeepfakeBench",
    "settings": {"size": 256, "scale": 1.3, "detection": "exact", "detector": {"name": "hog", "upsample": 1}},
}
"""How its preprocessing cuts faces; the manifests themselves do not say."""


def read(path: Path) -> Manifest:
    """The manifest in ``path``, ours or DeepfakeBench's: its shape tells.

    Raises:
        ManifestError: it is missing, neither of the two, or an entry is not as it should be.
    """
    tree = manifest.load(path)
    return parse(tree, shown(path)) if is_deepfakebench(tree) else manifest.parse(tree, shown(path))


def find(folder: Path, name: str) -> Path:
    """Where the manifest of the data set ``name`` lies in ``folder``, or should lie."""
    paths = [folder / f"{stem}.json" for stem in manifest_names(name)]
    return next((path for path in paths if path.is_file()), paths[-1])


def is_deepfakebench(tree: Any) -> bool:
    """Whether a JSON tree has the shape of DeepfakeBench's: one data set, then label words, then splits."""
    labels = next(iter(tree.values())) if isinstance(tree, dict) and len(tree) == 1 else None
    return isinstance(labels, dict) and all(isinstance(splits, dict) for splits in labels.values())


def parse(tree: dict[str, Any], where: str) -> Manifest:
    """DeepfakeBench's ``tree`` as a manifest; ``where`` is what messages call it.

    A video may be in several splits, as its lists have it; ``facts["remarks"]`` says what was left out and why.

    Raises:
        ManifestError: a label word, a split, a path or an entry is not as it should be.
    """
    ((name, labels),) = tree.items()
    manifest.check_dataset(home_of(name), where)
    reader = _Reader(where, home_of(name))
    entries = []
    for word, splits in labels.items():
        for split, videos in splits.items():
            if split not in SPLITS:
                raise ManifestError(f"{where}: '{word}.{split}' is no split; {did_you_mean(split, SPLITS)}")
            entries += reader.entries(word, split, videos)
    seen: set[tuple[str, str]] = set()
    for video, _ in entries:
        if (video.split, video.video) in seen:
            raise ManifestError(f"{where}: the {video.split} split lists video '{video.video}' twice")
        seen.add((video.split, video.video))
    return Manifest(reader.dataset, entries, {**FACTS, "remarks": [*reader.remarks]})


@dataclass
class _Reader:
    where: str
    dataset: str
    """The data set whose folder the paths must name."""
    remarks: dict[str, None] = field(default_factory=dict)
    """What was left out and why, each once."""

    def entries(self, word: str, split: str, videos: Any) -> Iterator[tuple[Video, list[Frame]]]:
        for at, name, item, compression in self._items(f"{self.where}: {word}.{split}", videos):
            files = [self._below_home(path, at) for path in _listed(item, "frames", at)]
            masks = {_stem(path.replace("\\", "/")) for path in _listed(item, "masks", at)}
            method = method_of(str(item.get("label", word)), at)
            if files:
                video = _video_path(files[0])
                yield facts_of(self.dataset, video, method, split, compression), _frames(files, masks)
            else:
                video = "/".join(filter(None, (method, compression, name)))
                empty = facts_of(self.dataset, video, method, split, compression)
                yield replace(empty, note="its manifest lists no frames"), []

    def _items(
        self, at: str, videos: Any, compression: str | None = None
    ) -> Iterator[tuple[str, str, dict[str, Any], str | None]]:
        """``(place, name, entry, compression)`` of every video."""
        if not isinstance(videos, dict):
            raise ManifestError(f"{at}: is {videos!r}; expected videos by name")
        for name, item in videos.items():
            if isinstance(item, dict) and "frames" in item:
                yield f"{at}.{name}", name, item, compression
            elif name in COMPRESSIONS and compression is None:
                yield from self._items(f"{at}.{name}", item, name)
            elif name in ("label", "frames", "masks"):
                # rearrange.py writes DFDC's val split over with a record that does not say whose it is.
                self.remarks.setdefault(f"{at} holds frames without a video, as DeepfakeBench writes them; left out")
            else:
                raise ManifestError(
                    f"{at}.{name}: expected a video with 'label' and 'frames', or one of {COMPRESSIONS}"
                )

    def _below_home(self, path: str, at: str) -> str:
        """``path`` relative to the data set's folder, with forward slashes."""
        _, found, rest = re.sub(r"[/\\]+", "/", f"/{path}").rpartition(f"/{self.dataset}/")
        if not found or not rest or ".." in rest.split("/"):
            raise ManifestError(
                f"{at}: '{path}' names no file below a folder '{self.dataset}', where the faces should lie"
            )
        return rest


def _listed(item: dict[str, Any], kind: str, at: str) -> list[str]:
    paths = item.get(kind, [])
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ManifestError(f"{at}: '{kind}' must be a list of paths")
    return paths


def _frames(files: list[str], masks: set[str]) -> list[Frame]:
    """Of the pictures ``files``, in order; ``masks`` are the stems of those that have a mask."""
    frames = []
    for number, path in _numbered(files):
        mask = _beside(path, "masks") if _stem(path) in masks else None
        frames.append(Frame(number, image=path, mask=mask, landmarks=_beside(path, "landmarks", ".npy")))
    return frames


def _beside(path: str, kind: str, ending: str | None = None) -> str | None:
    """The file of another ``kind`` that belongs to a picture: the last folder called ``frames`` is exchanged."""
    before, found, after = f"/{path}".rpartition("/frames/")
    if not found:
        return None
    if ending is not None:
        after = after.rpartition(".")[0] + ending
    return f"{before}/{kind}/{after}".removeprefix("/")


def _video_path(path: str) -> str:
    """``Deepfakes/c23/000_003`` from ``manipulated_sequences/Deepfakes/c23/frames/000_003/000.png``."""
    before, _, after = f"/{path.rpartition('/')[0]}/".rpartition("/frames/")
    video = f"{before}/{after}".strip("/")
    return re.sub(r"^(original|manipulated)_sequences/", "", video)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]


def _numbered(paths: list[str]) -> list[tuple[int, str]]:
    """Every path once, with its frame's index: its stem, or the last number in that; else, the position."""
    paths = list(dict.fromkeys(paths))
    stems = [_stem(path) for path in paths]
    for pattern in (re.compile(r"(\d+)"), re.compile(r".*?(\d+)\D*")):
        found = [pattern.fullmatch(stem) for stem in stems]
        numbers = {int(match[1]): path for match, path in zip(found, paths, strict=True) if match}
        if len(numbers) == len(paths):
            return sorted(numbers.items())
    return list(enumerate(sorted(paths, key=in_natural_order)))
