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

from preprocessing.faces.align import (
    FIVE_POINTS,
    Crop,
    carry,
    similarity,
    similarity_in_float32,
    template,
    warp,
    warp_mask,
)
from preprocessing.faces.detect import HogDetector
from preprocessing.faces.models import Detection, Models, build_models
from preprocessing.faces.video import Shot
from tests.golden.compare import Result
from tests.golden.registry import Golden, case
from training.core.config import Spec
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
    """Matrices of all entries; boxes, crops to the bit and landmarks in the crop of those whose picture is at hand."""
    made = pictures()
    for name, entry in golden["images"].items():
        if "five_points_source_xy" in entry:
            yield within(f"{name}.five_points_target_xy", entry["five_points_target_xy"], template(), 1e-4)
            five, target = entry["five_points_source_xy"], template(dtype=np.float32)
            matrix = entry["similarity_matrix_3x3"][:2]
            yield within(f"{name}.similarity_matrix_3x3", matrix, similarity(five, template()), 1e-4)
            yield within(f"{name}.similarity_matrix_3x3.exact", matrix, similarity_in_float32(five, target), 0)
        image = made.get(name)
        if image is None:
            yield Result(f"{name}.crop", None, f"its picture is not at hand ({entry['source']})")
        elif hashlib.sha256(image[..., ::-1].tobytes()).hexdigest() != entry["sha256_bgr_bytes"]:
            yield Result(f"{name}.crop", None, "this OpenCV or scikit-image makes another picture")
        elif not PREDICTOR.is_file():
            yield Result(f"{name}.crop", None, f"{PREDICTOR.name} is not in weights")
        else:
            yield from exactly(name, entry, image)
            yield from fast(name, entry, image)


def models(detection: Detection) -> Models:
    """What cuts the published crops."""
    return build_models(Spec(name="hog"), detection, PREDICTOR, False, Crop())


def exactly(name: str, entry: dict[str, Any], image: np.ndarray) -> Iterator[Result]:
    """All that the reference found and cut, bit for bit."""
    boxes = sorted([f.left, f.top, f.right, f.bottom] for f in HogDetector(min_score=0.0)(image))
    yield Result(f"{name}.rects_first_pass_ltrb", boxes == sorted(entry["rects_first_pass_ltrb"]), f"found {boxes}")
    found = models("exact").find(Shot(0, image))
    yield Result(f"{name}.returned", (found is not None) == entry.get("returned", False), f"returns {found}")
    if found is None:
        return
    box = [found.face.left, found.face.top, found.face.right, found.face.bottom]
    yield Result(f"{name}.chosen_rect", box == entry["chosen_rect"], f"takes {box}")
    crop = warp(image, found.matrix, 256)
    digest = hashlib.sha256(np.ascontiguousarray(crop[..., ::-1]).tobytes()).hexdigest()
    yield Result(f"{name}.crop.sha256", digest == entry["crop"]["sha256"], "the pixels are others")
    yield within(f"{name}.landmarks_in_crop", entry["landmarks_in_crop"]["xy"], found.landmarks, 0)
    if "mask" in entry:
        mask = np.zeros(image.shape, np.uint8)
        cv2.ellipse(mask, (224, 110), (50, 65), 0, 0, 360, (255, 255, 255), -1)
        share = (warp_mask(mask, found.matrix, 256) == 255).mean()
        yield within(f"{name}.mask.share_255", entry["mask"]["share_255_after_threshold_1"], share, 1e-3)


def fast(name: str, entry: dict[str, Any], image: np.ndarray) -> Iterator[Result]:
    """That the default finds the same faces and aligns them alike: five points and landmarks within two pixels."""
    found = models("fast").find(Shot(0, image))
    yield Result(f"{name}.returned.fast", (found is not None) == entry.get("returned", False), f"returns {found}")
    if found is None or not entry.get("returned"):
        return
    mean = float(np.abs(found.landmarks - np.array(entry["landmarks_in_crop"]["xy"])).mean())
    yield Result(f"{name}.landmarks_in_crop.fast", mean <= 2, f"{mean:.2f} px on average, allowed 2")
    back = cv2.invertAffineTransform(found.matrix)
    five = carry(found.landmarks[list(FIVE_POINTS)], back)
    yield within(f"{name}.five_points_source_xy.fast", entry["five_points_source_xy"], five, 2)
