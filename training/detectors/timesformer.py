"""TimeSformer with a linear head on clips.

Reference: Bertasius et al., "Is Space-Time Attention All You Need for Video Understanding?", ICML 2021: divided
attention, ViT-B/16, eight frames, class token, cross entropy. DeepfakeBench's YAML of this name cannot train; the
values here are those of its tuned predecessor.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from training.core.registry import DETECTORS
from training.detectors._clip_classifier import ClipClassifier
from training.networks.names import translate

NAMES = {
    "backbone.embeddings.cls_token": "backbone.token",
    "backbone.embeddings.position_embeddings": "backbone.positions",
    "backbone.embeddings.time_embeddings": "backbone.times",
    "backbone.embeddings.patch_embeddings.projection.": "backbone.patches.",
    "backbone.encoder.layer.": "backbone.blocks.",
    "backbone.layernorm.": "backbone.norm.",
    "temporal_layernorm.": "temporal_norm.",
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


@DETECTORS.register("timesformer")
class TimeSformer(ClipClassifier):
    """See the module."""

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints, with Hugging Face's names."""
        return {translate(key, NAMES): value for key, value in state.items()}
