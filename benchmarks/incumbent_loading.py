"""DeepfakeBench's loading of training frames, step by step as its defaults go, in our own code: the measure of speed.

A PNG out of an LMDB, its channels swapped, resized to the size it has, to Pillow and back, augmented picture by picture
as albumentations does it, float32 in channels-first order, normalized; loader processes start anew in every epoch.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from preprocessing.manifest import Record
from preprocessing.store import Lmdb

SIZE = 256


class Frames(Dataset):
    """``(image (3, 256, 256) float32, label)`` of each record; ``augmented`` as for training."""

    def __init__(self, records: list[Record], lmdb: Lmdb, augmented: bool) -> None:
        self.records, self.lmdb, self.augmented = records, lmdb, augmented

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        record = self.records[index]
        picture = resized(swapped(decoded(self.lmdb.get(record.image))))
        picture = through_pillow(picture)
        if self.augmented:
            picture = augment(picture, np.random.default_rng())
        return normalized(to_tensor(picture)), record.label


def loader(
    records: list[Record], lmdb: Lmdb, batch_size: int, workers: int, augmented: bool = True
) -> DataLoader[list[Tensor]]:
    """Batches in random order, or in that of the records where nothing is augmented."""
    return DataLoader(Frames(records, lmdb, augmented), batch_size, shuffle=augmented, num_workers=workers)


def decoded(data: bytes) -> np.ndarray:
    """BGR."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def swapped(picture: np.ndarray) -> np.ndarray:
    """RGB."""
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def resized(picture: np.ndarray) -> np.ndarray:
    """By cubic interpolation, whether it has the size or not."""
    return cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)


def through_pillow(picture: np.ndarray) -> np.ndarray:
    """There and back."""
    return np.array(Image.fromarray(picture))


def augment(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each kind with chance one half, in their order; of the three changes of color one."""
    for change in (flip, rotate, blur, (light, fancy_pca, hue)[rng.integers(3)], jpeg):
        if rng.random() < 0.5:
            picture = change(picture, rng)
    return picture


def flip(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001 - all are called alike
    """Left and right."""
    return cv2.flip(picture, 1)


def rotate(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """By up to 10 degrees."""
    matrix = cv2.getRotationMatrix2D((SIZE / 2 - 0.5, SIZE / 2 - 0.5), rng.uniform(-10, 10), 1)
    return cv2.warpAffine(picture, matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT_101)


def blur(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """By a kernel of 3, 5 or 7 pixels."""
    side = int(rng.choice((3, 5, 7)))
    return cv2.GaussianBlur(picture, (side, side), 0)


def light(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Contrast, then brightness, by a table."""
    table = np.arange(256, dtype=np.float32) * (1 + rng.uniform(-0.1, 0.1)) + 255 * rng.uniform(-0.1, 0.1)
    return cv2.LUT(picture, table.clip(0, 255).astype(np.uint8))


def fancy_pca(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shifts along the picture's own principal colors (Krizhevsky et al., NIPS 2012, section 4.1), in float64."""
    values = picture.reshape(-1, 3) / 255.0
    spread, axes = np.linalg.eigh(np.cov(values - values.mean(0), rowvar=False))
    shifted = values + axes @ (rng.normal(0, 0.1, 3) * spread)
    return (shifted.clip(0, 1) * 255).astype(np.uint8).reshape(picture.shape)


def hue(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hue, saturation and value by a table each."""
    parts = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV))
    steps = np.arange(256, dtype=np.int16)
    tables = [(steps + int(rng.uniform(-20, 20))) % 180]
    tables += [(steps + int(rng.uniform(-reach, reach))).clip(0, 255) for reach in (30, 20)]
    moved = [cv2.LUT(part, table.astype(np.uint8)) for part, table in zip(parts, tables, strict=True)]
    return cv2.cvtColor(cv2.merge(moved), cv2.COLOR_HSV2RGB)


def jpeg(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """At a quality from 40 to 100."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 101))]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def to_tensor(picture: np.ndarray) -> Tensor:
    """``(3, 256, 256)`` float32 in [0, 1]."""
    return torch.from_numpy(picture.transpose(2, 0, 1)).contiguous().float().div(255)


def normalized(image: Tensor) -> Tensor:
    """By mean and spread of one half."""
    half = torch.full((3, 1, 1), 0.5)
    return (image - half) / half
