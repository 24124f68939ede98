"""The similarity transform against scikit-image, and that picture, mask and landmarks move together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.transform import SimilarityTransform

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
from training.core.errors import DataError

points = arrays(np.float64, (5, 2), elements=st.floats(-500, 500, width=32))


@given(points, points)
def test_it_is_the_least_squares_similarity(source, target):
    assume(np.ptp(source, axis=0).max() > 1)
    expected = SimilarityTransform.from_estimate(source, target)
    assume(expected and abs(np.linalg.det(expected.params)) > 1e-6)
    assert similarity(source, target) == pytest.approx(expected.params[:2], rel=1e-5, abs=1e-4)


@given(points)
def test_in_single_precision_it_is_scikit_images_to_the_last_bit(source):
    across, along = sorted(np.linalg.svd(source - source.mean(axis=0), compute_uv=False))
    assume(across > 1 and across > 1e-3 * along)  # on one line nothing but rounding tells a face from its mirror image
    target = template(dtype=np.float32)
    expected = SimilarityTransform.from_estimate(source.astype(np.float32), target)
    assert np.array_equal(similarity_in_float32(source, target), expected.params[:2])


@given(points, st.floats(0.1, 10), st.floats(-3, 3), st.tuples(st.floats(-99, 99), st.floats(-99, 99)))
def test_it_recovers_a_transform(source, scale, angle, shift):
    assume(np.ptp(source, axis=0).max() > 1)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]])
    moved = source @ matrix[:, :2].T + matrix[:, 2]
    found = similarity(source, moved)
    assert found == pytest.approx(matrix, rel=1e-6, abs=1e-6 * (1 + np.abs(matrix).max()) * 500)
    assert carry(source, found) == pytest.approx(moved, rel=1e-4, abs=1e-2)


def test_it_never_mirrors():
    mirrored = template() * (-1, 1)
    assert np.linalg.det(similarity(mirrored, template())[:, :2]) > 0


def test_points_that_coincide_are_an_error():
    with pytest.raises(DataError, match="coincide"):
        similarity(np.ones((5, 2)), template())


def test_the_template_scales_with_the_crop():
    assert template(512, 1.3) == pytest.approx(template(256, 1.3) * 2)
    centered = template(256, 1.0) - 128
    assert template(256, 2.0) - 128 == pytest.approx(centered / 2)


def disc(height: int, width: int, center: tuple[float, float], radius: float) -> np.ndarray:
    """``(height, width)`` float: how much of each pixel lies in the disc, to 1/64; pixel centers are whole numbers."""
    fine = np.arange(-0.5 + 1 / 16, max(height, width) - 0.5, 1 / 8)
    inside = (fine[: 8 * width] - center[0]) ** 2 + (fine[: 8 * height, None] - center[1]) ** 2 < radius**2
    return inside.reshape(height, 8, width, 8).mean((1, 3))


def centroid(weights: np.ndarray) -> tuple[float, float]:
    rows, columns = np.indices(weights.shape)
    return (columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("margin", [0, 12])
def test_picture_mask_and_landmarks_move_together_to_a_fraction_of_a_pixel(seed, margin):
    rng = np.random.default_rng(seed)
    crop, turn = Crop(margin=margin), rng.uniform(-0.6, 0.6)
    scale, shift = rng.uniform(0.35, 1.5), rng.uniform(120, 160, 2)
    face = (template() - 128) @ (
        scale * np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    ) + shift
    points = np.zeros((68, 2))
    points[list(FIVE_POINTS)] = face
    matrix = crop.around(crop.of_face(points))
    center, radius = shift + rng.uniform(-15, 15, 2) * scale, 40 * scale
    drawn = disc(300, 320, center, radius) * 255
    expected, size = carry(center[None], matrix)[0], crop.side
    assert centroid(crop.cut(drawn.astype(np.uint8), matrix).astype(float)) == pytest.approx(tuple(expected), abs=0.06)
    mask = warp_mask(drawn.astype(np.uint8), matrix, size) == 255
    assert centroid(mask.astype(float)) == pytest.approx(tuple(expected), abs=0.1)
    # Whatever is touched counts, so a mask reaches up to one and a half source pixels beyond what it marks, never less.
    truth, beyond = (disc(size, size, expected, radius / scale + more / scale) for more in (-0.5, 1.5))
    assert not (mask & (beyond == 0)).any() and not (~mask & (truth == 1)).any()


def test_a_mask_counts_from_the_faintest_mark_that_is_no_noise():
    identity = np.array([[1.0, 0, 0], [0, 1, 0]])
    mask = np.array([[0, 1, 2, 255]] * 4, np.uint8)
    assert warp_mask(mask, identity, 4).tolist() == [[0, 0, 255, 255]] * 4


def test_outside_the_picture_is_black():
    assert warp(np.full((10, 10, 3), 200, np.uint8), np.array([[1.0, 0, 5], [0, 1, 5]]), 32)[:5].max() == 0
