"""Faces cut by a template of five points, as CADDM's networks see them: 224 pixels, tighter than stored faces.

Source: Dong et al., Implicit identity leakage (CVPR 2023), published code. The two stretches' exact points are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.data.blending.warps import similarity

SIDE = 224
FACE_WIDTH = 80
"""Pixels between the outer corners of the eyes at scale 1, roughly."""
UNIT_FACE = np.array(
    [(-0.17607, -0.172844), (0.1736, -0.17356), (-0.00182, 0.0357164), (-0.14617, 0.20185), (0.14496, 0.19943)]
)
"""Eyes, tip of the nose, corners of the mouth, of a face 0.34967 wide with the center at 0."""
UNIT_WIDTH = 0.34967
EYE_LINE = 1 / 2.42
"""Where the left eye lies, as a share of the picture's height."""
CORNERS = (0, 1, 3, 4)


@dataclass(frozen=True, slots=True)
class Pose:
    """How a face lies in the picture: in the middle and upright unless told otherwise.

    ``widened`` stretches the eyes apart and the corners of the mouth together, ``tilted`` the left side of the face and
    shrinks the right one.
    """

    scale: float = 0.9
    shift: tuple[float, float] = (0.0, 0.0)
    degrees: float = 0.0
    widened: float = 1.0
    tilted: float = 1.0

    @staticmethod
    def random(rng: np.random.Generator) -> Pose:
        """As while training."""
        across, down = rng.uniform(-25, 25, 2)
        widened, tilted = (rng.uniform(0.97, 1.03) if rng.random() < 0.2 else 1.0 for _ in range(2))
        degrees = 30 * rng.uniform(-1, 1) ** 3
        return Pose(0.9 + 0.1 * rng.standard_normal(), (across, down), degrees, widened, tilted)


def template(scale: float, face_width: float = FACE_WIDTH, side: int = SIDE) -> np.ndarray:
    """Where the five points ``(5, 2)`` go in a picture of ``side`` pixels."""
    reach = face_width / (side * UNIT_WIDTH)
    places = UNIT_FACE * scale * reach + 0.5
    places[:, 1] *= EYE_LINE / places[0, 1]
    return places * side


def template_points(points: np.ndarray) -> np.ndarray:
    """The five points ``(5, 2)`` of 68 or 81 landmarks; eyes in whole pixels, as the published weights know them."""
    eyes = np.trunc([points[36:42].mean(0), points[42:48].mean(0)])
    return np.concatenate([eyes, points[[30, 48, 54]]])


def crop_matrix(points: np.ndarray, pose: Pose) -> np.ndarray:
    """The homography ``(3, 3)`` from a picture with these landmarks to the face in its ``pose``."""
    places = template(pose.scale)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), pose.degrees, 1.0)
    matrix = _square(turn) @ _square(similarity(template_points(points), places))
    corners = places[list(CORNERS)]
    moved = _stretched(corners, pose.widened, pose.tilted) + pose.shift
    return cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32)) @ matrix


def cropped(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The face, ``(224, 224, 3)``; black beyond the picture."""
    return cv2.warpPerspective(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)


def _stretched(corners: np.ndarray, widened: float, tilted: float) -> np.ndarray:
    """Eyes and corners of the mouth ``(4, 2)``, left before right, stretched about the middle of each pair."""
    grid = corners.reshape(2, 2, 2).copy()  # eyes and mouth, left and right, x and y
    middle = grid[..., 0].mean(1, keepdims=True)
    grid[..., 0] = middle + (grid[..., 0] - middle) * [[widened], [1 / widened]]
    middle = grid[..., 1].mean(0, keepdims=True)
    grid[..., 1] = middle + (grid[..., 1] - middle) * [tilted, 1 / tilted]
    return grid.reshape(4, 2)


def _square(matrix: np.ndarray) -> np.ndarray:
    return np.vstack([matrix, [0, 0, 1]])
