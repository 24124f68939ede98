"""The open-world recipe: who is labelled, what the others may show, and in which order pictures come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.core.config import At, instantiate
from training.core.errors import ConfigError
from training.core.registry import RECIPES
from training.core.schema import AugmentConfig, DataConfig
from training.data.recipe import Corpus
from training.data.recipes.open_world import OpenWorld
from training.data.select import Faces, select
from training.data.transforms import Transform

KNOWN = {"known": ["real", "Deepfakes"]}


def corpus_of(toy: Path) -> Corpus:
    data = DataConfig(root=toy / "datasets", manifests=toy / "manifests")
    [chosen] = select(["Toy"], "train", 0, data)
    return Corpus(chosen.records, Faces(data), Transform(32, AugmentConfig()), seed=3)


def recipe_of(corpus: Corpus, **params: object) -> OpenWorld:
    params, kind = {**KNOWN, **params}, RECIPES.get("open_world")
    records = kind.scope(corpus.records, params)
    corpus = replace(corpus, records=records, classes=kind.classes(records, params))
    return instantiate(kind, params, {"corpus": corpus}, At("data.recipe"))


def test_known_methods_come_first_and_novel_ones_are_nameless(toy: Path) -> None:
    recipe = recipe_of(corpus_of(toy))
    assert recipe.corpus.classes == ["real", "Deepfakes", "cluster 1"]
    assert recipe_of(corpus_of(toy), clusters=5).corpus.classes[2:] == [f"cluster {n}" for n in range(1, 6)]
    assert len(recipe_of(corpus_of(toy), novel=[])) == sum(r.method in KNOWN["known"] for r in recipe.records)


def test_whole_videos_of_known_methods_are_labelled_at_the_asked_share(toy: Path) -> None:
    recipe = recipe_of(corpus_of(toy), labelled=0.6)
    videos = {(r.method, r.video): label for r, label in zip(recipe.records, recipe.labelled, strict=True)}
    for r, label in zip(recipe.records, recipe.labelled, strict=True):
        assert videos[r.method, r.video] == label
    for method, count in (("real", 3), ("Deepfakes", 3), ("FaceSwap", 0)):
        assert sum(label for (m, _), label in videos.items() if m == method) == count


def test_an_unlabelled_sample_holds_no_truth(toy: Path) -> None:
    recipe = recipe_of(corpus_of(toy))
    for index in range(len(recipe)):
        [sample] = recipe[0, index]
        truth = sample.label, sample.method, sample.person
        if recipe.labelled[index]:
            assert sample.labelled and sample.method == recipe.corpus.method(recipe.records[index]) >= 0
        else:
            assert not sample.labelled and truth == (-1, -1, -1)


def test_draws_do_not_depend_on_the_truth_of_unlabelled_pictures(toy: Path) -> None:
    corpus = corpus_of(toy)
    first = recipe_of(corpus)
    told = zip(first.records, first.labelled, strict=True)
    lied = [record if labelled else replace(record, method="FaceSwap") for record, labelled in told]
    second = recipe_of(replace(corpus, records=lied), labelled=1.0)
    assert (second.labelled == first.labelled).all()
    for epoch in range(2):
        rngs = [np.random.default_rng(epoch) for _ in range(2)]
        orders = [r.order(epoch, rng) for r, rng in zip((first, second), rngs, strict=True)]
        assert (orders[0] == orders[1]).all()
        for index in orders[0][:12]:
            a, b = first[epoch, index][0], second[epoch, index][0]
            assert (a.image == b.image).all() and (a.label, a.method) == (b.label, b.method)


def test_alternation_takes_classes_in_turn_and_goes_on_after_a_restart(toy: Path) -> None:
    recipe = recipe_of(corpus_of(toy))
    epochs = [recipe.order(epoch, np.random.default_rng()) for epoch in range(3)]
    for order in epochs:
        assert not recipe.labelled[order[::2]].any() and recipe.labelled[order[1::2]].all()
    drawn = [recipe.records[i].method for order in epochs for i in order[1::2]]
    assert abs(drawn.count("real") - drawn.count("Deepfakes")) <= 1
    seen = np.concatenate([order[::2] for order in epochs])
    assert set(seen.tolist()) == set(np.flatnonzero(~recipe.labelled).tolist()), "no unlabelled picture is left out"
    resumed = recipe_of(corpus_of(toy)).order(2, np.random.default_rng())
    assert (resumed == epochs[2]).all() and not (epochs[1] == epochs[2]).all()


def test_weighted_draws_are_half_labelled_on_average(toy: Path) -> None:
    recipe = recipe_of(corpus_of(toy), balance="weighted")
    share = np.mean([recipe.labelled[recipe.order(e, np.random.default_rng(e))].mean() for e in range(60)])
    assert abs(share - 0.5) < 4 * 0.5 / np.sqrt(60 * len(recipe))


def test_the_weak_view_is_the_picture_or_its_mirror_image(toy: Path) -> None:
    recipe = recipe_of(corpus_of(toy), view=True)
    for index in range(12):
        [sample] = recipe[0, index]
        plain = Transform(32)(recipe.image(recipe.records[index]), np.random.default_rng())
        assert (sample.image == plain).all() or (sample.image.flip(2) == plain).all()
        assert sample.view is not None and sample.view.shape == plain.shape
    assert any((recipe[0, i][0].view != recipe[0, i][0].image).any() for i in range(12))


def test_only_known_methods_may_choose_a_checkpoint(toy: Path) -> None:
    seen = OpenWorld.open_truth(corpus_of(toy).records, KNOWN)
    assert {r.method for r in seen} == set(KNOWN["known"])


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"known": ["real", "DeepFakes"]}, "no training videos of 'DeepFakes'; did you mean 'Deepfakes'"),
        ({"novel": ["real"]}, "real cannot be both known and novel"),
        ({"known": ["real"]}, "name at least one method beside real"),
        ({"labelled": 0.0}, "expected a share above 0"),
    ],
)
def test_protocols_that_cannot_be_are_refused(toy: Path, params: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        recipe_of(corpus_of(toy), **params)
