"""Four convolutions and a classifier of 16 units, from scratch.

Source: Afchar et al., MesoNet: a compact facial video forgery detection network (WIFS 2018), section 3.1.
Loss: cross-entropy on 2 classes (the paper has one sigmoid output).
Deviations: layers 1-2 and 3-4 share their batch norms, as in the reference whose weights are published.
"""

from __future__ import annotations

from training.core.registry import DETECTORS
from training.detectors._classifier import Classifier
from training.networks import meso


@DETECTORS.register("meso4")
class Meso4(Classifier):
    """See the module; pictures of other sizes than 256 have to be multiples of 32."""

    family = "naive"
    year = 2018
    released = {"backbone.": "backbone.", "backbone.fc1.": "head.1.", "backbone.fc2.": "head.4."}

    def __init__(self, resolution: int) -> None:
        super().__init__(lambda: meso.Meso4(resolution))
        self.head = meso.head(self.backbone.dim)
