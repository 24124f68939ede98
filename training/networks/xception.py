"""Xception (Chollet, CVPR 2017) in parts, for the methods that reach into it. Names and computation are timm's."""

from __future__ import annotations

from collections.abc import Mapping

import timm
import torch
from timm.models.xception import Block, SeparableConv2d
from torch import Tensor, nn


class Xception(nn.Module):
    """Stem, twelve blocks, tail. A 256-pixel image has 125, 63, 32, 16 (blocks 3-11) and 8 pixels on the way.

    timm's ``legacy_xception`` with its default widths: ``widths`` are the outputs of conv1, conv2, blocks 1-3 (and the
    middle), block 12, conv3 and conv4.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 256, 728, 1024, 1536, 2048)) -> None:
        super().__init__()
        conv1, conv2, block1, block2, self.middle_dim, block12, conv3, self.dim = widths
        self.conv1 = nn.Conv2d(3, conv1, 3, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(conv1)
        self.conv2 = nn.Conv2d(conv1, conv2, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(conv2)
        self.block1 = Block(conv2, block1, 2, 2, start_with_relu=False)
        self.block2 = Block(block1, block2, 2, 2)
        self.block3 = Block(block2, self.middle_dim, 2, 2)
        for i in range(4, 12):
            self.add_module(f"block{i}", Block(self.middle_dim, self.middle_dim, 3))
        self.block12 = Block(self.middle_dim, block12, 2, 2, grow_first=False)
        self.conv3 = SeparableConv2d(block12, conv3, 3, padding=1)
        self.bn3 = nn.BatchNorm2d(conv3)
        self.conv4 = SeparableConv2d(conv3, self.dim, 3, padding=1)
        self.bn4 = nn.BatchNorm2d(self.dim)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, dim)``."""
        return self.feature_map(image).mean((2, 3))

    def feature_map(self, image: Tensor) -> Tensor:
        """``(N, dim, H/32, W/32)``, not negative."""
        return self.raw_map(image).relu()

    def raw_map(self, image: Tensor) -> Tensor:
        """:meth:`feature_map` before its ReLU."""
        return self.tail(self.blocks(self.stem(image)))

    def stem(self, image: Tensor) -> Tensor:
        """The two unpadded convolutions."""
        return self.stem2(self.stem1(image))

    def stem1(self, image: Tensor) -> Tensor:
        """The first of them, for methods that add something in between."""
        return self.bn1(self.conv1(image)).relu()

    def stem2(self, x: Tensor) -> Tensor:
        """The second."""
        return self.bn2(self.conv2(x)).relu()

    def blocks(self, x: Tensor, first: int = 1, last: int = 12) -> Tensor:
        """Blocks ``first`` to ``last``, both included."""
        for i in range(first, last + 1):
            x = getattr(self, f"block{i}")(x)
        return x

    def tail(self, x: Tensor) -> Tensor:
        """The two separable convolutions after block 12; without the last ReLU."""
        return self.bn4(self.conv4(self.bn3(self.conv3(x)).relu()))

    @staticmethod
    def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """ImageNet weights of timm, or of Cadene's file (2-D pointwise kernels), without their classifier."""
        kept = {k: v for k, v in state.items() if not k.startswith(("fc.", "last_linear."))}
        return {k: v[..., None, None] if "pointwise" in k and v.ndim == 2 else v for k, v in kept.items()}


class Narrowed(nn.Module):
    """``network``'s last map before its ReLU, brought to ``dim`` channels."""

    def __init__(self, network: Xception, dim: int) -> None:
        super().__init__()
        self.net, self.dim = network, dim
        self.adjust = nn.Sequential(nn.Conv2d(network.dim, dim, 1), nn.BatchNorm2d(dim), nn.ReLU())

    def feature_map(self, image: Tensor) -> Tensor:
        """``(N, dim, H/32, W/32)``, not negative."""
        return self.adjust(self.net.raw_map(image))


def imagenet() -> dict[str, Tensor]:
    """timm's ImageNet weights."""
    return Xception.convert(timm.create_model("legacy_xception", pretrained=True).state_dict())


def set_stem(network: Xception, kernel: Tensor) -> None:
    """Give ``network`` a first convolution with another number of input channels."""
    network.conv1 = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, stride=2, bias=False)
    with torch.no_grad():
        network.conv1.weight.copy_(kernel)


def released(theirs: str, ours: str, head: str | None = "head.") -> dict[str, str | None]:
    """Renames for an Xception called ``theirs`` in the reference and ``ours`` here; ``head`` is its classifier."""
    return {theirs: ours, f"{theirs}adjust_channel.": None, f"{theirs}last_linear.": head}


def released_narrowed(theirs: str, ours: str, head: str | None) -> dict[str, str | None]:
    """The same for a :class:`Narrowed` one."""
    return {theirs: f"{ours}net.", f"{theirs}adjust_channel.": f"{ours}adjust.", f"{theirs}last_linear.": head}
