"""How samples are drawn. A recipe turns records into lists of samples; ordering, sharding, collating are shared."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from preprocessing.manifest import Record
from training.core.errors import BenchError, DataError
from training.core.types import UNKNOWN, Batch, Identity, Sample, collate
from training.data.select import FaceSource, class_names
from training.data.transforms import Transform


@dataclass
class Corpus:
    """What a recipe draws from: the records, their pictures, and how these become tensors."""

    records: list[Record]
    faces: FaceSource
    transform: Transform
    seed: int = 0
    classes: list[str] = field(default_factory=list)
    persons: list[str] = field(default_factory=list)
    training: bool = False
    """Whether draws are learned from: then a recipe may choose at random what it shows."""
    frames: int = 0
    """Frames per video that are asked for, for recipes which choose them by themselves; 0: all."""
    allow_sparse: bool = False
    """Whether frames that are not neighbors may form a clip."""
    put_off: bool = False
    """Whether augmentation is left to the device that gets the batches."""

    def __post_init__(self) -> None:
        self._method = {name: i for i, name in enumerate(self.classes)}
        self._person = {name: i for i, name in enumerate(self.persons)}

    def method(self, record: Record) -> int:
        """Index of the record's method in the run's class list, -1 when it is not among them."""
        return self._method.get(record.method, UNKNOWN)

    def person(self, record: Record) -> int:
        """Index of the record's visible identity, -1 when it is unknown."""
        return self._person.get(record.person, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a sample shall hold beside its image."""

    view: bool = False
    mask: bool = False
    landmarks: bool = False


class Recipe(Dataset, ABC):
    """``draw(i, rng)`` returns one or more samples; ``rng`` is the only source of randomness it may use.

    Further constructor arguments are what ``data.recipe`` in the YAML may say.
    """

    at_test: ClassVar[str] = "frames"
    """The recipe that draws test samples for a detector trained by this one."""
    neighbors: ClassVar[bool] = False
    """Whether it draws runs of neighboring frames: it then gets all of a video, and ``corpus.frames``."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.records = corpus.records
        self.notes: list[str] = []
        """What a reader of its figures should know about how it draws, one sentence each."""
        self.coverage: dict[str, int] = {}
        """Counts that belong beside its figures, by name."""

    @classmethod
    def scope(cls, records: list[Record], params: Mapping[str, Any]) -> list[Record]:  # noqa: ARG003
        """Those of the ``records`` of one split that a run with ``params`` is about, each with its class's name for a
        ``method``: in training, validation and testing alike.
        """
        return records

    @classmethod
    def classes(cls, records: list[Record], params: Mapping[str, Any]) -> list[str]:  # noqa: ARG003 - for overriders
        """What ``batch.method`` counts, in its order, when ``records`` are learned by this recipe with ``params``."""
        return class_names(records)

    @classmethod
    def open_truth(cls, records: list[Record], params: Mapping[str, Any]) -> list[Record]:  # noqa: ARG003
        """Those of other ``records`` whose truth may be looked at to choose a checkpoint."""
        return records

    @property
    def pictures_only(self) -> bool:
        """Whether draws are stored faces under the transform and nothing beside: then features can stand for them."""
        return False

    @property
    def may_put_off(self) -> bool:
        """Whether a device can augment what this recipe draws."""
        return self.pictures_only

    @abstractmethod
    def __len__(self) -> int:
        """Draws per epoch."""

    @abstractmethod
    def draw(self, index: int, rng: np.random.Generator) -> list[Sample]:
        """The samples of draw ``index``."""

    def order(self, epoch: int, rng: np.random.Generator) -> np.ndarray | None:  # noqa: ARG002 - for overriders
        """The draws of one training epoch, in order, repeats allowed; None: each once, shuffled."""
        return None

    def __getitem__(self, at: tuple[int, int]) -> list[Sample]:
        epoch, index = at
        return self.draw(index, np.random.default_rng((self.corpus.seed, epoch, index)))

    def image(self, record: Record) -> np.ndarray:
        """The record's face, ``(H, W, 3)`` uint8 RGB as stored."""
        return self.corpus.faces.of(record).image(record)

    def mask(self, record: Record, size: tuple[int, int]) -> np.ndarray:
        """``(H, W)`` uint8, 255 where the face was manipulated: nowhere in a real one.

        Raises:
            DataError: a fake without a mask.
        """
        if record.label == 0 and record.mask is None:
            return np.zeros(size, np.uint8)
        return self.corpus.faces.of(record).mask(record)

    def landmarks(self, record: Record) -> np.ndarray:
        """``(68 or 81, 2)`` float32 x, y in pixels of the stored face."""
        return self.corpus.faces.of(record).landmarks(record)

    def sample(self, record: Record, rng: np.random.Generator, image: Tensor | None = None, **extra: Any) -> Sample:
        """The plain sample of a record; ``image`` and ``extra`` override its fields."""
        truth = {
            "label": record.label,
            "method": self.corpus.method(record),
            "person": self.corpus.person(record),
            "identity": Identity(record.dataset, record.video, record.frame),
        }
        if image is None and self.corpus.put_off:
            image, extra["changes"] = self.corpus.transform.deferred(self.image(record), rng)
        elif image is None:
            image = self.corpus.transform(self.image(record), rng)
        return Sample(image=image, **{**truth, **extra})

    def full_sample(self, record: Record, rng: np.random.Generator, wanted: Wanted) -> Sample:
        """The record's sample with what is ``wanted`` beside the image, moved by the same augmentation."""
        if wanted == Wanted():
            return self.sample(record, rng)
        face = self.image(record)
        mask = self.mask(record, face.shape[:2]) if wanted.mask else None
        points = self.landmarks(record) if wanted.landmarks else None
        image, mask, points = self.corpus.transform.apply(face, rng, mask, points)
        view = self.corpus.transform(face, rng) if wanted.view else None
        return self.sample(record, rng, image, mask=mask, landmarks=points, view=view)


class BatchOrder(Sampler[list[tuple[int, int]]]):
    """The batches of one process in one epoch: a function of seed and epoch alone.

    A global batch of ``batch_size * world`` draws is shared out among the processes, so that each draw is seen once
    and all take the same number of steps. A tail too short to give every process a draw joins the batch before it.
    """

    def __init__(self, recipe: Recipe, batch_size: int, train: bool, rank: int = 0, world: int = 1) -> None:
        self.recipe, self.train, self.rank, self.world = recipe, train, rank, world
        self.size = batch_size * world
        self.epoch, self.skip = 0, 0
        if train and len(recipe) < world:
            raise DataError(f"{len(recipe)} draws cannot be shared by {world} processes; use fewer processes")

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = self._order()
        edges = self._edges(len(order))
        for start, stop in list(zip(edges, edges[1:], strict=False))[self.skip :]:
            mine = order[start:stop][self.rank :: self.world]
            if len(mine):
                yield [(self.epoch, int(i)) for i in mine]

    def __len__(self) -> int:
        return len(self._edges(len(self._order()))) - 1 - self.skip

    def _order(self) -> np.ndarray:
        if not self.train:
            return np.arange(len(self.recipe))
        rng = np.random.default_rng((self.recipe.corpus.seed, self.epoch))
        chosen = self.recipe.order(self.epoch, rng)
        return rng.permutation(len(self.recipe)) if chosen is None else np.asarray(chosen)

    def _edges(self, draws: int) -> list[int]:
        edges = [*range(0, draws, self.size), draws]
        if self.train and len(edges) > 2 and edges[-1] - edges[-2] < self.world:
            del edges[-2]
        return edges


class Tolerant(Dataset):
    """A recipe at test time: a draw that cannot be read becomes the sentence that says why."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def __getitem__(self, at: tuple[int, int]) -> list[Sample] | str:
        try:
            return self.recipe[at]
        except DataError as error:
            return str(error)


@dataclass(frozen=True, slots=True)
class Drawn:
    """The readable rows of a test batch (None when there are none), and why the others are missing."""

    batch: Batch | None
    unreadable: list[str]

    def pin_memory(self) -> Drawn:
        """Called by the loader, so that copies to a GPU need not wait."""
        return Drawn(self.batch and self.batch.pin_memory(), self.unreadable)


def collate_tolerant(draws: list[list[Sample] | str]) -> Drawn:
    """:func:`collate` for what :class:`Tolerant` draws."""
    good = [draw for draw in draws if not isinstance(draw, str)]
    return Drawn(collate(good) if good else None, [draw for draw in draws if isinstance(draw, str)])


class _Loaded:
    """What ``loader`` loads; what goes wrong in one of its processes is told as it would be in this one."""

    def __init__(self, loader: DataLoader[Batch | Drawn]) -> None:
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Batch | Drawn]:
        try:
            yield from self._loader
        except BenchError as error:  # the loader puts the other process's traceback before the message
            raise type(error)(str(error).rpartition(f"{type(error).__qualname__}: ")[2].strip()) from error
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise DataError(
                "a loader process died: out of memory, or a store that was cut short while it was read; "
                "--set data.workers=0 shows which record"
            ) from error


@dataclass
class Batches:
    """``batches(epoch, skip)`` iterates over an epoch's batches, without the first ``skip`` ones when resuming.

    Training yields a :class:`Batch` and stops at the first unreadable record; testing yields :class:`Drawn`.
    """

    recipe: Recipe
    batch_size: int
    workers: int
    train: bool
    rank: int = 0
    world: int = 1
    pin: bool = False

    def __post_init__(self) -> None:
        self._order = BatchOrder(self.recipe, self.batch_size, self.train, self.rank, self.world)
        self._loader = DataLoader(
            self.recipe if self.train else Tolerant(self.recipe),
            batch_sampler=self._order,
            num_workers=self.workers,
            collate_fn=collate if self.train else collate_tolerant,
            pin_memory=self.pin,
            persistent_workers=self.workers > 0 and self.train,
            prefetch_factor=4 if self.workers else None,
            worker_init_fn=_settle,
            # A generator of its own: loading must not move the global one, or resuming would not be exact.
            generator=torch.Generator(),
        )

    def __call__(self, epoch: int = 0, skip: int = 0) -> _Loaded:
        """The batches of ``epoch`` from the ``skip``-th on."""
        self._order.epoch, self._order.skip = epoch, skip
        return _Loaded(self._loader)

    @property
    def draws(self) -> int:
        """Draws of all processes together in one batch."""
        return self._order.size

    def steps(self, epoch: int = 0) -> int:
        """Batches of a whole epoch."""
        self._order.epoch, self._order.skip = epoch, 0
        return len(self._order)


def _settle(worker: int) -> None:  # noqa: ARG001 - the loader passes the worker's number
    """Make a loader process quiet: one thread, and signals are for the main process, which ends its workers itself."""
    torch.set_num_threads(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
