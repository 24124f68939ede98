"""DeepfakeBench's LMDBs and path forms: databases as it writes them, and all accesses that its loader failed on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

from preprocessing import dfb
from preprocessing.manifest import SPLITS, Manifest
from preprocessing.store import open_store
from tests.dfb_trees import FORMS, ROOT_MARK, face, files, points, write_folders, write_lmdb
from tests.golden.compare import Result
from tests.golden.registry import Golden, case
from training.core.errors import BenchError

FORM_OF = {
    "rgb, absolute path in JSON": "absolute",
    "rgb, ./relative path in JSON": "below the working folder",
    "rgb, path relative to rgb_dir": "below rgb_dir",
    'rgb, windows path ".\\datasets..\\"': "Windows",
    'lmdb made on Linux, "./datasets/rgb_tiny/.." path': "below the working folder",
    'lmdb made on Linux, "./datasets\\UADFV/..." path': "mixed",
    'lmdb made on Linux, key form "UADFV\\real/frames/.."': "the LMDB's key",
    'lmdb made on Linux, windows JSON "./datasets\\UADFV\\real\\.."': "Windows",
}
"""Which form of path an entry is about; those not named here are about ``below the working folder``."""


def uadfv(form: Callable[[str], str]) -> dict[str, Any]:
    """A manifest of two real and two fake videos, with masks for the fakes."""
    labels: dict[str, Any] = {}
    for word, part, ending in (("UADFV_Real", "real", ""), ("UADFV_Fake", "fake", "_fake")):
        videos = {}
        for number in range(2):
            name = f"{number:04d}{ending}"
            paths = {k: [form(f"UADFV/{part}/{k}/{name}/{f:03d}.png") for f in (0, 5, 10)] for k in ("frames", "masks")}
            videos[name] = {"label": word, **(paths if ending else {"frames": paths["frames"]})}
        labels[word] = dict.fromkeys(SPLITS, videos)
    return {"UADFV": labels}


@case("prep/lmdb_and_paths")
def lmdb_and_paths(golden: Golden) -> Iterator[Result]:
    """The LMDBs that tests write hold the reference's keys; every access that the reference tried works."""
    for dataset, expected in golden["lmdb_contents"].items():
        yield _keys(dataset, expected)
    content = files(uadfv(lambda path: f"{ROOT_MARK}/{path}"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_folders(root, content)
        write_lmdb(root, "UADFV", content, "linux")
        for entry in golden["loader"]:
            listed = dfb.parse(uadfv(FORMS[FORM_OF.get(entry, "below the working folder")]), entry)
            yield Result(f"loader.{entry}", *_all_read(root, listed, "lmdb" if "lmdb" in entry else "rgb", content))


def _keys(dataset: str, expected: dict[str, Any]) -> Result:
    """Does ``write_lmdb`` call and leave out files as the reference does? The files are those that it names."""
    names = [key.partition("\\")[2] for key in expected["first_keys"]]
    content = {f"{dataset}/{name}": points(name) if name.endswith("npy") else face(name) for name in names}
    left_out = {f"{dataset}/source_videos/a/000.png": face("a")}
    with tempfile.TemporaryDirectory() as folder:
        home = write_lmdb(Path(folder), dataset, {**content, **left_out}, "linux")
        with lmdb.open(str(home), readonly=True, lock=False) as environment, environment.begin() as transaction:
            found = {key.decode(): len(value) for key, value in transaction.cursor()}
    sizes = {size for key, size in found.items() if key.endswith("npy")}
    good = set(found) == set(expected["first_keys"]) and sizes <= {expected.get("npy_bytes")}
    return Result(f"lmdb_contents.{dataset}", good, f"holds {sorted(found)}")


def _all_read(root: Path, listed: Manifest, kind: str, content: dict[str, np.ndarray]) -> tuple[bool, str]:
    """Are the faces, landmarks and masks of every record those that were written?"""
    store = open_store(root, listed.dataset, kind)
    records = [record for split in SPLITS for record in listed.records(split)]
    try:
        for record in records:
            pairs = [(record.image, store.image(record)), (record.landmarks, store.landmarks(record))]
            if record.label:
                pairs.append((record.mask, store.mask(record)[..., None].repeat(3, axis=2)))
            if not all(np.array_equal(content[f"UADFV/{path}"], value) for path, value in pairs):
                return False, f"{record.key} is not what was written"
    except BenchError as error:
        return False, str(error)
    return len(records) == 3 * 4 * 3, f"{len(records)} records"
