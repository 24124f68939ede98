"""Real faces, and fakes that exchanged the face or a window of it with the real frame that they were made from.

Source: Dong et al., Implicit identity leakage (CVPR 2023), section 4.2, multi-scale facial swap; see
:mod:`training.data.blending.mfs`.
Deviations: a window swap that changed next to nothing becomes the fake as it came; the authors drop the sample.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from preprocessing.manifest import Record
from training.core.errors import DataError
from training.core.registry import RECIPES
from training.core.types import UNKNOWN, Sample
from training.data.blending.face_crops import Pose, crop_matrix, cropped
from training.data.blending.mfs import Box, Swap, artifact_box, swap
from training.data.degradations import degraded
from training.data.recipe import Corpus, Recipe
from training.data.recipes._made import check_landmarks, points_of

WHOLE = (0.0, 0.0, 1.0, 1.0)


@RECIPES.register("mfs")
class Mfs(Recipe):
    """Every frame once per epoch, with the boxes of its artifacts: of a fake the whole picture, and the window where
    only one was swapped; of a real face none.

    Faces are cut anew by their landmarks, and degraded where the run augments.

    Args:
        corpus: faces with landmarks; fakes with the real picture that they were made from.
    """

    at_test = "aligned"

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        check_landmarks("mfs", self.records)
        fakes = [r for r in self.records if r.label == 1]
        alone = [r for r in fakes if r.source_image is None]
        if alone:
            raise DataError(
                f"recipe 'mfs' needs the real picture behind every fake; manifests list none for {len(alone)} of "
                f"{len(fakes)}, the first is {alone[0].key}; preprocessing/preprocess.py --paired writes them"
            )

    def __len__(self) -> int:
        return len(self.records)

    def draw(self, index: int, rng: np.random.Generator) -> list[Sample]:
        """The frame ``index``, swapped if it is fake."""
        record, augmented = self.records[index], self.corpus.transform.augment is not None
        pictures, points = self._pictures(record)
        if augmented and rng.random() < 0.3:
            pictures = [cv2.resize(p, (p.shape[1] // 2, p.shape[0] // 2)) for p in pictures]
            points = points / 2
        matrix = crop_matrix(points, Pose.random(rng) if augmented else Pose())
        made = swap(*pictures, points, rng) if record.label else Swap(pictures[0], pictures[0])
        face, box = _cut(made, matrix)
        if made.window and box is None:
            made, face = Swap(pictures[0], pictures[0]), cropped(pictures[0], matrix)
        face = degraded(face, rng) if augmented else face
        image, boxes = self._transformed(face, box, rng)
        whole = torch.tensor([WHOLE] * record.label).reshape(-1, 4)
        person = self.corpus.person(record) if made.of_fake else UNKNOWN
        return [self.sample(record, rng, image, boxes=torch.cat([whole, boxes]), person=person)]

    def _pictures(self, record: Record) -> tuple[list[np.ndarray], np.ndarray]:
        """The record's picture, of a fake the real one too, in the same size; and the landmarks."""
        pictures = [self.image(record)]
        if record.label:
            source = self.corpus.faces.of(record).source(record)
            pictures.append(cv2.resize(source, pictures[0].shape[1::-1]))
        return pictures, points_of(self, record, "aligning faces")

    def _transformed(self, face: np.ndarray, box: Box | None, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The picture after the run's augmentation, and its box ``(0 or 1, 4)`` moved by the same."""
        left, top, right, bottom = box or (0, 0, 0, 0)
        corners = np.array([(x - 0.5, y - 0.5) for x in (left, right) for y in (top, bottom)], np.float32)
        image, _, moved = self.corpus.transform.apply(face, rng, landmarks=corners)
        shares = ((moved + 0.5) / image.shape[-1]).clamp(0, 1)
        return image, torch.cat([shares.amin(0), shares.amax(0)])[None][: int(box is not None)]


def _cut(made: Swap, matrix: np.ndarray) -> tuple[np.ndarray, Box | None]:
    """The swap's face, and the window's box in it."""
    face = cropped(made.picture, matrix)
    return face, artifact_box(face, cropped(made.background, matrix), made.window) if made.window else None
