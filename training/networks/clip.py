"""CLIP's vision transformer (Radford et al., ICML 2021, section 2.4) as a backbone, computed by open_clip."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any

import open_clip
import torch
from open_clip.transformer import QuickGELU, VisionTransformer
from torch import Tensor, nn

from training.core.errors import WeightsError
from training.networks.names import translate

HF_NAMES = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.patch_embedding.": "conv1.",
    "pre_layrnorm.": "ln_pre.",  # spelled so in the published files
    "pre_layernorm.": "ln_pre.",
    "post_layernorm.": "ln_post.",
    "encoder.layers.": "transformer.resblocks.",
    "layer_norm1.": "ln_1.",
    "layer_norm2.": "ln_2.",
    "self_attn.": "attn.",
    "mlp.fc1.": "mlp.c_fc.",
    "mlp.fc2.": "mlp.c_proj.",
}
NOT_VISION = (
    "input_resolution", "context_length", "vocab_size", "logit_", "positional_embedding", "token_embedding.",
    "transformer.", "ln_final.", "text_model.", "text_projection", "visual_projection.",
)  # fmt: skip
"""What published files hold beside the vision tower: the text tower, projections and scalars."""


class TokensFirst(nn.MultiheadAttention):
    """Attention over ``(N, tokens, dim)`` that copies them to ``(tokens, N, dim)`` before the projections.

    ``batch_first`` looks at them in that order without copying, and PyTorch multiplies such a view with weights that
    need no gradient token by token, each with its own copy of the weights: a ViT-L with frozen projections took minutes
    per step on a CPU in place of seconds.
    """

    @classmethod
    def like(cls, attention: nn.MultiheadAttention) -> TokensFirst:
        """One with the parameters of ``attention``."""
        made = cls(attention.embed_dim, attention.num_heads, device="meta")
        made.load_state_dict(attention.state_dict(), assign=True)
        return made

    def forward(self, query: Tensor, key: Tensor, value: Tensor, **options: Any) -> tuple[Tensor, Tensor | None]:
        """What ``query`` finds, and the weights of attention where ``options`` ask for them."""
        first = {id(tokens): tokens.transpose(0, 1).contiguous() for tokens in (query, key, value)}
        attended, weights = super().forward(*(first[id(tokens)] for tokens in (query, key, value)), **options)
        return attended.transpose(0, 1), weights


class ClipVit(VisionTransformer):
    """The vision tower without CLIP's projection: the feature is the class token after the last layer norm.

    Args:
        resolution, patch: pixels; the patch grid has ``grid = resolution // patch`` cells a side.
        width, layers, heads: of the transformer; ``dim = width``.
    """

    def __init__(self, resolution: int, patch: int, width: int, layers: int, heads: int) -> None:
        super().__init__(
            resolution, patch, width, layers, heads, mlp_ratio=4.0, act_layer=QuickGELU, output_tokens=True
        )
        self.proj = None
        for block in self.transformer.resblocks:
            block.attn = TokensFirst.like(block.attn)
        self.dim, self.grid = width, resolution // patch

    def forward(self, image: Tensor) -> Tensor:
        """Features ``(N, dim)`` of normalized images ``(N, 3, H, W)``."""
        return self.tokens(image)[0]

    def tokens(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The class token ``(N, dim)`` and the patch tokens ``(N, grid * grid, dim)``, after the last layer norm."""
        return super().forward(image)

    def layers(self, image: Tensor) -> list[Tensor]:
        """The tokens ``(N, 1 + grid * grid, dim)``, the class token first, before each layer and after the last."""
        found = [self._embeds(image)]
        for block in self.transformer.resblocks:
            found.append(block(found[-1]))
        return found

    @staticmethod
    def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Published weights under this network's names: OpenAI's and open_clip's, Hugging Face's, or our own."""
        if any(key.startswith("visual.") for key in state):
            vision = {k.removeprefix("visual."): v for k, v in state.items() if not k.startswith(NOT_VISION)}
            vision.pop("proj", None)
            return vision
        landmark = next((k for k in state if k.endswith("embeddings.class_embedding")), None)
        return from_hf(state, landmark.removesuffix("embeddings.class_embedding")) if landmark else dict(state)


def from_hf(state: Mapping[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """The vision tower that transformers saved below ``prefix``, under open_clip's names.

    Text tower and projections are left out; keys that belong to no CLIP stay, so that strict loading reports them.

    Raises:
        WeightsError: a layer lacks one of q, k and v.
    """
    converted: dict[str, Tensor] = {}
    attention: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for key, value in state.items():
        name = key.removeprefix(prefix)
        if key.startswith(NOT_VISION) or name == "embeddings.position_ids":
            continue
        name = translate(name, HF_NAMES)
        if part := re.fullmatch(r"(.*attn\.)([qkv])_proj\.(weight|bias)", name):
            attention[f"{part[1]}in_proj_{part[3]}"][part[2]] = value
        else:
            converted[name] = value
    for name, parts in attention.items():
        if len(parts) < 3:
            raise WeightsError(f"CLIP weights: {name} needs q, k and v; the file has {', '.join(sorted(parts))} only")
        converted[name] = torch.cat([parts[p] for p in "qkv"])
    return converted


def _hub(name: str) -> dict[str, Tensor]:
    clip = open_clip.create_model(name, pretrained="openai")
    return ClipVit.convert({f"visual.{k}": v for k, v in clip.visual.state_dict().items()})


hub_l14 = partial(_hub, "ViT-L-14-quickgelu")
hub_b16 = partial(_hub, "ViT-B-16-quickgelu")
