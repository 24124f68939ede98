"""Multi-scale facial swaps: dissimilarity against scikit-image, swaps that stay where they belong, boxes that tell."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from tests.contract.test_recipes import corpus_of
from training.core.errors import DataError
from training.core.schema import AugmentConfig
from training.core.types import UNKNOWN
from training.data.blending import mfs
from training.data.blending.face_crops import SIDE, Pose, crop_matrix, cropped, template, template_points
from training.data.blending.mfs import WINDOWS, artifact_box, dissimilarity, face_box, face_mask, most_changed, swap
from training.data.blending.warps import move
from training.data.degradations import CHANGES, degraded
from training.data.recipes.mfs import WHOLE, Mfs

SIZE = 256


def face_points(center: tuple[float, float] = (128, 150), reach: float = 50) -> np.ndarray:
    """68 landmarks in their usual places, roughly: outline, then brows, nose, eyes, mouth."""
    template5 = np.array([(-0.5, -0.6), (0.5, -0.6), (0, 0.0), (-0.4, 0.6), (0.4, 0.6)])
    points = np.zeros((68, 2))
    angles = np.linspace(np.pi, 0, 17)
    points[:17] = np.stack([np.cos(angles), 0.2 + 1.1 * np.sin(angles)], 1)
    points[17:27] = np.stack([np.linspace(-0.8, 0.8, 10), np.full(10, -0.9)], 1)
    points[27:36] = np.stack([np.linspace(-0.1, 0.1, 9), np.linspace(-0.5, 0.1, 9)], 1)
    points[30] = template5[2]
    for start, eye in ((36, template5[0]), (42, template5[1])):
        around = np.linspace(0, 2 * np.pi, 6, endpoint=False)
        points[start : start + 6] = eye + 0.15 * np.stack([np.cos(around), 0.5 * np.sin(around)], 1)
    points[48:] = np.stack([np.linspace(-0.4, 0.4, 20), np.full(20, 0.6)], 1)
    points[54] = template5[4]
    return (np.array(center) + reach * points).astype(np.float32)


def smooth(seed: int, size: int = SIZE) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (size // 8, size // 8, 3), dtype=np.uint8)
    return cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A fake whose left eye is another, its source, and the landmarks of both."""
    source, points = smooth(1), face_points()
    fake = source.copy()
    x, y = points[36:42].mean(0).astype(int)
    fake[y - 15 : y + 15, x - 20 : x + 20] = smooth(2)[y - 15 : y + 15, x - 20 : x + 20]
    return fake, source, points


def test_dissimilarity_is_scikit_images() -> None:
    a, b = smooth(0, 96), smooth(5, 96)
    _, full = structural_similarity(
        a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
    )
    inner = (slice(5, -5), slice(5, -5))  # borders are a matter of taste
    np.testing.assert_allclose(dissimilarity(a, b)[inner], (np.abs(1 - full) / 2)[inner], atol=1e-9)
    assert dissimilarity(a, a).max() == 0


def test_the_most_changed_window_is_that_of_a_plain_search() -> None:
    change = np.random.default_rng(0).random((60, 45))
    places = [(r, c) for r in range(0, 60 - 20 + 1, 12) for c in range(0, 45 - 30 + 1, 9)]
    row, column = max(places, key=lambda at: change[at[0] : at[0] + 20, at[1] : at[1] + 30].sum())
    assert most_changed(change, 20, 30) == (column, row, column + 30, row + 20)
    assert most_changed(change, 100, 100) == (0, 0, 45, 60)


def test_a_window_swap_takes_the_changed_place_from_the_fake_and_the_rest_from_the_source(pair) -> None:
    fake, source, points = pair
    made = mfs._window_swap(fake, source, points, (80, 120), mfs._soft_blend)
    assert made.window == (80, 120) and made.background is source
    eye = tuple(slice(v - 5, v + 5) for v in points[36:42].mean(0).astype(int)[::-1])
    assert np.abs(made.picture[eye].astype(int) - fake[eye]).max() <= 1
    left, top, right, bottom = face_box(points, fake.shape[:2])
    away = np.ones(fake.shape[:2], bool)
    away[top - 3 : bottom + 3, left - 3 : right + 3] = False
    assert np.array_equal(made.picture[away], source[away])


