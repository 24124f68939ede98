"""ResNet-50 inflated to video (Carreira & Zisserman, CVPR 2017; SlowFast's 8x8 layout), whole or temporal only."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

TEMPORAL = ((3, 3, 3), (3, 1, 3, 1), (3, 1, 3, 1, 3, 1), (1, 3, 1))
"""Temporal kernel of the first convolution of each block, by stage."""


def _unit(inner: int, outer: int, kernel: tuple[int, int], stride: int, spatial: bool) -> nn.Sequential:
    """Convolution and norm; without ``spatial`` it looks at one place only, and a pool takes the stride."""
    time, space = kernel if spatial else (kernel[0], 1)
    shape, step = (time, space, space), (1, stride, stride) if spatial else 1
    conv = nn.Conv3d(inner, outer, shape, step, [k // 2 for k in shape], bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    pool = [] if spatial or stride == 1 else [nn.MaxPool3d((1, stride, stride))]
    return nn.Sequential(conv, nn.BatchNorm3d(outer), *pool)


class Bottleneck(nn.Module):
    """``a`` mixes over time, ``b`` over space, ``c`` widens."""

    def __init__(self, dim: int, inner: int, temporal: int, stride: int, spatial: bool) -> None:
        super().__init__()
        outer = 4 * inner
        keeps = dim == outer and stride == 1
        self.shortcut = nn.Identity() if keeps else _unit(dim, outer, (1, 1), stride, spatial)
        self.a = _unit(dim, inner, (temporal, 1), 1, spatial)
        self.b = _unit(inner, inner, (1, 3), stride, spatial)
        self.c = _unit(inner, outer, (1, 1), 1, spatial)
        nn.init.zeros_(self.c[1].weight)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W)``."""
        return F.relu(self.shortcut(x) + self.c(F.relu(self.b(F.relu(self.a(x))))))


class I3D(nn.Module):
    """Features of clips.

    Args:
        width: channels of the stem.
        spatial: False leaves kernels over time only (FTCN, Zheng et al., ICCV 2021, section 3.2) and keeps every frame.
        stages: how many of the four.
    """

    def __init__(self, width: int = 64, spatial: bool = True, stages: int = 4) -> None:
        super().__init__()
        self.stem = _unit(3, width, (5, 7), 2, spatial)
        self.pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        dim, built = width, []
        for stage, kernels in enumerate(TEMPORAL[:stages]):
            blocks = []
            for index, temporal in enumerate(kernels):
                stride = 2 if stage and not index else 1
                blocks.append(Bottleneck(dim, width << stage, temporal, stride, spatial))
                dim = 4 * (width << stage)
            built.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(built)
        self.halve = nn.MaxPool3d((2, 1, 1)) if spatial else nn.Identity()
        self.dim = dim

    def forward(self, clip: Tensor) -> Tensor:
        """Mean over time and space, ``(N, dim)``, of clips ``(N, T, 3, H, W)``."""
        return self.feature_map(clip).mean((2, 3, 4))

    def feature_map(self, clip: Tensor) -> Tensor:
        """``(N, dim, T or T/2, h, w)``."""
        x = self.pool(F.relu(self.stem(clip.transpose(1, 2))))
        for index, stage in enumerate(self.stages):
            x = stage(x)
            x = self.halve(x) if index == 0 else x
        return x

    @staticmethod
    def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Kinetics weights under SlowFast's names, without their classifier; our own as they are."""
        return {our_name(k): v for k, v in state.items() if not k.startswith("head.")}


def our_name(key: str) -> str:
    """The name here of an entry of SlowFast's ResNet; one that it does not know stays."""
    key = re.sub(r"^s1\.pathway0_stem\.conv\.", "stem.0.", key)
    key = re.sub(r"^s1\.pathway0_stem\.bn\.(0\.)?", "stem.1.", key)
    key = re.sub(r"^s(\d)\.pathway0_res(\d)\.", lambda m: f"stages.{int(m[1]) - 2}.{m[2]}.", key)
    key = re.sub(r"\.branch1_bn\.(0\.)?", ".shortcut.1.", key).replace(".branch1.", ".shortcut.0.")
    key = re.sub(r"\.branch2\.([abc])_bn\.(0\.)?", r".\1.1.", key)
    return re.sub(r"\.branch2\.([abc])\.", r".\1.0.", key)


def released(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of a detector with the network below ``resnet.``, as ours has it: ``backbone.`` and ``head.``."""
    names = {key: key.removeprefix("resnet.") for key in state}
    return {
        name.replace("head.projection.", "head.") if name.startswith("head.") else f"backbone.{our_name(name)}": state[
            key
        ]
        for key, name in names.items()
    }


def temporal_weights(network: nn.Module) -> list[nn.Parameter]:
    """Weights of the convolutions over time alone (kernel 3 x 1 x 1)."""
    return [m.weight for m in network.modules() if isinstance(m, nn.Conv3d) and m.kernel_size == (3, 1, 1)]


def spatial_weights(network: nn.Module) -> list[nn.Parameter]:
    """Weights of the convolutions over space alone (kernel 1 x 3 x 3)."""
    return [m.weight for m in network.modules() if isinstance(m, nn.Conv3d) and m.kernel_size == (1, 3, 3)]
