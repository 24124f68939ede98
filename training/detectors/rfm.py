"""Xception that learns with the places it looks at erased, so that it looks at the others too.

Source: Wang & Deng, Representative forgery mining for fake face detection (CVPR 2021), algorithm 1: the forgery
attention map is ``max over RGB |d(fake logit - real logit) / d(pixel)|``; around its highest pixels random blocks are
replaced by noise.
Loss: cross-entropy of the erased pictures.
Deviations: the reference took the map's gradient of two feature channels instead of the logits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier
from training.networks.xception import released


@DETECTORS.register("rfm")
class Rfm(Classifier):
    """See the module.

    Args:
        blocks: how many to erase.
        side: longest side of a block, in pixels.
    """

    family = "spatial"
    year = 2021
    released = released("backbone.", "backbone.")

    def __init__(self, backbone: Callable[[], nn.Module], blocks: int = 3, side: int = 120) -> None:
        super().__init__(backbone)
        self.blocks, self.side = blocks, side

    def loss(self, batch: Batch) -> Losses:
        """Cross-entropy; while training, of pictures with their suspicious places erased."""
        if self.training:
            batch = replace(batch, image=self.erased(batch.image))
        return super().loss(batch)

    def erased(self, image: Tensor) -> Tensor:
        """``image`` with noise in [-1, 1] where the network, as it would predict, looks first."""
        attention = self.attention(image)
        rank = attention.flatten(1).argsort(1, descending=True).cpu()
        masks = torch.stack([self._mask(order, image.shape[-1], attention[0].shape) for order in rank])
        return torch.where(masks[:, None].to(image.device), torch.rand_like(image) * 2 - 1, image)

    def attention(self, image: Tensor) -> Tensor:
        """The forgery attention map ``(N, H, W)``."""
        self.eval()
        image = image.detach().requires_grad_()
        with torch.enable_grad():
            logits = self.outputs(image)["logits"]
            gradient = torch.autograd.grad((logits[:, 1] - logits[:, 0]).sum(), image)[0]
        self.train()
        return gradient.abs().amax(1)

    def _mask(self, order: Tensor, width: int, shape: torch.Size) -> Tensor:
        """Rectangles of random size and place that cover the first pixels of ``order``, one after the other."""
        mask = torch.zeros(shape, dtype=torch.bool)
        for _ in range(self.blocks):
            left = order[~mask.flatten()[order]]
            if not len(left):
                break
            y, x = divmod(int(left[0]), width)
            height, breadth = torch.randint(1, self.side + 1, (2,)).tolist()
            top, start = y - int(torch.randint(height, ())), x - int(torch.randint(breadth, ()))
            mask[max(top, 0) : top + height, max(start, 0) : start + breadth] = True
        return mask