@pytest.mark.parametrize("center", [(90, 150), (170, 110), (60, 190)])
def test_poisson_blending_leaves_the_face_in_its_place(center: tuple[int, int]) -> None:
    source, points = smooth(1), face_points(center, 40)
    inside = face_mask(points, (SIZE, SIZE)) > 0
    fake = source.copy()
    fake[inside] = 255 - fake[inside]
    blended = mfs.poisson(fake, source, inside.astype(np.float32))
    changed = np.abs(blended.astype(int) - source).max(2) > 8
    assert changed[inside].mean() > 0.6 and changed[~inside].mean() < 0.01


def test_poisson_blending_takes_deformed_and_window_masks() -> None:
    soft = cv2.GaussianBlur(face_mask(face_points(), (SIZE, SIZE)), (0, 0), 4)
    assert (mfs.poisson(smooth(3), smooth(1), soft) != smooth(1)).any()


def test_swaps_come_in_their_shares(pair) -> None:
    fake, source = (cv2.resize(picture, (96, 96)) for picture in pair[:2])
    points, draws = pair[2] * 96 / SIZE, 400
    kinds, windows = Counter(), Counter()
    for seed in range(draws):
        made = swap(fake, source, points, np.random.default_rng(seed))
        if made.window:
            kinds["window"] += 1
            windows[made.window] += 1
        else:
            kinds["fake"] += made.picture is fake
            kinds["face of source"] += not made.of_fake
            kinds["face of fake"] += made.of_fake and made.picture is not fake
    shares = {"window": 0.2, "fake": 0.2, "face of source": 0.4, "face of fake": 0.2}
    assert kinds.keys() == shares.keys() and windows.keys() == set(WINDOWS)
    for kind, share in shares.items():
        assert kinds[kind] / draws == pytest.approx(share, abs=0.07)


def test_five_points_land_on_the_template() -> None:
    # An upright face of the template's proportions; eyes are rounded down to whole pixels, so they are whole here.
    wanted = template(0.9)
    points = face_points()
    points[36:42], points[42:48] = (99, 126), (157, 126)
    matrix = crop_matrix(points, Pose())
    moved = move(template_points(points), (matrix / matrix[2, 2])[:2])
    assert np.abs(moved.mean(0) - wanted.mean(0)).max() < 1e-3
    assert cropped(smooth(0), matrix).shape == (SIDE, SIDE, 3)


def test_stretches_do_what_they_say() -> None:
    landmarks = face_points()
    landmarks[36:42], landmarks[42:48] = np.trunc(template(0.9)[0]), np.trunc(template(0.9)[1])
    landmarks[[30, 48, 54]] = template(0.9)[2:]
    corners = template_points(landmarks)[[0, 1, 3, 4]]

    def moved(pose: Pose) -> np.ndarray:
        return cv2.perspectiveTransform(corners[None], crop_matrix(landmarks, pose))[0]

    still = moved(Pose())
    wide = moved(Pose(widened=1.1))
    assert wide[1, 0] - wide[0, 0] == pytest.approx(1.1 * (still[1, 0] - still[0, 0]), rel=0.01)
    assert wide[3, 0] - wide[2, 0] == pytest.approx((still[3, 0] - still[2, 0]) / 1.1, rel=0.01)
    tilted = moved(Pose(tilted=1.1))
    assert tilted[2, 1] - tilted[0, 1] == pytest.approx(1.1 * (still[2, 1] - still[0, 1]), rel=0.01)
    assert np.allclose(moved(Pose(shift=(5, -3))), still + (5, -3), atol=1e-3)


