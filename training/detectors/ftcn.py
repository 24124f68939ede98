"""Convolutions over time only, then a transformer over the frames.

Reference: Zheng et al., "Exploring Temporal Coherence for More General Video Face Forgery Detection", ICCV 2021: an
inflated ResNet-50 up to its third stage whose kernels see one place each, one feature per frame, one transformer layer.
Binary cross entropy on one logit.
Deviations: trained from random weights as in the paper (DeepfakeBench loads Kinetics weights, of which its rewrite
leaves some); 16 frames without the authors' temporal pool, as DeepfakeBench has it, so the authors' own file, made for
32 frames and the pool, is right in shape but not in use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from training.core.registry import DETECTORS
from training.detectors._clip_classifier import SigmoidClipClassifier
from training.networks.i3d import our_name
from training.networks.names import translate

TIME = {
    "pos_embedding": "positions",
    "cls_token": "token",
    "transformer.layers.0.0.fn.norm.": "block.norm1.",
    "transformer.layers.0.0.fn.fn.to_qkv.": "block.attn.qkv.",
    "transformer.layers.0.0.fn.fn.to_out.0.": "block.attn.proj.",
    "transformer.layers.0.1.fn.norm.": "block.norm2.",
    "transformer.layers.0.1.fn.fn.net.0.": "block.mlp.fc1.",
    "transformer.layers.0.1.fn.fn.net.3.": "block.mlp.fc2.",
    "mlp_head.0.": "norm.",
}


@DETECTORS.register("ftcn")
class FTCN(SigmoidClipClassifier):
    """See the module."""

    family = "video"
    year = 2021

    def __init__(self, backbone: Callable[[], nn.Module], dropout: float = 0.0) -> None:
        super().__init__(backbone, dropout)

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``pre_sigmoid (N,)``, ``prob (N,)``, and the frames' ``feature (N, dim, T, 1, 1)`` before the transformer."""
        frames = self.backbone.by_frame(image)
        feature = self.backbone.over_time(frames)
        logit = self.head(self.dropout(feature))[:, 0]
        by_frame = frames.transpose(1, 2)[..., None, None]
        return {"pre_sigmoid": logit, "prob": logit.sigmoid(), "feature": by_frame, "embedding": feature}

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints: SlowFast's names, and vit-pytorch's for the transformer."""
        renamed = {}
        for key, value in state.items():
            name = key.removeprefix("resnet.")
            if not name.startswith("head.time_T."):
                renamed[f"backbone.convolutions.{our_name(name)}"] = value
                continue
            name = translate(name.removeprefix("head.time_T."), TIME)
            renamed[name.replace("mlp_head.1.", "head.") if name.startswith("mlp_head.1.") else f"backbone.{name}"] = (
                value
            )
        return renamed
