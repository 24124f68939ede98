"""Convolutional backbones that the methods take from timm as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
from torch import Tensor, nn
from torchvision.models.vgg import make_layers


class Convolutional(nn.Module):
    """timm's ``architecture`` without its classifier; ``options`` go to its constructor."""

    def __init__(self, architecture: str, options: dict[str, Any]) -> None:
        super().__init__()
        self.net = timm.create_model(architecture, num_classes=0, **options)
        self.dim = self.net.num_features
        self.stage_dim = self.net.feature_info[1]["num_chs"]
        """Channels behind the first stage."""

    def forward(self, image: Tensor) -> Tensor:
        """``(N, dim)``."""
        return self.feature_map(image).mean((2, 3))

    def feature_map(self, image: Tensor) -> Tensor:
        """The last map, ``(N, dim, h, w)``."""
        return self.net.forward_features(image)

    def stages(self, image: Tensor, which: tuple[int, ...]) -> list[Tensor]:
        """The maps behind the stages ``which``, counted from 1, of a residual network."""
        return self.net.forward_intermediates(image, indices=list(which), intermediates_only=True)

    @staticmethod
    def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of timm or torchvision, without their classifier."""
        return {f"net.{k}": v for k, v in state.items() if not k.startswith(("fc.", "classifier."))}


def resnet34_imagenet() -> dict[str, Tensor]:
    """torchvision's ImageNet weights."""
    return Convolutional.convert(timm.create_model("resnet34.tv_in1k", pretrained=True).state_dict())


def resnet50_imagenet() -> dict[str, Tensor]:
    """timm's ImageNet weights that the attribution methods started from."""
    return Convolutional.convert(timm.create_model("resnet50.ram_in1k", pretrained=True).state_dict())


class VggStart(nn.Module):
    """VGG-19 up to its third pooling; ``widths`` are the channels of its stages."""

    def __init__(self, widths: tuple[int, int, int] = (64, 128, 256)) -> None:
        super().__init__()
        first, second, self.dim = widths
        self.features = make_layers([first, first, "M", second, second, "M", *[self.dim] * 4, "M"])

    def forward(self, image: Tensor) -> Tensor:
        """``(N, dim)``."""
        return self.feature_map(image).mean((2, 3))

    def feature_map(self, image: Tensor) -> Tensor:
        """``(N, dim, H/8, W/8)``."""
        return self.features(image)

    def convert(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of torchvision or timm, without the later layers."""
        return {k: v for k, v in state.items() if k in self.state_dict()}


def vgg19_imagenet() -> dict[str, Tensor]:
    """timm's (torchvision's) ImageNet weights."""
    return VggStart().convert(timm.create_model("vgg19.tv_in1k", pretrained=True).state_dict())
