"""CLIP whose attention weights change only in their least singular component.

Reference: Yan et al., "Orthogonal Subspace Decomposition for Generalizable AI-Generated Image Detection" (Effort), ICML
2025 (arXiv 2411.15633). Every attention projection ``W = U S V`` keeps its first 1023 components; the last one and the
linear head learn (``backbone.tune: svd``).
``L = CE + orthogonality * L_orth + spectrum * L_ksv`` (sections 3.3 and 3.4): the learned bases stay orthogonal to the
kept ones, and the squared singular values keep their sum. Both weights are 0 by default, as in the released runs; the
published figures come from cross entropy alone.
Deviation: ``L_orth`` is computed from the learned bases and the place they started at, instead of storing the kept
bases: ``|U_r' u|^2 = |u|^2 - |u_0' u|^2``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from training.core.errors import WeightsError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.detectors._classifier import Classifier
from training.networks.clip import from_hf
from training.networks.tuning import SvdResidual


@DETECTORS.register("effort")
class Effort(Classifier):
    """See the module.

    Args:
        orthogonality, spectrum: loss weights; the authors' regularized variant sets both to 1.
    """

    family = "foundation"
    year = 2025

    def __init__(self, backbone: Callable[[], nn.Module], orthogonality: float = 0.0, spectrum: float = 0.0) -> None:
        super().__init__(backbone)
        self.orthogonality, self.spectrum = orthogonality, spectrum

    def encode(self, image: Tensor) -> Tensor:
        """Features ``(N, dim)``."""
        return self.backbone(image)

    def loss(self, batch: Batch) -> Losses:
        """Cross entropy, and the constraints on the learned components, averaged over the attention weights."""
        parts = {"ce": F.cross_entropy(self.outputs(batch.image)["logits"], batch.label)}
        weights = {"ce": 1.0, "orthogonality": self.orthogonality, "spectrum": self.spectrum}
        tuned = [m for m in self.modules() if isinstance(m, ParametrizationList) and isinstance(m[0], SvdResidual)]
        if self.orthogonality:
            parts["orthogonality"] = torch.cat([m[0].orthogonality() for m in tuned]).mean()
        if self.spectrum:
            parts["spectrum"] = torch.cat([m[0].energy_change(m.original) for m in tuned]).mean()
        return Losses(sum(weights[name] * value for name, value in parts.items()), parts)

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """DeepfakeBench's and the authors' checkpoints; the authors' kept bases follow from the kept weight."""
        head, vision, residual = {}, {}, {}
        for key, value in state.items():
            name = key.removeprefix("backbone.")
            if key.startswith("head."):
                head[key] = value
            elif name.endswith(("S_residual", "U_residual", "V_residual")):
                residual[name] = value
            elif not name.endswith((".S_r", ".U_r", ".V_r")):
                vision[name.replace("_proj.weight_main", "_proj.weight")] = value
        ours = {}
        for name, value in from_hf(vision).items():
            path, _, leaf = name.rpartition(".")
            if name.endswith(("attn.in_proj_weight", "attn.out_proj.weight")):
                ours[f"{path}.parametrizations.{leaf}.original"] = value
            else:
                ours[name] = value
        try:
            ours |= _residual_keys(residual, ours)
        except KeyError as error:
            raise WeightsError(f"not a whole Effort checkpoint: it lacks {error.args[0]}") from error
        return head | {f"backbone.{k}": v for k, v in ours.items()}


def _residual_keys(residual: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The learned components of each attention under the names of :class:`SvdResidual`.

    Where they started is not published: they count as the start themselves.
    """
    found = {}
    layers = sorted({name.partition(".self_attn.")[0] for name in residual})
    for layer in layers:
        block = layer.replace("encoder.layers.", "transformer.resblocks.")
        for weight, projections in (("in_proj_weight", "qkv"), ("out_proj.weight", ("out",))):
            left, scale, right = (
                torch.stack([residual[f"{layer}.self_attn.{p}_proj.{s}_residual"] for p in projections]) for s in "USV"
            )
            path, _, leaf = f"{block}.attn.{weight}".rpartition(".")
            place = f"{path}.parametrizations.{leaf}"
            main = ours[f"{place}.original"].unflatten(0, (len(left), -1))
            energy = (main + left * scale[:, None] @ right).square().sum((1, 2))
            values = {"left": left, "scale": scale, "right": right, "energy": energy}
            values |= {"left_start": F.normalize(left, dim=1), "right_start": F.normalize(right, dim=2)}
            found |= {f"{place}.0.{k}": v for k, v in values.items()}
    return found
