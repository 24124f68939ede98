"""What several test files need: a small data set, made of noise and stripes in no time."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from preprocessing.manifest import Frame, Manifest, Video
from preprocessing.store import rgb_root
from tests.mounts import MOUNT, in_own_mounts

torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")

MARKS = ("slow", "gpu", "browser")
LEFT_OUT = pytest.StashKey[Counter]()

METHODS = ("real", "Deepfakes", "FaceSwap")
SIZE = 64


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the tests that are not run by why they are not."""
    for item in items:
        count = item.config.stash.setdefault(LEFT_OUT, Counter())
        count.update(mark for mark in MARKS if item.get_closest_marker(mark))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many there are: a green suite says nothing of them."""
    if count := config.stash.get(LEFT_OUT, None):
        terminalreporter.write_line(f"not run: {', '.join(f'{count[m]} marked {m}' for m in MARKS if count[m])}")


def draw_face(method: int, seed: int) -> np.ndarray:
    """Noise; manipulations add stripes of a period of their own."""
    rng = np.random.default_rng(seed)
    face = rng.integers(60, 180, (SIZE, SIZE, 3))
    stripes = 40 * (np.arange(SIZE) // (2 * method) % 2) if method else np.zeros(SIZE)
    return (face + stripes[:, None, None]).astype(np.uint8)


def write_dataset(
    root: Path,
    name: str,
    sources: int = 9,
    frames: int = 4,
    step: int = 1,
    methods: Sequence[str] = METHODS,
    compressions: Sequence[str] = ("c23",),
) -> None:
    """``root/datasets/rgb/<name>`` and ``root/manifests/<name>.json``: every source real and once per manipulation.

    Frames lie ``step`` source frames apart.
    """
    entries = []
    splits = ["train"] * (sources - 4) + ["val"] * 2 + ["test"] * 2
    for source in range(sources):
        for compression, (number, method) in product(compressions, enumerate(methods)):
            path = f"{method}/{compression}/{source:03d}"
            video = Video(
                dataset=name, video=path, label=int(number > 0), method=method, source=f"{source:03d}",
                split=splits[source], person=f"p{source}", compression=compression,
            )  # fmt: skip
            indices = range(0, frames * step, step)
            entries.append((video, [_write_frame(root, name, path, number, source, f) for f in indices]))
    facts = {"crop": {"size": SIZE}, "detector": "none: drawn by a test"}
    Manifest(name, entries, facts).write(root / "manifests" / f"{name}.json")


def _write_frame(root: Path, name: str, video: str, number: int, source: int, frame: int) -> Frame:
    seed = hash((number, source, frame)) % 2**32  # of integers: the same in every process
    folder, stem = rgb_root(root / "datasets", name), f"{video}/{frame:05d}"
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4] = 255 * (number > 0)
    angles = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points = SIZE / 2 + SIZE / 3 * np.stack([np.cos(angles), np.sin(angles)], 1)
    for kind in ("frames", "masks", "landmarks"):
        (folder / kind / video).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "frames" / f"{stem}.png"), draw_face(number, seed))
    cv2.imwrite(str(folder / "masks" / f"{stem}.png"), mask)
    np.save(folder / "landmarks" / f"{stem}.npy", points.astype(np.float32))
    files = {"image": f"frames/{stem}.png", "mask": f"masks/{stem}.png", "landmarks": f"landmarks/{stem}.npy"}
    compression = video.split("/")[1]
    paired = f"frames/{METHODS[0]}/{compression}/{source:03d}/{frame:05d}.png" if number else None
    return Frame(frame=frame, **files, source_image=paired)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """An empty folder on which a disk of any size can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    if shutil.which("unshare") is None or in_own_mounts(MOUNT.format(size="1m", place=place)).returncode:
        pytest.skip("no right to mount a disk here")
    return place


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data sets ``Toy``, ``Other`` and, for clips, ``Long``, and their manifests."""
    root = tmp_path_factory.mktemp("toy")
    write_dataset(root, "Toy")
    write_dataset(root, "Other", sources=7)
    write_dataset(root, "Long", sources=5, frames=32)
    return root


@pytest.fixture
def data_flags(toy: Path) -> list[str]:
    """Command-line words that point a run at the toy data."""
    return ["--set", f"data.root={toy / 'datasets'}", "--set", f"data.manifests={toy / 'manifests'}"]
