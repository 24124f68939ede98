"""What a run's figures rest on, and what they do not say: sentences for reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from analysis import style
from analysis.collect import Result, TestSet

FEW_CLUSTERS = 20
"""Fewer resampled units of a class make percentile intervals too narrow."""

COMPAT = {
    "video_key": "videos whose last folder has the same name are merged, as in DeepfakeBench, over all manipulations",
    "select": "the checkpoint was chosen on the test sets, as in DeepfakeBench, so the figures are too good",
}


def facts(result: Result) -> list[tuple[str, str]]:
    """Term and value: what was trained on what, how it was chosen, with which seed, code and machine."""
    config, environment = result.config, result.environment
    data, evaluate = config.get("data") or {}, config.get("evaluate") or {}
    pairs = [
        ("run", str(result.folder)),
        ("trained on", ", ".join(map(style.dataset_name, result.trained_on))),
        ("validated on", ", ".join(map(style.dataset_name, data.get("val") or result.trained_on)) + ", split val"),
        ("compression", data.get("compression") or "all"),
        ("frames per video", f"{_frames(data, 'train')} in training, {_frames(data, 'test')} in testing"),
        ("recipe", _name(data.get("recipe"))),
        ("checkpoint", _selection(evaluate)),
        ("epochs", config.get("epochs")),
        ("backbone", _backbone(config.get("backbone"))),
    ]
    about = [("seed", environment.get("seed", config.get("seed")))]
    about += [(key, environment.get(key)) for key in ("device", "machine", "python")]
    about += [
        ("versions", ", ".join(f"{k} {v}" for k, v in environment.get("versions", {}).items())),
        ("git revision", environment.get("git")),
        ("time", environment.get("time")),
        ("command", " ".join(map(str, environment.get("command") or []))),
    ]
    known = pairs if config else pairs[:1]
    return [(term, str(value)) for term, value in known + about if value not in (None, "")]


def caveats(results: Iterable[Result]) -> list[str]:
    """What a reader must know before quoting a figure: the runs' own notes, then what their numbers show."""
    sentences = [f"{result.label}: {sentence}" for result in results for sentence in _caveats(result)]
    return list(dict.fromkeys(sentences))


def _caveats(result: Result) -> Iterator[str]:
    yield from result.notes
    if result.config and _random(result.config.get("backbone")):
        yield "randomly initialised: figures say nothing about the method's published quality"
    if not result.config:
        yield "no configuration was kept, so what it was trained on is not known"
    for test_set in result.sets.values():
        for sentence in _set_caveats(test_set):
            yield f"{style.dataset_name(test_set.name)}: {sentence}"


def _set_caveats(test_set: TestSet) -> Iterator[str]:
    for key, value in test_set.compat.items():
        yield f"compatibility switch {key}={value}: {COMPAT.get(key, 'not comparable with other figures')}"
    counts, interval = test_set.counts, test_set.interval
    if unreadable := counts.get("unreadable"):
        yield f"{unreadable} frames could not be read and are not in the figures"
    for kind in ("real", "fake"):
        clusters = interval.get(f"{kind}_clusters", FEW_CLUSTERS)
        if interval.get("resamples") and 0 < clusters < FEW_CLUSTERS:
            yield f"only {clusters} {kind} {interval['cluster']}s: intervals are too narrow, or missing"
    if any(f["value"] is not None and "low" in f and f["low"] == f["high"] for f in test_set.metrics.values()):
        yield "an interval of width 0 says that all resamples agree, not that the figure is exact"


def _frames(data: dict[str, Any], split: str) -> str:
    number = data.get(f"frames_{split}")
    return "all" if number == 0 else str(number)


def _name(spec: Any) -> str:
    return spec.get("name", "") if isinstance(spec, dict) else str(spec or "")


def _selection(evaluate: dict[str, Any]) -> str:
    monitor = style.metric_name(evaluate.get("monitor", ""))
    ways = {
        "best": f"best epoch by {monitor} on the validation split",
        "last": "last epoch",
        "test": f"best epoch by {monitor} on the test sets",
    }
    return ways.get(evaluate.get("select"), "")


def _random(backbone: Any) -> bool:
    return not isinstance(backbone, dict) or backbone.get("weights") == "random"


def _backbone(backbone: Any) -> str:
    if _random(backbone):
        return f"{_name(backbone)} from random weights".lstrip()
    size = f" ({backbone['size']})" if "size" in backbone else ""
    return f"{_name(backbone)}{size}, weights: {backbone.get('weights', 'pretrained')}"
