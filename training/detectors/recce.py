"""Xception that reconstructs real faces, and classifies by where and how that fails.

Source: Cao et al., End-to-end reconstruction-classification learning for face forgery detection (CVPR 2022).
Loss: ``L = CE + 0.1 L_r + 0.1 L_m``: the L1 distance of real faces from their reconstruction (eq. 2), and distances of
pooled features ``d = (1 - cos) / 2`` among reals minus those between reals and fakes (eq. 3), over three maps.
Deviations: the reference trains on cross-entropy alone, though it computes what the others need.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier
from training.networks.reconstruction import Decoder, MultiScaleGraph, ResidualAttention


@DETECTORS.register("recce")
class Recce(Classifier):
    """See the module.

    Args:
        reconstruction, metric: loss weights.
        noise: deviation of the noise that half of the training pictures get.
        widths: channels of the decoder's levels.
        dropout: in all parts.
    """

    family = "spatial"
    year = 2022
    released = {
        "backbone.": None,
        "model.encoder.": "backbone.",
        "model.encoder.fc.": None,
        "model.fc.": "head.",
        "model.attention.gated.": "attention.gate.",
        "model.attention.h.": "attention.transform.",
        "model.reasoning.va_embedding.": "graph.embed.",
        "model.reasoning.reproject.": "graph.project.",
        **{
            f"model.reasoning.{theirs}.": f"graph.scales.{i}.{ours}."
            for i, x in enumerate("bc")
            for theirs, ours in (
                (f"v{x}_embedding", "embed"),
                (f"reweight_a{x}.0", "relate"),
                (f"va_gated_{x}.0", "gate"),
            )
        },
        **{f"model.decoder{2 * i - 1}.": f"decoder.grow{i}." for i in (1, 2, 3)},
        **{f"model.decoder{2 * i}.": f"decoder.block{i}." for i in (1, 2)},
        "model.decoder6.0.": "decoder.last.",
    }

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        reconstruction: float = 0.1,
        metric: float = 0.1,
        noise: float = 1e-6,
        widths: tuple[int, int, int] = (256, 128, 64),
        dropout: float = 0.2,
    ) -> None:
        super().__init__(backbone, dropout=dropout)
        dim = self.backbone.middle_dim
        self.weights, self.noise = {"cls": 1.0, "reconstruction": reconstruction, "metric": metric}, noise
        self.decoder = Decoder(dim, widths, dropout)
        self.graph = MultiScaleGraph(dim, widths[:2], dropout)
        self.attention = ResidualAttention(dim, dropout)

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits``, pooled ``feature``, ``recons`` (N, 3, H, W) and pooled maps ``pooled0..2``."""
        net = self.backbone
        encoded = net.blocks(net.stem(image), last=4)
        twice, four, picture = self.decoder(encoded)
        rebuilt = F.interpolate(picture, image.shape[-2:], mode="bilinear", align_corners=True)
        x = net.blocks(encoded, 5, 7)
        x = net.blocks(x + self.graph(x, [twice, four]), 8, 8)
        x = net.blocks(self.attention(image, rebuilt, x), 9)
        feature = net.tail(x).relu().mean((2, 3))
        pooled = {f"pooled{i}": m.mean((2, 3)) for i, m in enumerate((encoded, twice, four))}
        logits = self.head(self.dropout(feature))
        return {"logits": logits, "feature": feature, "embedding": feature, "recons": rebuilt, **pooled}

    def loss(self, batch: Batch) -> Losses:
        """The module's equation."""
        image = self._noisy(batch.image) if self.training else batch.image
        outputs = self.outputs(image)
        real = batch.label == 0
        off = (outputs["recons"] - batch.image).abs().mean((1, 2, 3))
        parts = {
            "cls": F.cross_entropy(outputs["logits"], batch.label),
            "reconstruction": (off * real).sum() / real.sum().clamp_min(1),
            "metric": sum(metric_loss(outputs[f"pooled{i}"], real) for i in range(3)),
        }
        return Losses(sum(self.weights[name] * part for name, part in parts.items()), parts)

    def _noisy(self, image: Tensor) -> Tensor:
        chosen = torch.rand(len(image), 1, 1, 1, device=image.device) < 0.5
        return torch.where(chosen, (image + self.noise * torch.randn_like(image)).clamp(-1, 1), image)


def correlation(pooled: Tensor) -> Tensor:
    """``(1 + cos) / 2`` of all pairs of rows."""
    unit = F.normalize(pooled, dim=1)
    return (1 + unit @ unit.T) / 2


def metric_loss(pooled: Tensor, real: Tensor) -> Tensor:
    """Mean distance among reals minus mean distance between reals and fakes."""
    distance = 1 - correlation(pooled)
    both, mixed = (real[:, None] & other for other in (real, ~real))
    return sum(sign * (distance * pairs).sum() / pairs.sum().clamp_min(1) for sign, pairs in ((1, both), (-1, mixed)))
