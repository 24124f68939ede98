"""Clips: where they begin, what breaks, pads or forbids them, and the fakes that are made of real ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from preprocessing.manifest import Record
from training.core.config import Spec
from training.core.errors import ConfigError, DataError, ManifestError
from training.core.registry import RECIPES
from training.core.schema import AugmentConfig, DataConfig
from training.core.types import UNKNOWN
from training.data.blending import clips as ways
from training.data.recipe import Corpus, Recipe
from training.data.runs import Footage, Shape, by_video, runs, spacings
from training.data.select import Faces, class_names, select
from training.data.transforms import Transform
from training.engine.evaluate import evaluate
from training.engine.results import Scores

FACE = np.linspace(0, 2 * np.pi, 68, endpoint=False)
POINTS = (32 + 20 * np.stack([np.cos(FACE), np.sin(FACE)], 1)).astype(np.float32)


class Store:
    """Pictures that say which frame they are: gray of that level."""

    def of(self, record: Record) -> Store:
        return self

    def image(self, record: Record) -> np.ndarray:
        return np.full((64, 64, 3), record.frame, np.uint8)

    def landmarks(self, record: Record) -> np.ndarray:
        return POINTS


def video(*frames: int, name: str = "v", label: int = 0, **facts: str | None) -> list[Record]:
    facts = {"landmarks": "l", "dataset": "A", "split": "train", "method": ("real", "fake")[label], **facts}
    return [Record(video=name, frame=f, label=label, source=name, image="i", **facts) for f in frames]


def clips_of(*videos: list[Record], training: bool = False, augment: AugmentConfig | None = None, **options) -> Recipe:
    known = {key: options.pop(key) for key in ("frames", "allow_sparse") if key in options}
    records = [record for one in videos for record in one]
    corpus = Corpus(records, Store(), Transform(64, augment), 3, ["real", "fake"], [], training, **known)
    return RECIPES.get("clips")(corpus, **options)


def shown(recipe: Recipe, epoch: int = 0) -> list[list[int]]:
    """The frames of every clip of one pass."""
    return [sample.image[:, 0, 0, 0].tolist() for i in range(len(recipe)) for sample in recipe[epoch, i]]


@pytest.mark.parametrize(
    ("total", "length", "frames", "starts"),
    [
        (32, 8, 32, [0, 8, 16, 24]),
        (32, 16, 32, [0, 16]),
        (32, 4, 32, list(range(0, 32, 4))),
        (30, 16, 32, [7]),
        (31, 8, 32, [0, 11, 23]),
        (100, 8, 16, [0, 92]),
        (100, 8, 0, [92 * i // 11 for i in range(12)]),
        (100, 8, 1, [46]),
    ],
)
def test_test_clips_are_spread_evenly_and_as_many_as_asked(total, length, frames, starts):
    recipe = clips_of(video(*range(total)), length=length, frames=frames)
    assert shown(recipe) == [list(range(start, start + length)) for start in starts]
    assert shown(recipe, epoch=1) == shown(recipe)
    assert [recipe[0, i][0].identity.frame for i in range(len(recipe))] == starts


def test_a_missing_face_breaks_a_run():
    recipe = clips_of(video(0, 1, 2, 3, 5, 6, 7, 8, 9, 20, 21), length=4, frames=32)
    assert shown(recipe) == [[0, 1, 2, 3], [6, 7, 8, 9]]
    assert [[r.frame for r in run] for run in runs(video(0, 1, 3, 4, 5, 9))] == [[0, 1], [3, 4, 5], [9]]


def test_a_stride_leaves_frames_out_within_a_run():
    recipe = clips_of(video(*range(7), 9, *range(20, 28)), length=3, stride=3, frames=0)
    assert shown(recipe) == [[0, 3, 6], [21, 24, 27]]


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, unique=True), st.integers(2, 6), st.integers(1, 3), st.integers(0, 40))
def test_every_clip_runs_through_neighbors(frames: list[int], length: int, stride: int, asked: int) -> None:
    found = sorted(frames)
    footage = Footage.of(video(*found), Shape(length, stride))
    count = footage.clips(asked)
    assert 1 <= count <= footage.starts
    starts = [footage.spread(i, count) for i in range(count)]
    assert starts == sorted(set(starts))
    for number, start in enumerate(starts):
        drawn = footage.drawn(number, count, np.random.default_rng(number))
        assert number * footage.starts // count <= drawn < (number + 1) * footage.starts // count
        for at in (start, drawn):
            clip = [r.frame for r in footage.clip(at)]
            assert len(clip) == length
            if footage.padded:
                assert set(np.abs(np.diff(clip))) <= {0, stride}
            else:
                assert set(range(clip[0], clip[-1] + 1)) <= set(found) and set(np.diff(clip)) == {stride}


def test_learning_draws_each_clip_from_its_part_of_the_video_anew_in_each_pass():
    # Without augmentation too: that the pictures stay as they are does not mean that the clips do.
    recipe = clips_of(video(*range(40)), length=4, frames=16, training=True)
    passes = [[clip[0] for clip in shown(recipe, epoch)] for epoch in range(40)]
    assert len(recipe) == 4 and len(set(map(tuple, passes))) > 30
    for number, starts in enumerate(zip(*passes, strict=True)):
        assert number * 37 // 4 <= min(starts) and max(starts) < (number + 1) * 37 // 4
        assert len(set(starts)) > 5


def test_a_short_video_runs_back_and_forth_and_is_counted():
    recipe = clips_of(video(3, 4, 5, 9, 10), video(*range(8), name="w"), video(4, name="x"), length=6, frames=8)
    assert shown(recipe) == [[3, 4, 5, 4, 3, 4], [1, 2, 3, 4, 5, 6], [4] * 6]
    assert recipe.coverage == {"padded_clips": 2}
    assert recipe.notes == [
        "A: 2 train videos have less than 6 frames in a row with a face; their clip runs back and forth"
    ]
    assert clips_of(video(*range(9)), length=6).coverage == {"padded_clips": 0}
    with pytest.raises(ManifestError, match="no video has 9 frames in a row; the longest run has 8"):
        clips_of(video(*range(8)), length=9)


def test_frames_that_lie_apart_are_refused_with_set_spacing_and_two_ways_out():
    sparse, dense = video(*range(0, 96, 3), dataset="B"), video(*range(32))
    with pytest.raises(ManifestError, match=r"^B: its faces lie 3 frames apart.*--sampling clips.*allow_sparse: true"):
        clips_of(dense, sparse)
    recipe = clips_of(dense, sparse, allow_sparse=True, frames=8)
    assert shown(recipe) == [list(range(12, 20)), list(range(36, 60, 3))]
    assert recipe.notes == ["B: the frames of a clip lie 3 frames apart (data.allow_sparse)"]


def test_neither_missing_faces_nor_short_runs_make_a_set_sparse():
    runs_of_eight = [f + 100 * run for run in range(4) for f in range(8)]
    assert spacings(by_video([*video(*runs_of_eight), *video(0, 1, 2, 7, 8, 9, name="w")])) == {"A": 1}
    assert spacings(by_video(video(5))) == {}


@pytest.mark.parametrize("options", [{"length": 1}, {"stride": 0}])
def test_no_clip_is_refused(options):
    with pytest.raises(ConfigError, match="expected 2 and 1 or more"):
        clips_of(video(*range(8)), **options)


def test_all_frames_of_a_clip_are_augmented_alike():
    strong = AugmentConfig(flip=0.5, rotate=1, blur=1, color=1, jpeg=1)
    still = [replace(record, frame=i) for i, record in enumerate(video(*[7] * 8))]
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    recipe = clips_of(still, length=8, training=True, augment=strong)
    recipe.image = lambda record: noise
    drawn = [recipe[epoch, 0][0].image for epoch in range(5)]
    assert all(torch.equal(clip, clip[:1].expand_as(clip)) for clip in drawn)
    assert not torch.equal(drawn[0], drawn[1])


class TestFakes:
    @given(st.integers(2, 40), st.integers(1, 20), st.integers(0, 99))
    def test_dropping_leaves_one_jump(self, length, spare, seed):
        positions = ways.dropped(length, spare, np.random.default_rng(seed))
        steps = np.diff(positions)
        assert positions[0] == 0 and len(positions) == length and positions[-1] < length + spare
        assert (steps == 1).sum() == length - 2 and 2 <= steps.max() <= 1 + max(1, length // 4)

    @given(st.integers(2, 40), st.integers(0, 99))
    def test_repeating_holds_one_frame(self, length, seed):
        steps = np.diff(ways.repeated(length, np.random.default_rng(seed)))
        held = np.flatnonzero(steps == 0)
        assert set(steps) <= {0, 1} and 1 <= len(held) <= max(1, length // 4) and np.ptp(held) == len(held) - 1

    def test_blending_does_not_flicker_and_drifting_does_inside_the_face(self):
        face = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
        for seed in range(6):
            rng = np.random.default_rng(seed)
            real, fake = ways.blended([face] * 4, [POINTS] * 4, rng)
            assert all((f == fake[0]).all() for f in fake) and (real[0] != fake[0]).any()
            real, fake = ways.drifted([face] * 4, [POINTS] * 4, rng)
            assert all((f == face).all() for f in real) and (fake[0] != fake[1]).any()
            assert not (fake[0] != face)[:4].any(), "nothing moves far outside the face"

    @pytest.mark.parametrize("way", ["dropped", "repeated", "blended", "drifted"])
    def test_each_real_clip_is_followed_by_its_fake_when_learning_only(self, way):
        both = video(*range(20)), video(*range(20), name="w", label=1)
        recipe = clips_of(*both, fakes=[way], frames=8, training=True)
        for epoch in range(4):
            real, fake = recipe[epoch, 0]
            assert (real.label, real.method, fake.label, fake.method) == (0, 0, 1, UNKNOWN)
            assert real.identity == fake.identity
            if way in ("dropped", "repeated"):
                assert not torch.equal(real.image, fake.image)
                assert (np.diff(real.image[:, 0, 0, 0].int()) == 1).all()
            assert len(recipe[epoch, 1]) == 1
        assert shown(clips_of(*both, fakes=[way], frames=8)) == shown(clips_of(*both, frames=8))

    def test_where_no_frame_is_left_to_drop_one_is_repeated(self):
        recipe = clips_of(video(*range(8)), fakes=["dropped"], training=True)
        fakes = [recipe[epoch, 0][1].image[:, 0, 0, 0].tolist() for epoch in range(9)]
        assert all(len(set(fake)) < 8 and max(fake) < 8 for fake in fakes)

    def test_a_padded_clip_is_not_imitated(self):
        recipe = clips_of(video(0, 1, 2), video(*range(9), name="w"), length=4, fakes=["repeated"], training=True)
        assert [len(recipe[0, i]) for i in range(len(recipe))] == [1, 2, 2]

    def test_landmarks_are_needed_for_blending_when_learning(self):
        bare = video(*range(9), landmarks=None)
        for way in ("blended", "drifted"):
            with pytest.raises(DataError, match=r"recipe 'clips' needs landmarks; .* none for 9 of 9 faces"):
                clips_of(bare, fakes=[way], training=True)
            assert len(clips_of(bare, fakes=[way])) == 1
        assert len(clips_of(bare, fakes=["repeated"], training=True)[0, 0]) == 2


def test_a_recipe_of_neighbors_gets_all_frames_but_not_more_than_the_first_on_request(toy: Path):
    data = DataConfig(root=toy / "datasets", manifests=toy / "manifests", recipe=Spec(name="clips"))
    [whole], [spread] = (
        select(["Long"], "test", 8, data),
        select(["Long"], "test", 8, replace(data, recipe=Spec(name="frames"))),
    )
    [first] = select(["Long"], "test", 8, replace(data, sampling="first"))
    per_video = [len({r.frame for r in one.records}) for one in (whole, spread, first)]
    assert per_video == [32, 8, 8] and {r.frame for r in first.records} == set(range(8))
    corpus = Corpus(whole.records, Faces(data), Transform(32), 0, class_names(whole.records), frames=8)
    assert len(RECIPES.get("clips")(corpus, length=4)) == 2 * len(by_video(whole.records))


def test_clips_of_one_video_are_averaged_whatever_other_videos_are_called():
    rng = np.random.default_rng(0)
    names = [f"{kind}/c23/{i:03d}" for kind in ("real", "Deepfakes", "FaceSwap") for i in range(9)]
    rows = [
        ("A", v, 8 * k, int(v[0] != "r"), v.split("/")[0], "s", "c23", rng.random()) for v in names for k in range(4)
    ]
    table = Scores(*map(np.array, zip(*rows, strict=True)))
    means = table.fake_prob.reshape(-1, 4).mean(1)
    expected = roc_auc_score([name[0] != "r" for name in names], means)
    assert evaluate(table, ["detection"])["video/auc"] == pytest.approx(expected)
