"""Vision transformers over clips: TimeSformer's divided attention, VideoMAE's tubes, X-CLIP's messages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import torch
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from timm.layers import Mlp
from timm.models.beit import Block as TubeBlock
from timm.models.vision_transformer import Attention
from torch import Tensor, nn

from training.core.errors import ContractError
from training.networks import video_names
from training.networks.video import check_frames


class DividedBlock(nn.Module):
    """Attention along time, then along space, then an MLP (Bertasius et al., ICML 2021, section 3, "T+S")."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        norm = partial(nn.LayerNorm, dim, eps=1e-6)
        self.temporal_norm, self.temporal_attn = norm(), Attention(dim, heads, qkv_bias=True)
        self.temporal_fc = nn.Linear(dim, dim)
        self.norm1, self.attn = norm(), Attention(dim, heads, qkv_bias=True)
        self.norm2, self.mlp = norm(), Mlp(dim, 4 * dim)

    def forward(self, token: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """``token (N, 1, D)`` and patches ``x (N, T, P, D)``; the token takes no part in the attention along time."""
        clips, frames, patches, _ = x.shape
        along = x.transpose(1, 2).flatten(0, 1)  # (N * P, T, D)
        along = self.temporal_fc(self.temporal_attn(self.temporal_norm(along)))
        x = x + along.unflatten(0, (clips, patches)).transpose(1, 2)
        within = torch.cat([token[:, None].expand(-1, frames, -1, -1), x], dim=2).flatten(0, 1)  # (N * T, 1 + P, D)
        within = self.attn(self.norm1(within)).unflatten(0, (clips, frames))
        token, x = token + within[:, :, 0].mean(1, keepdim=True), x + within[:, :, 1:]
        return token + self.mlp(self.norm2(token)), x + self.mlp(self.norm2(x))


class TimeSformer(nn.Module):
    """Divided space-time attention; the feature is the class token.

    Args:
        frames: of a clip.
        resolution, patch: pixels.
        width, layers, heads: of the transformer.
    """

    def __init__(self, resolution: int, frames: int, patch: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.dim, self.frames = width, frames
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, (resolution // patch) ** 2 + 1, width))
        self.times = nn.Parameter(torch.zeros(1, frames, width))
        self.blocks = nn.ModuleList(DividedBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, clip: Tensor) -> Tensor:
        """``(N, dim)`` of ``(N, frames, 3, H, W)``."""
        check_frames(clip, self.frames, "timesformer")
        x = self.patches(clip.flatten(0, 1)).flatten(2).mT + self.positions[:, 1:]
        x = x.unflatten(0, clip.shape[:2]) + self.times[:, :, None]
        token = (self.token + self.positions[:, :1]).expand(len(clip), -1, -1)
        for block in self.blocks:
            token, x = block(token, x)
        return self.norm(token)[:, 0]

    def convert(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Hugging Face's published weights under our names; our own as they are."""
        return video_names.adopt(self, state, "timesformer.", video_names.timesformer)


def sinusoids(count: int, dim: int) -> Tensor:
    """Fixed positions ``(1, count, dim)`` (Vaswani et al., NeurIPS 2017, section 3.5)."""
    rate = 10000 ** (-2 * (torch.arange(dim, dtype=torch.float64) // 2) / dim)
    angle = torch.arange(count, dtype=torch.float64)[:, None] * rate
    angle[:, ::2], angle[:, 1::2] = angle[:, ::2].sin(), angle[:, 1::2].cos()
    return angle.float()[None]


class VideoMae(nn.Module):
    """A plain transformer over tubes of two frames (Tong et al., NeurIPS 2022); the feature is the tokens' mean.

    Args:
        frames: of a clip, even.
        resolution, patch: pixels.
        width, layers, heads: of the transformer.
    """

    def __init__(self, resolution: int, frames: int, patch: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.dim, self.frames = width, frames
        self.tubes = nn.Conv3d(3, width, (2, patch, patch), (2, patch, patch))
        count = frames // 2 * (resolution // patch) ** 2
        self.register_buffer("positions", sinusoids(count, width), persistent=False)
        norm = partial(nn.LayerNorm, eps=1e-12)
        self.blocks = nn.Sequential(*(TubeBlock(width, heads, qkv_bias=True, norm_layer=norm) for _ in range(layers)))
        self.norm = norm(width)
        self.pooled_norm = nn.LayerNorm(width)

    def forward(self, clip: Tensor) -> Tensor:
        """``(N, dim)`` of ``(N, frames, 3, H, W)``."""
        check_frames(clip, self.frames, "videomae")
        x = self.tubes(clip.transpose(1, 2)).flatten(2).mT + self.positions
        return self.pooled_norm(self.norm(self.blocks(x)).mean(1))

    def convert(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Hugging Face's published weights under our names; our own as they are."""
        return video_names.adopt(self, state, "videomae.", video_names.videomae)


class MessageBlock(ResidualAttentionBlock):
    """A CLIP block whose attention also sees a message from the other frames (Ni et al., ECCV 2022, section 3.2)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__(dim, heads, act_layer=QuickGELU)
        self.message_fc, self.message_ln = nn.Linear(dim, dim), nn.LayerNorm(dim)
        self.message_attn = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N * frames, tokens, D)``; groups of ``frames`` exchange messages between their class tokens."""
        message = self.message_fc(x[:, 0]).unflatten(0, (-1, frames))
        seen = self.message_ln(message)
        message = message + self.message_attn(seen, seen, seen, need_weights=False)[0]
        extended = torch.cat([x, message.flatten(0, 1)[:, None]], dim=1)
        x = (extended + self.attention(self.ln_1(extended)))[:, :-1]
        return x + self.mlp(self.ln_2(x))


class XClip(nn.Module):
    """X-CLIP's cross-frame transformer; the feature is the mean of the frames' class tokens.

    Args:
        frames: that exchange messages; longer clips are groups of so many.
        resolution, patch: pixels.
        width, layers, heads: of the transformer.
    """

    def __init__(self, resolution: int, frames: int, patch: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.dim, self.frames = width, frames
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        scale = 1 / math.sqrt(width)
        self.class_embedding = nn.Parameter(scale * torch.randn(width))
        self.positional_embedding = nn.Parameter(scale * torch.randn((resolution // patch) ** 2 + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = nn.ModuleDict(
            {"resblocks": nn.ModuleList(MessageBlock(width, heads) for _ in range(layers))}
        )
        self.pooled_norm = nn.LayerNorm(width)

    def forward(self, clip: Tensor) -> Tensor:
        """``(N, dim)`` of ``(N, T, 3, H, W)``, T a multiple of ``frames``.

        Raises:
            ContractError: another number of frames.
        """
        if clip.ndim != 5 or clip.shape[1] % self.frames:
            raise ContractError(f"xclip takes clips of a multiple of {self.frames} frames; set data.recipe.length")
        x = self.conv1(clip.flatten(0, 1)).flatten(2).mT
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], dim=1) + self.positional_embedding
        x = self.ln_pre(x)
        for block in self.transformer["resblocks"]:
            x = block(x, self.frames)
        return self.pooled_norm(self.ln_post(x[:, 0]).unflatten(0, clip.shape[:2]).mean(1))

    def convert(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Hugging Face's published weights under our names; our own as they are."""
        return video_names.adopt(self, state, "vision_model.", video_names.xclip)
