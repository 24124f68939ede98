"""The first layers of CLIP with an adapter for space and time in each (StA, Yan et al., CVPR 2025, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks import clip
from training.networks.video import check_frames

SIZES = (3, 5, 7)


def _stack(dim: int, kernel: tuple[int, int, int]) -> nn.Sequential:
    """Three depthwise convolutions."""
    layers: list[nn.Module] = []
    for _ in range(3):
        conv = nn.Conv3d(dim, dim, kernel, padding=[k // 2 for k in kernel], groups=dim)
        layers += [conv, nn.BatchNorm3d(dim), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Adapter(nn.Module):
    """A bottleneck in which a stream over space and one over time look at each other, each clip by itself."""

    def __init__(self, dim: int, grid: int) -> None:
        super().__init__()
        inner = dim // 2
        self.grid = grid
        self.down, self.up = nn.Linear(dim, inner), nn.Linear(inner, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)
        self.space = nn.ModuleList(_stack(inner, (1, size, size)) for size in SIZES)
        self.time = nn.ModuleList(_stack(inner, (size, 1, 1)) for size in SIZES)
        self.space_to_time = nn.MultiheadAttention(inner, 2, batch_first=True)
        self.time_to_space = nn.MultiheadAttention(inner, 2, batch_first=True)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N * frames, 1 + grid * grid, D)``; the class tokens pass the bottleneck only."""
        low = F.gelu(self.down(x))
        maps = low[:, 1:].unflatten(0, (-1, frames)).unflatten(2, (self.grid, self.grid)).permute(0, 4, 1, 2, 3)
        space, time = (self._stream(maps, stacks) for stacks in (self.space, self.time))
        seen = self.space_to_time(time, space, space, need_weights=False)[0]
        seen = (seen + self.time_to_space(space, time, time, need_weights=False)[0]) / 2
        patches = F.gelu(seen).reshape(len(x), -1, low.shape[-1])
        return x + F.gelu(self.up(torch.cat([low[:, :1], patches], dim=1)))

    def _stream(self, maps: Tensor, stacks: nn.ModuleList) -> Tensor:
        """``(N, frames * grid * grid, inner)`` of ``maps (N, inner, frames, grid, grid)``."""
        mixed = sum(stack(maps) for stack in stacks) / len(stacks) + maps
        return mixed.flatten(2).mT


class Sta(clip.ClipVit):
    """CLIP on every frame of a clip; the feature is the frames' mean class token.

    Args:
        resolution, patch, width, layers, heads: of CLIP, of which fewer layers are used.
        frames: of a clip.
    """

    def __init__(self, resolution: int, frames: int, patch: int, width: int, layers: int, heads: int) -> None:
        super().__init__(resolution, patch, width, layers, heads)
        self.frames = frames
        self.temporal_embedding = nn.Parameter(torch.zeros(1, frames, width))
        self.adapters = nn.ModuleList(Adapter(width, self.grid) for _ in range(layers))

    def forward(self, clip: Tensor) -> Tensor:
        """``(N, dim)`` of ``(N, frames, 3, H, W)``."""
        return self.by_frame(clip).mean(1)

    def by_frame(self, clip: Tensor) -> Tensor:
        """One feature per frame, ``(N, frames, dim)``."""
        check_frames(clip, self.frames, "sta")
        x = self.conv1(clip.flatten(0, 1)).flatten(2).mT
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], dim=1) + self.positional_embedding
        x = x.unflatten(0, (-1, self.frames)) + self.temporal_embedding[:, :, None]
        x = self.ln_pre(x.flatten(0, 1))
        for block, adapter in zip(self.transformer.resblocks, self.adapters, strict=True):
            x = adapter(block(x), self.frames)
        return self.ln_post(x[:, 0]).unflatten(0, (-1, self.frames))

    def convert(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """CLIP's weights for the layers in use, what it lacks as drawn; our own whole."""
        own = self.state_dict()
        if own.keys() == state.keys():
            return dict(state)
        depth = len(self.transformer.resblocks)
        used = {k: v for k, v in clip.ClipVit.convert(state).items() if _layer(k) < depth}
        return {**{k: v for k, v in own.items() if k.startswith(("temporal_embedding", "adapters."))}, **used}


def _layer(key: str) -> int:
    parts = key.split(".")
    return int(parts[2]) if parts[:2] == ["transformer", "resblocks"] else -1
