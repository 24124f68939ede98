"""Masks, colors, warps and blending against other libraries, closed forms and their own promises."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import Delaunay
from scipy.spatial.distance import cdist
from skimage.transform import PiecewiseAffineTransform, SimilarityTransform, warp

from training.core.schema import AugmentConfig
from training.data.blending.color import disturb, match_color
from training.data.blending.hulls import HULLS, SELF_BLENDING_KINDS, XRAY_KINDS, hull
from training.data.blending.masks import blend, feathered, misplaced_hull, random_region, softened
from training.data.blending.regions import BLENDINGS, REGIONS, forge, region, roughened
from training.data.blending.warps import (
    elastic,
    grid_warp,
    inner_square,
    move,
    piecewise_affine,
    put_back,
    random_shift,
    shifted,
    similarity,
)
from training.data.partners import Partners
from training.data.transforms import degrade

SIDE = 256
GOLDEN = Path(__file__).parents[1] / "golden" / "data" / "v1" / "_recipes.json"
POINTS = np.array(json.loads(GOLDEN.read_text())["facts"]["landmarks81"], float)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def smooth_face(seed: int = 0) -> np.ndarray:
    """A picture without sharp edges, so that interpolations agree."""
    noise = generator(seed).random((SIDE, SIDE, 3))
    smooth = gaussian_filter(noise, (6, 6, 0))
    return np.rint(255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


class TestHulls:
    @pytest.mark.parametrize("points", [POINTS[:68], POINTS], ids=["68", "81"])
    @pytest.mark.parametrize("kind", HULLS)
    def test_are_filled_once_and_scale_with_the_face(self, kind, points):
        mask = hull(kind, points, SIDE)
        assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 1}
        half = hull(kind, points / 2, SIDE // 2)
        assert half.mean() == pytest.approx(mask.mean(), rel=0.05)

    def test_the_normal_one_is_the_convex_hull(self):
        y, x = np.mgrid[:SIDE, :SIDE]
        inside = Delaunay(POINTS).find_simplex(np.stack([x, y], -1)) >= 0
        ours = hull("normal", POINTS, SIDE)
        border = cv2.morphologyEx(ours, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        assert not (ours.astype(bool) ^ inside)[border == 0].any()

    def test_only_those_of_all_points_see_the_forehead(self):
        for kind in HULLS:
            grown = hull(kind, POINTS, SIDE).sum() > hull(kind, POINTS[:68], SIDE).sum()
            assert grown == (kind in ("normal", "inner", "inner_no_brows", "face"))

    def test_every_recipe_kind_exists(self):
        assert {*XRAY_KINDS, *SELF_BLENDING_KINDS} == set(HULLS)


class TestMasks:
    @pytest.mark.parametrize("seed", range(20))
    def test_random_ones_are_within_0_and_1_and_never_empty(self, seed):
        points = POINTS[: (68, 81)[seed % 2]]
        area = random_region(points, SIDE, generator(seed))
        placed, _ = misplaced_hull(points, SIDE, generator(seed))
        for mask in (area, placed, softened(elastic(placed, generator(seed)), generator(seed))):
            assert mask.shape == (SIDE, SIDE) and mask.dtype == np.float32
            assert mask.min() >= 0 and 0.9 < mask.max() <= 1

    def test_softening_keeps_the_middle_and_reaches_no_further_than_its_filters(self):
        mask = np.zeros((SIDE, SIDE), np.float32)
        mask[64:192, 64:192] = 1
        far = cv2.dilate(mask, np.ones((33, 33), np.uint8))
        for seed in range(10):
            soft = softened(mask, generator(seed))
            assert soft[128, 128] > 0.99
            assert not soft[far == 0].any()
            assert ((soft > 0) & (soft < 1)).any()

    def test_feathers_rise_with_the_distance_from_the_border(self):
        mask = hull("inner", POINTS, SIDE)
        weights = feathered(mask, 0.2)
        corners = cv2.convexHull(cv2.findNonZero(mask))
        reach = 0.2 * np.ptp(corners[:, 0], axis=0).max()
        for x, y in generator().integers(0, SIDE, (200, 2)).tolist():
            depth = cv2.pointPolygonTest(corners, (x, y), True)
            assert weights[y, x] == pytest.approx(np.clip(depth / reach, 0, 1), abs=1e-5)
        assert not feathered(np.zeros((SIDE, SIDE))).any()


class TestBlend:
    def test_is_the_weighted_mean_and_nothing_outside(self):
        source, target = smooth_face(1), smooth_face(2)
        mask = random_region(POINTS, SIDE, generator()) * 0.5
        out = blend(source, target, mask)
        exact = mask[..., None] * source.astype(float) + (1 - mask[..., None]) * target
        assert np.abs(out - exact).max() <= 0.5 + 1e-3
        assert np.array_equal(out[mask == 0], target[mask == 0])
        assert np.array_equal(blend(source, target, np.ones((SIDE, SIDE))), source)

    def test_of_a_picture_with_itself_is_the_picture(self):
        face = smooth_face()
        assert np.array_equal(blend(face, face, generator().random((SIDE, SIDE))), face)


class TestWarps:
    def test_similarity_is_the_least_squares_one(self):
        other = POINTS @ [[0.9, 0.3], [-0.2, 1.1]] + generator().normal(0, 3, POINTS.shape) + [5, -7]
        expected = SimilarityTransform.from_estimate(POINTS, other).params[:2]
        np.testing.assert_allclose(similarity(POINTS, other), expected, atol=1e-9)

    def test_piecewise_affine_warp(self):
        face = smooth_face()
        target = POINTS[:48] + generator().normal(0, 2, (48, 2))
        ours, inside = piecewise_affine(face, POINTS[:48], target, SIDE)
        expected = warp(face, PiecewiseAffineTransform.from_estimate(target, POINTS[:48]), preserve_range=True)
        sure = cv2.erode(inside, np.ones((3, 3), np.uint8)) > 0
        assert np.abs(ours.astype(float) - expected)[sure].max() < 3
        assert not ours[inside == 0].any()

    def test_the_inner_square_holds_the_features_upright_and_goes_back(self):
        turned = move(POINTS, np.array([[0.9, 0.2, 0], [-0.2, 0.9, 40]]))
        matrix = inner_square(turned, SIDE)
        inner = move(turned, matrix)[17:68]
        assert inner.min() == pytest.approx(0) and inner.max() == pytest.approx(SIDE - 1)
        eyes = move(turned, matrix)[[36, 39, 42, 45]]
        assert eyes[:2, 1].mean() == pytest.approx(eyes[2:, 1].mean())
        face = smooth_face()
        back, inside = (put_back(x, matrix) for x in (shifted(face, matrix), np.ones((SIDE, SIDE), np.uint8)))
        assert np.abs(back.astype(int) - face)[inside > 0].mean() < 2
        assert not back[inside == 0].any()

    def test_no_displacement_changes_nothing(self):
        mask = hull("whole", POINTS, SIDE).astype(np.float32)
        np.testing.assert_array_equal(elastic(mask, generator(), strength=0), mask)
        np.testing.assert_array_equal(grid_warp(mask, generator(), spread=0), mask)

    @pytest.mark.parametrize("deform", [elastic, grid_warp])
    def test_deformations_scale_with_the_face(self, deform):
        """The larger the face, the larger the shifts: the share of changed pixels stays."""
        shares = []
        for side in (128, 512):
            mask = hull("whole", POINTS * side / SIDE, side).astype(np.float32)
            changed = [np.abs(deform(mask, generator(seed)) - mask).mean() for seed in range(12)]
            shares.append(np.mean(changed))
        assert shares[0] == pytest.approx(shares[1], rel=0.4)

    def test_misplacements_stay_small(self):
        for seed in range(50):
            matrix = random_shift(SIDE, generator(seed))
            center = move(np.array([[127.5, 127.5]]), matrix)[0] - 127.5
            assert 0.95 <= matrix[0, 0] <= 1 / 0.95 and matrix[0, 1] == 0
            assert abs(center[0]) <= 0.03 * SIDE and abs(center[1]) <= 0.015 * SIDE


class TestColor:
    def test_matching_takes_over_mean_and_deviation_inside_only(self):
        source, target = smooth_face(1), smooth_face(2)
        mask = hull("inner", POINTS, SIDE)
        out = match_color(source, target, mask)
        inside = mask > 0
        np.testing.assert_allclose(out[inside].mean(0), target[inside].mean(0), atol=1.5)
        np.testing.assert_allclose(out[inside].std(0), target[inside].std(0), atol=1.5)
        assert np.array_equal(out[~inside], source[~inside])
        assert np.array_equal(match_color(source, target, 0 * mask), source)

    def test_disturbing_keeps_a_picture_a_picture(self):
        face = smooth_face()
        different = [disturb(face, generator(seed)) for seed in range(20)]
        assert all(d.shape == face.shape and d.dtype == np.uint8 for d in different)
        assert all(0 < np.abs(d.astype(int) - face).mean() < 60 for d in different)
        assert np.array_equal(different[3], disturb(face, generator(3)))


class TestRegions:
    def test_joint_ones_are_unions(self):
        single = {names[0]: region(i, POINTS, SIDE) for i, names in enumerate(REGIONS) if len(names) == 1}
        for i, names in enumerate(REGIONS):
            assert np.array_equal(region(i, POINTS, SIDE), np.maximum.reduce([single[name] for name in names]))

    @pytest.mark.parametrize("blending", BLENDINGS)
    def test_forging_changes_nothing_outside(self, blending):
        source, target = smooth_face(1), smooth_face(2)
        for seed in range(5):
            mask = roughened(region(seed, POINTS, SIDE), generator(seed))
            assert mask.dtype == np.float32 and mask.min() >= 0 and mask.max() <= 1
            fake, weights = forge(source, target, mask, blending, 0.6, generator(seed))
            assert (fake != target).any() and weights.min() >= 0 and weights.max() <= 1
            assert np.array_equal(fake[weights == 0], target[weights == 0])

    def test_a_mix_of_no_magnitude_is_the_target(self):
        source, target = smooth_face(1), smooth_face(2)
        fake, weights = forge(source, target, region(4, POINTS, SIDE).astype(np.float32), "mix", 0.0, generator())
        assert np.array_equal(fake, target) and not weights.any()


class TestPartners:
    def test_are_the_nearest_shapes_of_other_sources(self):
        points = POINTS[:68] + generator().normal(0, 4, (200, 68, 2))
        points[::3] = points[::3] * 1.7 + 11  # of a larger crop
        sources = [f"s{i // 10}" for i in range(200)]
        partners = Partners(points, sources)
        centered = points - points.mean(1, keepdims=True)
        shapes = (centered / np.linalg.norm(centered, axis=(1, 2), keepdims=True)).reshape(200, -1)
        distance = cdist(shapes, shapes)
        for i in range(0, 200, 7):
            others = [j for j in np.argsort(distance[i]) if sources[j] != sources[i]]
            assert sorted(partners.nearest(i, 15)) == sorted(others[:15])
            assert sorted(partners.nearest(i, 500)) == sorted(others)


def test_blur_by_sigma_is_a_gaussian_of_that_sigma():
    face = smooth_face()
    still = dict.fromkeys(("flip", "rotate", "color", "jpeg"), 0.0)
    ours = degrade(face, AugmentConfig(blur=1, blur_sigma=(2, 2), **still), generator())
    expected = gaussian_filter(face.astype(float), (2, 2, 0), mode="mirror")
    assert np.abs(ours - expected).max() < 2
