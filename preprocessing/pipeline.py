"""All videos of a dataset: what is there, what is done already, what is left to do, and what came of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import av
import cv2
import dlib
import numpy as np
import PIL

from preprocessing.executors import run
from preprocessing.faces.detect import LandmarkPredictor, detector_class
from preprocessing.job import Cut, Task, clear, failure, process
from preprocessing.layouts.base import Scan, SourceVideo, layout_for
from preprocessing.settings import Settings
from preprocessing.sidecar import KINDS, Sidecar, read, sidecar_path, write
from preprocessing.store import rgb_root
from training.core.config import instantiate
from training.core.errors import BenchError, ConfigError, DataError, ManifestError
from training.core.paths import shown

# Raise when the same settings would give other faces than before, so that old ones are not taken for done.
RECIPE = 1


@dataclass
class Pipeline:
    """One dataset with its settings: :meth:`run` does what is left to do."""

    settings: Settings

    @cached_property
    def root(self) -> Path:
        """Where the faces go."""
        return rgb_root(self.settings.output, self.settings.dataset)

    @cached_property
    def scan(self) -> Scan:
        """The raw videos.

        Raises:
            ConfigError: dataset or root are missing or wrong.
        """
        settings = self.settings
        if settings.dataset is None:
            raise ConfigError("which dataset? Give --dataset; --list-datasets prints the known ones")
        layout = layout_for(settings.dataset, settings.layout)
        if settings.root is None:
            raise ConfigError(f"where are the videos of {settings.dataset}? Give --root")
        if not settings.root.exists():
            raise ConfigError(f"root {shown(settings.root)}: no such folder; expected {layout.about}")
        return layout.scan(settings.root, settings.dataset, settings.compression)

    @cached_property
    def cut(self) -> Cut:
        """How faces are cut; the models are loaded here once, so that a wrong one is found before any work.

        Raises:
            ConfigError: detector unknown or its options wrong.
            WeightsError: no landmark predictor.
        """
        s = self.settings
        instantiate(detector_class(s.detector.name), s.detector.params, {}, s.detector.at)
        options = tuple(sorted(s.detector.params.items()))
        return Cut(
            s.frames, s.sampling, s.size, s.scale, s.codec, s.masks, s.picture_limit, s.time_limit,
            s.detector.name, options, s.landmarks.resolve(),
        )  # fmt: skip

    @cached_property
    def recorded(self) -> dict[str, object]:
        """What of the settings decides how faces come out: kept with each video and compared on a rerun."""
        cut, predictor = self.cut, LandmarkPredictor(self.cut.landmarks)
        return {
            "recipe": RECIPE,
            "frames": cut.frames,
            "sampling": cut.sampling,
            "size": cut.size,
            "scale": cut.scale,
            "codec": cut.codec,
            "masks": cut.masks,
            "detector": {"name": cut.detector, **dict(cut.detector_options)},
            "predictor": {"file": cut.landmarks.name, "sha256": predictor.sha256, "points": predictor.points},
        }

    @cached_property
    def _versions(self) -> dict[str, str]:
        return {module.__name__: module.__version__ for module in (av, cv2, dlib, np, PIL)}

    def run(self) -> Iterator[tuple[Sidecar, bool]]:
        """Every video's outcome and whether it had been done before; videos done earlier come first.

        Raises:
            DataError: nothing more can be written.
        """
        tasks = []
        for source in self.scan.videos:
            done = self._done(source)
            if done is None:
                tasks.append(self._task(source))
            else:
                yield done, True
        results = run(process, tasks, self.settings.processes)
        with contextlib.closing(results):
            for task, result in results:
                yield self._outcome(task, result), False

    def _task(self, source: SourceVideo) -> Task:
        raw = {"file": _below(source.path, self.settings.root), "bytes": _bytes(source.path)}
        if source.mask is not None and self.cut.masks:
            raw["mask_bytes"] = _bytes(source.mask)
        return Task(source, self.root, self.cut, Sidecar(source.facts, [], self.recorded, raw, self._versions))

    def _done(self, source: SourceVideo) -> Sidecar | None:
        """The note of a video that need not be done again, with its facts brought up to date."""
        try:
            old = read(sidecar_path(self.root, source.facts.video))
        except ManifestError:
            return None
        new = self._task(source).done
        if old.failed or old.settings != new.settings or old.raw != new.raw or not _complete(self.root, old):
            return None
        facts = replace(new.video, note=old.video.note)
        if facts == old.video:
            return old
        updated = replace(old, video=facts)
        write(self.root, updated)
        return updated

    def _outcome(self, task: Task, result: Sidecar | BaseException) -> Sidecar:
        if isinstance(result, Sidecar):
            return result
        if isinstance(result, OSError):
            raise DataError(f"cannot write below {shown(self.root)}: {result}") from result
        reason = str(result) if isinstance(result, BenchError) else f"{type(result).__name__}: {result}"
        clear(self.root, task.source.facts.video)
        sidecar = failure(task.done, reason)
        write(self.root, sidecar)
        return sidecar


def _complete(root: Path, sidecar: Sidecar) -> bool:
    """Whether as many files lie there as the note names."""
    paths = [p for f in sidecar.frames for p in (f.image, f.mask, f.landmarks) if p is not None]
    folders = [root / kind / sidecar.video.video for kind in KINDS]
    return len(paths) == sum(p.is_file() for folder in folders if folder.is_dir() for p in folder.iterdir())


def _bytes(path: Path) -> int | None:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return None


def _below(path: Path, root: Path) -> str:
    base = root if root.is_dir() else root.parent
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()
