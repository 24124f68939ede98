"""How a head moves and talks: poses and facial expressions as smooth functions of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Expression:
    """State of the face: blink, mouth opening and smile in about [0, 1], gaze in [-1, 1] (right is positive)."""

    blink: float = 0.0
    mouth: float = 0.0
    smile: float = 0.0
    gaze: float = 0.0


@dataclass(frozen=True, slots=True)
class Pose:
    """Place of the head: center and length of one head unit as fractions of the frame, angles in radians."""

    x: float = 0.5
    y: float = 0.48
    scale: float = 0.27
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    expression: Expression = Expression()

    def rotation(self) -> np.ndarray:
        """Rotation from head to camera coordinates, (3, 3) float32: yaw first, then pitch, then roll."""
        (cy, cp, cr), (sy, sp, sr) = (f([self.yaw, self.pitch, self.roll]) for f in (np.cos, np.sin))
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return (roll @ pitch @ yaw).astype(np.float32)


class Motion:
    """One person's talking motion in one video; call it with a time in seconds."""

    SWAYS = ("x", "y", "scale", "yaw", "pitch", "roll", "smile", "gaze", "talk")
    BLINK_HALF_WIDTH = 0.10

    def __init__(self, rng: np.random.Generator) -> None:
        self._phase = dict(zip(self.SWAYS, rng.uniform(0, 2 * np.pi, len(self.SWAYS)).tolist(), strict=True))
        self._rate = dict(zip(self.SWAYS, rng.uniform(0.15, 0.45, len(self.SWAYS)).tolist(), strict=True))
        self._size = float(rng.uniform(0.26, 0.31))
        self._syllables = float(rng.uniform(2.2, 3.2))
        self._blink_period = float(rng.uniform(1.2, 3.0))
        self._blink_offset = float(rng.uniform(0, 3.0))

    def __call__(self, time: float) -> Pose:
        """Pose at `time` seconds."""
        return Pose(
            x=0.5 + self._sway("x", time, 0.02),
            y=0.48 + self._sway("y", time, 0.012),
            scale=self._size + self._sway("scale", time, 0.006),
            yaw=self._sway("yaw", time, 0.22),
            pitch=self._sway("pitch", time, 0.09),
            roll=self._sway("roll", time, 0.06),
            expression=self._expression(time),
        )

    def _sway(self, name: str, time: float, amplitude: float) -> float:
        return amplitude * float(np.sin(2 * np.pi * self._rate[name] * time + self._phase[name]))

    def _expression(self, time: float) -> Expression:
        syllable = float(np.sin(2 * np.pi * self._syllables * time + self._phase["talk"]))
        since_blink = (time + self._blink_offset) % self._blink_period
        return Expression(
            blink=max(0.0, 1 - abs(since_blink - self.BLINK_HALF_WIDTH) / self.BLINK_HALF_WIDTH),
            mouth=max(0.0, syllable * (0.45 + self._sway("talk", time, 0.4))),
            smile=0.2 + self._sway("smile", time, 0.2),
            gaze=self._sway("gaze", time, 0.5),
        )
