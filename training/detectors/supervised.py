"""The lower bound of open-world attribution: learns from the labelled pictures alone.

Source: the supervised baseline of Sun et al., contrastive pseudo learning for open-world deepfake attribution
(ICCV 2023). Loss: ``L = CE`` on labelled pictures.
Deviations: the reference's baseline has no configuration and cannot be started; on all pictures it would learn from
the hidden labels too, which would make it an upper bound.
"""

from __future__ import annotations

from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._attribution import Attribution, labelled_cross_entropy


@DETECTORS.register("supervised")
class Supervised(Attribution):
    """See the module. Its clusters are never learned: novel pictures fall where the known classes leave them."""

    family = "attribution"
    year = 2023
    takes_features = True

    def loss(self, batch: Batch) -> Losses:
        """Cross-entropy of the labelled rows."""
        return Losses(labelled_cross_entropy(self.outputs(batch.image)["logits"], batch))
