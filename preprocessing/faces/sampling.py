"""Which frames of a video to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which of a video's frames are taken.

    Args:
        kind: ``even``: from the first to the last in equal steps; ``first``: those at its beginning; ``clips``: runs of
            neighboring frames, spread evenly, for methods that look at motion; ``all``.
        frames: how many, for ``even`` and ``first``.
        clips: how many runs, for ``clips``.
        clip_length: frames of a run.
    """

    kind: Literal["even", "first", "clips", "all"] = "even"
    frames: int = 32
    clips: int = 4
    clip_length: int = 16

    def indices(self, total: int) -> Sequence[int]:
        """The indices to take of ``total`` frames, increasing.

        A video with fewer frames than wanted gives all it has. One too short for all ``clips`` gives as many whole ones
        as fit without overlap, and if that is none, all its frames.
        """
        if self.kind == "clips":
            return self._clips(total)
        if self.kind == "all" or total <= self.frames:
            return range(total)  # damaged headers announce billions
        if self.kind == "first":
            return range(self.frames)
        # Truncated, as published crops were sampled.
        return sorted(set(np.linspace(0, total - 1, self.frames, dtype=int).tolist()))

    def _clips(self, total: int) -> Sequence[int]:
        if total < self.clip_length:
            return range(total)
        count = min(self.clips, total // self.clip_length)
        starts = np.linspace(0, total - self.clip_length, count, dtype=int)
        return (starts[:, None] + np.arange(self.clip_length)).ravel().tolist()

    @property
    def facts(self) -> dict[str, str | int]:
        """What decides it, by the names of the settings."""
        keys = {"even": ("frames",), "first": ("frames",), "clips": ("clips", "clip_length"), "all": ()}[self.kind]
        return {"sampling": self.kind, **{key: getattr(self, key) for key in keys}}
