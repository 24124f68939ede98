"""Centers of clusters in frozen features, known classes pinned to their labelled pictures; shared by kmeans and knn."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.types import UNKNOWN, Batch, Losses, Prediction, Task
from training.detectors._attribution import fake_prob, map_of
from training.detectors.base import Detector
from training.losses.gathered import gathered


class Clusters(Detector):
    """Learns centers as :mod:`training.detectors.kmeans` says; subclasses say ``outputs`` and ``loss``."""

    tasks = (Task.ATTRIBUTION,)
    recipe = "open_world"
    takes_features = True

    def __init__(
        self, backbone: Callable[[], nn.Module], num_methods: int, num_known: int, real_class: int | None
    ) -> None:
        super().__init__()
        self.num_known, self.real_class = num_known, real_class
        self.backbone = backbone()
        self.centers = nn.Parameter(torch.zeros(num_methods, self.backbone.dim))
        self.register_buffer("started", torch.tensor(False))

    def embed(self, image: Tensor) -> Tensor:
        """Unit-length features (N, dim) of pictures, or of cached features."""
        return F.normalize(map_of(self.backbone, image).mean((2, 3)).float(), dim=1)

    def distance(self, feature: Tensor) -> Tensor:
        """Squared distance (N, classes) of features (N, dim) from each center."""
        return torch.cdist(feature, self.centers).square()

    def loss_of(self, feature: Tensor, batch: Batch) -> Losses:
        """The loss of features (N, dim); the first batch chooses where centers start."""
        if not self.started:
            self._start(*gathered(feature.detach(), batch.method))
        distance = self.distance(feature)
        center = torch.where(batch.labelled, batch.method, distance.argmin(1))
        own = distance.gather(1, center[:, None]).squeeze(1) / 2
        count = torch.bincount(center, minlength=len(self.centers)).clamp_min(1)
        return Losses((own / count[center]).sum(), {"distance": own.detach().mean()})

    def predict(self, batch: Batch) -> Prediction:
        """Softmax of the logits."""
        outputs = self.outputs(batch.image)
        return Prediction(fake_prob(outputs["logits"], self.real_class), outputs["logits"], outputs["embedding"])

    @torch.no_grad()
    def _start(self, feature: Tensor, method: Tensor) -> None:
        """Known centers at their pictures' means; the others at unlabelled pictures far from all before (k-means++).

        All processes start alike: they see all rows, and draw from generators in one state.
        """
        same = torch.Generator().manual_seed(0)
        for known in method[method != UNKNOWN].unique():
            self.centers[known] = feature[method == known].mean(0)
        hidden = feature[method == UNKNOWN] if (method == UNKNOWN).any() else feature
        for row in range(self.num_known, len(self.centers)):
            far = torch.cdist(hidden, self.centers[:row]).amin(1).square() if row else torch.ones_like(hidden[:, 0])
            self.centers[row] = hidden[torch.multinomial(far.clamp_min(1e-12).cpu(), 1, generator=same)].squeeze(0)
        self.started.fill_(True)
