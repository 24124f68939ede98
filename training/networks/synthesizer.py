"""SLADD's synthesizer: looks at a real and a fake face and chooses a forgery (Chen et al., CVPR 2022, section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.networks.weights import Renames
from training.networks.xception import Xception, set_stem


@dataclass(frozen=True)
class Choice:
    """Per pair: which region, which kind, how much of the fake (in [0, 1])."""

    region: Tensor
    kind: Tensor
    share: Tensor


class Synthesizer(nn.Module):
    """Pairs ``(N, 6, H, W)`` -> logits of regions ``(N, r)``, of kinds ``(N, k)``, of the share ``(N, 1)``."""

    def __init__(self, network: Xception, regions: int, kinds: int) -> None:
        super().__init__()
        set_stem(network, network.conv1.weight.repeat(1, 2, 1, 1) / 2)
        self.net = network
        self.region, self.kind, self.share = (_head(network.dim, n) for n in (regions, kinds, 1))

    def forward(self, pair: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        x = self.net(pair)
        return self.region(x), self.kind(x), self.share(x)

    @torch.no_grad()
    def choose(self, pair: Tensor) -> Choice:
        """Draw."""
        region, kind, share = self(pair)
        drawn = [torch.multinomial(logits.softmax(1), 1).squeeze(1) for logits in (region, kind)]
        return Choice(*drawn, share.sigmoid().squeeze(1))

    def policy_loss(self, pair: Tensor, choice: Choice, reward: Tensor, entropy: float) -> Tensor:
        """REINFORCE: what the detector found hard becomes more likely; ``entropy`` weighs against early certainty."""
        region, kind = (logits.log_softmax(1) for logits in self(pair)[:2])
        chosen = region.gather(1, choice.region[:, None]) + kind.gather(1, choice.kind[:, None])
        spread = -sum((log.exp() * log).sum(1).mean() for log in (region, kind))
        return -(chosen * reward.detach()).mean() - entropy * spread


def released(theirs: str, ours: str) -> Renames:
    """Renames for a synthesizer called ``theirs`` in the reference and ``ours`` here."""

    def network(rest: str) -> str:
        return f"{ours}net." + rest.replace("iniconv.", "conv1.").replace(".c.", ".conv1.")

    heads = {"region": "region", "type": "kind", "mag": "share"}
    return {theirs: network, **{f"{theirs}fc_{old}.": f"{ours}{new}." for old, new in heads.items()}}


def _head(dim: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Dropout(0.5), nn.Linear(dim, out))
