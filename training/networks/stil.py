"""SCNet-50 whose bottlenecks compare neighboring frames (STIL, Gu et al., ACM MM 2021).

SCNet: Liu et al., "Improving Convolutional Networks with Self-Calibrated Convolutions", CVPR 2020, in the "v1d" layout,
with a deep stem, and average pools in place of strides. What comes from it keeps its names.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

REDUCTION = 16
"""Factor between a bottleneck's channels and those in which frames are compared."""


def _conv(dim: int, out: int, kernel: int | tuple[int, int] = 3, stride: int = 1) -> nn.Conv2d:
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    return nn.Conv2d(dim, out, sides, stride, [side // 2 for side in sides], bias=False)


def _unit(dim: int, out: int, kernel: int | tuple[int, int] = 3) -> nn.Sequential:
    return nn.Sequential(_conv(dim, out, kernel), nn.BatchNorm2d(out))


class SpatialInconsistency(nn.Module):
    """A self-calibrated convolution: a coarse view of the map decides what of the fine one counts (SIM)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.f_w = nn.Sequential(nn.AvgPool2d(4), *_unit(dim, dim, (1, 3)), nn.ReLU())
        self.f_h = _unit(dim, dim, (3, 1))
        self.k3, self.k4 = _unit(dim, dim), _unit(dim, dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What counts in ``x (N, dim, h, w)``, and the branch's answer."""
        gate = (x + F.interpolate(self.f_h(self.f_w(x)), x.shape[-2:])).sigmoid()
        found = gate * self.k3(x)
        return found, self.k4(found).relu()


class TemporalInconsistency(nn.Module):
    """Differences of each frame from the next, along columns and along rows, as attention (TIM)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        low = max(dim // REDUCTION, 1)
        self.conv1, self.bn1 = _conv(dim, low, 1), nn.BatchNorm2d(low)
        self.conv_ht = nn.Conv2d(low, low, (3, 1), padding=(1, 0), groups=low, bias=False)
        self.conv_tw = nn.Conv2d(low, low, (1, 3), padding=(0, 1), groups=low, bias=False)
        self.htie_conv1, self.htie_conv2 = (_unit(low, low, (3, 1)) for _ in range(2))
        self.vtie_conv1, self.vtie_conv2 = (_unit(low, low, (1, 3)) for _ in range(2))
        self.ht_up_conv, self.tw_up_conv = _unit(low, dim, 1), _unit(low, dim, 1)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``x (N * frames, dim, h, w)``, attended to."""
        low = self.bn1(self.conv1(x))
        along_h = _enhanced(_steps(low, self.conv_ht, frames), self.htie_conv1, self.htie_conv2, (2, 1))
        along_w = _enhanced(_steps(low, self.conv_tw, frames), self.vtie_conv1, self.vtie_conv2, (1, 2))
        attention = (self.ht_up_conv(along_h).sigmoid() + self.tw_up_conv(along_w).sigmoid()) / 2 - 0.5
        return x + x * attention


def _steps(x: Tensor, conv: nn.Conv2d, frames: int) -> Tensor:
    """``conv(next frame) - frame``, 0 for each clip's last: ``(N * frames, C, h, w)``."""
    now, following = x.unflatten(0, (-1, frames))[:, :-1], conv(x).unflatten(0, (-1, frames))[:, 1:]
    return F.pad(following - now, (0, 0, 0, 0, 0, 0, 0, 1)).flatten(0, 1)


def _enhanced(x: Tensor, coarse: nn.Module, fine: nn.Module, pool: tuple[int, int]) -> Tensor:
    """The mean of ``x`` and what convolutions see of it at half and at full resolution."""
    return (x + F.interpolate(coarse(F.avg_pool2d(x, pool)), x.shape[-2:]) + fine(x)) / 3


class ChannelGate(nn.Module):
    """Channels weighed by what their neighbors hold on average (ISM, an ECA gate: Wang et al., CVPR 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, h, w)``."""
        return x * self.conv(x.mean((2, 3))[:, None])[:, 0, :, None, None].sigmoid()


class TimeShift(nn.Module):
    """A learned convolution along time that starts by moving an eighth of the channels each way (TSM, ICCV 2019)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(dim, dim, 3, padding=1, groups=dim, bias=False)
        weight, eighth = torch.zeros(dim, 1, 3), dim // 8
        weight[:eighth, 0, 2] = weight[eighth : 2 * eighth, 0, 0] = weight[2 * eighth :, 0, 1] = 1
        self.conv.weight = nn.Parameter(weight)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N * frames, dim, h, w)``."""
        return (
            F.conv2d(
                x.unflatten(0, (-1, frames)).transpose(1, 2).flatten(3),  # (N, dim, frames, h * w)
                self.conv.weight[..., None],
                padding=(1, 0),
                groups=x.shape[1],
            )
            .transpose(1, 2)
            .reshape(x.shape)
        )


class Bottleneck(nn.Module):
    """One half of the channels looks along time, the other at the single frame."""

    def __init__(self, dim: int, planes: int, stride: int) -> None:
        super().__init__()
        half, out = planes // 2, 4 * planes
        self.conv1_a, self.bn1_a = _conv(dim, half, 1), nn.BatchNorm2d(half)
        self.conv1_b, self.bn1_b = _conv(dim, half, 1), nn.BatchNorm2d(half)
        self.tim, self.shift, self.ism = TemporalInconsistency(half), TimeShift(half), ChannelGate()
        self.k1, self.scconv = _unit(half, half), SpatialInconsistency(half)
        self.shrink = nn.AvgPool2d(3, stride, padding=1) if stride > 1 else nn.Identity()
        self.conv3, self.bn3 = _conv(2 * half, out, 1), nn.BatchNorm2d(out)
        self.downsample = None
        if stride > 1 or dim != out:
            pool = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)
            self.downsample = nn.Sequential(pool, *_unit(dim, out, 1))

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N * frames, dim, h, w)``."""
        found, space = self.scconv(self.bn1_b(self.conv1_b(x)).relu())
        time = self.tim(self.bn1_a(self.conv1_a(x)).relu(), frames)
        time = self.k1(self.shift(time + self.ism(found), frames)).relu()
        joined = self.bn3(self.conv3(torch.cat([self.shrink(time), self.shrink(space)], dim=1)))
        return (joined + (self.downsample(x) if self.downsample else x)).relu()


class Stil(nn.Module):
    """Features of clips of any length.

    Args:
        width: channels of the stem.
        layers: bottlenecks of the four stages.
    """

    def __init__(self, width: int = 64, layers: tuple[int, int, int, int] = (3, 4, 6, 3)) -> None:
        super().__init__()
        half = width // 2
        start = [_conv(3, half, stride=2), nn.BatchNorm2d(half), nn.ReLU(), _conv(half, half), nn.BatchNorm2d(half)]
        self.conv1 = nn.Sequential(*start, nn.ReLU(), _conv(half, width))
        self.bn1 = nn.BatchNorm2d(width)
        dim = width
        for stage, count in enumerate(layers):
            planes, blocks = width << stage, nn.ModuleList()
            for index in range(count):
                blocks.append(Bottleneck(dim, planes, 2 if stage and not index else 1))
                dim = 4 * planes
            self.add_module(f"layer{stage + 1}", blocks)
        self.dim = dim
        for conv in (m for m in self.modules() if isinstance(m, nn.Conv2d)):
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, clip: Tensor) -> Tensor:
        """The frames' mean, ``(N, dim)``, of clips ``(N, T, 3, H, W)``."""
        return self.by_frame(clip).mean(1)

    def by_frame(self, clip: Tensor) -> Tensor:
        """One feature per frame, ``(N, T, dim)``."""
        frames = clip.shape[1]
        x = F.max_pool2d(self.bn1(self.conv1(clip.flatten(0, 1))).relu(), 3, 2, 1)
        for block in (*self.layer1, *self.layer2, *self.layer3, *self.layer4):
            x = block(x, frames)
        return x.mean((2, 3)).unflatten(0, (-1, frames))

    def convert(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """SCNet-50 v1d's ImageNet weights where the layers are its own, the others as drawn; our own whole."""
        own = self.state_dict()
        if own.keys() == state.keys():
            return dict(state)
        added = (".tim.", ".shift.", ".ism.", ".scconv.f_")
        published = {k: v for k, v in state.items() if not k.startswith("fc.") and ".scconv.k2." not in k}
        return {k: v for k, v in own.items() if any(part in k for part in added)} | published
