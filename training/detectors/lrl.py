"""Two EfficientNet-B4, on RGB and on high frequencies, that judge by which parts of a face resemble each other.

Source: Chen et al., Local relation learning for face forgery detection (AAAI 2021).
Loss: ``L = CE + BCE(mask) + MSE(similarity)``; two parts should be as similar as their shares of manipulated pixels.
Deviations: EfficientNet-B4 as in the reference whose weights are published. The high frequencies are computed here
from the normalized picture, so that any recipe with masks will do.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.errors import ConfigError, ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier
from training.networks.efficientnet import released
from training.networks.local_relation import Fusion, HighPass, MaskDecoder, off_diagonal, similarity

CUTS = ((0, 9, 0.25), (10, 21, 0.5), (22, 31, 1.0))
"""First and last block before each fusion, and the factor that brings its map to the size of the last one."""


@DETECTORS.register("lrl")
class Lrl(Classifier):
    """See the module. Parts are 64 pixels wide, so that weights belong to one ``resolution``.

    Args:
        dropout: in the classifier.
    """

    family = "spatial"
    year = 2021
    released = {
        **released("encoder_rgb.", "backbone.", head=None),
        **released("encoder_idct.", "frequency.", head=None),
        **{f"rfam{i}.attention.": f"fusions.{i - 1}.layers." for i in (1, 2, 3)},
        **{f"decoder.decoder_stages.{3 - i}.layer.1.": f"decoder.levels.{i}.1." for i in range(4)},
        **{f"decoder.bottlenecks.{i}.seq.0.": f"decoder.levels.{i}.4." for i in range(4)},
        "final.": "decoder.last.",
        "overall_classifier.": "head.",
    }

    def __init__(self, backbone: Callable[[], nn.Module], resolution: int, dropout: float = 0.2) -> None:
        super().__init__(backbone)
        if resolution % 64 or resolution < 128:
            raise ConfigError(f"data.resolution is {resolution}; lrl needs a multiple of 64, at least 128")
        self.frequency = backbone()
        stem = self.frequency.conv_stem
        self.frequency.conv_stem = nn.Conv2d(1, stem.out_channels, stem.kernel_size, stem.stride, bias=False)
        self.high_pass = HighPass(resolution)
        net = self.backbone
        widths = [net.width_after(last) for _, last, _ in CUTS[:2]] + [net.dim]
        self.fusions = nn.ModuleList(Fusion(width) for width in widths)
        self.decoder = MaskDecoder(sum(widths))
        self.grid = resolution // 64
        pairs = self.grid**2 * (self.grid**2 - 1)
        self.head = nn.Sequential(nn.Linear(pairs, 128), nn.ReLU(), nn.Dropout(dropout), nn.Linear(128, 2))

    def outputs(self, image: Tensor, idct: Tensor | None = None) -> dict[str, Tensor]:
        """``logits``, ``feature`` map, ``mask_pred``, ``sim`` (N, P, P); ``idct`` replaces the high frequencies."""
        idct = self.high_pass(image) if idct is None else idct
        streams = [(self.backbone, image), (self.frequency, idct)]
        x = [net.stem(picture) for net, picture in streams]
        joined = []
        for (first, last, factor), fusion in zip(CUTS, self.fusions, strict=True):
            x = [net.run(part, first, last) for (net, _), part in zip(streams, x, strict=True)]
            if last == CUTS[-1][1]:
                x = [net.top(part) for (net, _), part in zip(streams, x, strict=True)]
            x = fusion(*x)
            joined.append(F.interpolate(sum(x), scale_factor=factor, mode="nearest"))
        feature = torch.cat(joined, 1)
        relation = similarity(feature)
        logits = self.head(off_diagonal(relation))
        embedding = feature.mean((2, 3))
        mask = self.decoder(feature)
        return {"logits": logits, "feature": feature, "embedding": embedding, "mask_pred": mask, "sim": relation}

    def loss(self, batch: Batch) -> Losses:
        """See the module."""
        if batch.mask is None:
            raise ContractError("lrl learns from masks: data.recipe: {name: frames, mask: true}")
        return self.objective(self.outputs(batch.image), batch)

    def objective(self, outputs: dict[str, Tensor], batch: Batch) -> Losses:
        """The loss of ``outputs``."""
        share = F.adaptive_avg_pool2d(batch.mask, self.grid).flatten(1)
        target = 1 - (share[:, :, None] - share[:, None]).abs()
        with torch.autocast(batch.mask.device.type, enabled=False):  # which refuses it on a GPU, float32 or not
            mask = F.binary_cross_entropy(outputs["mask_pred"].float(), batch.mask)
        parts = {
            "cls": F.cross_entropy(outputs["logits"], batch.label),
            "mask": mask,
            "similarity": F.mse_loss(outputs["sim"], target),
        }
        return Losses(sum(parts.values()), parts)
