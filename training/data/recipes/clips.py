"""``length`` frames of one video in order, as one sample ``(T, 3, H, W)``."""

from __future__ import annotations

from collections import defaultdict
from typing import ClassVar

import numpy as np
import torch

from preprocessing.manifest import Record
from training.core.errors import DataError
from training.core.registry import RECIPES
from training.core.types import Sample
from training.data.recipe import Corpus, Recipe


@RECIPES.register("clips")
class Clips(Recipe):
    """One clip per video and draw; the same augmentation for every frame of a clip."""

    at_test: ClassVar[str] = "clips"

    def __init__(self, corpus: Corpus, length: int = 8) -> None:
        super().__init__(corpus)
        self.length = length
        videos: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self.records:
            videos[record.dataset, record.video].append(record)
        self.videos = [sorted(v, key=lambda r: r.frame) for v in videos.values() if len(v) >= length]
        if not self.videos:
            longest = max(map(len, videos.values()), default=0)
            raise DataError(f"recipe 'clips': no video has {length} frames; the longest has {longest}")

    def __len__(self) -> int:
        return len(self.videos)

    def draw(self, index: int, rng: np.random.Generator) -> list[Sample]:
        """A clip of video ``index``: anywhere when training, its start when testing."""
        video = self.videos[index]
        start = int(rng.integers(len(video) - self.length + 1)) if self.corpus.transform.augment else 0
        state = rng.bit_generator.state
        frames = []
        for record in video[start : start + self.length]:
            rng.bit_generator.state = state
            frames.append(self.corpus.transform(self.image(record), rng))
        return [self.sample(video[start], rng, image=torch.stack(frames))]
