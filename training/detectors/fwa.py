"""Xception on faces that were degraded and warped back: the traces that a swapped face's resizing leaves.

Source: Li & Lyu, Exposing deepfake videos by detecting face warping artifacts (CVPR Workshops 2019).
Loss: cross-entropy on 2 classes; the method is its training data (recipe ``face_warp``).
Deviations: Xception instead of ResNet-50, as DeepfakeBench trains it.
"""

from __future__ import annotations

from training.core.registry import DETECTORS
from training.detectors._classifier import Classifier
from training.networks.xception import released


@DETECTORS.register("fwa")
class Fwa(Classifier):
    """See the module."""

    family = "spatial"
    year = 2019
    recipe = "face_warp"
    released = released("backbone.", "backbone.")
