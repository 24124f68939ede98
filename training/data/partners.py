"""For each face, faces of other sources that look the same way: the nearest by their landmarks."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np


class Partners:
    """Searches all faces anew for each one asked about: 10 ms among 110 000, so that nothing need be prepared.

    Faces are compared by their shapes, landmarks with the centroid at 0 and of unit size, so that crops of different
    sizes can be mixed. Source: Li et al., Face X-ray (CVPR 2020), section 3.2.

    Args:
        points: landmarks of all faces (N, points, 2).
        sources: of each face, what it was taken from; no two faces of one source are partners.
    """

    def __init__(self, points: np.ndarray, sources: Sequence[Hashable]) -> None:
        centered = points - points.mean(1, keepdims=True)
        self._shapes = centered.reshape(len(points), -1).astype(np.float32)
        self._shapes /= np.linalg.norm(self._shapes, axis=1, keepdims=True)
        numbers = {source: i for i, source in enumerate(dict.fromkeys(sources))}
        self._source = np.array([numbers[source] for source in sources])

    def nearest(self, index: int, count: int) -> np.ndarray:
        """Up to ``count`` faces of other sources that are nearest to face ``index``, in no particular order."""
        others = np.flatnonzero(self._source != self._source[index])
        if len(others) <= count:
            return others
        likeness = self._shapes @ self._shapes[index]  # of unit vectors: the higher, the nearer
        return others[np.argpartition(-likeness[others], count)[:count]]
