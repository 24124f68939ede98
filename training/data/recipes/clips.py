"""``length`` frames of one video in order, as one sample ``(T, 3, H, W)``; learning, fakes made of real clips too."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar, Literal

import numpy as np
import torch

from preprocessing.manifest import Record
from training.core.errors import ConfigError, ManifestError
from training.core.registry import RECIPES
from training.core.types import UNKNOWN, Sample
from training.data.blending.clips import Pictures, blended, drifted, dropped, repeated
from training.data.recipe import Corpus, Recipe
from training.data.recipes._made import alike, check_landmarks, points_of
from training.data.runs import Footage, Shape, by_video, spacings

IN_SPACE = {"blended": blended, "drifted": drifted}
"""Ways that change pictures, and need landmarks; the others change which frames are shown."""


@RECIPES.register("clips")
class Clips(Recipe):
    """As many clips of each video as ``corpus.frames`` frames make, side by side at most; all where it is 0.

    When testing they begin at places spread evenly over the video; when learning, each at a random place of its part of
    the video. A video that nowhere has enough neighboring frames with a face gives one clip that runs back and forth
    over its longest run, and is counted as padded. All frames of a clip are augmented alike.

    Args:
        corpus: records that are neighbors in their videos; others only with ``corpus.allow_sparse``.
        length: frames of a clip.
        stride: source frames from one frame of a clip to the next.
        fakes: ways to make fake clips. When learning, each real clip is followed by one made of it, in a way drawn from
            these; see :mod:`training.data.blending.clips`. Padded clips are not.

    Raises:
        ConfigError: ``length`` or ``stride`` makes no clip.
        ManifestError: the faces of a data set are no neighbors, or no video is long enough.
        DataError: a way needs landmarks that a real face lacks.
    """

    at_test: ClassVar[str] = "clips"
    neighbors: ClassVar[bool] = True

    def __init__(
        self,
        corpus: Corpus,
        length: int = Shape.length,
        stride: int = Shape.stride,
        fakes: list[Literal["dropped", "repeated", "blended", "drifted"]] | None = None,
    ) -> None:
        super().__init__(corpus)
        if length < 2 or stride < 1:
            raise ConfigError(f"recipe 'clips': length is {length}, stride {stride}; expected 2 and 1 or more")
        self.fakes = fakes or []
        shape, videos = Shape(length, stride), by_video(self.records)
        sparse = self._sparse(spacings(videos))
        footage = [Footage.of(video, shape, video[0].dataset in sparse) for video in videos]
        counts = [one.clips(corpus.frames) for one in footage]
        self.clips = [(one, i, n) for one, n in zip(footage, counts, strict=True) for i in range(n)]
        self._count_padded(footage, shape)
        if IN_SPACE.keys() & self.fakes and corpus.training:
            check_landmarks("clips", [r for r in self.records if r.label == 0])

    @property
    def may_put_off(self) -> bool:
        """See :class:`Recipe`."""
        return not self.fakes

    def __len__(self) -> int:
        return len(self.clips)

    def draw(self, index: int, rng: np.random.Generator) -> list[Sample]:
        """Clip ``index``; a real one, when learning, with a fake made of it."""
        footage, number, count = self.clips[index]
        start = footage.drawn(number, count, rng) if self.corpus.training else footage.spread(number, count)
        records = footage.clip(start)
        faces = [self.image(record) for record in records]
        if not self._imitated(footage, records[0]):
            return [self._clip(records[0], rng, faces)]
        real, fake = self._made(footage, start, faces, rng)
        seed = rng.integers(2**63)
        return [
            self._clip(records[0], np.random.default_rng(seed), real),
            self._clip(records[0], np.random.default_rng(seed), fake, label=1, method=UNKNOWN),
        ]

    def _clip(self, record: Record, rng: np.random.Generator, faces: Pictures, **truth: int) -> Sample:
        if not self.corpus.put_off:
            return self.sample(record, rng, torch.stack(alike(rng, self.corpus.transform, faces)), **truth)
        frames, changes = zip(*alike(rng, self.corpus.transform.deferred, faces), strict=True)
        return self.sample(record, rng, torch.stack(frames), changes=changes[0], **truth)

    def _imitated(self, footage: Footage, record: Record) -> bool:
        return bool(self.fakes) and self.corpus.training and record.label == 0 and not footage.padded

    def _made(
        self, footage: Footage, start: int, faces: Pictures, rng: np.random.Generator
    ) -> tuple[Pictures, Pictures]:
        """The clip that counts as real, and the fake made of it."""
        way = self.fakes[rng.integers(len(self.fakes))]
        if way in IN_SPACE:
            return IN_SPACE[way](faces, [points_of(self, record) for record in footage.clip(start)], rng)
        after = footage.after(start)
        dropping = way == "dropped" and len(after) > 0
        shown = dropped(len(faces), len(after), rng) if dropping else repeated(len(faces), rng)
        pool = faces + [self.image(record) for record in after[: max(0, max(shown) + 1 - len(faces))]]
        return faces, [pool[i] for i in shown]

    def _sparse(self, spacings: dict[str, int]) -> set[str]:
        """The data sets whose frames are no neighbors but may form clips.

        Raises:
            ManifestError: they may not.
        """
        sparse = {dataset: gap for dataset, gap in spacings.items() if gap > 1}
        for dataset, gap in sparse.items():
            if not self.corpus.allow_sparse:
                raise ManifestError(
                    f"{dataset}: its faces lie {gap} frames apart, and recipe 'clips' needs neighboring ones; cut them "
                    "with preprocessing/preprocess.py --sampling clips, or take these with data.allow_sparse: true, "
                    "which marks every result"
                )
            self.notes.append(f"{dataset}: the frames of a clip lie {gap} frames apart (data.allow_sparse)")
        return set(sparse)

    def _count_padded(self, footage: list[Footage], shape: Shape) -> None:
        """Count the videos that are too short; all of them are refused."""
        padded = [one.runs[0][0] for one in footage if one.padded]
        if len(padded) == len(footage):
            longest = max((len(one.runs[0]) for one in footage), default=0)
            raise ManifestError(
                f"recipe 'clips': no video has {shape.span} frames in a row; the longest run has {longest}"
            )
        self.coverage = {"padded_clips": len(padded)}
        for dataset, count in Counter(record.dataset for record in padded).items():
            self.notes.append(
                f"{dataset}: {count} {padded[0].split} videos have less than {shape.span} frames in a row with a face; "
                "their clip runs back and forth"
            )
