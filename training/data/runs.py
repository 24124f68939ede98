"""Clips of one video: stretches of neighboring frames, where in them clips may start, and what is too short."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median_low

import numpy as np

from preprocessing.manifest import Record
from training.data.select import evenly

Run = Sequence[Record]
"""Records of one video in order, each a neighbor of the one before."""


def by_video(records: Iterable[Record]) -> list[list[Record]]:
    """The records of each video, by frame."""
    videos: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        videos[record.dataset, record.video].append(record)
    return [sorted(video, key=lambda r: r.frame) for video in videos.values()]


def spacings(videos: Iterable[Run]) -> dict[str, int]:
    """Per data set how many source frames usually lie from one face to the next: 1 where they are neighbors.

    The median, so that neither missing faces nor gaps between runs make a set sparse.
    """
    gaps: dict[str, list[int]] = defaultdict(list)
    for video in videos:
        gaps[video[0].dataset] += [b.frame - a.frame for a, b in zip(video, video[1:], strict=False)]
    return {dataset: median_low(found) for dataset, found in gaps.items() if found}


def runs(video: Run) -> Iterator[Run]:
    """The longest stretches of consecutive source frames; a frame without a face ends one."""
    ends = [i for i in range(1, len(video)) if video[i].frame != video[i - 1].frame + 1]
    for start, end in zip([0, *ends], [*ends, len(video)], strict=True):
        yield video[start:end]


@dataclass(frozen=True)
class Shape:
    """What a clip is: ``length`` frames, each ``stride`` source frames after the one before."""

    length: int = 8
    stride: int = 1

    @property
    def span(self) -> int:
        """Neighboring frames that a clip reaches over."""
        return (self.length - 1) * self.stride + 1


@dataclass(frozen=True)
class Footage:
    """The runs of one video that hold a clip; of a video that has none its longest run, ``padded`` to one."""

    runs: list[Run]
    shape: Shape

    @staticmethod
    def of(video: Run, shape: Shape, sparse: bool = False) -> Footage:
        """What of ``video`` clips are cut from; ``sparse`` takes its frames for neighbors, whatever lies between."""
        found = [video] if sparse else list(runs(video))
        return Footage([run for run in found if len(run) >= shape.span] or [max(found, key=len)], shape)

    @property
    def padded(self) -> bool:
        """Whether no run is long enough."""
        return len(self.runs[0]) < self.shape.span

    @property
    def starts(self) -> int:
        """How many different clips there are."""
        return sum(max(1, len(run) - self.shape.span + 1) for run in self.runs)

    def clips(self, frames: int) -> int:
        """How many clips ``frames`` frames make (0: all), no more than fit in side by side, at least one."""
        fitting = max(1, sum(len(run) // self.shape.span for run in self.runs))
        return min(max(1, frames // self.shape.length), fitting) if frames else fitting

    def spread(self, number: int, count: int) -> int:
        """The start of clip ``number`` of ``count`` that are spread evenly from the first to the last."""
        return evenly(range(self.starts), count)[number]

    def drawn(self, number: int, count: int, rng: np.random.Generator) -> int:
        """A random start in part ``number`` of the ``count`` equal parts of the video."""
        return int(rng.integers(number * self.starts // count, (number + 1) * self.starts // count))

    def at(self, start: int) -> tuple[Run, int]:
        """The run that start number ``start`` lies in, and at which of its frames."""
        for run in self.runs[:-1]:
            if start < len(run) - self.shape.span + 1:
                return run, start
            start -= len(run) - self.shape.span + 1
        return self.runs[-1], start

    def clip(self, start: int) -> Run:
        """The records of the clip that starts there; a padded one runs back and forth: 0 1 2 1 0 1 2 1."""
        run, first = self.at(start)
        found = run[first :: self.shape.stride][: self.shape.length]
        there_and_back = np.pad(np.arange(len(found)), (0, self.shape.length - len(found)), mode="reflect")
        return [found[i] for i in there_and_back]

    def after(self, start: int) -> Run:
        """What follows the clip that starts there in its run, at the same stride."""
        run, first = self.at(start)
        return run[first :: self.shape.stride][self.shape.length :]
