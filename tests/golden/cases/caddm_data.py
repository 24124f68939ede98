"""CADDM's data side, as far as it needs no pictures: cutting by landmarks, dissimilarity, masks, rates, video AUC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np
import torch

from tests.golden.compare import PICTURES, Result, compare
from tests.golden.fill import rng
from tests.golden.registry import Golden, case
from training.core.config import Layers
from training.core.paths import CONFIG
from training.core.schema import Config
from training.data.blending.face_crops import Pose, crop_matrix, template, template_points
from training.data.blending.mfs import RIPPLE, dissimilarity, face_box, face_mask, most_changed
from training.data.blending.warps import rippled
from training.engine.results import Scores
from training.engine.schedules import SCHEDULES
from training.losses.multibox import match
from training.metrics.ranking import METRICS
from training.networks.anchors import prior_boxes

SIZE = (256, 256)
OF_PICTURES = ("dssim_crops", "partial", "alpha_blend", "mfs_alpha_no_aug")


@case("caddm/dataside")
def dataside(golden: Golden) -> Iterator[Result]:
    """The reference's landmarks come with the figures, its two pictures do not."""
    points = np.array(golden["landmarks68"], np.float32)
    yield from _crops(golden, points)
    yield from _dissimilarity(golden["dssim"], golden["salt"])
    yield from _masks(golden, points)
    for name, figures in golden["label_assign_of_those"].items():
        yield from _anchors(f"label_assign_of_those.{name}", figures, golden["mfs_alpha_no_aug"][name]["bbox"])
    yield from _rates(golden["lr"])
    yield compare("video_auc.video_auc", golden["video_auc"]["video_auc"], _video_auc(golden["salt"]))
    for name in OF_PICTURES:
        yield from (Result(f"{name}.{entry}", None, PICTURES) for entry in golden[name])
    yield from _defects(golden)


def _crops(golden: Golden, points: np.ndarray) -> Iterator[Result]:
    for name, figure in golden["mean_face"].items():
        given = {key: float(value) for key, value in (item.split("=") for item in name.split(","))}
        yield compare(f"mean_face.{name}", figure, template(given["scale"], given["face_width"], int(given["canvas"])))
    figures, matrix = golden["test_align"], crop_matrix(points, Pose())
    yield compare("test_align.five_points", figures["five_points"], template_points(points), 0)
    yield compare("test_align.similarity_2x3", figures["similarity_2x3"], matrix[:2] / matrix[2, 2])
    yield compare("test_align.landmarks_in_crop", figures["landmarks_in_crop"], _moved(points, matrix))
    for name in ("crop_fake", "crop_real_with_same_matrix"):
        yield Result(f"test_align.{name}", None, PICTURES)
    for number, entry in enumerate(golden["train_like_aligns"]):
        given = entry["args"]
        stretches = given.get("sa", 1.0), given.get("sb", 1.0)
        pose = Pose(given["scale"], tuple(given["translation"]), given["rotation"], *stretches)
        moved = _moved(points, crop_matrix(points, pose))
        yield compare(f"train_like_aligns.{number}.landmarks_first3", entry["landmarks_first3"], moved[:3])
        yield compare(f"train_like_aligns.{number}.landmarks_sum", entry["landmarks_sum"], moved.sum())
        yield Result(f"train_like_aligns.{number}.crop", None, PICTURES)


def _moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return cv2.perspectiveTransform(points[None].astype(np.float64), matrix)[0]


def _dissimilarity(golden: Golden, salt: str) -> Iterator[Result]:
    g = rng("dssim", salt)
    a = (g.random((96, 80, 3)) * 255).astype(np.uint8)
    b = np.clip(a + g.integers(-40, 41, a.shape), 0, 255).astype(np.uint8)
    change = dissimilarity(a, b)
    yield compare("dssim.stat", {**golden["stat"], "first8": golden["stat"]["first"]}, change, 1e-9)
    yield compare("dssim.max", golden["max"], change.max(), 1e-9)
    yield compare("dssim.count_gt_1e-3", golden["count_gt_1e-3"], (change > 1e-3).sum(), 0)
    for size, (top, left, bottom, right) in golden["sliding"].items():
        found = most_changed(change.sum(2), *map(int, size.split("x")))
        yield Result(
            f"dssim.sliding.{size}", found == (left, top, right, bottom), f"{found} (left, top, right, bottom)"
        )


