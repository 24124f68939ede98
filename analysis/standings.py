"""How runs stand over several test sets together: mean, rank, and how often they are among the three best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

TOP = 3


@dataclass(frozen=True)
class Standing:
    """One run over all test sets; runs that lack a figure have no standing."""

    mean: float
    rank: int
    """By the mean, 1 is best; runs of equal mean share the better rank."""
    top: int
    """Test sets on which fewer than three runs are better."""


def standings(values: Mapping[str, Sequence[float | None]]) -> dict[str, Standing]:
    """The standings of runs by name, from their figures (higher is better) on the same test sets in the same order.

    Only runs with all figures are ranked, since a mean over another choice of sets could not be compared.
    """
    whole = {name: figures for name, figures in values.items() if None not in figures}
    means = {name: fmean(figures) for name, figures in whole.items()}
    columns = list(zip(*whole.values(), strict=True))
    return {
        name: Standing(
            mean=means[name],
            rank=1 + sum(other > means[name] for other in means.values()),
            top=sum(sum(v > mine for v in col) < TOP for mine, col in zip(figures, columns, strict=True)),
        )
        for name, figures in whole.items()
    }
