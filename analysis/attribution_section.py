"""What a report shows of one attribution run on one test set: its figures, and how each method fares."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from analysis import style
from analysis.attribution import ClassResult, matched, per_class
from analysis.collect import Result, TestSet
from analysis.figures.confidence import confidence
from analysis.figures.confusion import confusion
from analysis.figures.prototype_usage import prototype_usage
from analysis.figures.tsne import tsne
from analysis.save_figure import save_columns
from training.core.classes import is_cluster

Picture = tuple[str, Path]
"""Description and file."""


@dataclass(frozen=True)
class AttributionSection:
    """The figures of one run on one test set."""

    label: str
    test_set: str
    large: list[Picture]
    small: list[Picture]
    classes: list[ClassResult]


def attribution_section(result: Result, test_set: TestSet, folder: Path, number: str) -> AttributionSection:
    """Draw into ``folder`` under names that end in ``number``; the classes are written there too, as CSV."""
    scores, title = test_set.scores(), f"{result.label}: {style.dataset_name(test_set.name)}"
    features = test_set.features(scores)
    begun_with = result.recipe.get("clusters") or 0
    merged = max(0, begun_with - sum(map(is_cluster, scores.classes)))
    found = matched(scores)
    classes = per_class(found)
    rows = [asdict(one) for one in classes]
    save_columns(folder / f"classes_{number}.csv", {key: [row[key] for row in rows] for key in rows[0]})
    spread = None if features is None else tsne(scores, features, title, folder / f"tsne_{number}.png")
    return AttributionSection(
        label=result.label,
        test_set=test_set.name,
        large=[
            (f"Methods against outputs, {title}", confusion(found, title, folder / f"confusion_{number}.png")),
            *([(f"Features by t-SNE, {title}", spread)] if spread else []),
        ],
        small=[
            (f"Confidence, {title}", confidence(scores, title, folder / f"confidence_{number}.png")),
            (f"Pictures per output, {title}", prototype_usage(scores, title, folder / f"usage_{number}.png", merged)),
        ],
        classes=classes,
    )
