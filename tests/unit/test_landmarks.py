"""Landmarks of a real face, the forehead that is extrapolated, and the messages about model files."""

from __future__ import annotations

import cv2
import dlib
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.faces.detect import Face, HogDetector
from preprocessing.faces.landmarks import LandmarkPredictor, with_forehead
from tests.unit.media import PREDICTOR, needs_predictor
from training.core.errors import WeightsError


def test_a_missing_predictor_says_what_to_put_where(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.dat; install\.sh puts the 68-point one there"):
        LandmarkPredictor(tmp_path / "none.dat")


def test_another_file_is_no_predictor(tmp_path):
    (tmp_path / "x.dat").write_text("hello")
    with pytest.raises(WeightsError, match=r"x\.dat: not a dlib landmark predictor"):
        LandmarkPredictor(tmp_path / "x.dat")


def _train_predictor(path, points):
    """A tiny predictor of ``points`` landmarks: dlib trains one on two pictures in no time."""
    box = dlib.rectangle(10, 10, 80, 80)
    shape = dlib.full_object_detection(box, [dlib.point(10 + i % 70, 10 + i // 2) for i in range(points)])
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.num_trees_per_cascade_level, options.num_threads = 2, 2, 1
    pictures = [np.random.default_rng(i).integers(0, 255, (100, 100), dtype=np.uint8) for i in range(2)]
    dlib.train_shape_predictor(pictures, [[shape], [shape]], options).save(str(path))
    return path


@pytest.mark.parametrize("points", [68, 81])
def test_a_forehead_is_extrapolated_only_where_there_is_none(tmp_path, points):
    path = _train_predictor(tmp_path / "p.dat", points)
    plain, predictor = LandmarkPredictor(path), LandmarkPredictor(path, forehead=True)
    image, face = np.zeros((99, 99, 3), np.uint8), Face(5, 5, 80, 80, 1.0)
    assert predictor.points == len(predictor(image, face)) == len(predictor.finely(image, face)) == 81
    assert np.array_equal(predictor(image, face)[:points], plain(image, face))
    assert ("forehead" in predictor.facts) == (points == 68) and "forehead" not in plain.facts
    assert predictor.facts["points"] == 81 and plain.facts["points"] == points


def drawn_face() -> np.ndarray:
    """68 points; those that the forehead follows from: jaw ends 10 below the brows, nose 40 below them."""
    points = np.zeros((68, 2))
    points[[0, 16]] = (-60, 10), (60, 10)
    points[[21, 22]] = (-8, 0), (8, 0)
    points[33] = (0, 40)
    return points


def test_the_forehead_is_half_an_ellipse_as_high_as_nose_and_brows_are_apart():
    points = with_forehead(drawn_face())
    assert points.shape == (81, 2) and np.array_equal(points[:68], drawn_face())
    x, y = points[68:].T
    assert points[74] == pytest.approx((0, -40))
    assert (x / 60) ** 2 + ((y - 10) / 50) ** 2 == pytest.approx(np.ones(13))
    assert (np.diff(x) > 0).all() and x == pytest.approx(-x[::-1]) and y == pytest.approx(y[::-1])


@given(st.floats(0.2, 5), st.floats(-3, 3), st.floats(-99, 99), st.integers(0, 2**32 - 1))
def test_the_forehead_moves_with_the_face(scale, angle, shift, seed):
    points = np.random.default_rng(seed).uniform(0, 200, (68, 2))
    turn = scale * np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    assert with_forehead(points @ turn.T + shift) == pytest.approx(with_forehead(points) @ turn.T + shift, abs=1e-6)


@pytest.mark.parametrize("points", [68, 81])
def test_the_number_of_landmarks_is_read_from_the_file(tmp_path, points):
    predictor = LandmarkPredictor(_train_predictor(tmp_path / "p.dat", points))
    assert predictor.points == points
    assert predictor(np.zeros((99, 99, 3), np.uint8), Face(5, 5, 80, 80, 1.0)).shape == (points, 2)


def test_another_number_of_landmarks_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="predicts 5 points; expected 68 or 81"):
        LandmarkPredictor(_train_predictor(tmp_path / "p.dat", 5))


@needs_predictor
def test_landmarks_lie_in_the_face():
    astronaut = skimage.data.astronaut()
    [face] = HogDetector()(astronaut)
    points = LandmarkPredictor(PREDICTOR)(astronaut, face)
    assert points.shape == (68, 2)
    assert (points.mean(axis=0) > (face.left, face.top)).all() and (
        points.mean(axis=0) < (face.right, face.bottom)
    ).all()


@needs_predictor
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_fine_landmarks_are_the_same_at_any_size(scale):
    image = skimage.data.astronaut()
    [face] = HogDetector()(image)
    predictor = LandmarkPredictor(PREDICTOR)
    fine = predictor.finely(image, face)
    assert np.abs(fine - predictor(image, face)).mean() < 1
    other = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    box = Face(*(round(edge * scale) for edge in (face.left, face.top, face.right, face.bottom)), 1.0)
    moved = (predictor.finely(other, box) + 0.5) / scale - 0.5
    coarse = (predictor(other, box) + 0.5) / scale - 0.5
    assert np.abs(moved - fine).mean() < min(0.5, np.abs(coarse - fine).mean())
