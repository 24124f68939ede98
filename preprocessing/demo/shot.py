"""One frame of footage, and what a forger can get from it: any head, in the same place, under any light."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from preprocessing.demo.camera import Camera
from preprocessing.demo.head import project
from preprocessing.demo.identity import Identity
from preprocessing.demo.motion import Expression, Pose
from preprocessing.demo.render import render_backdrop, render_head
from preprocessing.demo.setting import Light, Setting


@dataclass(frozen=True)
class Shot:
    """A person in a pose and setting before a camera, `size` pixels square; images are float32 in [0, 1]."""

    person: Identity
    pose: Pose
    setting: Setting
    camera: Camera
    size: int

    @cached_property
    def image(self) -> np.ndarray:
        """What the camera takes, (size, size, 3), before its noise."""
        return self.render(self.person)

    def render(self, person: Identity, expression: Expression | None = None, light: Light | None = None) -> np.ndarray:
        """The same shot with another person's head, expression or light on the head, (size, size, 3)."""
        pose = replace(self.pose, expression=expression or self.pose.expression)
        return self.camera.develop(render_head(self._backdrop, person, pose, light or self.setting.light))

    def region(self, outline: np.ndarray, softness: float) -> np.ndarray:
        """Opacity (size, size) in [0, 1] of a polygon (N, 2) on the face.

        `outline` is in head units, `softness` the standard deviation of its edge as a fraction of the frame.
        """
        bits = 4
        corners = project(self.person, self.pose, outline, self.size) * 2**bits
        mask = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(mask, [corners.round().astype(np.int32)], 255, cv2.LINE_AA, shift=bits)
        return cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), softness * self.size)

    @cached_property
    def _backdrop(self) -> np.ndarray:
        return render_backdrop(self.person, self.pose, self.setting, self.size)
