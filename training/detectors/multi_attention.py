"""EfficientNet-B4 whose textures are pooled under several attention maps.

Source: Zhao et al., Multi-attentional deepfake detection (CVPR 2021).
Loss: ``L = CE + L_RIL`` (eq. 7) on pictures degraded under one map (attention guided augmentation, section 3.4).
Deviations: activations after the network's first and last norm are left out, as in the published weights. The
reference first trains the network with its own classifier for ten epochs and counts test batches among them; here, as
in the paper, there is one phase.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier
from training.detectors.base import Progress
from training.networks.attention_maps import (
    AttentionBlur,
    AttentionMaps,
    RegionIndependence,
    Textures,
    attention_pool,
)
from training.networks.efficientnet import released

SHALLOW, DEEP = 5, 21
"""Textures are read after the first of these blocks, attention after the second."""


@DETECTORS.register("multi_attention")
class MultiAttention(Classifier):
    """See the module.

    Args:
        maps: how many attention maps.
        dim: of the features that are classified.
        dropout: of the pooled textures.
    """

    family = "spatial"
    year = 2021
    released = {
        **released("backbone.", "backbone.", head=None),
        "attention_generation.mask": None,
        **{
            f"attention_generation.{theirs}.": f"maps.layers.{ours}."
            for theirs, ours in (("conv_extract", 0), ("bn1", 1), ("conv2", 3), ("bn2", 4))
        },
        "texture_enhance.conv0.": "textures.first.",
        **{f"texture_enhance.bn{i}.": f"textures.dense.{i - 1}.0." for i in (1, 2, 3)},
        **{f"texture_enhance.conv{i}.": f"textures.dense.{i - 1}.2." for i in (1, 2, 3)},
        **{f"texture_enhance.{t}.": f"textures.last.{o}." for t, o in (("bn4", 0), ("conv_last", 2), ("bn_last", 3))},
        "projection_local.": "local.",
        "projection_final.0.": "overall.0.",
        "ensemble_classifier_fc.": "head.",
    }

    def __init__(self, backbone: Callable[[], nn.Module], maps: int = 4, dim: int = 256, dropout: float = 0.25) -> None:
        super().__init__(backbone, dropout=dropout)
        net = self.backbone
        shallow = net.width_after(SHALLOW)
        self.maps = AttentionMaps(net.width_after(DEEP), maps)
        self.textures = Textures(shallow)
        self.local = nn.Sequential(
            nn.Linear(maps * 4 * shallow, dim), nn.Hardswish(), nn.Linear(dim, dim), nn.Hardswish()
        )
        self.overall = nn.Sequential(nn.Linear(net.dim, dim), nn.Hardswish(), nn.Hardswish())
        self.head = nn.Sequential(nn.Linear(2 * dim, dim), nn.Hardswish(), nn.Linear(dim, 2))
        self.independence = RegionIndependence(maps, shallow)
        self.blur = AttentionBlur()

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The reference does not keep centers: they start anew."""
        ours = super().from_released(state)
        fresh = RegionIndependence(ours["maps.layers.3.weight"].shape[0], ours["textures.first.weight"].shape[0])
        return {**ours, **{f"independence.{k}": v for k, v in fresh.state_dict().items()}}

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits``; the last ``feature`` map; ``attentions`` (N, maps, h, w); ``feature_maps_d``, coarse textures."""
        net = self.backbone
        shallow = net.run(nn.BatchNorm2d.forward(net.bn1, net.conv_stem(image)), 0, SHALLOW)
        deep = net.run(shallow, SHALLOW + 1, DEEP)
        feature = nn.BatchNorm2d.forward(net.bn2, net.conv_head(net.run(deep, DEEP + 1, 31)))
        maps = self.maps(deep)
        textures, coarse = self.textures(shallow, maps.shape[-2:])
        local = F.normalize(attention_pool(textures, maps), dim=2).flatten(1)
        overall = attention_pool(feature, maps.sum(1, keepdim=True), mean=True).flatten(1)
        embedding = torch.cat([self.local(self.dropout(local)), self.overall(overall)], 1)
        logits = self.head(embedding)
        return {
            "logits": logits,
            "feature": feature,
            "embedding": embedding,
            "attentions": maps,
            "feature_maps_d": coarse,
        }

    def loss(self, batch: Batch) -> Losses:
        """See the module."""
        if self.training:
            with torch.no_grad():
                maps = self.outputs(batch.image)["attentions"]
            batch = replace(batch, image=self.blur(batch.image, maps))
        outputs = self.outputs(batch.image)
        parts = {
            "cls": F.cross_entropy(outputs["logits"], batch.label),
            "independence": self.independence(outputs["feature_maps_d"], outputs["attentions"], batch.label),
        }
        return Losses(parts["cls"] + parts["independence"], parts)

    def on_epoch_end(self, progress: Progress) -> None:
        """Centers move more slowly."""
        self.independence.slow_down()
