"""EfficientNet-B4 and a linear layer.

Source: Tan & Le, EfficientNet (ICML 2019), as DeepfakeBench trains it: pictures normalized to [-1, 1].
Loss: cross-entropy on 2 classes.
Deviations: the network's padding, see :mod:`training.networks.efficientnet`.
"""

from __future__ import annotations

from training.core.registry import DETECTORS
from training.detectors._classifier import Classifier
from training.networks.efficientnet import released


@DETECTORS.register("efficientnetb4")
class EfficientNetB4(Classifier):
    """See the module."""

    family = "naive"
    year = 2019
    released = released("backbone.", "backbone.")
