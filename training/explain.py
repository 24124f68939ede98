"""Pictures of what verdicts rest on: ``test.py --explain N``, and of single files ``predict.py --explain``.

Testing writes, per test set, the most certain errors and a few right verdicts into ``explain/<set>/`` of its results,
each as the face beside the same face under its heat, with ``index.json``, which says what they are. Where makers are
told, an error is a wrong name: of a known method any other output, of a novel one the name of a known one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy.special import softmax

from preprocessing.codecs import encode
from training.assembly import batches_of, prepare_of
from training.core.classes import is_cluster, known_of
from training.core.errors import ConfigError, DataError
from training.core.paths import atomic
from training.core.registry import RECIPES
from training.core.types import Identity, Task
from training.data.recipe import Batches
from training.data.select import Selected
from training.engine import distributed
from training.engine.heat import heat_of
from training.engine.prepare import Prepare
from training.engine.results import Scores, scores_path, write_json
from training.loading import Trained
from training.metrics.ranking import THRESHOLD
from training.prediction import faces_batches
from training.verdicts import FileVerdict

RIGHT = 2
"""Right verdicts that are shown of real and of fake pictures, or of known and of novel methods."""
AT_ONCE = 8
"""Pictures that gradients are kept of."""
OPACITY = 0.6
"""Of the heat where it is greatest."""


def check_explainable(trained: Trained) -> None:
    """Refuse methods that judge clips: heat maps are of single pictures.

    Raises:
        ConfigError: this is one.
    """
    name, recipe = trained.cfg.detector.name, RECIPES.get(trained.cfg.data.recipe.name)
    if RECIPES.get(recipe.at_test).neighbors:
        raise ConfigError(f"--explain: {name} judges clips; heat maps are of single pictures")


class Explain:
    """What is to be shown, asked for before hours are spent on scoring.

    Args:
        trained: the detector.
        count: errors to show per test set.

    Raises:
        ConfigError: ``count`` is none, or the detector judges clips.
    """

    def __init__(self, trained: Trained, count: int) -> None:
        if count < 1:
            raise ConfigError(f"--explain {count}: expected how many errors to show, 1 or more")
        check_explainable(trained)
        self.trained, self.count = trained, count

    def write(self, chosen: list[Selected], folder: Path, device: torch.device) -> None:
        """Draw what the scores in the results ``folder`` call for; the process that writes does it.

        Raises:
            ConfigError: the detector shows nothing to explain its verdicts by.
        """
        for one in chosen if distributed.rank() == 0 else []:
            self._write_set(one, Scores.load(scores_path(folder, one.name)), folder / "explain" / one.name, device)

    def _write_set(self, one: Selected, scores: Scores, folder: Path, device: torch.device) -> None:
        said = of_fakes(scores) if Task.DETECTION in self.trained.detector.tasks else of_makers(scores)
        rows = {
            Identity(scores.dataset[r], scores.video[r], int(scores.frame[r])): r
            for r in picked(scores, said, self.count)
        }
        records = [record for record in one.records if Identity(record.dataset, record.video, record.frame) in rows]
        cfg = self.trained.cfg
        cfg = replace(cfg, data=replace(cfg.data, workers=0, batch_size_test=AT_ONCE))
        batches = batches_of(cfg, records, self.trained.card.classes, [], device, train=False)
        drawn = {who: (picture, how) for who, picture, how in overlays(self.trained, batches, prepare_of(cfg, device))}
        index: list[dict[str, Any]] = []
        for who, row in rows.items():
            picture, how = drawn[who]
            right = bool(said.right[row])
            file = f"{'right' if right else 'error'}_{sum(each['right'] == right for each in index) + 1:02d}.png"
            _save(folder / file, picture)
            about = {"dataset": who.dataset, "video": who.video, "frame": who.frame, "method": scores.method[row]}
            verdict = {"said": str(said.what[row]), "prob": float(said.prob[row]), "right": right}
            index.append({"file": file, **about, **verdict, "how": how})
        write_json(folder / "index.json", {"detector": cfg.detector.name, "test_set": one.name, "pictures": index})


@dataclass(frozen=True)
class Said:
    """What a detector says of the rows of a score table: ``(N,)`` each."""

    what: np.ndarray
    """``fake``, ``real``, or the output's name."""
    prob: np.ndarray
    """Of what it says."""
    right: np.ndarray
    first: np.ndarray
    """Which right ones are shown first: those of fakes, or of known methods."""


