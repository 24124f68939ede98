"""Two inception modules with dilated convolutions, two convolutions, a classifier of 16 units, from scratch.

Source: Afchar et al., MesoNet: a compact facial video forgery detection network (WIFS 2018), section 3.2.
Loss: cross-entropy on 2 classes (the paper has a squared error on one output).
Deviations: no activations inside the inception modules and one batch norm for both convolutions, as in the reference
whose weights are published.
"""

from __future__ import annotations

from training.core.registry import DETECTORS
from training.detectors._classifier import Classifier
from training.networks import meso

BRANCHES = {"conv1": "0.0", **{f"conv{i}_{j}": f"{i - 1}.{j - 1}" for i in (2, 3, 4) for j in (1, 2)}}


@DETECTORS.register("meso4Inception")
class Meso4Inception(Classifier):
    """See the module; pictures of other sizes than 256 have to be multiples of 32."""

    family = "naive"
    year = 2018
    released = {
        "backbone.": "backbone.",
        "backbone.fc1.": "head.1.",
        "backbone.fc2.": "head.4.",
        **{f"backbone.Incption{n}_bn.": f"backbone.inception{n}.bn." for n in (1, 2)},
        **{
            f"backbone.Incption{n}_{theirs}.": f"backbone.inception{n}.branches.{ours}."
            for n in (1, 2)
            for theirs, ours in BRANCHES.items()
        },
    }

    def __init__(self, resolution: int) -> None:
        super().__init__(lambda: meso.MesoInception4(resolution))
        self.head = meso.head(self.backbone.dim)
