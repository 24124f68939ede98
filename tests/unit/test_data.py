"""Selection, transforms, order: which frames, how they are moved, who sees them when."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.core.errors import ContractError, DataError
from training.core.registry import RECIPES
from training.core.schema import AugmentConfig, DataConfig
from training.core.types import Identity, Sample, collate
from training.data.looks import jpeg
from training.data.recipe import Batches, BatchOrder, Corpus
from training.data.select import Faces, class_names, evenly, select
from training.data.transforms import Geometry, Transform, degrade, resize


def data_of(toy: Path) -> DataConfig:
    return DataConfig(root=toy / "datasets", manifests=toy / "manifests")


def corpus_of(toy: Path, split: str = "train", augment: AugmentConfig | None = None) -> Corpus:
    [chosen] = select(["Toy"], split, 0, data_of(toy))
    return Corpus(chosen.records, Faces(data_of(toy)), Transform(32, augment), 5, class_names(chosen.records))


@given(st.integers(1, 400), st.integers(1, 64))
def test_evenly_takes_first_and_last_and_leaves_equal_gaps(total: int, count: int) -> None:
    chosen = evenly(list(range(total)), count)
    assert len(chosen) == min(total, count) == len(set(chosen))
    if 1 < count < total:
        gaps = np.diff(chosen)
        assert chosen[0] == 0 and chosen[-1] == total - 1 and gaps.max() - gaps.min() <= 1


def test_selection_follows_split_methods_and_frames(toy: Path) -> None:
    [chosen] = select(["Toy"], "test", 2, data_of(toy))
    assert {r.split for r in chosen.records} == {"test"}
    assert len(chosen.records) == 2 * 3 * 2 and {r.frame for r in chosen.records} == {0, 3}
    assert class_names(chosen.records) == ["real", "Deepfakes", "FaceSwap"]


def test_videos_with_frames_without_a_face_are_listed(toy: Path, tmp_path: Path) -> None:
    tree = json.loads((toy / "manifests/Toy.json").read_text())
    tested = [video for video in tree["videos"] if video["split"] == "test"]
    for video, missing in zip(tested, (4, 1), strict=False):
        for frame in video["frames"][:missing]:
            frame["face_found"] = False
    (tmp_path / "Toy.json").write_text(json.dumps(tree))
    [chosen] = select(["Toy"], "test", 2, DataConfig(root=toy / "datasets", manifests=tmp_path))
    found = {one.video: (one.label, one.method, one.with_face, one.without_face) for one in chosen.faceless}
    assert found == {
        video["video"]: (video["label"], video["method"], 4 - missing, missing)
        for video, missing in zip(tested, (4, 1), strict=False)
    }
    assert chosen.without_face == 5
    assert not select(["Toy"], "test", 2, data_of(toy))[0].faceless


def test_a_turn_moves_picture_and_points_alike() -> None:
    picture = np.zeros((65, 65, 3), np.uint8)
    cv2.circle(picture, (40, 20), 2, (255, 255, 255), -1)
    crops = (0.0, 0.0, 1.0), (0.1, 0.15, 0.8)
    for flip, degrees, crop in itertools.product((False, True), (0.0, 8.0, -8.0), crops):
        geometry = Geometry(flip, degrees, crop)
        moved = geometry.picture(picture)[..., 0].astype(float)
        y, x = (np.average(axis, weights=moved) for axis in np.mgrid[:65, :65])
        np.testing.assert_allclose(geometry.points(np.array([[40.0, 20.0]]), 65)[0], [x, y], atol=0.15)


def test_masks_and_landmarks_follow_the_picture_through_resizing(toy: Path) -> None:
    face = np.zeros((64, 64, 3), np.uint8)
    face[16:48, 16:48] = 255
    mask, corner = face[..., 0], np.array([[15.5, 15.5]], np.float32)  # the corner between pixels 15 and 16
    image, moved, points = Transform(32).apply(face, np.random.default_rng(0), mask, corner)
    assert image.shape == (3, 32, 32) and image.dtype == torch.uint8
    torch.testing.assert_close(moved[0], image[0].float() / 255, atol=0.15, rtol=0)
    assert points.tolist() == [[7.5, 7.5]]


def test_augmentation_is_a_function_of_the_generator_alone() -> None:
    face = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    transform = Transform(64, AugmentConfig())
    for seed in range(20):
        first = transform(face, np.random.default_rng(seed))
        np.random.seed(seed + 100), torch.manual_seed(seed)
        assert torch.equal(first, transform(face, np.random.default_rng(seed)))
    assert torch.equal(Transform(64)(face, np.random.default_rng(0)), torch.from_numpy(face).permute(2, 0, 1))


def test_augmentation_draws_each_kind_at_its_chance() -> None:
    face = np.random.default_rng(1).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    only_flips = AugmentConfig(flip=0.3, rotate=0, blur=0, color=0, jpeg=0)
    flipped = torch.from_numpy(face[:, ::-1].copy()).permute(2, 0, 1)
    drawn = [Transform(32, only_flips)(face, np.random.default_rng(s)) for s in range(600)]
    share = np.mean([torch.equal(d, flipped) for d in drawn])
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 600)
    assert all(torch.equal(d, flipped) or torch.equal(d.flip(2), flipped) for d in drawn)


def test_colors_change_by_brightness_and_contrast_alone_where_no_shift_is_asked_for() -> None:
    augment = AugmentConfig(flip=0, rotate=0, blur=0, color=1, hue=0, saturation=0, value=0, jpeg=0)
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for seed in range(8):
        changed = degrade(picture, augment, np.random.default_rng(seed))
        levels = [np.unique(changed[picture == level]) for level in np.unique(picture)]
        assert all(len(level) == 1 for level in levels) and not np.array_equal(changed, picture)


def test_a_crop_is_the_enlarged_part_of_the_picture() -> None:
    face = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8), (0, 0), 4)
    # the quarter whose left upper corner is at (16, 8): its pixels lie in the middle of each block of 2 x 2
    ours = Geometry(crop=(16 / 64, 8 / 64, 0.5)).picture(face)
    blocks = ours.reshape(32, 2, 32, 2, 3).astype(float).mean((1, 3))
    np.testing.assert_allclose(blocks, face[8:40, 16:48], atol=1.5)


def test_erasing_makes_one_rectangle_of_the_asked_size_noise() -> None:
    plain = {"flip": 0, "rotate": 0, "blur": 0, "color": 0, "jpeg": 0}
    transform = Transform(64, AugmentConfig(**plain, erase=0.5, erase_share=(0.05, 0.2)))
    erased = 0
    for seed in range(200):
        changed = transform(np.zeros((64, 64, 3), np.uint8), np.random.default_rng(seed)).amax(0) > 0
        rows, columns = (changed.any(axis).nonzero().flatten() for axis in (1, 0))
        if len(rows):
            height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
            assert changed.sum() > 0.98 * height * width, "noise of three colors is hardly ever black"
            assert 0.04 < height * width / 64**2 < 0.22 and 0.45 < height / width < 2.2
            erased += 1
    assert abs(erased / 200 - 0.5) < 4 * 0.5 / np.sqrt(200)


def test_jpeg_loses_more_at_lower_quality_and_resize_keeps_what_fits() -> None:
    face = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    loss = [np.abs(jpeg(face, q).astype(int) - face).mean() for q in (95, 60, 20)]
    assert 0 < loss[0] < loss[1] < loss[2]
    assert resize(face, 64) is face


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 7), st.integers(1, 4), st.integers(0, 3))
def test_processes_share_every_draw_once_and_take_equally_many_steps(n: int, size: int, world: int, epoch: int) -> None:
    class Numbers:
        corpus = Corpus([], None, None, seed=3)

        def __len__(self) -> int:
            return n

        def order(self, epoch: int, rng: np.random.Generator) -> None:
            return None

    if n < world:
        with pytest.raises(DataError, match=f"{n} draws cannot be shared by {world} processes"):
            BatchOrder(Numbers(), size, True, 0, world)
        return
    orders = [BatchOrder(Numbers(), size, True, rank, world) for rank in range(world)]
    for order in orders:
        order.epoch = epoch
    batches = [list(order) for order in orders]
    assert len({len(b) for b in batches}) == 1 and all(len(b) == len(o) for b, o in zip(batches, orders, strict=True))
    assert sorted(i for b in batches for rows in b for _, i in rows) == list(range(n))
    skipped = BatchOrder(Numbers(), size, True, 0, world)
    skipped.epoch, skipped.skip = epoch, 1
    assert list(skipped) == batches[0][1:]


def test_epochs_differ_and_repeat_by_seed(toy: Path) -> None:
    recipe = RECIPES.get("frames")(corpus_of(toy))
    batches = Batches(recipe, 4, workers=0, train=True)
    names = lambda epoch: [i for b in batches(epoch) for i in b.identity]  # noqa: E731
    assert names(0) == names(0) != names(1)
    assert sorted(map(str, names(0))) == sorted(map(str, names(1)))


def test_pairs_come_from_one_source(toy: Path) -> None:
    pairs = RECIPES.get("pairs")(corpus_of(toy))
    for index in range(len(pairs)):
        real, fake = pairs[0, index]
        assert (real.label, fake.label) == (0, 1)
        assert real.identity.video.rsplit("/", 1)[1] == fake.identity.video.rsplit("/", 1)[1]


def test_optional_fields_come_for_all_samples_or_none() -> None:
    def sample(**extra: torch.Tensor) -> Sample:
        return Sample(torch.zeros(3, 2, 2, dtype=torch.uint8), 0, 0, Identity("d", "v", 0), **extra)

    mask = torch.zeros(1, 2, 2)
    assert collate([[sample(mask=mask), sample(mask=mask)]]).mask.shape == (2, 1, 2, 2)
    with pytest.raises(ContractError, match="gave 'mask' for 1 of 2 samples"):
        collate([[sample(mask=mask)], [sample()]])
    boxes = collate([[sample(boxes=torch.zeros(1, 4)), sample(boxes=torch.zeros(3, 4))]]).boxes
    assert boxes.shape == (2, 3, 4) and boxes[0, 1:].isnan().all() and not boxes[1].isnan().any()
