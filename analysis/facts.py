"""What a run's figures rest on, and what they do not say: sentences for reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from analysis import protocols, style
from analysis.collect import Result, TestSet

FEW_CLUSTERS = 20
"""Fewer resampled units of a class make percentile intervals too narrow."""
SPARE = 0.01
"""Share of frames without a face above which a reader is told."""

COMPAT = {
    "video_key": "videos whose last folder has the same name are merged, as in DeepfakeBench, over all manipulations",
    "sampling": "the first frames of each video were taken, as in DeepfakeBench, not evenly spaced ones",
    "allow_sparse": "the frames of a clip may be no neighbors, as in DeepfakeBench",
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
        ("recipe", result.recipe.get("name")),
        ("known methods", ", ".join(result.recipe.get("known", []))),
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
        ("intervals", "; ".join(dict.fromkeys(_interval(test_set.interval) for test_set in result.sets.values()))),
        ("tested later", "; ".join(_later(result))),
    ]
    known = pairs if config else pairs[:1]
    return [(term, str(value)) for term, value in known + about if value not in (None, "")]


def caveats(results: Iterable[Result]) -> list[tuple[str, str]]:
    """What a reader must know before quoting a figure, and of which runs and test sets it is true.

    First the runs' own notes, then what their configuration and numbers show.
    """
    results, places = list(results), {}
    for result in results:
        for sentence, test_set in _caveats(result):
            sets = places.setdefault(sentence, {}).setdefault(result.label, {})
            sets |= {style.dataset_name(test_set): None} if test_set else {}
    labels = {result.label for result in results}
    told = [(sentence, _where(at, len(labels))) for sentence, at in places.items()]
    return told + [(sentence, "") for sentence in protocol_notes(results)]


def protocol_notes(results: Sequence[Result]) -> list[str]:
    """Under which protocols the figures of ``results`` were taken."""
    conditions = [{name: one.conditions for name, one in result.sets.items()} for result in results]
    return list(protocols.sentences(conditions, [result.hashes for result in results]))


def _where(places: dict[str, dict[str, None]], runs: int) -> str:
    """``Xception: FF++, DFD; CLIP``, or ``all runs: FF++``."""
    together = list(places.values())
    if len(places) == runs and all(sets == together[0] for sets in together):
        places = {"all runs" if runs > 1 else "": together[0]}
    return "; ".join(": ".join(filter(None, (label, ", ".join(sets)))) for label, sets in places.items())


def _caveats(result: Result) -> Iterator[tuple[str, str | None]]:
    """Sentences, each with the test set it is about, None for the whole run."""
    for note in result.notes:
        yield note, None
    if _random(result.config.get("backbone")):
        yield "randomly initialized backbone: figures say nothing about the method's published quality", None
    if not result.config:
        yield "no configuration was kept, so what it was trained on is not known", None
    for test_set in result.sets.values():
        for sentence in _set_caveats(test_set):
            yield sentence, test_set.name


def _set_caveats(test_set: TestSet) -> Iterator[str]:
    for key, value in test_set.compat.items():
        yield f"compatibility switch {key}={value}: {COMPAT.get(key, 'not comparable with other figures')}"
    if test_set.counts.get("unreadable"):
        yield "some frames could not be read and are in no figure (see coverage)"
    counts = test_set.counts
    faceless = counts.get("frames_without_face", 0)
    if faceless > SPARE * (faceless + counts.get("frames", 0)):
        yield f"more than {SPARE:.0%} of the frames show no face and are in no figure (see coverage)"
    if test_set.interval.get("resamples"):
        yield from _few(test_set)
    if any(f["value"] is not None and "low" in f and f["low"] == f["high"] for f in test_set.metrics.values()):
        yield "an interval of width 0 says that all resamples agree, not that the figure is exact"


def _few(test_set: TestSet) -> Iterator[str]:
    counts, unit = test_set.counts, f"{test_set.interval['cluster']}s"
    clusters = [test_set.interval.get(f"{kind}_clusters", FEW_CLUSTERS) for kind in ("real", "fake")]
    if test_set.tells_fakes and min(clusters) < FEW_CLUSTERS:
        yield f"fewer than {FEW_CLUSTERS} real or fake {unit}: intervals are too narrow, or missing"
    if test_set.tells_makers and sum(clusters) < FEW_CLUSTERS * counts.get("methods", 0):
        yield f"fewer than {FEW_CLUSTERS} {unit} per method on average: intervals are too narrow, or missing"


def _later(result: Result) -> Iterator[str]:
    """Test sets whose figures come from a later test, and where that lies."""
    for name, test_set in result.sets.items():
        if test_set.table is None and test_set.folder != result.folder:
            yield f"{style.dataset_name(name)} in {test_set.folder.relative_to(result.folder)}"


def _interval(interval: dict[str, Any]) -> str:
    if not interval.get("resamples"):
        return "none"
    share, number = f"{interval['confidence']:.0%}", interval["resamples"]
    return f"middle {share} of {number} bootstrap resamples of whole {interval['cluster']}s, seed {interval['seed']}"


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
    return isinstance(backbone, dict) and backbone.get("weights") == "random"


def _backbone(backbone: Any) -> str:
    if not isinstance(backbone, dict):
        return _name(backbone)
    size = f" ({backbone['size']})" if "size" in backbone else ""
    return f"{_name(backbone)}{size}, weights: {backbone.get('weights', 'pretrained')}"
