"""What FixMatch, FlexMatch, FreeMatch and MaxMatch share: one view's confident class is the other view's label."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from training.core.errors import ContractError
from training.core.types import Batch, Losses
from training.detectors._attribution import Attribution, labelled_cross_entropy, sum_of
from training.losses.pseudo_labels import pseudo_label_loss


class PseudoLabel(Attribution):
    """``L = CE + weight * CE(strong view, class of the weak view)`` on unlabelled pictures that ``rule`` trusts."""

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        num_methods: int,
        num_known: int,
        real_class: int | None,
        dropout: float,
        weight: float,
        rule: nn.Module,
    ) -> None:
        super().__init__(backbone, num_methods, num_known, real_class, dropout)
        self.weight, self.rule = weight, rule

    def loss(self, batch: Batch) -> Losses:
        """The class's equation; labelled pictures are seen in their weak view."""
        if batch.view is None or batch.index is None:
            raise ContractError("needs two views of each picture: data.recipe: {name: open_world, view: true}")
        hidden = (~batch.labelled).nonzero().flatten()
        weak, strong = (self.outputs(image)["logits"] for image in (batch.image, batch.view))
        trusted = self.rule(weak[hidden].detach(), batch.index[hidden])
        parts = {
            "cls": labelled_cross_entropy(weak, batch),
            "pseudo": pseudo_label_loss(strong[hidden], weak[hidden], trusted),
            "trusted": trusted.float().mean() if len(trusted) else weak.new_zeros(()),
        }
        return sum_of(parts, pseudo=self.weight, trusted=0.0)
