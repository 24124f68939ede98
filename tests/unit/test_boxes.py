"""The unaligned boxes of open-world attribution, against a cut and a resize by OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

from preprocessing.faces.align import Crop, carry, enlarged, warp
from preprocessing.faces.models import build_models
from preprocessing.faces.video import Shot
from preprocessing.settings import CONFIG, load
from training.core.config import Spec
from training.core.errors import ConfigError


def test_the_best_box_is_cut_larger_and_not_turned():
    rgb = skimage.data.astronaut()
    models = build_models(Spec(name="hog"), "boxes", None, False, Crop(size=256))
    found = models.find(Shot(0, rgb))
    box = (found.face.left, found.face.top, found.face.right, found.face.bottom)
    left, top, right, bottom = enlarged(box, 1.2, *rgb.shape[:2])
    assert left < box[0] and bottom > box[3]
    cut = cv2.resize(rgb[top:bottom, left:right], (256, 256), interpolation=cv2.INTER_LINEAR)
    inner = slice(4, -4)  # at its edges a resized cut knows nothing of the picture around it
    difference = np.abs(warp(rgb, found.matrix, 256).astype(int) - cut)[inner, inner]
    assert difference.max() <= 2
    corners = np.array([(left - 0.5, top - 0.5), (right - 0.5, bottom - 0.5)])
    np.testing.assert_allclose(carry(corners, found.matrix), [(-0.5, -0.5), (255.5, 255.5)], atol=1e-3)


def test_a_picture_without_a_face_is_taken_whole():
    rgb = np.random.default_rng(0).integers(0, 255, (60, 90, 3)).astype(np.uint8)
    found = build_models(Spec(name="hog"), "boxes", None, False, Crop(size=32)).find(Shot(0, rgb))
    assert found is not None and found.landmarks is None
    np.testing.assert_allclose(carry(np.array([(-0.5, -0.5), (89.5, 59.5)]), found.matrix), [(-0.5,) * 2, (31.5,) * 2])


@pytest.mark.parametrize("flags", [{"margin": 8}, {"detector": {"name": "cnn"}}])
def test_what_boxes_cannot_heed_is_refused(flags):
    with pytest.raises(ConfigError, match=r"only aligned faces have one|has its own detector"):
        load(CONFIG, {"dataset": "mine", "detection": "boxes", **flags})
