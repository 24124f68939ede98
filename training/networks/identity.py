"""Face-recognition networks: who is in the picture, as a map or as a vector."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn


class ArcFaceMaps(nn.Module):
    """The convolutions of InsightFace's residual network (Deng et al., CVPR 2019; "iresnet"); names are theirs.

    Pictures are normalized to [-1, 1]. ``layers`` are the blocks of its four stages: 3, 13, 30, 3 in iresnet100.
    """

    def __init__(self, layers: tuple[int, ...] = (3, 13, 30, 3), width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1, self.prelu = nn.BatchNorm2d(width), nn.PReLU(width)
        widths = [width, *(width << i for i in range(4))]
        for i, count in enumerate(layers):
            blocks = [
                Residual(widths[i] if j == 0 else widths[i + 1], widths[i + 1], 2 - (j > 0)) for j in range(count)
            ]
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.dim = widths[-1]
        self.bn2 = nn.BatchNorm2d(self.dim)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, dim)``."""
        return self.feature_map(image).mean((2, 3))

    def feature_map(self, image: Tensor) -> Tensor:
        """``(N, dim, H/16, W/16)``."""
        x = self.prelu(self.bn1(self.conv1(image)))
        return self.bn2(self.layer4(self.layer3(self.layer2(self.layer1(x)))))

    def convert(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """InsightFace's files, without the layers that this network lacks."""
        return {k: v for k, v in state.items() if k in self.state_dict() or not k.startswith(("fc.", "features."))}


class ArcFace(ArcFaceMaps):
    """The whole network, 50 layers unless told otherwise, on pictures brought to 112 pixels."""

    def __init__(self, layers: tuple[int, ...] = (3, 4, 14, 3), width: int = 64, dim: int = 512) -> None:
        super().__init__(layers, width)
        self.fc = nn.Linear(self.dim * 49, dim)
        self.features = nn.BatchNorm1d(dim)
        self.dim = dim

    def forward(self, image: Tensor) -> Tensor:
        """``(N, dim)``."""
        maps = self.feature_map(F.interpolate(image, (112, 112), mode="bilinear", align_corners=False))
        return self.features(self.fc(maps.flatten(1)))


class Residual(nn.Module):
    """InsightFace's block."""

    def __init__(self, dim: int, out: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(dim), nn.Conv2d(dim, out, 3, padding=1, bias=False)
        self.bn2, self.prelu = nn.BatchNorm2d(out), nn.PReLU(out)
        self.conv2, self.bn3 = nn.Conv2d(out, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.downsample = None
        if stride > 1 or dim != out:
            self.downsample = nn.Sequential(nn.Conv2d(dim, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, dim, h, w)`` -> ``(N, out, h / stride, w / stride)``."""
        found = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return found + (self.downsample(x) if self.downsample else x)
