"""What all evaluators share: how figures are taken from scores, and what a figure is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from training.engine.results import Scores, VideoKey, codes
from training.metrics.calibration import Calibration

Figure = dict[str, Any]
"""``{"value", "low", "high"}``; without bounds where none can be given (``no_interval`` says why); ``{"value": None,
"undefined": reason}`` where the rows have no such figure."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How figures are taken from scores."""

    video_key: VideoKey = "path"
    resamples: int = 1000
    """Bootstrap resamples per test set and level; 0 gives no intervals."""
    confidence: float = 0.95
    cluster: Literal["video", "source"] = "video"
    """What is drawn as a whole: a video, or a source video with all that was made from it (a video of no known source
    is on its own)."""
    seed: int = 0
    fitted: Mapping[str, Calibration] = field(default_factory=dict)
    """Per level the temperature and threshold to judge with; none where nothing was fitted."""

    @property
    def resampling(self) -> tuple[int, float, int]:
        """How to resample: how often, for which confidence, from which seed."""
        return self.resamples, self.confidence, self.seed


def clusters(rows: Scores, settings: Settings) -> np.ndarray:
    """``(N,)`` number of the cluster that each row belongs to."""
    if settings.cluster == "video":
        return codes(rows.dataset, rows.video)[0]
    unknown = rows.source == ""
    return codes(rows.dataset, np.where(unknown, rows.video, rows.source), unknown.astype(str))[0]


def levels(scores: Scores, settings: Settings) -> dict[str, Scores]:
    """The rows of frames, and those of whole videos."""
    return {"frame": scores, "video": scores.by_video(settings.video_key)}
