"""A face-recognition network: who is in the picture, as a vector."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class ArcFace(nn.Module):
    """InsightFace's residual network (Deng et al., CVPR 2019), 50 layers unless told otherwise; names are theirs.

    Pictures normalized to [-1, 1] are brought to 112 pixels.
    """

    def __init__(self, layers: tuple[int, ...] = (3, 4, 14, 3), width: int = 64, dim: int = 512) -> None:
        super().__init__()
        self.dim = dim
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1, self.prelu = nn.BatchNorm2d(width), nn.PReLU(width)
        widths = [width, *(width << i for i in range(4))]
        for i, count in enumerate(layers):
            blocks = [
                Residual(widths[i] if j == 0 else widths[i + 1], widths[i + 1], 2 - (j > 0)) for j in range(count)
            ]
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.bn2 = nn.BatchNorm2d(widths[-1])
        self.fc = nn.Linear(widths[-1] * 49, dim)
        self.features = nn.BatchNorm1d(dim)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, dim)``."""
        x = F.interpolate(image, (112, 112), mode="bilinear", align_corners=False)
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.features(self.fc(self.bn2(x).flatten(1)))


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
