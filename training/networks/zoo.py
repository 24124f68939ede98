"""Backbones by name: what computes them, what input they want, what weights they start from.

A backbone is a module with ``dim`` whose ``forward(image)`` gives features ``(N, dim)`` of normalized images
``(N, 3, H, W)``; convolutional ones also offer ``feature_map(image) -> (N, C, h, w)``. A detector that asks for
``backbone`` in its constructor gets a function that returns a fresh one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from training.core.config import Spec, instantiate
from training.core.errors import ConfigError, RegistryError, did_you_mean
from training.networks import tuning, weights

Color = tuple[float, float, float]
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Entry:
    """One backbone. ``build`` and ``hub`` are ``module:function`` below ``training.networks``, imported when asked."""

    build: str
    """Returns the network with random weights."""
    hub: str | None = None
    """Returns the published weights as a state dict of that network; None when there are none."""
    mean: Color = HALF
    std: Color = HALF
    resolution: int = 256
    params: dict[str, Any] = field(default_factory=dict)
    tiny: dict[str, Any] = field(default_factory=dict)
    """What the tiny variant changes in ``params``; its ``resolution`` too (which ``build`` gets if it asks for it)."""


IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CLIP_TINY = {"resolution": 112, "patch": 16, "width": 128, "layers": 4, "heads": 4}


def _clip(hub: str, patch: int, width: int, layers: int, heads: int) -> Entry:
    params = {"resolution": 224, "patch": patch, "width": width, "layers": layers, "heads": heads}
    return Entry("clip:ClipVit", hub, CLIP_MEAN, CLIP_STD, 224, params, CLIP_TINY)


def _timm(model: str, hub: str, patch: int, mean: Color = HALF, std: Color = HALF) -> Entry:
    tiny = {"resolution": 4 * patch, "width": 96, "layers": 2, "heads": 3}
    return Entry("timm_vit:TimmVit", f"timm_vit:{hub}", mean, std, 224, {"model": model, "resolution": 224}, tiny)


def _video(network: str, frames: int, patch: int, mean: Color = HALF, std: Color = HALF) -> Entry:
    sizes = {"resolution": 224, "frames": frames, "patch": patch, "width": 768, "layers": 12, "heads": 12}
    tiny = {"resolution": 32, "patch": 8, "width": 32, "layers": 2, "heads": 2}
    return Entry(f"video_vit:{network}", None, mean, std, 224, sizes, tiny)


BACKBONES: dict[str, Entry] = {
    "clip_vit_l14": _clip("clip:hub_l14", patch=14, width=1024, layers=24, heads=16),
    "clip_vit_b16": _clip("clip:hub_b16", patch=16, width=768, layers=12, heads=12),
    "dinov2_vit_l14": _timm("vit_large_patch14_dinov2", "dinov2", 14, IMAGENET_MEAN, IMAGENET_STD),
    "dinov3_vit_l16": _timm("vit_large_patch16_dinov3", "dinov3", 16, IMAGENET_MEAN, IMAGENET_STD),
    "pe_core_vit_l14": _timm("vit_pe_core_large_patch14_336", "perception_encoder", 14),
    "siglip2_vit_b16": _timm("vit_base_patch16_siglip_224", "siglip2", 16),
    "i3d_r50": Entry("i3d:I3D", None, IMAGENET_MEAN, IMAGENET_STD, 224, tiny={"width": 4, "resolution": 64}),
    "ftcn": Entry("ftcn:Ftcn", None, HALF, HALF, 224, tiny={"width": 4, "heads": 4, "resolution": 64}),
    "timesformer_b16": _video("TimeSformer", 8, 16, (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)),
    "videomae_b16": _video("VideoMae", 16, 16),
    "xclip_b32": _video("XClip", 8, 32, IMAGENET_MEAN, IMAGENET_STD),
    "xclip_b16": _video("XClip", 8, 16, IMAGENET_MEAN, IMAGENET_STD),
    "tall_swin_b": Entry(
        "tall:Tall",
        "tall:hub",
        IMAGENET_MEAN,
        IMAGENET_STD,
        224,
        {"resolution": 224},
        {"resolution": 64, "width": 16, "layers": (1, 1, 1, 1), "heads": (1, 2, 2, 4), "window": 4},
    ),
    "stil_scnet50": Entry(
        "stil:Stil", None, HALF, HALF, 224, tiny={"width": 16, "layers": (1, 1, 1, 1), "resolution": 128}
    ),
    "sta_clip_l14": Entry(
        "sta:Sta",
        None,
        CLIP_MEAN,
        CLIP_STD,
        224,
        {"resolution": 224, "frames": 8, "patch": 14, "width": 1024, "layers": 14, "heads": 16},
        {"resolution": 32, "patch": 8, "width": 32, "layers": 2, "heads": 2},
    ),
    "xception": Entry(
        "xception:Xception",
        "xception:imagenet",
        tiny={"widths": (4, 8, 8, 12, 16, 24, 24, 32), "resolution": 64},
    ),
    "efficientnet_b3": Entry(
        "efficientnet:EfficientNet",
        "efficientnet:imagenet_b3",
        params={"width": 1.2, "depth": 1.4, "padding": "same"},
        tiny={"width": 0.1, "resolution": 128},
    ),
    "efficientnet_b4": Entry(
        "efficientnet:EfficientNet", "efficientnet:imagenet_b4", tiny={"width": 0.1, "resolution": 128}
    ),
    "arcface_r100": Entry("identity:ArcFaceMaps", tiny={"layers": (1, 1, 1, 1), "width": 4}),
    "arcface_r50": Entry("identity:ArcFace", tiny={"layers": (1, 1, 1, 1), "width": 4, "dim": 16}),
    "vit_b16": Entry(
        "vision_transformer:Vit",
        "vision_transformer:imagenet_b16",
        resolution=224,
        tiny={"resolution": 56, "patch": 8, "width": 24, "layers": 4, "heads": 3},
    ),
    "vgg19": Entry(
        "convolutional:VggStart", "convolutional:vgg19_imagenet", tiny={"widths": (4, 8, 8), "resolution": 64}
    ),
    "hrnet_w48": Entry(
        "hrnet:HRNet", "hrnet:imagenet_w48", tiny={"width": 4, "modules": (1, 1, 1), "blocks": 1, "resolution": 64}
    ),
    "resnet34": Entry(
        "convolutional:Convolutional",
        "convolutional:resnet34_imagenet",
        params={"architecture": "resnet34", "options": {}},
        tiny={"options": {"layers": (1, 1, 1, 1), "channels": (8, 8, 16, 16)}, "resolution": 64},
    ),
    "resnet50": Entry(
        "convolutional:Convolutional",
        "convolutional:resnet50_imagenet",
        IMAGENET_MEAN,
        IMAGENET_STD,
        params={"architecture": "resnet50", "options": {}},
        tiny={"options": {"layers": (1, 1, 1, 1), "channels": (4, 8, 8, 16), "stem_width": 8}, "resolution": 256},
    ),
}


@dataclass(frozen=True)
class Input:
    """What a network wants to see: ``resolution`` pixels, ``(x / 255 - mean) / std`` per RGB channel."""

    resolution: int = 256
    mean: Color = HALF
    std: Color = HALF
    fixed: bool = False
    """Whether no other resolution will do."""


@dataclass(kw_only=True)
class Common:
    """The keys every ``backbone`` block may hold besides the network's own."""

    weights: str = "pretrained"
    """``pretrained`` (a file in weights/, else the hub), ``random``, or a file."""
    size: Literal["full", "tiny"] = "full"
    tune: str = "full"
    rank: int | None = None
    """Width of what ``tune: svd | lora | adapter`` adds; None is the usual one."""
    recompute: bool = False
    """Whether a transformer's blocks keep no activations, but compute them again on the way back."""


