"""Xception and a linear layer: the baseline of FaceForensics++.

Source: Roessler et al., FaceForensics++ (ICCV 2019); network: Chollet (CVPR 2017).
Loss: cross-entropy on 2 classes.
Deviations: 256 instead of 299 pixels and no epochs with a frozen network, as DeepfakeBench trains it.
"""

from __future__ import annotations

from training.core.registry import DETECTORS
from training.detectors._classifier import Classifier
from training.networks.xception import released


@DETECTORS.register("xception")
class Xception(Classifier):
    """See the module."""

    family = "naive"
    year = 2019
    released = released("backbone.", "backbone.")
