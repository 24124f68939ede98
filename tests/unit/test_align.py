"""The similarity transform against scikit-image, and that picture, mask and landmarks move together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.transform import SimilarityTransform

from preprocessing.faces.align import carry, similarity, template, warp, warp_mask
from training.core.errors import DataError

points = arrays(np.float64, (5, 2), elements=st.floats(-500, 500, width=32))


@given(points, points)
def test_it_is_the_least_squares_similarity(source, target):
    assume(np.ptp(source, axis=0).max() > 1)
    expected = SimilarityTransform.from_estimate(source, target)
    assume(expected and abs(np.linalg.det(expected.params)) > 1e-6)
    assert similarity(source, target) == pytest.approx(expected.params[:2], rel=1e-5, abs=1e-4)


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


def test_picture_mask_and_landmarks_move_together():
    image, mask = np.zeros((300, 400, 3), np.uint8), np.zeros((300, 400, 3), np.uint8)
    spot = np.array([[181.0, 120.0]])
    image[118:123, 179:184] = 255
    mask[118:123, 179:184] = 255
    around = np.array([(150.0, 100), (210, 105), (180, 130), (160, 160), (205, 158)])
    matrix = similarity(around, template())
    x, y = carry(spot, matrix)[0]
    crop, cut = warp(image, matrix, 256), warp_mask(mask, matrix, 256)
    for marked in (crop[..., 0] > 127, cut == 255):
        rows, columns = np.nonzero(marked)
        assert (columns.mean(), rows.mean()) == pytest.approx((x, y), abs=0.5)
    assert set(np.unique(cut)) == {0, 255} and cut.shape == (256, 256)


def test_a_mask_counts_from_the_faintest_mark_that_is_no_noise():
    identity = np.array([[1.0, 0, 0], [0, 1, 0]])
    mask = np.array([[0, 1, 2, 255]] * 4, np.uint8)
    assert warp_mask(mask, identity, 4).tolist() == [[0, 0, 255, 255]] * 4


def test_outside_the_picture_is_black():
    assert warp(np.full((10, 10, 3), 200, np.uint8), np.array([[1.0, 0, 5], [0, 1, 5]]), 32)[:5].max() == 0
