"""Foundation vision transformers of timm as backbones: DINOv2, DINOv3, Perception Encoder, SigLIP 2."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import partial

import timm
from torch import Tensor, nn


class TimmVit(nn.Module):
    """A timm transformer without a classifier; the feature is what its own pooling gives.

    Args:
        model: timm's name, without a tag.
        resolution: pixels; the patch grid has ``grid`` cells a side.
        width, layers, heads: other sizes than the model's own; no published weights fit then.
    """

    def __init__(
        self, model: str, resolution: int, width: int | None = None, layers: int | None = None, heads: int | None = None
    ) -> None:
        super().__init__()
        sizes = {"embed_dim": width, "depth": layers, "num_heads": heads}
        changed = {k: v for k, v in sizes.items() if v is not None}
        self.vit = timm.create_model(model, num_classes=0, img_size=resolution, **changed)
        self.dim, self.grid = self.vit.num_features, resolution // self.vit.patch_embed.patch_size[0]

    def forward(self, image: Tensor) -> Tensor:
        """Features ``(N, dim)`` of normalized images ``(N, 3, H, W)``."""
        return self.tokens(image)[0]

    def tokens(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The pooled feature ``(N, dim)`` and the patch tokens ``(N, grid * grid, dim)``."""
        found = self.vit.forward_features(image)
        return self.vit.forward_head(found, pre_logits=True), found[:, self.vit.num_prefix_tokens :]

    def convert(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Published weights under this network's names, positions resampled to its grid; our own as they are."""
        if all(key.startswith("vit.") for key in state):
            return dict(state)
        family = importlib.import_module(type(self.vit).__module__)
        fitted = family.checkpoint_filter_fn(dict(state), self.vit)
        return {f"vit.{k}": v for k, v in fitted.items() if not k.startswith("head.")}


def _hub(model: str) -> dict[str, Tensor]:
    state = timm.create_model(model, pretrained=True, num_classes=0, img_size=224).state_dict()
    return {f"vit.{k}": v for k, v in state.items()}


dinov2 = partial(_hub, "vit_large_patch14_dinov2.lvd142m")
dinov3 = partial(_hub, "vit_large_patch16_dinov3.lvd1689m")
perception_encoder = partial(_hub, "vit_pe_core_large_patch14_336.fb")
siglip2 = partial(_hub, "vit_base_patch16_siglip_224.v2_webli")
