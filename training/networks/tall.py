"""Four frames as the quarters of one picture, seen by a Swin transformer (TALL, Xu et al., ICCV 2023)."""

from __future__ import annotations

from collections.abc import Mapping

import timm
import torch
import torch.nn.functional as F
from timm.models.swin_transformer import SwinTransformer, checkpoint_filter_fn
from torch import Tensor, nn

from training.networks.video import check_frames

FRAMES = 4


class Tall(nn.Module):
    """Swin on the thumbnail; a learned vector tells the quarters apart.

    Args:
        resolution: of a frame and of the thumbnail.
        width, layers, heads: of the four stages.
        window: cells a side; stages whose grid is smaller have one window.
    """

    def __init__(
        self,
        resolution: int,
        width: int = 128,
        layers: tuple[int, ...] = (2, 2, 18, 2),
        heads: tuple[int, ...] = (4, 8, 16, 32),
        window: int = 14,
    ) -> None:
        super().__init__()
        self.swin = SwinTransformer(
            resolution, embed_dim=width, depths=layers, num_heads=heads, window_size=window, num_classes=0
        )
        self.quarters = nn.Parameter(0.02 * torch.randn(1, FRAMES, width))
        self.dim = self.swin.num_features

    def forward(self, clip: Tensor) -> Tensor:
        """``(N, dim)`` of ``(N, 4, 3, H, W)``."""
        x = self.swin.patch_embed(self.thumbnail(clip))  # (N, h, w, width)
        rows, columns = x.shape[1] // 2, x.shape[2] // 2
        where = self.quarters.view(2, 2, -1).repeat_interleave(rows, 0).repeat_interleave(columns, 1)
        return self.swin.norm(self.swin.layers(x + where)).mean((1, 2))

    def thumbnail(self, clip: Tensor) -> Tensor:
        """Frames 1 and 2 above 3 and 4, shrunk to the size of one: ``(N, 3, H, W)``."""
        check_frames(clip, FRAMES, "tall")
        rows = [torch.cat([clip[:, i], clip[:, i + 1]], dim=3) for i in (0, 2)]
        return F.interpolate(torch.cat(rows, dim=2), size=clip.shape[-2:], mode="bilinear", align_corners=False)

    def convert(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Swin's ImageNet weights, bias tables resampled to this window; the quarters stay as drawn."""
        if "quarters" in state:
            return dict(state)
        fitted = checkpoint_filter_fn(dict(state), self.swin)
        swin = {f"swin.{k}": v for k, v in fitted.items() if not k.startswith("head.")}
        return {"quarters": self.quarters.detach(), **swin}


def hub() -> dict[str, Tensor]:
    """Swin-B, pretrained on ImageNet-22k, for windows of 14."""
    published = timm.create_model("swin_base_patch4_window7_224.ms_in22k", pretrained=True, num_classes=0)
    return Tall(224).convert(published.state_dict())
