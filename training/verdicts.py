"""What predict.py says of files and their faces: as text for people, as plain data for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax
from scipy.stats import t as student

from preprocessing.faces.tracks import Track
from training.core.classes import is_cluster
from training.engine.evaluators.calibration import FITTED_ON, per_level
from training.engine.results import Scores
from training.metrics.calibration import Calibration

EVIDENCE = "A score is evidence, not proof: detectors err, most of all on files unlike those they were trained on."
MAKERS = "maker: the likeliest output; known: how likely it is any known method."
CONFIDENCE = 0.95
CROPS = "the method learned from crops that others had made, so no face is looked for: each picture counts as one"
NO_REAL = "the method knows no real pictures, so it does not say whether a picture is fake"


def judged_by(calibration: Mapping[str, Any] | None) -> list[str]:
    """What a reader must know of calibrated probabilities and verdicts, where a checkpoint gives any."""
    if not calibration:
        return []
    sets = ", ".join(calibration[FITTED_ON])
    said = [f"calibrated probability and verdict: by what suited the validation data of {sets}; other data may differ"]
    for level, found in per_level(calibration).items():
        if found.fpr is not None:
            reals = f"the {found.real} real {level}s that the threshold was chosen on"
            said.append(f"false alarms: {found.fpr:.1%} of {reals} lie above it; elsewhere it may well be more")
    return said


@dataclass(frozen=True)
class Maker:
    """Who most probably made a face, which is evidence, not proof: a new generator may look like a known one."""

    output: str
    """A known method, or ``cluster 3``."""
    confidence: float
    """Probability of ``output``."""
    known_prob: float
    """Probability of all known methods together."""
    probs: dict[str, float]
    """Of all outputs."""
    frames: list[float]
    """Probability of ``output`` in every single frame."""

    @staticmethod
    def of(face: Scores) -> Maker:
        """The verdict on one face's frames, as testing judges a video: by the mean of their logits."""
        probs = softmax(face.logits.mean(0))
        best = int(probs.argmax())
        known = [not is_cluster(name) for name in face.classes]
        return Maker(
            output=face.classes[best],
            confidence=float(probs[best]),
            known_prob=float(probs[known].sum()),
            probs=dict(zip(face.classes, probs.tolist(), strict=True)),
            frames=softmax(face.logits, axis=1)[:, best].tolist(),
        )

    @property
    def name(self) -> str:
        """``Deepfakes``, or ``unknown cluster 3``."""
        return f"unknown {self.output}" if is_cluster(self.output) else self.output

    def as_json(self) -> dict[str, Any]:
        """Plain data; the frames stand with their scores."""
        return {"name": self.name} | {key: getattr(self, key) for key in ("confidence", "known_prob", "probs")}


