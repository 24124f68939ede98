"""HRNet (Wang et al., TPAMI 2020): high-resolution maps throughout. Names and computation are timm's."""

from __future__ import annotations

from collections.abc import Mapping

import timm
import torch
import torch.nn.functional as F
from timm.models.hrnet import HighResolutionNet
from torch import Tensor


class HRNet(HighResolutionNet):
    """Its four branches side by side, ``(N, dim, H/4, W/4)``.

    Args:
        width: channels of the largest branch; each further one has twice as many.
        modules: repetitions in stages 2-4.
        blocks: per branch, stage and repetition.
    """

    def __init__(self, width: int = 48, modules: tuple[int, int, int] = (1, 4, 3), blocks: int = 4) -> None:
        stages = {
            f"stage{branches}": {
                "num_modules": repeats,
                "num_branches": branches,
                "block_type": "BASIC" if branches > 1 else "BOTTLENECK",
                "num_blocks": (blocks,) * branches,
                "num_channels": tuple(width << i for i in range(branches)) if branches > 1 else (64,),
                "fuse_method": "SUM",
            }
            for branches, repeats in enumerate((1, *modules), start=1)
        }
        super().__init__({"stem_width": 64, **stages}, num_classes=0, head="")
        self.dim = 15 * width

    def forward(self, image: Tensor) -> Tensor:
        """``(N, dim)``."""
        return self.feature_map(image).mean((2, 3))

    def feature_map(self, image: Tensor) -> Tensor:
        """Branches brought to the size of the largest."""
        x = self.act2(self.bn2(self.conv2(self.act1(self.bn1(self.conv1(image))))))
        branches = self.stages(x)
        size = branches[0].shape[-2:]
        return torch.cat([F.interpolate(b, size, mode="bilinear", align_corners=False) for b in branches], 1)

    @staticmethod
    def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """ImageNet weights of timm or the authors, without the head."""
        head = ("incre_modules.", "downsamp_modules.", "final_layer.", "classifier.", "fc.")
        return {k: v for k, v in state.items() if not k.startswith(head)}


def imagenet_w48() -> dict[str, Tensor]:
    """timm's ImageNet weights."""
    return HRNet.convert(timm.create_model("hrnet_w48", pretrained=True).state_dict())
