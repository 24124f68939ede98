"""Losses of image detectors whose golden figures need more than a labelled batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from tests.golden.fill import rule_input
from tests.golden.registry import Golden, figures
from training.detectors.base import Detector

LABEL = torch.tensor([0, 1])


def image_of(golden: Golden) -> torch.Tensor:
    """The rule-made picture of a network file."""
    return rule_input(golden["input_shape"], salt=golden["salt"])


@figures("core")
def core(detector: Detector, golden: Golden) -> dict[str, Any]:
    """The two samples count as two views, though their labels differ."""
    outputs = detector.outputs(image_of(golden))
    a, b = outputs["core_feat"].double()
    cosine = F.cosine_similarity(a, b, dim=0)
    return {
        "train_losses.overall": detector.objective(outputs, LABEL).total,
        "loss_extra.cos": cosine,
        "loss_extra.mse_cos_to_1": (cosine - 1) ** 2,
    }
