"""What frames without a face could change: they are in no figure, yet a detector in use must answer for them too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.tested import Tested, auc_columns
from training.core.coverage import Faceless
from training.engine.evaluators.settings import clusters, levels
from training.engine.results import COLUMNS, Scores, codes

Line = dict[str, Any]
WAYS = ("left out", "counted as real", "counted as fake", "best case", "worst case")
"""How frames without a face may be taken."""


def covered(every: Sequence[Tested]) -> list[Line]:
    """AUC with frames without a face left out, counted as real, counted as fake, and taken for the best and the worst.

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
    as_real = levels(rows, one.settings)
    as_fake = levels(replace(rows, fake_prob=np.where(added, 1.0, rows.fake_prob)), one.settings)
    for level, left in levels(one.rows, one.settings).items():
        named = {"run": one.run, "test_set": one.test_set, "level": level}
        found = {WAYS[0]: auc_columns(left.label, left.fake_prob, clusters(left, one.settings), level, one.settings)}
        label, cluster = as_real[level].label, clusters(as_real[level], one.settings)
        for way, prob in ways(label, as_real[level].fake_prob, as_fake[level].fake_prob).items():
            found[way] = auc_columns(label, prob, cluster, level, one.settings)
        yield from (named | {"faceless": way} | columns | counts for way, columns in found.items())


def ways(label: np.ndarray, as_real: np.ndarray, as_fake: np.ndarray) -> dict[str, np.ndarray]:
    """Scores ``(N,)`` for each way of taking frames without a face, from those with all of them taken for real or fake.

    Nothing that a detector could say of them gives an AUC outside the best and the worst case.
    """
    best, worst = np.where(label == 1, as_fake, as_real), np.where(label == 1, as_real, as_fake)
    return dict(zip(WAYS[1:], (as_real, as_fake, best, worst), strict=True))


def completed(scores: Scores, faceless: Sequence[Faceless]) -> tuple[Scores, np.ndarray]:
    """The rows, then those that have no face, with score 0; and a mask ``(N,)`` of the latter."""
    video = codes(scores.dataset, scores.video)[0]
    size, first = np.bincount(video), np.unique(video, return_index=True)[1]
    sizes = dict(zip(zip(scores.dataset[first], scores.video[first], strict=True), size.tolist(), strict=True))
    extra: list[tuple[Any, ...]] = []
    for one in faceless:
        scored = sizes.get((one.dataset, one.video), 0)
        whole = min(one.without_face, int(size.max(initial=0)))
        missing = round(one.without_face * scored / one.with_face) if scored else whole
        facts = (one.label, one.method, one.source, one.compression, 0.0)
        extra += [(one.dataset, one.video, frame, *facts) for frame in range(missing)]
    columns = list(zip(*extra, strict=True)) or [()] * len(COLUMNS)
    joined = {
        name: np.concatenate([getattr(scores, name), np.array(column, dtype=getattr(scores, name).dtype)])
        for name, column in zip(COLUMNS, columns, strict=True)
    }
    return Scores(**joined), np.arange(len(scores) + len(extra)) >= len(scores)
