"""CPU seconds: of a call, of its steps, and of a call with the processes that it starts."""

from __future__ import annotations

import cProfile
import pstats
import resource
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from training.core.paths import ROOT

Steps = Mapping[str, Mapping[str, str]]
"""Module -> function -> the step that its time counts for. No function of these may call another."""


def seconds(function: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    function()
    return time.process_time() - start


def with_children(function: Callable[[], object]) -> float:
    """CPU seconds of this process and of those that it started and that have ended."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = seconds(function)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own + after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def profiled(function: Callable[[], Any], steps: Steps) -> tuple[Any, dict[str, float]]:
    """What ``function`` returns, and the CPU seconds of each of ``steps`` and of the rest."""
    profile = cProfile.Profile(time.process_time)
    value = profile.runcall(function)
    spent: Counter[str] = Counter()
    stats = pstats.Stats(profile)
    for (file, _, name), (_, _, _, cumulative, _) in stats.stats.items():
        if Path(file).is_relative_to(ROOT) and (step := steps.get(Path(file).stem, {}).get(name)):
            spent[step] += cumulative
    spent["other"] = stats.total_tt - spent.total()
    return value, dict(spent)
