"""Local looks at a feature map, and their votes on whether two pictures belong together.

Source: Sun et al., contrastive pseudo learning for open-world deepfake attribution (ICCV 2023), section 3.2 (global and
local voting); its journal version (IJCV 2025) for several perspectives. Rules as published (OWDFA.md, 5.2 and 5.3).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.attribution import Parts, haar_bands


class Single(nn.Module):
    """CPL's: the parts of one ``cells`` x ``cells`` grid."""

    def __init__(self, dim: int, cells: int = 3) -> None:
        super().__init__()
        self.grid = Parts(dim, cells)

    def forward(self, feature: Tensor) -> dict[str, Tensor]:
        """``parts``: ``(N, dim, cells ** 2)`` of the map ``(N, dim, h, w)``."""
        return {"parts": self.grid(feature)}

    def votes(self, outputs: dict[str, Tensor], neighbor: Tensor) -> tuple[Tensor, Tensor]:
        """Which rows may take their global ``neighbor`` (N,) for a partner, and which have a pseudo-label to trust."""
        voted = vote(weighted_similarity(outputs["parts"]), neighbor)
        return voted, voted


class Several(nn.Module):
    """MPSL's: three frequency bands and the parts of three grids.

    Args:
        dim: of the map.
        gate: whether pseudo-labels need a vote; the published code's need none.
    """

    GRIDS = (3, 5, 7)

    def __init__(self, dim: int, gate: bool = True) -> None:
        super().__init__()
        self.gate = gate
        self.grids = nn.ModuleDict({str(cells): Parts(dim, cells) for cells in self.GRIDS})

    def forward(self, feature: Tensor) -> dict[str, Tensor]:
        """``band1`` to ``band3`` and ``part3`` to ``part7``: local vectors ``(N, dim, places)``."""
        bands = {f"band{at}": band for at, band in enumerate(haar_bands(feature), start=1)}
        return bands | {f"part{cells}": grid(feature) for cells, grid in self.grids.items()}

    def votes(self, outputs: dict[str, Tensor], neighbor: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`Single.votes`: a partner needs a band and a grid, a pseudo-label a band or a grid."""
        bands = [vote(plain_similarity(outputs[f"band{at}"]), neighbor) for at in (1, 2, 3)]
        grids = [vote(weighted_similarity(outputs[f"part{cells}"]), neighbor) for cells in self.GRIDS]
        band, grid = torch.stack(bands).any(0), torch.stack(grids).any(0)
        return band & grid, band | grid if self.gate else torch.ones_like(band)


def global_neighbors(feature: Tensor) -> tuple[Tensor, Tensor]:
    """Per row of ``feature`` (B, d), the rows most and second most like it by cosine; the first is itself as a rule."""
    unit = F.normalize(feature.detach(), dim=1)
    return tuple((unit @ unit.T).topk(2, dim=1).indices.T)


def weighted_similarity(parts: Tensor) -> Tensor:
    """``(B, B)``: cosines of local vectors ``(B, d, R)`` summed over R places, weighted by their norms in the row."""
    parts = parts.detach()
    norm = parts.norm(dim=1)
    weight = norm / norm.square().sum(1, keepdim=True).sqrt()
    unit = F.normalize(parts, dim=1)
    return torch.einsum("ir,idr,jdr->ij", weight, unit, unit)


def plain_similarity(parts: Tensor) -> Tensor:
    """``(B, B)``: cosines of local vectors ``(B, d, R)`` summed over R places."""
    unit = F.normalize(parts.detach(), dim=1)
    return torch.einsum("idr,jdr->ij", unit, unit)


def vote(similarity: Tensor, neighbor: Tensor) -> Tensor:
    """Per row, whether local similarities (B, B) support its global ``neighbor`` (B,): booleans.

    They do when the row's second largest similarity is at least the second largest of the neighbor's column.
    """
    own = similarity.topk(2, dim=1).values[:, 1]
    column = similarity.topk(2, dim=0).values[1]
    return own >= column[neighbor]