def find(name: str) -> Entry:
    """The entry called ``name``.

    Raises:
        RegistryError: there is none; the nearest name is offered.
    """
    if name not in BACKBONES:
        raise RegistryError(f"unknown backbone '{name}'; {did_you_mean(name, BACKBONES)}")
    return BACKBONES[name]


def overlay(tree: Mapping[str, Any], **common: str) -> dict[str, Any]:
    """What sets keys of :class:`Common` in every network that the configuration ``tree`` names.

    These are its ``backbone``, and those among its detector's arguments that name one.
    """
    found = {"backbone": dict(common)} if tree.get("backbone") else {}
    detector = tree.get("detector")
    arguments = detector.items() if isinstance(detector, dict) else ()
    own = {k: dict(common) for k, v in arguments if isinstance(v, dict) and v.get("name") in BACKBONES}
    return {**found, "detector": own} if own else found


def wanted_input(spec: Spec) -> Input:
    """The input of the backbone that ``spec`` names."""
    entry, common, _ = _split(spec)
    resolution = entry.tiny.get("resolution", entry.resolution) if common.size == "tiny" else entry.resolution
    return Input(resolution, entry.mean, entry.std, fixed="resolution" in entry.params)


def maker(spec: Spec) -> Callable[[], nn.Module]:
    """A function that builds the backbone of ``spec``, with its weights loaded and its tuning applied.

    Raises:
        ConfigError, RegistryError: now, when the block is wrong; WeightsError: when called, if weights are missing.
    """
    entry, common, own = _split(spec)
    build = _resolve(entry.build)
    params = {**entry.params, **(entry.tiny if common.size == "tiny" else {}), **own}
    resolution = params.pop("resolution", entry.resolution)

    def make() -> nn.Module:
        network = instantiate(build, params, {"resolution": resolution}, spec.at)
        if common.weights != "random":
            if common.size == "tiny" and common.weights == "pretrained":
                raise ConfigError(f"backbone '{spec.name}': size tiny has no pretrained weights; set weights: random")
            fetch = _resolve(entry.hub) if entry.hub else None
            key = f"{spec.at.path or 'backbone'}.weights"
            weights.load_backbone(network, spec.name, common.weights, fetch, key)
        tuning.apply(network, common.tune, common.rank)
        if common.recompute and not tuning.recompute(network):
            raise spec.at.child("recompute").error(f"is true, but {spec.name} has no transformer blocks")
        return network

    return make


def _split(spec: Spec) -> tuple[Entry, Common, dict[str, Any]]:
    entry = find(spec.name)
    shared = {k: v for k, v in spec.params.items() if k in Common.__dataclass_fields__}
    own = {k: v for k, v in spec.params.items() if k not in shared}
    return entry, instantiate(Common, shared, {}, spec.at), own


def _resolve(where: str) -> Callable[..., Any]:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(f"training.networks.{module}"), name)
