"""What a run calls its classes: known methods by their names, then clusters that no name belongs to. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

_CLUSTER = "cluster "


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
