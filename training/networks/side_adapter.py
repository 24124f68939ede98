"""A small transformer beside frozen CLIP that reads its layers and steers what its last ones attend to.

Source: the idea is that of Cui et al., Forensics Adapter (CVPR 2025), after side adapters for segmentation (Xu et al.,
CVPR 2023); the sizes and where the two meet are Assay's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from training.core.errors import ConfigError
from training.networks.clip import ClipVit

MEETINGS = 4
"""Layers of CLIP that the adapter reads, spread evenly from the first; the last of them is where it begins to steer."""
CODE = 64
"""Length of the vectors by whose products queries weigh places."""


@dataclass(frozen=True)
class Traces:
    """What the adapter found in ``N`` pictures on a grid of ``P`` cells a side."""

    queries: Tensor
    """``(N, K, d)``."""
    patches: Tensor
    """``(N, P * P, d)``."""
    border: Tensor
    """Logits of the blending border, ``(N, 1, P, P)``."""
    bias: Tensor
    """What each query adds to CLIP's attention to each place, by head: ``(N, heads, K, P * P)``; 0 at the start."""


class SideAdapter(nn.Module):
    """Patches of the picture and learned queries under one transformer.

    Args:
        clip: whose layers are read; not a part of this module.
        queries: how many.
        width, layers, heads: of the transformer.
    """

    def __init__(self, clip: ClipVit, queries: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        if layers < MEETINGS:
            raise ConfigError(
                f"detector.layers is {layers}; the adapter reads CLIP before {MEETINGS} layers of its own"
            )
        self.grid, self.clip_heads = clip.grid, clip.transformer.resblocks[0].attn.num_heads
        self.patches = nn.Conv2d(3, width, clip.conv1.kernel_size, clip.conv1.stride)
        self.queries = nn.Parameter(0.02 * torch.randn(1, queries, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, clip.grid**2, width))
        self.blocks = nn.ModuleList(Block(width, heads, qkv_bias=True) for _ in range(layers))
        self.fusions = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(clip.dim), nn.Linear(clip.dim, width)) for _ in range(MEETINGS)
        )
        self.norm = nn.LayerNorm(width)
        self.ask, self.border = nn.Linear(width, width), nn.Parameter(torch.zeros(()))
        self.query_code, self.place_code = nn.Linear(width, CODE), nn.Linear(width, CODE * self.clip_heads)
        nn.init.zeros_(self.place_code.weight)
        nn.init.zeros_(self.place_code.bias)

    def forward(self, image: Tensor, tokens: Sequence[Tensor]) -> Traces:
        """What is in ``image (N, 3, H, W)``, given CLIP's ``tokens`` before each layer (see :meth:`ClipVit.layers`)."""
        count = self.queries.shape[1]
        x = self.patches(image).flatten(2).mT + self.positions
        x = torch.cat([self.queries.expand(len(x), -1, -1), x], dim=1)
        places = zip(meetings(len(self.blocks)), meetings(len(tokens) - 1), self.fusions, strict=True)
        met = {own: fusion(tokens[theirs][:, 1:]) for own, theirs, fusion in places}
        for index, block in enumerate(self.blocks):
            x = block(x + F.pad(met[index], (0, 0, count, 0)) if index in met else x)
        queries, patches = self.norm(x).split([count, x.shape[1] - count], dim=1)
        border = (patches @ self.ask(queries).mean(1)[..., None]).mT / math.sqrt(x.shape[-1]) + self.border
        codes = self.place_code(patches).unflatten(2, (self.clip_heads, CODE)).transpose(1, 2)
        bias = self.query_code(queries)[:, None] @ codes.mT / math.sqrt(CODE)
        return Traces(queries, patches, border.unflatten(2, (self.grid, self.grid)), bias)


def meetings(depth: int) -> list[int]:
    """Before which of ``depth`` layers the two networks meet."""
    return [number * depth // MEETINGS for number in range(MEETINGS)]


def steered(clip: ClipVit, tokens: Sequence[Tensor], bias: Tensor) -> Tensor:
    """CLIP's class token as it would be if each query's ``bias (N, heads, K, P * P)`` were added to its attention.

    ``K`` copies of the class token take CLIP's last layers, each seeing itself and the patches, which do not see it.

    Returns:
        Features ``(N, K, dim)``; of a bias of 0, CLIP's own.
    """
    rows, heads, count, _ = bias.shape
    start = meetings(len(tokens) - 1)[-1]
    alone = torch.full((count, count), -torch.inf, device=bias.device, dtype=bias.dtype).fill_diagonal_(0)
    mask = torch.cat([alone.expand(rows, heads, -1, -1), bias], dim=-1).flatten(0, 1)
    x = tokens[start][:, :1].expand(-1, count, -1)
    for block, seen in zip(clip.transformer.resblocks[start:], tokens[start:], strict=False):
        own = block.ln_1(x)
        keys = torch.cat([own, block.ln_1(seen[:, 1:])], dim=1)
        x = x + block.attention(own, keys, keys, mask)
        x = x + block.mlp(block.ln_2(x))
    return clip.ln_post(x)
