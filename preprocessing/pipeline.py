"""All videos of a dataset: what is there, what is done already, what is left to do, and what came of it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import dlib
import numpy as np
import PIL

from preprocessing.codecs import LOSSY, encode
from preprocessing.executors import Item, Result, Work, run
from preprocessing.faces.models import Models
from preprocessing.job import Task, failure, models, process
from preprocessing.layouts.base import Scan, SourceVideo, layout_for
from preprocessing.manifest import check_relative
from preprocessing.pairs import PairTask, families, pair
from preprocessing.settings import Settings
from preprocessing.sidecar import Sidecar, paths_below, read, sidecar_path, write
from preprocessing.sinks import Parcel, sink_for
from training.core.errors import ConfigError, DataError, ManifestError
from training.core.paths import shown

# Raise when the same settings would give other faces than before, so that old ones are not taken for done.
RECIPE = 2


@dataclass
class Plan:
    """What a run has to do: videos ``done`` before, ``tasks``, and how many are done ``again`` for which reason."""

    done: list[Sidecar] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    again: Counter[str] = field(default_factory=Counter)


class Pipeline:
    """One dataset with its settings. Make it, :meth:`plan`, then :meth:`run` the plan.

    Raises:
        ConfigError: dataset, root or detector are missing or wrong.
        WeightsError: there is no landmark predictor.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.scan = _scan(settings)
        self.remarks = [*self.scan.remarks]
        # Here too, so that a library that is missing is found before any work.
        encode(np.zeros((8, 8, 3), np.uint8), settings.codec)
        self.sink = sink_for(settings)
        self.root = self.sink.root
        # The models are loaded here too, so that a wrong one is found before any work.
        self.recorded = _recorded(settings, models(settings))

    def plan(self) -> Plan:
        """Compare what is there with what should be. Facts that changed (a split, a label) are brought up to date."""
        # What atomic writing left when it was killed; nobody else writes here now.
        for left_over in [*self.root.glob(".*.part"), *(self.root / "videos").rglob(".*.part")]:
            left_over.unlink()
        plan = Plan()
        for source in self.scan.videos:
            task = self._task(source)
            old, reason = self._found(task)
            if old is None:
                plan.tasks.append(task)
                plan.again.update([reason] if reason else [])
            else:
                plan.done.append(old)
        return plan

    def run(self, plan: Plan) -> Iterator[Sidecar]:
        """Do the plan's tasks and yield what came of each.

        Raises:
            DataError: nothing more can be written.
        """
        with contextlib.closing(self._work_off(process, plan.tasks, partial(models, self.settings))) as results:
            for task, result in results:
                yield self._outcome(task, result)

    def plan_pairs(self, notes: list[Sidecar]) -> list[PairTask]:
        """What :mod:`preprocessing.pairs` has to do for the fakes among ``notes``; what cannot be done is remarked."""
        found, tasks = families(self.scan.videos, notes), []
        self.remarks += found.remarks
        for name, real in found.reals.items():
            raw = {"file": _below(real.path, self.settings.root), "bytes": _bytes(real.path)}
            if fakes := [note for note in found.fakes[name] if note.raw.get("source") != raw]:
                tasks.append(PairTask(real, fakes, raw, self.sink, self.settings))
        return tasks

    def run_pairs(self, tasks: list[PairTask]) -> Iterator[list[Sidecar]]:
        """Do ``tasks`` and yield the new notes of each one's fakes, none where the real video cannot be read.

        Raises:
            DataError: nothing more can be written.
        """
        with contextlib.closing(self._work_off(pair, tasks)) as results:
            for task, result in results:
                if isinstance(result, list):
                    yield [self._kept(parcel) for parcel in result]
                    continue
                with self._writing():
                    if isinstance(result, OSError):
                        raise result
                why = str(result).removeprefix(f"{shown(task.real.path)}: ")
                self.remarks.append(f"{len(task.fakes)} fakes of {task.real.facts.video} are not paired: {why}")
                yield []

    def strangers(self) -> list[str]:
        """Videos with faces here that are not below the root (any more), of the same compression."""
        expected = {source.facts.video for source in self.scan.videos}
        others = (path for name, path in paths_below(self.root) if name not in expected)
        videos = (read(path).video for path in others)
        return [v.video for v in videos if v.compression in (None, self.settings.compression)]

    def _work_off(
        self, function: Callable[[Item], Result], items: list[Item], prepare: Callable[[], object] | None = None
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """See :func:`preprocessing.executors.run`."""
        settings = self.settings
        work = Work(function, settings.time_limit, prepare)
        if settings.executor == "local":
            return run(work, items, settings.processes)
        from preprocessing import cluster  # its libraries need not be there otherwise

        return cluster.run(work, items, settings.processes, settings.scheduler)

    def _task(self, source: SourceVideo) -> Task:
        raw = {"file": _below(source.path, self.settings.root), "bytes": _bytes(source.path)}
        if source.mask is not None and self.settings.masks:
            raw["mask_bytes"] = _bytes(source.mask)
        versions = {module.__name__: module.__version__ for module in (av, cv2, dlib, np, PIL)}
        return Task(source, self.sink, self.settings, Sidecar(source.facts, [], self.recorded, raw, versions))

    def _found(self, task: Task) -> tuple[Sidecar | None, str | None]:
        """The note of a video that need not be done again, or why a video that was done must be."""
        path = sidecar_path(self.root, task.source.facts.video)
        if not path.exists():
            return None, None
        try:
            old = read(path)
        except ManifestError:
            return None, "their notes cannot be read"
        if reason := _outdated(old, task.blank):
            return None, reason
        if not self.sink.complete(old):
            return None, "files are missing"
        facts = replace(task.blank.video, note=old.video.note, media=old.video.media)
        if facts != old.video:
            old = replace(old, video=facts)
            write(self.root, old)
        return old, None

    def _outcome(self, task: Task, result: Parcel | Exception) -> Sidecar:
        if isinstance(result, Parcel):
            return self._kept(result)
        with self._writing():
            if isinstance(result, OSError):
                raise result
            self.sink.begin(task.source.facts.video)
            return self._kept(self.sink.end(failure(task.blank, str(result))))

    def _kept(self, parcel: Parcel) -> Sidecar:
        with self._writing():
            self.sink.keep(parcel)
        return parcel.note

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DataError(f"cannot write below {shown(self.root)}: {error}") from error


def _scan(settings: Settings) -> Scan:
    if settings.dataset is None:
        raise ConfigError("which dataset? Give --dataset; --list-datasets prints the known ones")
    layout = layout_for(settings.dataset, settings.layout)
    if settings.root is None:
        raise ConfigError(f"where are the videos of {settings.dataset}? Give --root; expected there: {layout.about}")
    if not settings.root.exists():
        raise ConfigError(f"root {shown(settings.root)}: no such folder; expected there: {layout.about}")
    found = layout.scan(settings.root, settings.dataset, settings.compression)
    for source in found.videos:  # faces go into folders of this name
        check_relative(source.facts.video, shown(source.path))
    return found


def _recorded(settings: Settings, tools: Models) -> dict[str, Any]:
    """What of the settings decides how faces come out: kept with each video and compared on a rerun."""
    written = {"codec": settings.codec, "masks": settings.masks}
    if settings.codec in LOSSY:
        written["quality"] = settings.quality
    return {"recipe": RECIPE, **settings.sampler.facts, **tools.facts(), **written}


def _outdated(old: Sidecar, new: Sidecar) -> str | None:
    """Why the faces that ``old`` tells of cannot stand for those of ``new``, None if they can."""
    if old.failed:
        return "they failed"
    if changed := [key for key in new.settings if old.settings.get(key) != new.settings[key]]:
        return f"settings changed ({', '.join(changed)})"
    if any(old.raw.get(key) != new.raw.get(key) for key in ("bytes", "mask_bytes")):
        return "the raw files changed"
    return None


def _bytes(path: Path) -> int | None:
    with contextlib.suppress(OSError):
        return sum(file.stat().st_size for file in (path.iterdir() if path.is_dir() else [path]))
    return None


def _below(path: Path, root: Path) -> str:
    base = root if root.is_dir() else root.parent
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()
