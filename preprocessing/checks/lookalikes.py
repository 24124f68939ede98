"""Frames that are the same or nearly so, where they should not be: in two splits, or labeled real and fake.

Candidates differ in few bits of a 64-bit perceptual hash: which of the lowest frequencies of the picture are above
their median (DCT hash; Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010). Aligned
faces are much alike, and such bits may agree for different people; so candidates count only if their thumbnails agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement
from typing import Any

import cv2
import numpy as np

from preprocessing.checks.part import Part
from preprocessing.manifest import SPLITS, Record

SIDE, LOWEST, THUMBNAIL = 32, 8, 16
DISTANCE = 4
"""Bits of 64. Re-encoded, brightened, blurred or resized copies differ in 0 to 2, those shifted by two pixels in 4."""
CORRELATION = 0.98
"""Of thumbnails. Copies as above reach 0.99; of the demo's candidates, different people reach 0.97 at most."""
BLOCK = 2048
"""Hashes compared with as many others at once."""
EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Look:
    """What is remembered of one frame: a digest of its pixels, its perceptual hash, ``(256,)`` uint8 gray values."""

    record: Record
    digest: int
    bits: int
    thumbnail: np.ndarray


def look(record: Record, picture: np.ndarray) -> Look:
    """The look of a ``(H, W, 3)`` uint8 RGB ``picture``."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    lowest = cv2.dct(small)[:LOWEST, :LOWEST].ravel()
    # The first one is the mean brightness.
    bits = np.packbits(lowest > np.median(lowest[1:])).view(np.uint64)[0]
    thumbnail = cv2.resize(gray, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).ravel()
    digest = hashlib.blake2b(np.ascontiguousarray(picture), digest_size=8).digest()
    return Look(record, int.from_bytes(digest), int(bits), thumbnail)


def lookalikes(looks: list[Look]) -> Part:
    """Frames with a look-alike in another split, and fake frames with a real one.

    A fake always looks like the video that it was made from: there, only a real frame of another source counts, or one
    with the very same pixels.
    """
    table = _Table(looks)
    for first, second in near_pairs(table.bits, DISTANCE):
        table.compare(first, second)
    found = {f"{one}-{other}": table.shared(SPLITS.index(one), SPLITS.index(other)) for one, other in _SPLIT_PAIRS}
    found["real-fake"] = table.mislabeled()
    leaks = [
        f"{facts['count']} of {facts['of']} {pair.split('-')[1]} frames look like a {pair.split('-')[0]} frame, "
        f"{' like '.join(facts['examples'][0])} for one"
        for pair, facts in found.items()
        if facts["count"]
    ]
    summary = f"{len(looks)} frames compared, {sum(f['count'] for f in found.values())} look-alikes"
    return Part("lookalikes", summary, {"looked_at": len(looks), **found}, leaks)


_SPLIT_PAIRS = list(combinations(SPLITS, 2))


class _Table:
    """The looks as arrays, one row per frame, and for each the row of a look-alike in each split and of the other label
    (-1: none)."""

    def __init__(self, looks: list[Look]) -> None:
        records = [look.record for look in looks]
        self.keys = [record.key for record in records]
        self.digest = np.array([look.digest for look in looks], np.uint64)
        self.bits = np.array([look.bits for look in looks], np.uint64)
        self.thumbnails = np.array([look.thumbnail for look in looks], np.uint8).reshape(-1, THUMBNAIL**2)
        self.split = np.array([SPLITS.index(record.split) for record in records], np.int8)
        self.label = np.array([record.label for record in records], np.int8)
        self.source = np.unique([record.source for record in records], return_inverse=True)[1]
        self.in_split = np.full((len(looks), len(SPLITS)), -1)
        self.of_other_label = np.full(len(looks), -1)

    def compare(self, first: np.ndarray, second: np.ndarray) -> None:
        """Note which of the candidates ``first[i]``, ``second[i]`` are look-alikes that should not be."""
        same = self.digest[first] == self.digest[second]
        mislabeled = self.label[first] != self.label[second]
        mislabeled &= same | (self.source[first] != self.source[second])
        wanted = mislabeled | (self.split[first] != self.split[second])
        first, second, same, mislabeled = (rows[wanted] for rows in (first, second, same, mislabeled))
        alike = same | (self._correlation(first, second) >= CORRELATION)
        for one, other in ((first, second), (second, first)):
            self.in_split[one[alike], self.split[other[alike]]] = other[alike]
            self.of_other_label[one[alike & mislabeled]] = other[alike & mislabeled]

    def shared(self, one: int, other: int) -> dict[str, Any]:
        """How many frames of split ``other`` have a look-alike in ``one``."""
        return self._told(self.split == other, self.in_split[:, one])

    def mislabeled(self) -> dict[str, Any]:
        """How many fake frames have a real look-alike."""
        return self._told(self.label == 1, self.of_other_label)

    def _told(self, among: np.ndarray, like: np.ndarray) -> dict[str, Any]:
        rows = np.flatnonzero(among & (like >= 0))
        examples = [[self.keys[row], self.keys[like[row]]] for row in rows[:EXAMPLES]]
        return {"count": len(rows), "of": int(among.sum()), "examples": examples}

    def _correlation(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Of the thumbnails of each pair; 0 for flat ones, which say nothing."""
        one, other = (self.thumbnails[rows].astype(np.float32) for rows in (first, second))
        one, other = (values - values.mean(1, keepdims=True) for values in (one, other))
        scale = np.sqrt((one**2).sum(1) * (other**2).sum(1))
        return np.divide((one * other).sum(1), scale, out=np.zeros_like(scale), where=scale > 0)


def near_pairs(bits: np.ndarray, distance: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All pairs of rows of ``bits``, ``(N,)`` uint64, that differ in ``distance`` bits or fewer; some come repeatedly.

    Of ``distance + 1`` groups of bits such a pair agrees in one at least, so only rows that agree in one are compared
    (Norouzi et al., "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012).
    """
    for group in range(distance + 1):
        # Every (distance + 1)th bit: neighbors, which often agree together, fall into different groups.
        mask = np.uint64(sum(1 << bit for bit in range(group, 64, distance + 1)))
        for rows in _equal(bits & mask):
            blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
            for one, other in combinations_with_replacement(blocks, 2):
                near = np.bitwise_count(bits[one][:, None] ^ bits[other][None]) <= distance
                first, second = np.nonzero(np.triu(near, 1) if one is other else near)
                if len(first):
                    yield one[first], other[second]


def _equal(values: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of each value that occurs more than once."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order])) + 1
    yield from (rows for rows in np.split(order, starts) if len(rows) > 1)
