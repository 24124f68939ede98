"""Hugging Face's names of the video transformers in :mod:`training.networks.video_vit`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from training.core.errors import WeightsError
from training.networks.clip import from_hf
from training.networks.names import translate

TIMESFORMER = {
    "embeddings.cls_token": "token",
    "embeddings.position_embeddings": "positions",
    "embeddings.time_embeddings": "times",
    "embeddings.patch_embeddings.projection.": "patches.",
    "encoder.layer.": "blocks.",
    "layernorm.": "norm.",
    "temporal_attention.attention.qkv.": "temporal_attn.qkv.",
    "temporal_attention.output.dense.": "temporal_attn.proj.",
    "temporal_dense.": "temporal_fc.",
    "layernorm_before.": "norm1.",
    "layernorm_after.": "norm2.",
    "attention.attention.qkv.": "attn.qkv.",
    "attention.output.dense.": "attn.proj.",
    "intermediate.dense.": "mlp.fc1.",
    "output.dense.": "mlp.fc2.",
}
VIDEOMAE = {
    "embeddings.patch_embeddings.projection.": "tubes.",
    "encoder.layer.": "blocks.",
    "layernorm.": "norm.",
    "layernorm_before.": "norm1.",
    "layernorm_after.": "norm2.",
    "attention.attention.query.bias": "attn.q_bias",  # transformers from version 5 on
    "attention.attention.value.bias": "attn.v_bias",
    "attention.attention.": "attn.",
    "attention.output.dense.": "attn.proj.",
    "intermediate.dense.": "mlp.fc1.",
    "output.dense.": "mlp.fc2.",
}


def timesformer(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``TimesformerModel`` under our names."""
    return {translate(key, TIMESFORMER): value for key, value in state.items()}


def videomae(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``VideoMAEModel`` under our names.

    Raises:
        WeightsError: a layer lacks query, key or value.
    """
    ours: dict[str, Tensor] = {}
    attention: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for key, value in state.items():
        name = translate(key, VIDEOMAE)
        if part := re.fullmatch(r"(.*attn\.)(query|key|value)\.weight", name):
            attention[f"{part[1]}qkv.weight"][part[2]] = value
        else:
            ours[name] = value
    for name, parts in attention.items():
        if len(parts) < 3:
            raise WeightsError(f"VideoMAE weights: {name} needs query, key and value")
        ours[name] = torch.cat([parts["query"], parts["key"], parts["value"]])
    return ours


def xclip(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``XCLIPVisionModel`` under our names."""
    return from_hf({key.removeprefix("vision_model."): value for key, value in state.items()})


Translation = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


def adopt(network: nn.Module, state: Mapping[str, Tensor], base: str, names: Translation) -> dict[str, Tensor]:
    """Published weights for ``network``: the part below ``base``, translated; what it adds stays as drawn.

    Our own come back as they are. What else the file holds (classifiers, decoders, text) is not for this network.
    """
    own = network.state_dict()
    if own.keys() == state.keys():
        return dict(state)
    below = {k.removeprefix(base): v for k, v in state.items() if k.startswith(base)}
    return {k: v for k, v in own.items() if k.startswith("pooled_norm.")} | names(below or state)


def released(state: Mapping[str, Tensor], names: Translation) -> dict[str, Tensor]:
    """A detector that holds the network below ``backbone.``, beside ``fc_norm`` and ``head``, under our names."""
    parts: dict[str, dict[str, Tensor]] = {"backbone": {}, "fc_norm": {}, "head": {}}
    for key, value in state.items():
        part, _, rest = key.partition(".")
        if part not in parts:
            raise WeightsError(f"not a released checkpoint of a video transformer: unknown key {key}")
        parts[part][rest] = value
    return (
        {f"backbone.{k}": v for k, v in names(parts["backbone"]).items()}
        | {f"backbone.pooled_norm.{k}": v for k, v in parts["fc_norm"].items()}
        | {f"head.{k}": v for k, v in parts["head"].items()}
    )
