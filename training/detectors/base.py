"""The detector contract: two methods to write, the rest has defaults that suit most methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from training.core.errors import WeightsError
from training.core.types import Batch, Losses, Prediction, Task
from training.networks.weights import Renames, rename

LossFn = Callable[[], Losses]
Update = Callable[..., Losses]
"""``update(loss_fn, *groups)``: one optimizer step of ``groups`` (``main``) on the loss that ``loss_fn()`` returns."""
Family = Literal["naive", "spatial", "frequency", "foundation", "video", "attribution"]
"""DeepfakeBench's groups; ``foundation`` adapts models of pictures and text, ``attribution`` names makers."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands: epoch ``epoch`` of ``epochs``, counted from 0."""

    epoch: int
    epochs: int


class Detector(nn.Module, ABC):
    """A method. Its constructor arguments are its hyper-parameters: the YAML may name exactly those.

    Eight arguments are filled in by the framework when the signature asks for them: ``backbone`` (a function that
    returns a fresh backbone of :mod:`training.networks.zoo`), ``num_methods`` (classes of ``batch.method``, real
    included), ``num_known`` (how many of these are known by name; they come first), ``real_class`` (which of them is
    real; None where no real picture is known), ``num_persons`` (identities of ``batch.person``), ``resolution``
    (pixels), and ``mean`` and ``std`` (of RGB in [0, 1], by which images are normalized).
    """

    family: ClassVar[Family]
    year: ClassVar[int]
    """Of publication."""
    tasks: ClassVar[tuple[Task, ...]] = (Task.DETECTION,)
    recipe: ClassVar[str | None] = None
    """The recipe this method cannot do without; None when any will do."""
    takes_features: ClassVar[bool] = False
    """Whether ``batch.image`` may hold ``backbone``'s features ``(N, dim)`` in place of pictures: what a frozen one
    says need not be computed twice (``data.cache_features``)."""
    released: ClassVar[Renames] = {}
    """How the reference's checkpoints call our parameters; empty when none were published."""

    added_up: ClassVar[tuple[str, ...]] = ()
    """Buffers in which each process gathers sums over its own rows; before :meth:`on_epoch_end` they are added up."""

    @abstractmethod
    def loss(self, batch: Batch) -> Losses:
        """The training loss of a batch."""

    @abstractmethod
    def predict(self, batch: Batch) -> Prediction:
        """The verdict on a batch; called in eval mode without gradients. Rows must not depend on each other."""

    def training_step(self, batch: Batch, update: Update) -> Losses:
        """One batch of training. Override for methods that step more than once (adversarial, alternating)."""
        return update(lambda: self.loss(batch))

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """The parameters each optimizer owns. Override together with :meth:`training_step`."""
        return {"main": [p for p in self.parameters() if p.requires_grad]}

    def on_epoch_start(self, progress: Progress) -> None:  # noqa: B027 - a hook, not a duty
        """Reset statistics, unfreeze layers."""

    def on_epoch_end(self, progress: Progress) -> None:  # noqa: B027
        """Update thresholds, prototypes, pseudo-labels. Keep what must survive a restart in buffers."""

    @classmethod
    def from_released(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A checkpoint of the reference implementation under our names; every key is used or listed as dead.

        Raises:
            WeightsError: the method has no published format, or keys are unknown.
        """
        if not cls.released:
            raise WeightsError(f"{cls.__name__} knows no released checkpoint format; give one that Assay saved")
        return rename(state, cls.released, cls.__name__)
