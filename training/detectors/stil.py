"""A convolutional network that looks for inconsistencies within frames and between neighboring ones.

Reference: Gu et al., "Spatiotemporal Inconsistency Learning for DeepFake Video Detection", ACM MM 2021. SCNet-50 with a
spatial, a temporal and an information supplement module in each bottleneck; the frames' logits are averaged, cross
entropy.
Deviations: clips and hyper-parameters are DeepfakeBench's (eight neighboring frames, rate 2e-4); the paper draws its
frames from the whole video.
"""

from __future__ import annotations

from training.core.registry import DETECTORS
from training.detectors._clip_classifier import ClipClassifier


@DETECTORS.register("stil")
class Stil(ClipClassifier):
    """See the module. Its head is linear, so that the mean feature's logits are the frames' mean logits."""

    family = "video"
    year = 2021
    released = {"model.base_model.": "backbone.", "model.base_model.fc.": "head."}
