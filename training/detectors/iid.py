"""Xception whose features are held against the identity that a face-recognition network sees.

Source: Huang et al., Implicit identity driven deepfake face swapping detection (CVPR 2023).
Loss: ``L = CE(8 (sigmoid(logits) - 0.2 on the true class)) + 0.05 L_IIE + 0.1 L_EIC``: an angular-margin softmax of the
feature over source identities, and the mean cosine between feature and identity of fakes minus that of reals.
Deviations: the recognition network is frozen (the reference trains it); its last norm acts on single pictures too.
Identities are dlib's, from the recipe, unless ``identity`` names a network; published weights need ``arcface_r50``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from training.core.config import Spec
from training.core.errors import ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses, Prediction
from training.detectors._classifier import Classifier
from training.networks import zoo
from training.networks.heads import ArcHead
from training.networks.xception import Narrowed, released_narrowed

DLIB_DIM = 128


@DETECTORS.register("iid")
class Iid(Classifier):
    """See the module.

    Args:
        identity: the face-recognition network, e.g. ``arcface_r50`` with weights of InsightFace; none: the recipe says
            whose face it is.
        persons: identities of ``batch.person`` that the loss tells apart.
        implicit, explicit: weights of L_IIE and L_EIC.
    """

    family = "spatial"
    year = 2023
    recipe = "frames"
    released = {
        **released_narrowed("backbone.", "backbone.", head="head."),
        "explicit_extractor.": "identity.",
        "explicit_extractor.features.weight": None,
        "IIE_LOSS.kernel": "persons.weight",
    }

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        identity: Spec | None = None,
        persons: int = 1000,
        implicit: float = 0.05,
        explicit: float = 0.1,
    ) -> None:
        recognition = zoo.maker(identity)().requires_grad_(False) if identity else None
        dim = recognition.dim if recognition else DLIB_DIM
        super().__init__(lambda: Narrowed(backbone(), dim))
        self.identity = recognition
        self.persons = ArcHead(dim, persons, scale=64.0, margin=0.4)
        self.weights = {"cls": 1.0, "implicit": implicit, "explicit": explicit}

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The reference's directions of persons are columns; the scale of its last norm is 1."""
        ours = super().from_released(state)
        scale = ours["identity.features.bias"].new_ones(len(ours["identity.features.bias"]))
        return {**ours, "persons.weight": ours["persons.weight"].T, "identity.features.weight": scale}

    def train(self, mode: bool = True) -> Iid:
        """The recognition network never learns."""
        super().train(mode)
        if self.identity:
            self.identity.eval()
        return self

    def outputs(self, image: Tensor, identity: Tensor | None = None) -> dict[str, Tensor]:
        """``logits``; the ``feature`` map and its mean ``embed``; the identity ``id_feat`` (N, dim)."""
        identity = self.identity(image) if self.identity else identity
        if identity is None:
            raise ContractError("iid needs data.recipe: {name: frames, identity: true}, or detector.identity")
        feature = self.encode(image)
        embed = feature.mean((2, 3))
        logits = self.head(embed - identity)
        return {"logits": logits, "feature": feature, "embedding": embed, "embed": embed, "id_feat": identity}

    def predict(self, batch: Batch) -> Prediction:
        """Softmax probability of class 1."""
        outputs = self.outputs(batch.image, batch.face_embedding)
        return Prediction(outputs["logits"].softmax(1)[:, 1], embedding=outputs["embed"])

    def loss(self, batch: Batch) -> Losses:
        """The module's equation; pictures of unknown persons have no share in L_IIE."""
        if batch.person.max() >= len(self.persons.weight):
            raise ContractError(f"iid: the data has {batch.person.max() + 1} or more persons; raise detector.persons")
        outputs = self.outputs(batch.image, batch.face_embedding)
        known = (batch.person >= 0).nonzero().flatten()
        angles = self.persons(outputs["embed"][known], batch.person[known])
        parts = {
            "cls": squashed_cross_entropy(outputs["logits"], batch.label),
            "implicit": F.cross_entropy(angles, batch.person[known], reduction="sum") / max(len(known), 1),
            "explicit": identity_contrast(outputs["embed"], outputs["id_feat"], batch.label),
        }
        return Losses(sum(self.weights[name] * part for name, part in parts.items()), parts)


def squashed_cross_entropy(logits: Tensor, label: Tensor, scale: float = 8.0, margin: float = 0.2) -> Tensor:
    """Cross-entropy of ``scale * sigmoid(logits)`` after the true class lost ``margin``."""
    return F.cross_entropy(scale * (logits.sigmoid() - margin * F.one_hot(label, logits.shape[1])), label)


def identity_contrast(embed: Tensor, identity: Tensor, label: Tensor) -> Tensor:
    """Mean cosine between ``embed`` and ``identity`` of fakes minus that of reals; a label not there counts 0."""
    cosine = F.cosine_similarity(embed, identity, dim=1)
    fake, real = ((cosine * (label == value)).sum() / (label == value).sum().clamp_min(1) for value in (1, 0))
    return fake - real
