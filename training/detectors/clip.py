"""CLIP's vision tower with a linear head, all of it trained.

Reference: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, as
DeepfakeBench uses it: ViT-B/16, class token after the last layer norm, cross entropy, images normalized with 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from training.core.registry import DETECTORS
from training.detectors._classifier import Classifier
from training.networks.clip import from_hf


@DETECTORS.register("clip")
class Clip(Classifier):
    """See the module. ``backbone.tune: frozen`` makes it a linear probe."""

    takes_features = True
    family = "foundation"
    year = 2021

    def encode(self, image: Tensor) -> Tensor:
        """Features ``(N, dim)``; those that were computed before are returned as they are."""
        return image if image.ndim == 2 else self.backbone(image)

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints, with Hugging Face's names."""
        head = {k: v for k, v in state.items() if k.startswith("head.")}
        vision = {k: v for k, v in state.items() if not k.startswith("head.")}
        return head | {f"backbone.{k}": v for k, v in from_hf(vision, "backbone.").items()}
