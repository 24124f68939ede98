"""EfficientNet-B4 that learns from feature maps of forgeries which no method made.

Reference: Yan et al., "Transcending Forgery Specificity with Latent Space Augmentation for Generalizable Deepfake
Detection" (LSDA), CVPR 2024. While training, each manipulation has a teacher, and real faces have ArcFace, frozen. The
teachers' maps are varied within their domain and mixed across domains, both are fused, and the student imitates them.
``L = 0.5 CE(student, label) + CE(teachers, method) + MSE(student real, ArcFace) + MSE(student fake, fused)``.
Prediction needs the student alone.
Deviations from DeepfakeBench's version: what is augmented are samples, as in the paper, where it took each channel for
one; ArcFace has its weights and does not learn, so that the fourth of its losses, which only trained it, is left out;
the affine transformation is in use (its ranges are ours) in place of a difference of samples; pictures are blurred, not
scaled down and sharpened. As there, the distillation also moves the teachers, and it alone moves the fusion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.config import Spec
from training.core.errors import ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses, Prediction
from training.detectors.base import Detector
from training.networks import zoo
from training.networks.latent_space import Encoder, across_domains, fusion, judge, released_encoder, within_domain


@DETECTORS.register("lsda")
class Lsda(Detector):
    """See the module.

    Args:
        real_encoder: the face-recognition network of real faces, e.g. ``{name: arcface_r100}``.
        binary, domain, distillation: loss weights.
    """

    family = "spatial"
    year = 2024
    recipe = "grouped"
    released = {
        "model.encoders_f.": lambda rest: f"teachers.{rest[:2]}{released_encoder(rest[2:])}",
        "model.student_encoder.": lambda rest: f"student.{released_encoder(rest)}",
        "model.encoder_c.": "real.",
        **dict.fromkeys(("model.encoder_c.fc.", "model.encoder_c.features."), None),
        "model.fc_weights.": "fusion.",
        "model.mlp.": "domain.",
        "model.binary_classifier.": "head.",
    }

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        real_encoder: Spec,
        binary: float = 0.5,
        domain: float = 1.0,
        distillation: float = 1.0,
    ) -> None:
        super().__init__()
        self.real = zoo.maker(real_encoder)().requires_grad_(False)
        dim = self.real.dim
        self.student = Encoder(backbone(), dim)
        self.teachers = nn.ModuleList(Encoder(backbone(), dim) for _ in range(num_methods - 1))
        self.fusion = fusion(dim)
        self.domain, self.head = judge(dim, dim // 2, num_methods), judge(dim, dim, 2)
        self.weights = {"binary": binary, "domain": domain, "distillation": distillation}

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's checkpoints, without the classifiers that its encoders hold and never use."""
        return super().from_released({k: v for k, v in state.items() if "._fc." not in k})

    def train(self, mode: bool = True) -> Lsda:
        """The encoder of real faces never learns."""
        super().train(mode)
        self.real.eval()
        return self

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """``logits (N, 2)``, the ``student_feature`` map they come from, and its mean."""
        feature = self.student(image)
        return {"logits": self.head(feature), "student_feature": feature, "embedding": feature.mean((2, 3))}

    def predict(self, batch: Batch) -> Prediction:
        """Softmax probability of class 1."""
        outputs = self.outputs(batch.image)
        return Prediction(outputs["logits"].softmax(1)[:, 1], embedding=outputs["embedding"])

    def loss(self, batch: Batch) -> Losses:
        """The module's equation, on reals and fakes of known methods."""
        real, fake = batch.select(batch.label == 0), batch.select(batch.label == 1)
        if not len(real) or not len(fake) or fake.method.min() < 1:
            raise ContractError("lsda needs reals and fakes of known methods in each batch: data.recipe: grouped")
        student = self.outputs(torch.cat([real.image, fake.image]))
        genuine, forged = student["student_feature"].split([len(real), len(fake)])
        known, taught = self.real_map(real.image, genuine.shape[-2:]), self.taught(fake)
        varied = torch.cat([within_domain(taught, fake.method), across_domains(taught, fake.method)], 1)
        method = torch.cat([real.method, fake.method])
        parts = {
            "binary": F.cross_entropy(student["logits"], (method > 0).long()),
            "domain": F.cross_entropy(self.domain(torch.cat([known, taught])), method),
            "distillation": F.mse_loss(genuine, known) + F.mse_loss(forged, self.fusion(varied)),
        }
        return Losses(sum(self.weights[name] * part for name, part in parts.items()), parts)

    def real_map(self, image: Tensor, size: torch.Size) -> Tensor:
        """What ArcFace sees in pictures, ``(N, dim, h, w)`` for ``size`` h x w."""
        return F.adaptive_avg_pool2d(self.real.feature_map(image), size)

    def taught(self, fake: Batch) -> Tensor:
        """Each fake as its method's teacher sees it, ``(N, dim, h, w)``."""
        order, maps = [], []
        for method, teacher in enumerate(self.teachers, start=1):
            rows = (fake.method == method).nonzero().squeeze(1)
            if len(rows):
                order.append(rows)
                maps.append(teacher(fake.image[rows]))
        return torch.cat(maps)[torch.cat(order).argsort()]
