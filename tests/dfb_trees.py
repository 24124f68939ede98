"""Data sets as DeepfakeBench's users have them on disk, drawn small: face folders, manifests, LMDBs of both systems.

What lies where is taken from a golden file's manifests, ``prep/rearrange.json``.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import lmdb
import numpy as np

ROOT_MARK = "<ROOT>"
SIZE = 16

FORMS: dict[str, Callable[[str], str]] = {
    "absolute": lambda path: f"/data/rgb/{path}",
    "below the working folder": lambda path: f"./datasets/rgb/{path}",
    "below rgb_dir": lambda path: path,
    "Windows": lambda path: ".\\datasets\\rgb\\" + path.replace("/", "\\"),
    "Windows, absolute": lambda path: "F:\\" + path.replace("/", "\\"),
    "mixed": lambda path: f"./datasets\\{path}",
    "the LMDB's key": lambda path: path.replace("/", "\\", 1),
}
"""How a path below the folder of all data sets (``UADFV/real/frames/0000/000.png``) is written in a manifest."""


def rewritten(tree: Any, form: Callable[[str], str]) -> Any:
    """A golden manifest with its paths in another form."""
    if isinstance(tree, dict):
        return {key: rewritten(value, form) for key, value in tree.items()}
    if isinstance(tree, list):
        return [form(path.removeprefix(f"{ROOT_MARK}/")) for path in tree]
    return tree


def listed(tree: Any, kind: str = "frames") -> Iterator[str]:
    """Every path in the manifest's lists of this kind, below the folder of all data sets, each once."""
    found: dict[str, None] = {}

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            found.update(dict.fromkeys(path.removeprefix(f"{ROOT_MARK}/") for path in node.get(kind, ())))
            for child in node.values():
                visit(child)

    visit(tree)
    yield from found


def files(tree: Any) -> dict[str, np.ndarray]:
    """Path -> content of all that lies on disk for a manifest: faces, their landmarks and masks."""
    content: dict[str, np.ndarray] = {}
    for path in listed(tree):
        content[path] = face(path)
        content[path.replace("/frames/", "/landmarks/")[:-4] + ".npy"] = points(path)
    for path in listed(tree, "masks"):
        for level in ("c23", "c40"):
            mask = path.replace("/c23/", f"/{level}/")
            content[mask] = np.repeat((face(mask)[..., :1] > 127) * np.uint8(255), 3, axis=2)
    return {path: value for path, value in content.items() if _has_face(path, content)}


def _has_face(path: str, content: dict[str, np.ndarray]) -> bool:
    return "/masks/" not in path or path.replace("/masks/", "/frames/") in content


def face(path: str) -> np.ndarray:
    """``(16, 16, 3)`` uint8 RGB, different for every path."""
    return np.random.default_rng(zlib.crc32(path.encode())).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def points(path: str) -> np.ndarray:
    """``(81, 2)`` integer landmarks, different for every path."""
    return np.random.default_rng(zlib.crc32(path.encode())).integers(0, 256, (81, 2), dtype=np.int64)


def write_folders(root: Path, content: dict[str, np.ndarray]) -> None:
    """The face folders, as ``root/rgb/<dataset>/...``."""
    for path, value in content.items():
        file = root / "rgb" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".npy":
            np.save(file, value)
        else:
            cv2.imwrite(str(file), value[..., ::-1])


def write_lmdb(root: Path, dataset: str, content: dict[str, np.ndarray], system: str) -> Path:
    """``root/lmdb/<dataset>_lmdb`` as DeepfakeBench writes it on ``linux`` or ``windows``.

    Keys begin with the data set and a backslash and go on with the system's separators; pictures are kept as files are,
    landmarks as bare numbers of the system's own width; what has "video" in its path is left out.
    """
    home = root / "lmdb" / f"{dataset}_lmdb"
    home.mkdir(parents=True)
    environment = lmdb.open(str(home), map_size=1 << 26)
    with environment.begin(write=True) as transaction:
        for path, value in content.items():
            folder, _, rest = path.partition("/")
            if folder == dataset and "video" not in str(PurePosixPath(rest).parent):
                native = rest if system == "linux" else rest.replace("/", "\\")
                transaction.put(f"{dataset}\\{native}".encode(), _value(path, value, system))
    environment.close()
    return home


def _value(path: str, value: np.ndarray, system: str) -> bytes:
    if path.endswith(".npy"):
        return value.astype(np.int64 if system == "linux" else np.uint32).tobytes()
    return cv2.imencode(".png", value[..., ::-1])[1].tobytes()


def write_manifest(folder: Path, name: str, tree: dict[str, Any]) -> Path:
    """The manifest ``name`` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(tree))
    return path
