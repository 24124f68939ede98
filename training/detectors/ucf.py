"""Two Xceptions that take a face apart into content, its forgery's own traces and those all forgeries share.

Source: Yan et al., UCF: uncovering common features for generalizable deepfake detection (ICCV 2023), eq. 1-8.
Loss: ``L = CE(common, label) + 0.1 CE(specific, method) + 0.3 reconstruction + 0.05 contrast``; pictures are rebuilt
from their own content and forgery features, and from each other's.
Prediction reads the common features alone.
Deviations: dropout acts on logits, and common features change places within a class in seven of ten steps, both as
in the authors' code.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.errors import ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses, Prediction
from training.detectors.base import Detector
from training.losses.contrast import contrast, shuffled
from training.networks.style import StyleDecoder
from training.networks.xception import Narrowed, released_narrowed

WEIGHTS = {"common": 1.0, "specific": 0.1, "reconstruction": 0.3, "contrastive": 0.05}


@DETECTORS.register("ucf")
class Ucf(Detector):
    """See the module.

    Args:
        dim: channels of either encoder.
        margin: of the contrast.
    """

    family = "spatial"
    year = 2023
    recipe = "pairs"
    released = {
        **released_narrowed("encoder_f.", "forgery.", head=None),
        **released_narrowed("encoder_c.", "content.", head=None),
        **{f"con_gan.dconv_up{3 - i}.": f"decoder.levels.{i}." for i in range(3)},
        "con_gan.conv_last.": "decoder.last.",
        **{f"block_{k}.conv2d.": f"{name}." for k, name in (("spe", "specific"), ("sha", "common"))},
        **{f"head_{k}.mlp.": f"{name}_head." for k, name in (("spe", "specific"), ("sha", "common"))},
    }

    def __init__(
        self, backbone: Callable[[], nn.Module], num_methods: int, dim: int = 512, margin: float = 3.0
    ) -> None:
        super().__init__()
        self.forgery, self.content = (Narrowed(backbone(), dim) for _ in range(2))
        half = dim // 2
        self.specific, self.common = (_projection(dim, half) for _ in range(2))
        self.specific_head, self.common_head = (_classifier(half, dim, classes) for classes in (num_methods, 2))
        self.decoder = StyleDecoder(dim)
        self.margin = margin

    def outputs(self, image: Tensor) -> dict[str, Tensor]:
        """Pooled ``feature`` and ``logits`` of the common part, the same of the specific one, and the content map."""
        found = self._forgery(image)
        specific, common = found["specific"].mean((2, 3)), found["common"].mean((2, 3))
        return {
            "logits": self.common_head(common),
            "feature": common,
            "logits_specific": self.specific_head(specific),
            "feat_specific": specific,
            "feat_content": self.content.feature_map(image),
        }

    def predict(self, batch: Batch) -> Prediction:
        """Softmax of the common features' logits."""
        common = self.common(self.forgery.feature_map(batch.image)).mean((2, 3))
        return Prediction(self.common_head(common).softmax(1)[:, 1], embedding=common)

    def loss(self, batch: Batch) -> Losses:
        """The module's equation on as many reals as fakes."""
        real, fake = (batch.select(batch.label == value) for value in (0, 1))
        if len(real) != len(fake) or batch.method.min() < 0:
            raise ContractError("ucf needs pairs of a real and a fake of known method: data.recipe: {name: pairs}")
        image = torch.cat([real.image, fake.image])
        method = torch.cat([real.method, fake.method])
        found = self._forgery(image)
        if self.training and torch.rand(()) < 0.7:
            found["common"] = torch.cat([shuffled(half) for half in found["common"].chunk(2)])
        common, specific = found["common"].mean((2, 3)), found["specific"].mean((2, 3))
        parts = {
            "common": F.cross_entropy(self.common_head(common), torch.cat([real.label, fake.label])),
            "specific": F.cross_entropy(self.specific_head(specific), method),
            "reconstruction": self._reconstruction(image, found),
            "contrastive": contrast(common, specific, method, self.margin),
        }
        return Losses(sum(WEIGHTS[name] * part for name, part in parts.items()), parts)

    def rebuilt(self, image: Tensor, found: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Pictures of each content with its own forgery features, and with the other half's."""
        content = self.content.feature_map(image)
        style = torch.cat([found["specific"], found["common"]], 1)
        return self.decoder(style, content), self.decoder(torch.cat(style.chunk(2)[::-1]), content)

    def _reconstruction(self, image: Tensor, found: dict[str, Tensor]) -> Tensor:
        """Four terms: reals and fakes, with either style. Halves are of one size, so a mean is half their sum."""
        return sum(2 * F.l1_loss(rebuilt, image) for rebuilt in self.rebuilt(image, found))

    def _forgery(self, image: Tensor) -> dict[str, Tensor]:
        feature = self.forgery.feature_map(image)
        return {"specific": self.specific(feature), "common": self.common(feature)}


def _projection(dim: int, half: int) -> nn.Sequential:
    first, second, third = nn.Conv2d(dim, half, 1), nn.Conv2d(half, half, 1), nn.Conv2d(half, half, 1)
    return nn.Sequential(first, nn.LeakyReLU(), second, nn.LeakyReLU(), third)


def _classifier(dim: int, hidden: int, classes: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(dim, hidden), nn.LeakyReLU(), nn.Linear(hidden, classes), nn.Dropout(0.2))