@dataclass
class FaceVerdict:
    """One followed face: the mean over its frames (clips), and every single one."""

    fake_prob: float | None
    """None where the method knows no real pictures."""
    frames: list[int]
    scores: list[float]
    track: Track
    maker: Maker | None = None
    """None where the method does not tell."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """Student's interval of the mean over frames, within [0, 1]; None of one frame.

        It says how much hangs on which frames were looked at, not how often such verdicts are right.
        """
        count = len(self.scores)
        if self.fake_prob is None or count < 2:
            return None
        half = float(student.ppf((1 + CONFIDENCE) / 2, count - 1) * np.std(self.scores, ddof=1) / np.sqrt(count))
        return max(self.fake_prob - half, 0.0), min(self.fake_prob + half, 1.0)

    def as_json(self) -> dict[str, Any]:
        """Plain data for the results file."""
        boxes = {cut.index: [cut.box.left, cut.box.top, cut.box.right, cut.box.bottom] for cut in self.track.cuts}
        frames = [
            {"frame": frame, "fake_prob": None if self.fake_prob is None else value, "box": boxes[frame]}
            for frame, value in zip(self.frames, self.scores, strict=True)
        ]
        whole = {"fake_prob": self.fake_prob, "interval": self.interval}
        if self.maker is None:
            return {**whole, "frames": frames}
        told = [{**one, "maker_prob": value} for one, value in zip(frames, self.maker.frames, strict=True)]
        return {**whole, "maker": self.maker.as_json(), "frames": told}


@dataclass
class FileVerdict:
    """One file: the highest of its faces' scores, since one manipulated face makes a manipulated file."""

    path: Path
    names_makers: bool = False
    """Whether the method tells who made a face."""
    calibration: Calibration | None = None
    """What the checkpoint's validation data say of such scores; None where it kept nothing."""
    faces: list[FaceVerdict] = field(default_factory=list)
    frames_looked_at: int = 0
    frames_without_face: int = 0
    note: str | None = None
    """What was amiss: no face, truncated, unreadable."""
    failed: bool = False
    """Nothing could be read."""
    timeline: str | None = None
    """Name of the picture of its faces and scores over time."""
    heat_map: str | None = None
    """Name of the picture of where its verdict comes from."""

    @property
    def decisive(self) -> FaceVerdict | None:
        """The face that speaks for the file: the one most probably fake, among equals the one with the surest maker."""
        return max(self.faces, key=lambda f: (f.fake_prob or 0.0, f.maker.confidence if f.maker else 0.0), default=None)

    @property
    def fake_prob(self) -> float | None:
        """That of the decisive face."""
        return self.decisive.fake_prob if self.decisive else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """That of the decisive face."""
        return self.decisive.interval if self.decisive else None

    @property
    def maker(self) -> Maker | None:
        """That of the decisive face."""
        return self.decisive.maker if self.decisive else None

    def judged(self, one: FileVerdict | FaceVerdict) -> dict[str, Any]:
        """The score and its interval calibrated, and the verdict at the validation data's threshold, where known.

        With it stands the share of that data's reals that the threshold calls fake.
        """
        if self.calibration is None or one.fake_prob is None:
            return {}
        return {
            "calibrated": float(self.calibration.scaled(np.array(one.fake_prob))),
            "calibrated_interval": one.interval and self.calibration.scaled(np.array(one.interval)).tolist(),
            "verdict": "fake" if one.fake_prob > self.calibration.threshold else "real",
            "threshold": self.calibration.threshold,
            "false_alarm_rate": self.calibration.fpr,
        }

    def as_json(self) -> dict[str, Any]:
        """Plain data for the results file."""
        return {
            "file": str(self.path),
            "fake_prob": self.fake_prob,
            "interval": self.interval,
            **self.judged(self),
            **({"maker": self.maker and self.maker.as_json()} if self.names_makers else {}),
            "faces": [face.as_json() | self.judged(face) for face in self.faces],
            "frames_looked_at": self.frames_looked_at,
            "frames_without_face": self.frames_without_face,
            "timeline": self.timeline,
            "heat_map": self.heat_map,
            "note": self.note,
            "failed": self.failed,
        }


def as_tree(verdicts: Sequence[FileVerdict], weights: str, notes: Sequence[str]) -> dict[str, Any]:
    """What predictions.json holds, in the form of ``training/config/predictions.schema.json``."""
    return {"about": EVIDENCE, "weights": weights, "notes": [*notes], "files": [v.as_json() for v in verdicts]}


def table(verdicts: Sequence[FileVerdict]) -> str:
    """A line per file; of methods that name makers also one per face where a file has several."""
    if verdicts[0].names_makers:
        width = max(len(_maker(one)) for v in verdicts for one in (v, *v.faces))
        head = f"fake   known  {'maker'.ljust(width)}  faces  frames  file"
        return "\n".join([head, *(line for v in verdicts for line in _maker_lines(v, width)), MAKERS])
    if not any(v.calibration for v in verdicts):
        return "\n".join(["fake   faces  frames  file", *(f"{_number(v.fake_prob)}  {_found(v)}" for v in verdicts)])
    return "\n".join(["fake   calibrated  verdict  faces  frames  file", *map(_judged_line, verdicts)])


def _judged_line(verdict: FileVerdict) -> str:
    judged = verdict.judged(verdict)
    calibrated = _number(judged.get("calibrated"))
    return f"{_number(verdict.fake_prob)}  {calibrated:10}  {judged.get('verdict', '-'):7}  {_found(verdict)}"


def _maker_lines(verdict: FileVerdict, width: int) -> Iterator[str]:
    yield f"{_verdict(verdict, width)}  {_found(verdict)}"
    if len(verdict.faces) > 1:
        for number, face in enumerate(verdict.faces, start=1):
            yield f"{_verdict(face, width)}  {'':5}  {'':6}    face {number}"


def _verdict(one: FileVerdict | FaceVerdict, width: int) -> str:
    known = one.maker.known_prob if one.maker else None
    return f"{_number(one.fake_prob)}  {_number(known)}  {_maker(one).ljust(width)}"


def _maker(one: FileVerdict | FaceVerdict) -> str:
    return f"{one.maker.name} {one.maker.confidence:.2f}" if one.maker else "-"


def _found(verdict: FileVerdict) -> str:
    note = f"  ({verdict.note})" if verdict.note else ""
    return f"{len(verdict.faces):5}  {verdict.frames_looked_at:6}  {verdict.path}{note}"


def _number(value: float | None) -> str:
    return "  -  " if value is None else f"{value:.3f}"
