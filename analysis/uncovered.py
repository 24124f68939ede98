"""What frames without a face could change: they are in no figure, yet a detector in use must answer for them too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.tested import Tested
from training.core.coverage import Faceless
from training.engine.evaluators.settings import clusters, levels
from training.engine.results import COLUMNS, Scores
from training.metrics.influence import area, lacking

Line = dict[str, Any]
Fill = Callable[[np.ndarray], np.ndarray]
LEFT_OUT = "left out"
WAYS: dict[str, Fill] = {
    "counted as real": lambda label: np.zeros(len(label)),
    "counted as fake": lambda label: np.ones(len(label)),
    "best case": lambda label: label.astype(np.float64),
    "worst case": lambda label: 1.0 - label,
}
"""What a frame without a face is taken to score, given its true label."""


def covered(every: Sequence[Tested]) -> list[Line]:
    """AUC with frames without a face left out, and taken for this or that; the last two bound all they could score.

    Of each video as large a share of its scored rows is added as of its sampled frames had no face; a video that shows
    none at all comes back whole. Video scores are means over both kinds.
    """
    return [line for one in every if one.level == "frame" and one.faceless for line in _lines(one, one.faceless)]


def _lines(one: Tested, faceless: Sequence[Faceless]) -> Iterator[Line]:
    rows, added = completed(one.rows, faceless)
    label = rows.label[added]
    counts = {
        "real_frames": int((label == 0).sum()),
        "fake_frames": int((label == 1).sum()),
        "videos_without_any": sum(video.with_face == 0 for video in faceless),
    }
    for way, filled in {LEFT_OUT: one.rows, **{way: fill_in(rows, added, fill) for way, fill in WAYS.items()}}.items():
        for level, own in levels(filled, one.settings).items():
            yield {
                "run": one.run,
                "test_set": one.test_set,
                "level": level,
                "faceless": way,
                **_auc(own, level, one),
                **counts,
            }


def completed(scores: Scores, faceless: Sequence[Faceless]) -> tuple[Scores, np.ndarray]:
    """The rows with those that have no face behind them, and a mask of the latter ``(N,)``, whose scores are 0 yet."""
    videos = Counter(zip(scores.dataset.tolist(), scores.video.tolist(), strict=True))
    most = max(videos.values(), default=0)
    extra: list[tuple[Any, ...]] = []
    for video in faceless:
        scored = videos[video.dataset, video.video]
        missing = round(video.without_face * scored / video.with_face) if scored else min(video.without_face, most)
        facts = (video.label, video.method, video.source, video.compression, 0.0)
        extra += [(video.dataset, video.video, frame, *facts) for frame in range(missing)]
    columns = list(zip(*extra, strict=True)) or [()] * len(COLUMNS)
    joined = {
        name: np.concatenate([getattr(scores, name), np.array(column, dtype=getattr(scores, name).dtype)])
        for name, column in zip(COLUMNS, columns, strict=True)
    }
    return Scores(**joined), np.arange(len(scores) + len(extra)) >= len(scores)


def fill_in(rows: Scores, added: np.ndarray, fill: Fill) -> Scores:
    """The rows, with scores by ``fill`` where ``added`` holds."""
    prob = rows.fake_prob.copy()
    prob[added] = fill(rows.label[added])
    return replace(rows, fake_prob=prob)


def _auc(rows: Scores, level: str, one: Tested) -> Line:
    cluster = clusters(rows, one.settings)
    if reason := lacking(rows.label, cluster, f"{level}s", f"{one.settings.cluster}s"):
        return {"value": None, "low": None, "high": None, "note": reason}
    found = area(rows.label, rows.fake_prob, cluster, int(cluster.max()) + 1)
    low, high = found.bounds(one.settings.confidence)
    return {"value": found.value, "low": low, "high": high, "note": None}