def _masks(golden: Golden, points: np.ndarray) -> Iterator[Result]:
    mask, figures = face_mask(points, SIZE), golden["global_mask"]
    yield compare("global_mask.nonzero_pixels", figures["nonzero_pixels"], np.count_nonzero(mask), 0)
    yield from _picture("global_mask.mask", figures["mask"], mask)
    yield from _picture("global_mask.blurred", figures["blurred"], cv2.GaussianBlur(mask, (5, 5), 3))
    drawn = np.random.RandomState(7)  # noqa: NPY002 - the reference's generator
    noise = np.stack([drawn.rand(*SIZE) * 2 - 1 for _ in range(2)], 2).astype(np.float32)
    # At its border our filter mirrors noise without repeating the last pixel, which moves an outline by a hundredth.
    yield from _picture("elastic.out", golden["elastic"]["out"], rippled(mask, noise, 400, RIPPLE), 3)
    left, top, right, bottom = face_box(points, SIZE)
    yield compare("cut_face.crop_shape", golden["cut_face"]["crop_shape"][:2], (bottom - top, right - left), 0)


def _picture(at: str, golden: Golden, mask: np.ndarray, levels: float = 1.01) -> Iterator[Result]:
    """Ours has one channel with values up to 1; pixels of the thumbnail may differ by ``levels`` of 255."""
    pixels = 255 * mask
    yield compare(f"{at}.mean_bgr", golden["mean_bgr"], [pixels.mean(dtype=float)] * 3, 1e-3)
    yield compare(f"{at}.std_bgr", golden["std_bgr"], [pixels.std(dtype=float)] * 3, 1e-3)
    thumbnail = cv2.resize(pixels, (16, 16), interpolation=cv2.INTER_AREA)
    yield compare(f"{at}.thumb16", golden["thumb16"], thumbnail, levels / 255)


def _anchors(at: str, golden: Golden, boxes: list[list[int]]) -> Iterator[Result]:
    """Of the reference's boxes, whichever way round they are."""
    codes, positive = (found[0] for found in match(torch.tensor([boxes]) / 224, prior_boxes()))
    indices = positive.nonzero().flatten().tolist()
    yield Result(f"{at}.positive_anchors", indices == golden["positive_anchors"], str(indices))
    yield compare(f"{at}.loc_rows", golden["loc_rows"], codes[golden["positive_anchors"]], 1e-4)


def _rates(golden: Mapping[str, float]) -> Iterator[Result]:
    optim = Layers().add_file(CONFIG / "detector" / "caddm.yaml").read(Config).optim
    schedule, per_epoch = SCHEDULES[optim.schedule.name], 10
    for epoch, rate in golden.items():
        factor = schedule(int(epoch) * per_epoch, 200 * per_epoch, per_epoch, **optim.schedule.params)
        yield compare(f"lr.{epoch}", rate, optim.rule.params["lr"] * factor, 1e-9)


def _video_auc(salt: str) -> float:
    g = rng("video_auc", salt)
    label = g.integers(0, 2, 12).repeat(10)
    score = np.clip(0.5 + 0.2 * (label - 0.5) + 0.25 * g.standard_normal(120), 0, 1)
    same: dict[str, Any] = {name: ["x"] * 120 for name in ("dataset", "method", "source", "compression")}
    videos = [f"v{i // 10:02d}" for i in range(120)]
    rows = Scores(video=videos, frame=list(range(120)), label=label, fake_prob=score, **same).by_video()
    return METRICS["auc"](rows.label, rows.fake_prob)


def _defects(golden: Golden) -> Iterator[Result]:
    """What the reference's code does to pictures and ours does not."""
    yield Result("cut_face.bbox_used_as_offset", False, "windows lie where they were found")
    yield Result("h_mirror_is_identity", not golden["h_mirror_is_identity"], "mirroring mirrors")
    yield Result("poisson.centre_passed_(x,y)_is", False, "the face stays in its place")
    for name in ("global_elastic_float64_mask", "partial_float64_mask"):
        yield Result(f"poisson.{name}", not golden["poisson"][name].startswith("raises"), "all masks are taken")
    yield Result("poisson.global_uint8_mask", None, PICTURES)
