"""Detection, landmarks, alignment, crop and mask.

Matrices are checked of every entry, from the points it gives; the rest of those whose picture can be made again from
scikit-image's astronaut or from a seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import skimage.data

from preprocessing.faces.align import FIVE_POINTS, carry, similarity, template, warp, warp_mask
from preprocessing.faces.detect import HogDetector, LandmarkPredictor
from tests.golden.compare import Result
from tests.golden.registry import Golden, case
from training.core.paths import WEIGHTS

PREDICTOR = WEIGHTS / "shape_predictor_68_face_landmarks.dat"


def pictures() -> dict[str, np.ndarray]:
    """RGB, by the recipes in the entries' ``source``."""
    astronaut = skimage.data.astronaut()
    turn = cv2.getRotationMatrix2D((256, 256), 25, 0.9)
    occluded = astronaut.copy()
    occluded[40:240, 225:330] = 60
    noise = np.random.Generator(np.random.PCG64(3)).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    return {
        "astronaut": astronaut,
        "astronaut_with_mask": astronaut,
        "astronaut_rot25_scale0.9": cv2.warpAffine(astronaut, turn, (512, 512)),
        "astronaut_half": cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA),
        "false_positive_patch": np.ascontiguousarray(astronaut[290:480, 80:270]),
        "half_occluded": occluded,
        "noise_no_face": noise[..., ::-1].copy(),
    }


def within(entry: str, expected: Any, got: Any, allowed: float) -> Result:
    """Is the largest absolute difference at most ``allowed``?"""
    difference = float(np.abs(np.asarray(expected, float) - np.asarray(got, float)).max(initial=0))
    return Result(entry, difference <= allowed, f"off by {difference:.3g}, allowed {allowed:g}")


@case("prep/alignment")
def alignment(golden: Golden) -> Iterator[Result]:
    """Everything but the second pass, which the crops do not depend on."""
    made = pictures()
    for name, entry in golden["images"].items():
        if "five_points_source_xy" in entry:
            yield within(f"{name}.five_points_target_xy", entry["five_points_target_xy"], template(), 1e-4)
            matrix = similarity(entry["five_points_source_xy"], template())
            yield within(f"{name}.similarity_matrix_3x3", entry["similarity_matrix_3x3"][:2], matrix, 1e-4)
        image = made.get(name)
        if image is None:
            yield Result(f"{name}.crop", None, f"its picture is not at hand ({entry['source']})")
        elif hashlib.sha256(image[..., ::-1].tobytes()).hexdigest() != entry["sha256_bgr_bytes"]:
            yield Result(f"{name}.crop", None, "this OpenCV or scikit-image makes another picture")
        else:
            yield from detection(name, entry, image)
            yield from crops(name, entry, image)


def detection(name: str, entry: dict[str, Any], image: np.ndarray) -> Iterator[Result]:
    """Boxes at the reference's threshold, then the one that we would take."""
    boxes = sorted([f.left, f.top, f.right, f.bottom] for f in HogDetector(min_score=0.0)(image))
    yield Result(f"{name}.rects_first_pass_ltrb", boxes == sorted(entry["rects_first_pass_ltrb"]), f"found {boxes}")
    if "chosen_rect" not in entry:
        return
    best = next(iter(HogDetector()(image)), None)
    chosen = None if best is None else [best.left, best.top, best.right, best.bottom]
    yield Result(f"{name}.chosen_rect", chosen == entry["chosen_rect"], f"takes {chosen}")
    if best is None or chosen != entry["chosen_rect"]:
        return
    if not PREDICTOR.is_file():
        yield Result(f"{name}.landmarks", None, f"{PREDICTOR.name} is not in weights")
        return
    points = LandmarkPredictor(PREDICTOR)(image, best)
    yield within(f"{name}.five_points_source_xy", entry["five_points_source_xy"], points[list(FIVE_POINTS)], 1)
    # The reference looks for landmarks again in the crop; ours are the first ones, moved there.
    carried = carry(points, similarity(entry["five_points_source_xy"], template()))
    mean = float(np.abs(carried - np.array(entry["landmarks_in_crop"]["xy"])).mean())
    yield Result(f"{name}.landmarks_in_crop", mean <= 2, f"{mean:.2f} px on average, allowed 2")


def crops(name: str, entry: dict[str, Any], image: np.ndarray) -> Iterator[Result]:
    """The crop under the matrix from the entry's points."""
    if "crop" not in entry:
        return
    matrix = similarity(entry["five_points_source_xy"], template())
    crop = warp(image, matrix, 256)
    thumbnail = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (16, 16), interpolation=cv2.INTER_AREA)
    yield within(f"{name}.crop.grey_thumb16", entry["crop"]["grey_thumb16"], thumbnail, 1)
    yield within(f"{name}.crop.mean_bgr", entry["crop"]["mean_bgr"], crop[..., ::-1].mean((0, 1)), 0.01)
    yield within(f"{name}.crop.std_bgr", entry["crop"]["std_bgr"], crop[..., ::-1].std((0, 1)), 0.01)
    if "mask" in entry:
        mask = np.zeros(image.shape, np.uint8)
        cv2.ellipse(mask, (224, 110), (50, 65), 0, 0, 360, (255, 255, 255), -1)
        share = (warp_mask(mask, matrix, 256) == 255).mean()
        yield within(f"{name}.mask.share_255", entry["mask"]["share_255_after_threshold_1"], share, 1e-3)
