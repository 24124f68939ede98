"""EfficientNet (Tan & Le, ICML 2019) in parts, padded in one of three ways.

Names and computation are timm's ``tf_efficientnet_b3`` and ``tf_efficientnet_b4``. Most of the field's published B4
detectors differ from the latter in two things that move logits by more than a tenth, here ``padding: fixed``: the first
convolution has no padding, and the strided ones have the padding that fits a 380-pixel picture at any size. Some have
that in the first convolution, too: ``padding: static``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import timm
import torch.nn.functional as F
from timm.models import efficientnet
from torch import Tensor, nn

from training.core.errors import ConfigError

STAGES = (
    "ds_r1_k3_s1_e1_c16_se0.25",
    "ir_r2_k3_s2_e6_c24_se0.25",
    "ir_r2_k5_s2_e6_c40_se0.25",
    "ir_r3_k3_s2_e6_c80_se0.25",
    "ir_r3_k5_s1_e6_c112_se0.25",
    "ir_r4_k5_s2_e6_c192_se0.25",
    "ir_r1_k3_s1_e6_c320_se0.25",
)
REPEATS = (1, 2, 2, 3, 3, 4, 1)
"""Blocks per stage of B0, as STAGES say too."""
B3_DEPTH, B4_DEPTH = 1.4, 1.8
STEM_PADS = (0, 1, 0, 1)
PADS = {2: (0, 1, 0, 1), 6: (2, 2, 2, 2), 10: (0, 1, 0, 1), 22: (1, 2, 1, 2)}
"""Left, right, top, bottom, of those of B4's blocks whose depthwise convolution is strided."""


class EfficientNet(efficientnet.EfficientNet):
    """Stem, blocks counted through, top. B4 has 32 blocks and, ``fixed``, makes of a 256-pixel image 127, 63 (blocks
    2-5), 32, 16 (10-21), 8 pixels.

    Args:
        width: factor on the channels of B0.
        depth: factor on the blocks per stage of B0.
        padding: ``same``: strided convolutions halve a map, rounded up, as TensorFlow's do; ``fixed``, ``static``: see
            the module, for B4's depth alone.
        drop_path: chance to skip the last block while training; earlier ones less.
    """

    def __init__(
        self,
        width: float = 1.4,
        depth: float = B4_DEPTH,
        padding: Literal["same", "fixed", "static"] = "fixed",
        drop_path: float = 0.2,
    ) -> None:
        if padding != "same" and depth != B4_DEPTH:
            raise ConfigError(
                f"'backbone.padding' is '{padding}', which is known for depth {B4_DEPTH} only; set 'same'"
            )
        widen = partial(efficientnet.round_channels, multiplier=width)
        super().__init__(
            efficientnet.decode_arch_def([[stage] for stage in STAGES], depth),
            num_classes=0,
            num_features=widen(1280),
            round_chs_fn=widen,
            act_layer=nn.SiLU,
            norm_layer=partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01),
            drop_path_rate=drop_path,
            pad_type="same" if padding == "same" else "",
        )
        self.dim, self.depth, self.padding = self.num_features, depth, padding
        if padding != "same":
            self.conv_stem = Padded(self.conv_stem, STEM_PADS if padding == "static" else (0, 0, 0, 0))
            for index, pads in PADS.items():
                block = self.flat[index]
                block.conv_dw = Padded(block.conv_dw, pads)

    @property
    def flat(self) -> list[nn.Module]:
        """The blocks of all stages in one list."""
        return [block for stage in self.blocks for block in stage]

    def width_after(self, index: int) -> int:
        """Channels that block ``index`` returns."""
        norm = getattr(self.flat[index], "bn3", self.flat[index].bn2)
        return norm.num_features

    def forward(self, image: Tensor) -> Tensor:
        """``(N, dim)``."""
        return self.feature_map(image).mean((2, 3))

    def feature_map(self, image: Tensor) -> Tensor:
        """``(N, dim, H/32, W/32)``."""
        return self.top(self.run(self.stem(image), 0, len(self.flat) - 1))

    def stem(self, image: Tensor) -> Tensor:
        """The first convolution."""
        return self.bn1(self.conv_stem(image))

    def run(self, x: Tensor, first: int, last: int) -> Tensor:
        """Blocks ``first`` to ``last``, both included."""
        for block in self.flat[first : last + 1]:
            x = block(x)
        return x

    def top(self, x: Tensor) -> Tensor:
        """The last convolution."""
        return self.bn2(self.conv_head(x))

    def convert(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """ImageNet weights of timm or of efficientnet_pytorch, without their classifier."""
        if "_conv_stem.weight" in state:
            state = {timm_key(k, self.depth): v for k, v in state.items()}
        return {k: v for k, v in state.items() if not k.startswith("classifier.")}


class Padded(nn.Conv2d):
    """A convolution without padding whose input is padded by ``pads`` (left, right, top, bottom)."""

    def __init__(self, conv: nn.Conv2d, pads: tuple[int, int, int, int]) -> None:
        super().__init__(
            conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, groups=conv.groups, bias=False
        )
        self.load_state_dict(conv.state_dict())
        self.pads = pads

    def forward(self, x: Tensor) -> Tensor:
        """Pad and convolve."""
        return super().forward(F.pad(x, self.pads))


def imagenet_b3() -> dict[str, Tensor]:
    """timm's ImageNet weights."""
    return timm.create_model("tf_efficientnet_b3.aa_in1k", pretrained=True, num_classes=0).state_dict()


def imagenet_b4() -> dict[str, Tensor]:
    """timm's ImageNet weights."""
    return timm.create_model("tf_efficientnet_b4.aa_in1k", pretrained=True, num_classes=0).state_dict()


def released(theirs: str, ours: str, head: str | None = "head.") -> dict[str, str | None | Callable[[str], str]]:
    """Renames for an EfficientNet-B4 called ``theirs`` there and ``ours`` here; ``head`` is its classifier."""
    return {f"{theirs}efficientnet.": lambda rest: ours + timm_key(rest, B4_DEPTH), f"{theirs}last_layer.": head}


SHARED = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand", "_depthwise_conv": "conv_dw"}
FIRST = {"_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2", **SHARED}
OTHER = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3", **SHARED}
OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}


def released_depth(state: Mapping[str, Tensor], theirs: str) -> float:
    """The depth of the EfficientNet called ``theirs`` in the reference, by its number of blocks."""
    start = f"{theirs}_blocks."
    blocks = {key.removeprefix(start).partition(".")[0] for key in state if key.startswith(start)}
    return B3_DEPTH if len(blocks) == sum(math.ceil(B3_DEPTH * number) for number in REPEATS) else B4_DEPTH


def timm_key(key: str, depth: float) -> str:
    """timm's name of an efficientnet_pytorch key; one that it does not know stays as it is."""
    inside = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    if not inside:
        part, _, rest = key.partition(".")
        return f"{OUTSIDE.get(part, part)}.{rest}"
    index, stage = int(inside[1]), 0
    repeats = [math.ceil(depth * blocks) for blocks in REPEATS]
    while stage < len(repeats) - 1 and index >= repeats[stage]:
        index, stage = index - repeats[stage], stage + 1
    names = OTHER if stage else FIRST
    return f"blocks.{stage}.{index}.{names.get(inside[2], inside[2])}.{inside[3]}"
