"""A vision transformer that shows its middle tokens and what its later blocks attend to. Computation is timm's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor


@dataclass(frozen=True)
class Trace:
    """One pass of ``N`` pictures of ``P`` patches."""

    tokens: Tensor
    """Final ``(N, 1 + P, dim)``: the class token, then the patches row by row."""
    middle: Tensor
    """Patches ``(N, P, dim)`` halfway through."""
    attention: Tensor
    """``(N, 1 + P, 1 + P)``: attention logits, averaged over heads and the blocks after the middle one."""


class Vit(VisionTransformer):
    """ViT-B/16 unless told otherwise; ``forward`` gives the class token ``(N, dim)``."""

    def __init__(self, resolution: int, patch: int = 16, width: int = 768, layers: int = 12, heads: int = 12) -> None:
        super().__init__(resolution, patch, num_classes=0, embed_dim=width, depth=layers, num_heads=heads)
        self.dim, self.resolution, self.grid = width, resolution, resolution // patch

    def forward(self, image: Tensor) -> Tensor:
        """Of normalized pictures ``(N, 3, R, R)``."""
        return self.forward_features(image)[:, 0]

    def trace(self, image: Tensor) -> Trace:
        """Run and keep what :class:`Trace` names."""
        x = self._pos_embed(self.patch_embed(image))
        half, logits = len(self.blocks) // 2, []
        for i, block in enumerate(self.blocks):
            if i == half:
                middle = x[:, 1:]
            if i > half:
                logits.append(_attention_logits(block.attn, block.norm1(x)))
            x = block(x)
        return Trace(self.norm(x), middle, torch.stack(logits).mean(0))

    @staticmethod
    def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """ImageNet weights of timm (also the ``jx_`` files), without their classifier."""
        return {k: v for k, v in state.items() if not k.startswith(("head.", "pre_logits."))}


def _attention_logits(attention: torch.nn.Module, x: Tensor) -> Tensor:
    """Scaled products of queries and keys, averaged over heads: ``(N, T, T)``, which is one product of all heads."""
    n, t, _ = x.shape
    query, key, _ = attention.qkv(x).view(n, t, 3, -1).unbind(2)
    return query @ key.transpose(1, 2) * attention.scale / attention.num_heads


def imagenet_b16() -> dict[str, Tensor]:
    """timm's ImageNet-21k and -1k weights."""
    model = timm.create_model("vit_base_patch16_224.augreg_in21k_ft_in1k", pretrained=True)
    return Vit.convert(model.state_dict())
