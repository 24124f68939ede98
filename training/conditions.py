"""Puts together the conditions of a run's figures; see :mod:`training.core.conditions` for what enters and what not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from training.core.schema import Config
from training.data.select import Selected

CLASSES = ("known", "novel", "fakes_only", "tagged", "limit")
"""Arguments of a recipe that say which classes take part; how many clusters there are is a choice of the method."""


def of_training(cfg: Config, trained_on: Iterable[Selected], validated_on: Iterable[Selected]) -> dict[str, Any]:
    """What a checkpoint brings along: the data that it learned from and was chosen on, and how."""
    validation, evaluate = _sets(validated_on), cfg.evaluate
    # Without validation the last epoch is taken, whatever was asked for.
    select = evaluate.select if validation else "last"
    chosen = {} if select == "last" else {"monitor": evaluate.monitor, "held_out": evaluate.held_out}
    found = {"train": _sets(trained_on), "val": validation, "selection": {"select": select, **chosen}}
    classes = {key: _unordered(cfg.data.recipe.params[key]) for key in CLASSES if key in cfg.data.recipe.params}
    return found | ({"classes": classes} if classes else {})


def of_test(cfg: Config, training: dict[str, Any] | None, tested: Selected) -> dict[str, Any] | None:
    """The conditions of the figures on one test set; None where ``training`` is not known."""
    if training is None:
        return None
    return {
        **training,
        "test": _sets([tested]),
        "frames": {"per_video": cfg.data.frames_test, "sampling": cfg.data.sampling},
        "metric": {"figure": cfg.evaluate.metric, "video": cfg.evaluate.video_key},
    }


def _sets(chosen: Iterable[Selected]) -> dict[str, Any]:
    return {name: facts for one in chosen for name, facts in one.listed.items()}


def _unordered(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value
