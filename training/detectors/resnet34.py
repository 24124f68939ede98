"""ResNet-34 and a linear layer ("CNN-Aug"): strong augmentation makes a plain classifier generalize.

Source: Wang et al., CNN-generated images are surprisingly easy to spot... for now (CVPR 2020).
Loss: cross-entropy on 2 classes (the paper has a binary one).
Deviations: 34 layers instead of 50 and pictures normalized to [-1, 1], as DeepfakeBench trains it. The paper's
augmentation (blur, JPEG) is set in the YAML.
"""

from __future__ import annotations

from training.core.registry import DETECTORS
from training.detectors._classifier import Classifier

PARTS = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}


@DETECTORS.register("resnet34")
class ResNet34(Classifier):
    """See the module."""

    family = "naive"
    year = 2020
    released = {
        **{f"backbone.resnet.{theirs}.": f"backbone.net.{ours}." for theirs, ours in PARTS.items()},
        "backbone.fc.": "head.",
    }
