"""What SLADD's synthesizer chose, done to pictures: faces with a region of another, and the truth about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.core.types import Batch
from training.data.blending.regions import BLENDINGS, forge, region, roughened
from training.networks.synthesizer import Choice

MIX = BLENDINGS.index("mix")
NOTHING = len(BLENDINGS)
GENUINE = NOTHING + 1
"""Kinds of picture beside those that a blending makes: a face left real, and a fake as it came."""
LEAST = 0.005
"""Share of a face that a forgery has to cover."""


@dataclass(frozen=True)
class Forged:
    """What the detector is shown: pictures and what there is to know of them, a row each."""

    image: Tensor
    label: Tensor
    kind: Tensor
    share: Tensor
    mask: Tensor

    def with_mirrored(self) -> Forged:
        """Twice the rows, the second half mirrored."""
        image, mask = (torch.cat([x, x.flip(-1)]) for x in (self.image, self.mask))
        return Forged(image, self.label.repeat(2), self.kind.repeat(2), self.share.repeat(2), mask)


def forged_by(choice: Choice, batch: Batch, bases: Tensor) -> Forged:
    """The rows ``bases`` of a batch of pairs, reals among them forged from their pair's fake, each also mirrored."""
    rng = np.random.default_rng(int(torch.randint(2**62, ())))
    image, mask, label = batch.image[bases], batch.mask[bases], batch.label[bases]
    kind = torch.where(label == 1, GENUINE, NOTHING)
    fakes = (batch.label == 1).nonzero().squeeze(1)
    for row in ((label == 0) & (choice.kind < NOTHING)).nonzero().flatten().tolist():
        fake, points = batch.image[fakes[row]], batch.landmarks[fakes[row]].cpu().numpy()
        chosen = roughened(region(int(choice.region[row]), points, image.shape[-1]), rng)
        if chosen.mean() < LEAST:
            continue
        blending, share = BLENDINGS[int(choice.kind[row])], float(choice.share[row])
        made, weights = forge(_pixels(fake), _pixels(image[row]), chosen, blending, share, rng)
        image[row] = _normalized(made).to(image)
        mask[row] = torch.from_numpy(np.maximum(chosen, weights)).to(mask)  # a feathered border is a hull's
        label[row], kind[row] = 1, choice.kind[row]
    return Forged(image, label, kind, choice.share, mask).with_mirrored()


def _pixels(image: Tensor) -> np.ndarray:
    return ((image + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()


def _normalized(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1
