"""Contact sheets: what recipes draw, as one picture to look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from training.core.paths import atomic
from training.core.types import UNKNOWN, Sample

SIDE = 192
GAP = 4
YELLOW, RED, WHITE, BLACK = (255, 220, 0), (220, 0, 0), (255, 255, 255), (0, 0, 0)


def sheet(draws: list[list[Sample]], classes: list[str]) -> np.ndarray:
    """A row per draw: each sample's picture (or frames) with landmarks and boxes, its second view, a fake's mask.

    Args:
        draws: what a recipe drew.
        classes: names of the methods, for the captions.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    rows = [[tile for sample in draw for tile in _tiles(sample, classes)] for draw in draws]
    columns = max(map(len, rows))
    page = np.full((len(rows) * (SIDE + GAP) - GAP, columns * (SIDE + GAP) - GAP, 3), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            top, left = y * (SIDE + GAP), x * (SIDE + GAP)
            page[top : top + SIDE, left : left + SIDE] = tile
    return page


def write_png(picture: np.ndarray, path: Path) -> None:
    """Write RGB uint8 whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())


def _tiles(sample: Sample, classes: list[str]) -> Iterator[np.ndarray]:
    caption = classes[sample.method] if sample.method != UNKNOWN else ("real", "made")[sample.label]
    frames = sample.image if sample.image.ndim == 4 else sample.image[None]
    for frame in frames:
        tile = _with_boxes(_picture(frame), sample.boxes)
        yield _captioned(_with_points(tile, sample.landmarks, frame.shape[-1]), caption)
    if sample.view is not None:
        yield _captioned(_picture(sample.view), f"{caption}, again")
    if sample.mask is not None and sample.label:
        yield _captioned(_picture((sample.mask * 255).byte().expand(3, -1, -1)), "mask")


def _picture(image: torch.Tensor) -> np.ndarray:
    picture = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _with_points(tile: np.ndarray, points: torch.Tensor | None, side: int) -> np.ndarray:
    for x, y in [] if points is None else (points * (SIDE / side)).round().int().tolist():
        cv2.circle(tile, (x, y), 1, YELLOW, -1)
    return tile


def _with_boxes(tile: np.ndarray, boxes: torch.Tensor | None) -> np.ndarray:
    for left, top, right, bottom in [] if boxes is None else (boxes * (SIDE - 1)).round().int().tolist():
        cv2.rectangle(tile, (left, top), (right, bottom), RED, 2)
    return tile


def _captioned(tile: np.ndarray, caption: str) -> np.ndarray:
    for color, thickness in ((BLACK, 3), (WHITE, 1)):
        cv2.putText(tile, caption, (4, SIDE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, color, thickness, cv2.LINE_AA)
    return tile