def of_fakes(scores: Scores) -> Said:
    """Verdicts on real and fake."""
    fake = scores.fake_prob > THRESHOLD
    prob = np.where(fake, scores.fake_prob, 1 - scores.fake_prob)
    return Said(np.where(fake, "fake", "real"), prob, fake == scores.label, scores.label == 1)


def of_makers(scores: Scores) -> Said:
    """Verdicts on who made it; of a novel method every cluster is right, for clusters have no names."""
    probs = softmax(scores.logits, axis=1)
    what = np.array(scores.classes, dtype=object)[probs.argmax(1)]
    known = np.isin(scores.method, known_of(scores.classes))
    in_cluster = np.array([is_cluster(name) for name in what], dtype=bool)
    return Said(what, probs.max(1), np.where(known, what == scores.method, in_cluster).astype(bool), known)


def picked(scores: Scores, said: Said, count: int) -> list[int]:
    """Rows to show: the ``count`` most certain errors, then :data:`RIGHT` most certain right ones of each kind.

    At most one of a video, since its frames are alike.
    """
    surest = np.argsort(-said.prob, kind="stable")
    errors = _first_of_videos(scores, [r for r in surest if not said.right[r]])[:count]
    kinds = ([r for r in surest if said.right[r] and said.first[r] == first] for first in (True, False))
    right = [row for rows in kinds for row in _first_of_videos(scores, rows)[:RIGHT]]
    return [int(row) for row in (*errors, *right)]


def _first_of_videos(scores: Scores, rows: list[int]) -> list[int]:
    first: dict[tuple[str, str], int] = {}
    for row in rows:
        first.setdefault((scores.dataset[row], scores.video[row]), row)
    return list(first.values())


def overlays(trained: Trained, batches: Batches, prepare: Prepare) -> Iterator[tuple[Identity, np.ndarray, str]]:
    """Per readable picture who it is, :func:`overlay`, and how the heat came about.

    Raises:
        ConfigError: the detector shows nothing to explain its verdicts by.
    """
    for drawn in batches():
        if drawn.batch is None:
            continue
        heat = heat_of(trained.detector, prepare(drawn.batch))
        pictures = drawn.batch.image.permute(0, 2, 3, 1).numpy()
        for who, picture, found in zip(drawn.batch.identity, pictures, heat.maps.cpu().numpy(), strict=True):
            yield who, overlay(picture, found), heat.how


def overlay(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """``picture (H, W, 3)`` uint8 RGB and, to its right, the same under ``heat (H, W)`` in [0, 1]: ``(H, 2 W, 3)``."""
    colors = cv2.applyColorMap(np.rint(255 * heat).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    share = OPACITY * heat[..., None]
    return np.concatenate([picture, np.rint((1 - share) * picture + share * colors).astype(np.uint8)], axis=1)


def explain_file(verdict: FileVerdict, trained: Trained, device: torch.device, path: Path) -> None:
    """Write to ``path`` (PNG), per face and one below the other, :func:`overlay` of its frame with the highest score.

    Raises:
        ConfigError: the detector shows nothing to explain its verdicts by.
    """
    tracks = []
    for face in verdict.faces:
        top = face.frames[int(np.argmax(face.scores))]
        tracks.append(replace(face.track, cuts=[cut for cut in face.track.cuts if cut.index == top]))
    batches = faces_batches(tracks, trained, device)
    found = [picture for _, picture, _ in overlays(trained, batches, prepare_of(trained.cfg, device))]
    if not found:
        raise DataError(f"{verdict.path}: no face to explain")
    _save(path, np.concatenate(found))


def _save(path: Path, picture: np.ndarray) -> None:
    with atomic(path) as temporary:
        temporary.write_bytes(encode(picture, "png"))
