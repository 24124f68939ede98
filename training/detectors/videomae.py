"""VideoMAE's transformer over tubes of two frames, with a linear head.

Reference: Tong et al., "VideoMAE: Masked Autoencoders are Data-Efficient Learners for Self-Supervised Video
Pre-Training", NeurIPS 2022, as DeepfakeBench uses it: ViT-B, sixteen frames, layer norm of the mean
token, cross entropy.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor

from training.core.errors import WeightsError
from training.core.registry import DETECTORS
from training.detectors._clip_classifier import ClipClassifier
from training.networks.names import translate

NAMES = {
    "backbone.embeddings.patch_embeddings.projection.": "backbone.tubes.",
    "backbone.encoder.layer.": "backbone.blocks.",
    "backbone.layernorm.": "backbone.norm.",
    "fc_norm.": "backbone.pooled_norm.",
    "layernorm_before.": "norm1.",
    "layernorm_after.": "norm2.",
    "attention.attention.query.bias": "attn.q_bias",  # transformers from version 5 on
    "attention.attention.value.bias": "attn.v_bias",
    "attention.attention.": "attn.",
    "attention.output.dense.": "attn.proj.",
    "intermediate.dense.": "mlp.fc1.",
    "output.dense.": "mlp.fc2.",
}


@DETECTORS.register("videomae")
class VideoMae(ClipClassifier):
    """See the module."""

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints, with Hugging Face's names."""
        ours: dict[str, Tensor] = {}
        attention: dict[str, dict[str, Tensor]] = defaultdict(dict)
        for key, value in state.items():
            name = translate(key, NAMES)
            if part := re.fullmatch(r"(.*attn\.)(query|key|value)\.weight", name):
                attention[f"{part[1]}qkv.weight"][part[2]] = value
            else:
                ours[name] = value
        for name, parts in attention.items():
            if len(parts) < 3:
                raise WeightsError(f"not a whole VideoMAE checkpoint: {name} needs query, key and value")
            ours[name] = torch.cat([parts["query"], parts["key"], parts["value"]])
        return ours
