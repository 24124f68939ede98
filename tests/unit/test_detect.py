"""dlib on a real face, the choice among several, and the messages about model files."""

from __future__ import annotations

import dlib
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.faces.detect import Face, HogDetector, LandmarkPredictor, build_detector, follow
from tests.unit.media import PREDICTOR, needs_predictor
from training.core.config import Spec
from training.core.errors import ConfigError, WeightsError


def test_the_best_score_wins_over_a_false_hit_of_the_same_width():
    astronaut = skimage.data.astronaut()
    [face] = HogDetector()(astronaut)
    assert (face.left, face.top, face.right, face.bottom) == (175, 76, 265, 166)
    best, false_hit = HogDetector(min_score=0.0)(astronaut)
    assert best == face and false_hit.score < 0.25
    assert false_hit.right - false_hit.left >= best.right - best.left - 1


def test_min_score_may_lie_below_the_detectors_own_threshold():
    assert len(HogDetector(min_score=-0.3)(skimage.data.astronaut())) > 2


def test_upsampling_finds_smaller_faces():
    small = np.ascontiguousarray(skimage.data.astronaut()[::2, ::2])
    assert HogDetector(upsample=0)(small) == []
    assert len(HogDetector(upsample=1)(small)) == 1


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (Spec(name="hogg"), "did you mean 'hog'?"),
        (Spec(name="hog", params={"min_scor": 1}), "did you mean 'min_score'?"),
        (Spec(name="hog", params={"min_score": "high"}), "expected float"),
        (Spec(name="hog", params={"upsample": -1}), "expected 0 or more"),
    ],
)
def test_wrong_detector_options_are_named(spec, says):
    with pytest.raises(ConfigError) as error:
        build_detector(spec)
    assert says in str(error.value)


boxes = st.builds(
    lambda x, y, w, h, score: Face(x, y, x + w, y + h, score),
    *[st.integers(0, 200)] * 2,
    *[st.integers(1, 90)] * 2,
    st.floats(0.3, 3),
)


@given(boxes, boxes)
def test_overlap_is_symmetric_and_one_for_equal_boxes(a, b):
    assert a.overlap(b) == pytest.approx(b.overlap(a))
    assert 0 <= a.overlap(b) <= 1
    assert a.overlap(a) == 1


@given(st.lists(boxes, max_size=4), st.none() | boxes)
def test_the_face_followed_is_one_of_those_found(faces, last):
    chosen = follow(faces, last)
    assert (chosen in faces) if faces else (chosen is None)


def test_the_same_person_is_followed_and_a_cut_starts_anew():
    left, right = Face(0, 0, 99, 99, 1.0), Face(200, 0, 299, 99, 2.0)
    assert follow([right, left], None) == right
    assert follow([right, left], Face(5, 5, 104, 104, 0.5)) == left
    assert follow([right, left], Face(500, 500, 600, 600, 0.5)) == right
    assert follow([], left) is None


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
