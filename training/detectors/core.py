"""Xception that says the same of two augmentations of a picture.

Source: Ni et al., CORE: consistent representation learning for face forgery detection (CVPR Workshops 2022), eq. 1-4.
Loss: ``L = CE(both views) + weight * mean((cos(f_a, f_b) - 1)^2)`` on features after pooling.
Deviations: the reference pairs the halves of a shuffled batch, different pictures that is; here the second view comes
from the recipe, as in the paper, and differs by the paper's erasing and cropping (the reference: no augmentation).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.errors import ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier
from training.networks.xception import released


@DETECTORS.register("core")
class Core(Classifier):
    """See the module.

    Args:
        weight: of the consistency.
    """

    family = "spatial"
    year = 2022
    recipe = "frames"
    released = released("backbone.", "backbone.")

    def __init__(self, backbone: Callable[[], nn.Module], weight: float = 1.0) -> None:
        super().__init__(backbone)
        self.weight = weight

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """Those of a classifier; ``core_feat`` (N, dim) is what should not change between views."""
        outputs = super().outputs(image)
        return {**outputs, "core_feat": outputs["embedding"]}

    def loss(self, batch: Batch) -> Losses:
        """Both views through the network at once."""
        if batch.view is None:
            raise ContractError("core needs two views of each picture: data.recipe: {name: frames, view: true}")
        return self.objective(self.outputs(torch.cat([batch.image, batch.view])), batch.label.repeat(2))

    def objective(self, outputs: dict[str, Tensor], label: Tensor) -> Losses:
        """The loss of ``outputs`` whose second half are the other views of the first."""
        parts = {
            "cls": F.cross_entropy(outputs["logits"], label),
            "consistency": cosine_consistency(*outputs["core_feat"].chunk(2)),
        }
        return Losses(parts["cls"] + self.weight * parts["consistency"], parts)


def cosine_consistency(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared distance of the cosines between rows of ``a`` and ``b`` from 1."""
    return (F.cosine_similarity(a, b, dim=1) - 1).square().mean()
