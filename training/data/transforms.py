"""From a stored face to the tensor a recipe returns: resize, augment; masks and landmarks follow the picture.

Augmentation is DeepfakeBench's set (flip, rotation, blur, brightness/contrast or hue/saturation, JPEG) and, where asked
for, crops and erasing; each is drawn from the generator passed in. Pictures stay uint8: the device normalizes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from training.core.schema import AugmentConfig
from training.data.looks import drawn


@dataclass(frozen=True)
class Geometry:
    """What moves pixels: a flip, a rotation about the center by ``degrees``, then a crop enlarged to the whole."""

    flip: bool = False
    degrees: float = 0.0
    crop: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """Left edge, upper edge and side, as shares of the picture's."""

    def matrix(self, size: int) -> np.ndarray:
        """The ``(2, 3)`` map from source to result pixels of a ``size`` x ``size`` picture."""
        center, angle = (size - 1) / 2, math.radians(self.degrees)
        cos, sin, sign = math.cos(angle), math.sin(angle), -1 if self.flip else 1
        left, top, side = self.crop
        # pixel centers lie at integers, edges half a pixel off
        across = center - center * (sign * cos + sin) + 0.5 - size * left
        down = center - center * (cos - sign * sin) + 0.5 - size * top
        rows = (sign * cos, sin, across), (-sign * sin, cos, down)
        return np.array(rows) / side - [[0, 0, 0.5]]

    def picture(self, picture: np.ndarray, border: int = cv2.BORDER_REFLECT_101) -> np.ndarray:
        """The moved picture, of the same size."""
        picture = cv2.flip(picture, 1) if self.flip else picture
        rest = replace(self, flip=False)
        if rest == Geometry():
            return picture
        size = picture.shape[0]
        return cv2.warpAffine(picture, rest.matrix(size), (size, size), borderMode=border)

    def points(self, points: np.ndarray, size: int) -> np.ndarray:
        """``(n, 2)`` points where :meth:`picture` puts them. A flip does not rename left and right."""
        moved = points @ self.matrix(size)[:, :2].T + self.matrix(size)[:, 2]
        return moved.astype(np.float32)


@dataclass(frozen=True)
class Transform:
    """``transform(image, rng)`` -> ``(3, R, R)`` uint8 tensor; ``augment`` None leaves the picture as it is."""

    resolution: int
    augment: AugmentConfig | None = None

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> Tensor:
        """The picture alone; see :meth:`apply`."""
        return self.apply(image, rng)[0]

    def apply(
        self,
        image: np.ndarray,
        rng: np.random.Generator,
        mask: np.ndarray | None = None,
        landmarks: np.ndarray | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The picture with what belongs to it.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            mask: ``(H, W)`` uint8, comes back as ``(1, R, R)`` float32 in [0, 1].
            landmarks: ``(n, 2)`` x, y in pixels of ``image``, come back in pixels of the result.
        """
        geometry = self._geometry(rng)
        picture = geometry.picture(resize(image, self.resolution))
        if self.augment:
            picture = degrade(picture, self.augment, rng)
        if mask is not None:
            mask = geometry.picture(resize(mask, self.resolution, cv2.INTER_LINEAR), cv2.BORDER_CONSTANT)
            mask = torch.from_numpy(mask.astype(np.float32)[None] / 255)
        if landmarks is not None:
            scaled = (landmarks + 0.5) * (self.resolution / image.shape[0]) - 0.5  # pixel centers lie at integers
            landmarks = torch.from_numpy(geometry.points(scaled, self.resolution))
        return to_tensor(picture), mask, landmarks

    def deferred(self, image: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The picture as it is, and what :func:`training.data.batched.changed` will do to it: ``(15,)`` float32.

        The same ``rng`` draws the same augmentation as for :meth:`apply`. Erasing is not among what can be put off.
        """
        matrix, look = self._geometry(rng).matrix(self.resolution), drawn(self.augment, rng)
        changes = np.array([*matrix.ravel(), *look], np.float32)
        return to_tensor(resize(image, self.resolution)), torch.from_numpy(changes)

    def _geometry(self, rng: np.random.Generator) -> Geometry:
        if not self.augment:
            return Geometry()
        turn = rng.random() < self.augment.rotate
        limit = self.augment.rotate_degrees
        flip, degrees = rng.random() < self.augment.flip, float(rng.uniform(-limit, limit)) if turn else 0.0
        return Geometry(flip, degrees, _crop(self.augment, rng)) if self.augment.crop else Geometry(flip, degrees)


class Unchanged:
    """Stands for a :class:`Transform` where vectors ``(d,)`` come in place of pictures: features computed before."""

    augment = None

    def __call__(self, vector: np.ndarray, rng: np.random.Generator) -> Tensor:  # noqa: ARG002 - nothing is drawn
        """The vector as float32."""
        return torch.from_numpy(vector.astype(np.float32))

    def apply(
        self, vector: np.ndarray, rng: np.random.Generator, mask: None = None, landmarks: None = None
    ) -> tuple[Tensor, None, None]:
        """See :meth:`Transform.apply`; nothing belongs to a vector."""
        return self(vector, rng), mask, landmarks


def resize(picture: np.ndarray, size: int, interpolation: int = cv2.INTER_CUBIC) -> np.ndarray:
    """``picture`` at ``size`` x ``size``; cubic because published weights were trained on cubic resizing."""
    return (
        picture if picture.shape[:2] == (size, size) else cv2.resize(picture, (size, size), interpolation=interpolation)
    )


def to_tensor(picture: np.ndarray) -> Tensor:
    """``(H, W, 3)`` uint8 as a ``(3, H, W)`` tensor of the same memory."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)


def degrade(picture: np.ndarray, augment: AugmentConfig, rng: np.random.Generator) -> np.ndarray:
    """Blur, change of color, JPEG compression and erasing, each with its chance; ``(H, W, 3)`` uint8 in and out."""
    picture = drawn(augment, rng).picture(picture)
    if augment.erase and rng.random() < augment.erase:
        picture = _erase(picture, augment, rng)
    return picture


def _crop(augment: AugmentConfig, rng: np.random.Generator) -> tuple[float, float, float]:
    if rng.random() >= augment.crop:
        return 0.0, 0.0, 1.0
    side = float(np.sqrt(rng.uniform(*augment.crop_share)))
    left, top = rng.uniform(0, 1 - side, 2).tolist()
    return left, top, side


def _erase(picture: np.ndarray, augment: AugmentConfig, rng: np.random.Generator) -> np.ndarray:
    """A rectangle of noise, up to twice as wide as high or high as wide (Zhong et al., Random Erasing, AAAI 2020)."""
    size = np.array(picture.shape[:2])
    ratio = np.exp(rng.uniform(-np.log(2), np.log(2)) / 2)
    share = rng.uniform(*augment.erase_share)
    height, width = np.rint((share * size.prod()) ** 0.5 * np.array([ratio, 1 / ratio])).clip(1, size).astype(int)
    top, left = rng.integers(0, size - (height, width) + 1)
    picture = picture.copy()
    picture[top : top + height, left : left + width] = rng.integers(0, 256, (height, width, 3), np.uint8)
    return picture
