"""Which face is cut and how: by every kind of finder, on a real face in pictures of known geometry."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

from preprocessing.faces.align import FIVE_POINTS, Crop, carry, template, warp
from preprocessing.faces.detect import CNN_WEIGHTS, WHOLE, Face, HogDetector
from preprocessing.faces.find import Found
from preprocessing.faces.models import Detection, Models, build_models, models_like
from preprocessing.faces.video import Shot
from tests.unit.media import PREDICTOR, face, needs_predictor
from training.core.config import Spec
from training.core.errors import ConfigError

pytestmark = needs_predictor
EYES = 65
"""Pixels between the eyes of :func:`face`, about."""


def build(name: str = "hog", detection: Detection = "fast", crop: Crop = Crop(), **options: object) -> Models:  # noqa: B008 - frozen
    return build_models(Spec(name=name, params=options), detection, PREDICTOR, False, crop)


@pytest.fixture(scope="module")
def fast() -> Models:
    return build()


def scene(*places: tuple[float, int, int], size: tuple[int, int] = (480, 640)) -> np.ndarray:
    """The face at each (scale, x, y) on gray."""
    picture = np.full((*size, 3), 96, np.uint8)
    for scale, x, y in places:
        part = cv2.resize(
            face(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        )
        picture[y : y + part.shape[0], x : x + part.shape[1]] = part
    return picture


def five(found: Found) -> np.ndarray:
    """The five points in the picture."""
    return carry(found.landmarks[list(FIVE_POINTS)], cv2.invertAffineTransform(found.matrix))


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.2, 2.0, 2.8])
def test_a_face_of_any_size_is_found_where_it_is(fast, scale):
    [face_of_reference] = HogDetector()(face())
    expected = five(fast.find(Shot(0, face())))
    found = fast.find(Shot(0, scene((scale, 30, 20))))
    assert np.abs((five(found) - (30, 20) + 0.5) / scale - 0.5 - expected).max() < 0.04 * EYES
    assert found.face.width == pytest.approx(face_of_reference.width * scale, rel=0.25)


@pytest.mark.parametrize(("x", "y"), [(100, 100), (140, 80), (60, 130)])
@pytest.mark.parametrize("scale", [0.5, 1.4])
def test_looking_near_the_last_face_finds_the_same_as_looking_everywhere(fast, scale, x, y):
    before = fast.find(Shot(0, scene((scale, 100, 100))))
    shot = Shot(1, scene((scale, x, y)))
    near, anywhere = fast.find(shot, before.face), fast.find(shot)
    assert np.abs(five(near) - five(anywhere)).mean() < 0.02 * EYES * scale


def test_of_several_the_marked_then_the_last_then_the_best_is_taken(fast):
    shot = Shot(0, scene((1.5, 20, 20), (0.5, 450, 300)))
    big, small = sorted(fast.find.every(shot), key=lambda found: -found.face.width)
    assert big.face.right < 270 and small.face.left > 440
    mask = np.zeros((480, 640), bool)
    mask[330:350, 480:500] = True
    assert fast.find(shot).face == big.face
    assert fast.find(shot, small.face).face.overlap(small.face) > 0.5
    assert fast.find(shot, big.face, mask).face.overlap(small.face) > 0.5
    mask[:] = np.arange(640) < 300
    assert fast.find(shot, small.face, mask).face.overlap(big.face) > 0.5


def test_a_lost_face_gives_way_to_another(fast):
    found = fast.find(Shot(0, scene((1.5, 20, 20))), Face(450, 300, 520, 370, 1.0))
    assert found.face.right < 270
    smaller = np.full((100, 100, 3), 96, np.uint8)
    assert fast.find(Shot(1, smaller), Face(450, 300, 520, 370, 1.0)) is None


def test_where_a_face_was_a_weak_hit_is_one(fast):
    clear = fast.find(Shot(0, scene((1.2, 200, 100))))
    strict = build(min_score=clear.face.score + 0.5)
    assert strict.find(Shot(0, scene((1.2, 200, 100)))) is None
    assert strict.find(Shot(0, scene((1.2, 200, 100))), clear.face).face.overlap(clear.face) > 0.5
    assert strict.find(Shot(0, scene((1.2, 200, 100))), Face(330, 180, 430, 280, 1.0)) is None
    assert strict.find(Shot(0, scene()), clear.face) is None


def test_what_looks_like_a_face_must_do_so_in_the_crop_too():
    """scikit-image's astronaut has a false hit on her suit, which the reference's second look drops."""
    suit = np.ascontiguousarray(skimage.data.astronaut()[290:480, 80:270])
    assert HogDetector(min_score=0.0)(suit)
    for detection in ("fast", "exact"):
        assert build(detection=detection, min_score=0.0).find(Shot(0, suit)) is None


def test_every_face_is_cut_as_one_alone_would_be(fast):
    shot = Shot(0, scene((1.5, 20, 20)))
    [only], alone = fast.find.every(shot), fast.find(shot)
    assert only.face == alone.face and np.array_equal(only.matrix, alone.matrix)
    moved = Shot(1, scene((1.5, 26, 24)))
    [only], alone = fast.find.every(moved, [alone.face]), fast.find(moved, alone.face)
    assert only.face == alone.face and np.array_equal(only.matrix, alone.matrix)


def test_the_exact_way_takes_the_largest_even_if_it_scores_less():
    shot = Shot(0, scene((0.7, 20, 20), (1.9, 200, 100)))
    small, big = sorted(HogDetector(min_score=0.0)(shot.rgb), key=lambda box: box.width)[-2:]
    found = build(detection="exact").find(shot, small)
    assert found.face == big and (found.landmarks == np.rint(found.landmarks)).all()
    assert len(build(detection="exact").find.every(shot)) == 2


@pytest.mark.skipif(not CNN_WEIGHTS.is_file(), reason="no CNN detector; run ./install.sh")
def test_a_chain_falls_through_to_the_detector_that_sees_something(fast):
    turned = cv2.warpAffine(
        face(), cv2.getRotationMatrix2D((80, 80), 50, 1), (160, 160), borderMode=cv2.BORDER_REFLECT_101
    )
    both = build("hog,cnn")
    assert fast.find(Shot(0, turned)) is None and fast.find.every(Shot(0, turned)) == []
    found = both.find(Shot(0, turned))
    assert found.face.overlap(Face(33, 31, 128, 126, 1.0)) > 0.5
    assert both.find.every(Shot(0, turned))[0].face.overlap(found.face) > 0.5
    upright = both.find(Shot(0, face()))
    assert upright.face == fast.find(Shot(0, face())).face


@pytest.mark.parametrize("detection", ["fast", "exact"])
def test_a_margin_adds_to_the_crop_and_changes_nothing_in_it(detection):
    shot = Shot(0, scene((1.5, 200, 100)))
    plain = build(detection=detection).find(shot)
    crop = Crop(margin=20)
    wide = build(detection=detection, crop=crop).find(shot)
    assert crop.side == 296
    inner = warp(shot.rgb, wide.matrix, crop.side)[20:-20, 20:-20]
    assert np.abs(inner.astype(int) - warp(shot.rgb, plain.matrix, 256)).mean() < 0.1
    assert wide.landmarks == pytest.approx(plain.landmarks + 20, abs=1e-3)


@pytest.mark.parametrize("size", [64, 256, 400])
def test_faces_found_do_not_depend_on_the_size_of_the_crop(fast, size):
    shot = Shot(0, scene((0.5, 200, 100)))
    found = build(crop=Crop(size=size)).find(shot)
    assert found.face == fast.find(shot).face
    assert np.abs(found.landmarks[list(FIVE_POINTS)] - template(size)).max() < 0.06 * size


@pytest.mark.parametrize(("size", "how"), [(80, cv2.INTER_AREA), (160, cv2.INTER_AREA), (256, cv2.INTER_LINEAR)])
def test_crops_are_taken_whole(size, how):
    models = build(WHOLE, crop=Crop(size))
    found = models.find(Shot(0, face()))
    assert np.array_equal(models.crop.cut(face(), found.matrix), cv2.resize(face(), (size, size), interpolation=how))
    assert found.landmarks.shape == (68, 2)
    assert "detection" not in models.facts() and models.facts()["detector"] == {"name": WHOLE}
    without = build_models(Spec(name=WHOLE), "fast", None, False, Crop(size))
    assert without.find(Shot(0, np.zeros((9, 7, 3), np.uint8))).landmarks is None
    assert "predictor" not in without.facts()


def test_faces_cannot_be_aligned_without_landmarks():
    with pytest.raises(ConfigError, match="only pictures that are crops"):
        build_models(Spec(name="hog"), "fast", None, False, Crop())


@pytest.mark.parametrize(
    "models",
    [
        lambda: build(min_score=0.2, crop=Crop(128, 1.5, 8)),
        lambda: build(detection="exact"),
        lambda: build(WHOLE, crop=Crop(224)),
        lambda: build_models(Spec(name=WHOLE), "fast", None, False, Crop(224)),
        lambda: build_models(Spec(name="hog"), "fast", PREDICTOR, True, Crop()),
    ],
)
def test_facts_are_enough_to_cut_alike(models):
    facts = models().facts()
    assert models_like({"settings": facts}).facts() == facts


def test_silent_facts_mean_the_defaults():
    assert models_like({}).facts() == build().facts()
