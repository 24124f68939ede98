"""A fully temporal ResNet followed by a transformer over the frames (FTCN, Zheng et al., ICCV 2021)."""

from __future__ import annotations

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from training.networks.i3d import I3D
from training.networks.video import check_frames


class Ftcn(nn.Module):
    """Features of clips of ``frames`` frames; the table of positions fixes their number.

    Args:
        frames: of a clip.
        width: channels of the stem.
        heads: of the transformer.
    """

    def __init__(self, frames: int = 16, width: int = 64, heads: int = 16) -> None:
        super().__init__()
        self.convolutions = I3D(width, spatial=False, stages=3)
        self.dim, self.frames = self.convolutions.dim, frames
        self.token = nn.Parameter(torch.randn(1, 1, self.dim))
        self.positions = nn.Parameter(torch.randn(1, frames + 1, self.dim))
        self.dropout = nn.Dropout(0.1)
        self.block = Block(self.dim, heads, mlp_ratio=2.0, qkv_bias=False, proj_drop=0.1, norm_layer=nn.LayerNorm)
        self.norm = nn.LayerNorm(self.dim)

    def forward(self, clip: Tensor) -> Tensor:
        """``(N, dim)`` of ``(N, frames, 3, H, W)``."""
        return self.over_time(self.by_frame(clip))

    def by_frame(self, clip: Tensor) -> Tensor:
        """One feature per frame, ``(N, frames, dim)``."""
        check_frames(clip, self.frames, "ftcn")
        return self.convolutions.feature_map(clip).mean((3, 4)).transpose(1, 2)

    def over_time(self, x: Tensor) -> Tensor:
        """The class token's view of ``(N, frames, dim)``."""
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.positions
        return self.norm(self.block(self.dropout(x))[:, 0])
