"""The steps of the data recipes that draw nothing: hulls, colors, warps, blending, regions, high frequencies."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch

from tests.golden.compare import Result, compare
from tests.golden.fill import rng
from tests.golden.registry import Golden, case
from training.data.blending.color import match_color
from training.data.blending.hulls import hull
from training.data.blending.masks import blend, feathered, mix
from training.data.blending.regions import REGIONS, region
from training.data.blending.warps import (
    five_points,
    inner_square,
    move,
    piecewise_affine,
    put_back,
    shifted,
    similarity,
)
from training.detectors.facexray import xray
from training.networks.local_relation import HighPass

SIDE = 256
KINDS = {
    "dfl_full": "dfl",
    "facehull": "face",
    "normal-hull": "normal",
    "inner-hull": "inner",
    "inner-hull-no-eyebrow": "inner_no_brows",
    "mouth-hull": "mouth",
    "whole-hull": "whole",
}
"""What we call a hull that the figures call otherwise."""
UNUSED = {
    "i2g_reorder_first81_index": "an order of the forehead's points, which no hull depends on",
    "sladd_five_key": "regions, compared below, are drawn from the landmarks themselves",
    "images": "a description",
    "lm2": "a description",
    "landmarks81": "an input",
}


@case("v1/_recipes")
def recipes(golden: Golden) -> Iterator[Result]:
    """Everything from 81 landmarks and two pictures of noise."""
    facts = golden["facts"]
    points = np.array(facts["landmarks81"], float)
    pictures = [_noise(f"recipe.img{i}", golden.get("salt", "")) for i in (0, 1)]
    yield from _hulls(facts, points)
    yield from _blending(facts, points, *pictures)
    yield from _warping(facts, points, *pictures)
    yield from _regions(facts, points, *pictures)
    yield from _high_pass(facts, pictures[0])
    for entry, reason in UNUSED.items():
        yield Result(entry, None, reason)


def _noise(name: str, salt: str) -> np.ndarray:
    return (128 + 60 * rng(name, salt).standard_normal((SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8)


def _hulls(facts: Golden, points: np.ndarray) -> Iterator[Result]:
    for section, top, used in (("hulls", 1, 81), ("hulls_68pts", 1, 68), ("bi_hulls", 255, 81)):
        for name, expected in facts[section].items():
            yield compare(f"{section}.{name}", expected, top * hull(KINDS.get(name, name), points[:used], SIDE))


def _blending(facts: Golden, points: np.ndarray, back: np.ndarray, front: np.ndarray) -> Iterator[Result]:
    """The reference cuts decimals off where ours rounds, so that mixtures are compared before."""
    inner = hull("inner", points, SIDE)
    soft = torch.from_numpy(cv2.GaussianBlur(255 * inner, (3, 3), 0)) / 255
    matched = match_color(front, back, inner)
    ours = {
        "bi_boundary_inner-hull": xray(soft),
        "bi_color_transfer(src=img0,dst=img1,mask=inner-hull)": matched,
        "i2g_colorTransfer(src=img0,dst=img1)": matched,
        "bi_blend_images(fg=color_transferred,bg=img0,mask)": np.floor(mix(matched, back, feathered(inner))),
    }
    for entry, value in ours.items():
        yield compare(entry, facts[entry], value)


def _warping(facts: Golden, points: np.ndarray, back: np.ndarray, front: np.ndarray) -> Iterator[Result]:
    """Centers of eyes are whole pixels in the figures. The mean face is given by the matrix that leads to it."""
    other = points + [6, -4]
    other[:, 0] = 128 + (other[:, 0] - 128) * 11 // 10
    warped, _ = piecewise_affine(front.astype(np.float32), points[:48], other[:48], SIDE)
    to_mean = np.array(facts["fwa_umeyama(lm[17:68]->mean face)"])
    aligned = shifted(back, SIDE * to_mean)
    inside = put_back(np.ones_like(back), SIDE * to_mean)
    ours = {
        "bi_umeyama(lm -> lm2)": similarity(*(np.floor(five_points(p)) for p in (points, other))),
        "bi_warp_image_3d(img1, lm[:48]->lm2[:48])": np.floor(warped),
        "fwa_umeyama(lm[17:68]->mean face)": inner_square(points, SIDE) / SIDE,
        "fwa_aligned_face_256": aligned,
        "fwa_aligned_landmarks_first3": move(points, SIDE * to_mean)[:3],
        "fwa_face_warp_mask": inside,
        "fwa_face_warp(aligned unmodified)": blend(put_back(aligned, SIDE * to_mean), back, inside[..., 0]),
    }
    for entry, value in ours.items():
        yield compare(entry, facts[entry], value)


def _regions(facts: Golden, points: np.ndarray, back: np.ndarray, front: np.ndarray) -> Iterator[Result]:
    for name, pixels in facts["sladd_regions"].items():
        yield compare(f"sladd_regions.{name}", pixels, region(REGIONS.index((name,)), points, SIDE).sum())
    weights = feathered(region(REGIONS.index(("mouth",)), points, SIDE), share=0.1)
    yield compare("sladd_alpha_weights", facts["sladd_alpha_weights"], np.repeat(weights[..., None], 3, 2))
    entry = "sladd_alpha_blend(img1->img0, mouth mask, feather .1)"
    yield compare(entry, facts[entry], blend(front, back, weights))


def _high_pass(facts: Golden, picture: np.ndarray) -> Iterator[Result]:
    """The same gray level in all channels, so that only the filter counts."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    layer = HighPass(SIDE)
    normalized = layer(torch.from_numpy(gray / 127.5 - 1).expand(1, 3, -1, -1))[0, 0]
    kept = int(layer.keep.sum())
    for name, count in {"low": SIDE**2 - kept, "mid": 0, "high": kept}.items():
        yield compare(f"lrl_filter.{name}", facts["lrl_filter(r1=r2=.33)"][name], count)
    yield compare("lrl_idct(img0)", facts["lrl_idct(img0)"], (normalized + 1) * 127.5)
    yield compare("lrl_idct_normalised", facts["lrl_idct_normalised"], normalized)
