"""Deterministic splits for data that come without official ones."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping


def by_hash(names: Iterable[str]) -> list[str]:
    """``names`` in an order that looks random but depends on each name alone."""
    return sorted(set(names), key=lambda name: (hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest(), name))


def pick_share(names: Iterable[str], share: float) -> set[str]:
    """About ``share`` of ``names``: at least one where there are two or more, never all."""
    order = by_hash(names)
    return set(order[: min(max(round(share * len(order)), 1), len(order) - 1)])


def split_groups(labels: Mapping[str, frozenset[int]], shares: Mapping[str, float]) -> dict[str, str]:
    """Group name -> split, so that each label has about ``shares`` of its groups in each split.

    Args:
        labels: per group, the labels (0 real, 1 fake) of its videos. A group is never divided.
        shares: split name -> share; the shares sum to 1. A label's first group goes to the first split (train), its
            second to the last (test), and the next to those between: each gets one as soon as there are enough.
    """
    wanted = {(label, split): n for label in (0, 1) for split, n in _quotas(labels, label, shares).items()}
    given: Counter[tuple[int, str]] = Counter()
    result = {}
    # Groups that hold both labels come first: the others can then fill what is left of each label exactly.
    for group in sorted(by_hash(labels), key=lambda g: -len(labels[g])):
        split = max(shares, key=lambda s: sum(_lack(wanted[label, s], given[label, s]) for label in labels[group]))
        given.update((label, split) for label in labels[group])
        result[group] = split
    return result


def _quotas(labels: Mapping[str, frozenset[int]], label: int, shares: Mapping[str, float]) -> dict[str, int]:
    total = sum(label in found for found in labels.values())
    first, *between, last = shares
    served = (first, last, *between)[:total]
    quotas = {split: max(round(share * total), int(split in served)) for split, share in shares.items()}
    largest = max(quotas, key=lambda split: quotas[split])
    quotas[largest] += total - sum(quotas.values())
    return quotas


def _lack(wanted: int, given: int) -> float:
    """How much a split still lacks, as a share of its due; clearly negative once it has that."""
    return (wanted - given) / wanted if given < wanted else -float(1 + given - wanted)
