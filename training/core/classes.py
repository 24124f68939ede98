"""What a run calls its classes: known methods by their names, then clusters that no name belongs to. Needs no torch.

A class is a method, or what one source gave of it: ``real@CelebDF``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

_CLUSTER = "cluster "
_SOURCE = "@"


def cluster_names(count: int) -> list[str]:
    """``cluster 1`` to ``cluster <count>``."""
    return [f"{_CLUSTER}{number}" for number in range(1, count + 1)]


def is_cluster(name: str) -> bool:
    """Whether an output of this name stands for no known method."""
    return name.startswith(_CLUSTER)


def known_of(classes: Sequence[str]) -> list[str]:
    """The known methods among ``classes``, which come before all clusters.

    Raises:
        ValueError: a known method stands behind a cluster.
    """
    known = [name for name in classes if not is_cluster(name)]
    if list(classes[: len(known)]) != known:
        raise ValueError(f"known methods come before clusters; these are {', '.join(classes)}")
    return known


def divided(named: Collection[str]) -> set[str]:
    """The methods that classes of the names ``named`` divide by source: ``real`` for ``real@CelebDF``."""
    return {name.rpartition(_SOURCE)[0] for name in named if _SOURCE in name} - set(named)


def class_of(method: str, video: str) -> str:
    """The class of a video of a method that is :func:`divided`: ``real@CelebDF`` for ``CelebDF/Real/id0_0000``."""
    return f"{method}{_SOURCE}{video.partition('/')[0]}"


def method_of(name: str) -> str:
    """The method that a class is of: ``real`` for ``real@CelebDF``."""
    return name.partition(_SOURCE)[0]