def test_an_artifact_is_boxed_where_it_is_in_x_and_y(pair) -> None:
    background = smooth(1, SIDE)
    picture = background.copy()
    picture[20:60, 130:210] = smooth(9, SIDE)[20:60, 130:210]
    left, top, right, bottom = artifact_box(picture, background, (40, 80))
    assert (right - left, bottom - top) == (80, 40)
    assert abs((left + right) / 2 - 170) <= 44 and abs((top + bottom) / 2 - 40) <= 44
    assert artifact_box(background, background, (40, 80)) is None


def test_every_change_changes_and_keeps_the_picture_a_picture() -> None:
    picture = smooth(4, 64)
    for _, change in CHANGES:
        found = [change(picture, np.random.default_rng(seed)) for seed in range(6)]
        assert all(p.shape == picture.shape and p.dtype == np.uint8 for p in found)
        assert any((p != picture).any() for p in found), change.__name__
    assert np.array_equal(degraded(picture, np.random.default_rng(1)), degraded(picture, np.random.default_rng(1)))


class TestRecipe:
    def test_fakes_have_boxes_and_reals_have_none(self, toy: Path) -> None:
        recipe = Mfs(corpus_of(toy, augment=AugmentConfig()))
        counts = Counter()
        for index in range(len(recipe)):
            for epoch in range(3):
                [sample] = recipe[epoch, index]
                if not sample.label:
                    assert sample.boxes.shape == (0, 4)
                    continue
                assert sample.boxes[0].tolist() == list(WHOLE)
                assert sample.boxes.min() >= 0 and sample.boxes.max() <= 1
                assert (sample.boxes[:, 2:] > sample.boxes[:, :2]).all()
                counts[len(sample.boxes)] += 1
        assert set(counts) == {1, 2}

    def test_boxes_are_mirrored_with_the_picture(self, toy: Path) -> None:
        still, mirrored = (
            Mfs(corpus_of(toy, augment=replace(AugmentConfig(rotate=0, blur=0, color=0, jpeg=0), flip=flip)))
            for flip in (0.0, 1.0)
        )
        seen = 0
        for index in range(len(still)):
            [a], [b] = still[0, index], mirrored[0, index]
            assert torch.equal(a.image.flip(-1), b.image)
            left, top, right, bottom = a.boxes.unbind(1)
            torch.testing.assert_close(torch.stack([1 - right, top, 1 - left, bottom], 1), b.boxes, atol=1e-6, rtol=0)
            seen += len(a.boxes) > 1
        assert seen

    def test_without_augmentation_pictures_are_plain(self, toy: Path) -> None:
        recipe = Mfs(corpus_of(toy))
        reals = [i for i, r in enumerate(recipe.records) if not r.label]
        assert torch.equal(recipe[0, reals[0]][0].image, recipe[1, reals[0]][0].image)

    def test_a_face_of_the_source_is_nobody_known(self, toy: Path) -> None:
        recipe = Mfs(corpus_of(toy))
        persons = {recipe[epoch, i][0].person for epoch in range(3) for i, r in enumerate(recipe.records) if r.label}
        assert UNKNOWN in persons and len(persons) > 1

    def test_the_source_may_have_another_size(self, toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recipe = Mfs(corpus_of(toy))
        fake = next(i for i, r in enumerate(recipe.records) if r.label)
        store = recipe.corpus.faces.of(recipe.records[fake])
        small = cv2.resize(store.source(recipe.records[fake]), (40, 50))
        monkeypatch.setattr(store, "source", lambda record: small)
        assert recipe[0, fake][0].image.shape == (3, 64, 64)

    def test_fakes_without_their_source_are_named(self, toy: Path) -> None:
        corpus = corpus_of(toy)
        bare = replace(corpus, records=[replace(r, source_image=None) for r in corpus.records])
        with pytest.raises(DataError, match=r"manifests list none for 40 of 40, the first is Toy/Deepfakes.*--paired"):
            Mfs(bare)

    def test_faces_without_landmarks_are_named(self, toy: Path) -> None:
        corpus = corpus_of(toy)
        with pytest.raises(DataError, match="recipe 'mfs' needs landmarks"):
            Mfs(replace(corpus, records=[replace(r, landmarks=None) for r in corpus.records]))
