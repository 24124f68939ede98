"""dlib on a real face, chains of detectors, and the choice among several faces."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.faces.detect import CNN_WEIGHTS, Face, HogDetector, build_detectors, described, ranked
from training.core.config import Spec
from training.core.errors import ConfigError


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
        (Spec(name="hog,cnm"), "did you mean 'cnn'?"),
        (Spec(name="hog,already-cropped"), "known: cnn, hog"),
        (Spec(name="hog,cnn", params={"min_score": 0.2}), "options go below a name: hog: {...}"),
        (Spec(name="hog,cnn", params={"hog": {"min_scor": 0.2}}), "did you mean 'min_score'?"),
    ],
)
def test_wrong_detector_options_are_named(spec, says):
    with pytest.raises(ConfigError) as error:
        build_detectors(spec)
    assert says in str(error.value)


@pytest.mark.skipif(not CNN_WEIGHTS.is_file(), reason="no CNN detector; run ./install.sh")
def test_a_chain_is_built_again_from_what_is_on_record():
    built = build_detectors(Spec(name="hog,cnn", params={"cnn": {"min_score": 0.7}}))
    facts = described(built)
    assert facts == {
        "name": "hog,cnn", "hog": {"upsample": 1, "min_score": 0.3}, "cnn": {"upsample": 0, "min_score": 0.7}
    }  # fmt: skip
    name = facts.pop("name")
    assert described(build_detectors(Spec(name=name, params=facts))) == {"name": name, **facts}


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
def test_ranking_loses_no_face_and_begins_with_the_one_followed(faces, last):
    order = ranked(faces, last)
    assert sorted(order, key=id) == sorted(faces, key=id)
    if order and last is None:
        assert order[0].score == max(face.score for face in faces)
    elif order:
        assert order[0].overlap(last) == max(face.overlap(last) for face in faces)


def test_the_same_person_is_followed_and_a_cut_starts_anew():
    left, right = Face(0, 0, 99, 99, 1.0), Face(200, 0, 299, 99, 2.0)
    assert ranked([right, left])[0] == right
    assert ranked([right, left], Face(5, 5, 104, 104, 0.5))[0] == left
    assert ranked([right, left], Face(500, 500, 600, 600, 0.5))[0] == right


def test_the_face_that_the_mask_marks_is_taken_whoever_was_before():
    left, right = Face(0, 0, 99, 99, 1.0), Face(200, 0, 299, 99, 2.0)
    mask = np.zeros((120, 320), bool)
    mask[20:60, 20:60] = True
    assert (left.marked(mask), right.marked(mask), Face(-50, -50, 29, 29, 1.0).marked(mask)) == (0.16, 0, 100 / 6400)
    assert ranked([right, left], right, mask)[0] == left
    both = np.ones((120, 320), bool)
    both[:40, 200:] = False
    assert ranked([right, left], right, both)[0] == right, "both are marked well enough, so the one followed goes on"
