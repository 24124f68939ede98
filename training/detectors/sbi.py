"""EfficientNet-B4 on real faces blended with themselves.

Source: Shiohara & Yamasaki, Detecting deepfakes with self-blended images (CVPR 2022).
Loss: cross-entropy on 2 classes; the method is its training data (recipe ``self_blended``).
Deviations: 256 instead of 380 pixels, as DeepfakeBench's faces are stored; the network's padding, see
:mod:`training.networks.efficientnet`. Published weights with three classes need ``num_classes: 3``.
"""

from __future__ import annotations

from training.core.registry import DETECTORS
from training.detectors._classifier import Classifier
from training.networks.efficientnet import released


@DETECTORS.register("sbi")
class Sbi(Classifier):
    """See the module."""

    family = "spatial"
    year = 2022
    recipe = "self_blended"
    released = released("backbone.", "backbone.")
