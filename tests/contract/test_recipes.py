"""Every recipe is held to the contract, without naming any of them: a new file is tested by existing."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from tests.conftest import write_dataset
from training.core.config import At, instantiate
from training.core.errors import DataError
from training.core.paths import CONFIG, WEIGHTS
from training.core.registry import RECIPES
from training.core.schema import AugmentConfig, DataConfig
from training.core.types import UNKNOWN, Batch, Sample
from training.data.recipe import Batches, Corpus, Recipe
from training.data.recipes._made import MadeFakes
from training.data.select import Faces, class_names, person_names, select
from training.data.transforms import Transform

SIZE = 64


NEEDED = {"open_world": {"known": ["real", "Deepfakes"]}}
"""What a recipe cannot do without and no detector's YAML says."""


def configured() -> list[Any]:
    """Every recipe as detectors' YAMLs set it (clips as short as the toy videos), and with defaults where none does."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for path in sorted((CONFIG / "detector").glob("*.yaml")):
        asked = yaml.safe_load(path.read_text()).get("data", {}).get("recipe", "frames")
        name, params = (asked, {}) if isinstance(asked, str) else (asked["name"], {**asked})
        params.pop("name", None)
        params |= NEEDED.get(name, {})
        if "length" in params:
            params["length"] = 4
        found.setdefault(f"{name}-{params}" if params else name, (name, params))
    for name in set(RECIPES.names()) - {name for name, _ in found.values()}:
        found[name] = (name, NEEDED.get(name, {}))
    return [pytest.param(*value, id=key) for key, value in sorted(found.items())]


def corpus_of(toy: Path, seed: int = 0, augment: AugmentConfig | None = None, size: int = SIZE) -> Corpus:
    data = DataConfig(root=toy / "datasets", manifests=toy / "manifests")
    [chosen] = select(["Toy"], "train", 0, data)
    classes, persons = class_names(chosen.records), person_names(chosen.records)
    return Corpus(chosen.records, Faces(data), Transform(size, augment), seed, classes, persons, training=True)


def recipe_of(name: str, params: dict[str, Any], corpus: Corpus) -> Recipe:
    if params.get("identity") and not (WEIGHTS / "dlib_face_recognition_resnet_model_v1.dat").is_file():
        pytest.skip("needs dlib's face-recognition network in weights/")
    kind = RECIPES.get(name)
    corpus = replace(corpus, classes=kind.classes(corpus.records, params))
    return instantiate(kind, params, {"corpus": corpus}, At("data.recipe"))


def augmented(name: str, params: dict[str, Any], toy: Path, seed: int = 0) -> Recipe:
    return recipe_of(name, params, corpus_of(toy, seed, AugmentConfig()))


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num())
    return a == b


def equal(a: Sample | Batch, b: Sample | Batch) -> bool:
    return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))


def all_equal(a: list, b: list) -> bool:
    return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(("name", "params"), configured())
class TestRecipe:
    def test_a_draw_depends_on_seed_epoch_and_index_only(self, name: str, params: dict, toy: Path) -> None:
        first, second = (augmented(name, params, toy) for _ in range(2))
        places = [(epoch, index) for epoch in (0, 1) for index in range(min(len(first), 4))]
        drawn = {at: first[at] for at in places}
        for at in reversed(places):
            random.seed(at[1])
            np.random.seed(at[1])
            torch.manual_seed(at[1])
            assert all_equal(drawn[at], second[at])
        assert not all(all_equal(drawn[0, i], drawn[1, i]) for e, i in places if not e)
        other = augmented(name, params, toy, seed=7)
        assert not all(all_equal(drawn[0, i], other[0, i]) for e, i in places if not e)

    def test_drawing_leaves_the_global_generators_alone(self, name: str, params: dict, toy: Path) -> None:
        recipe = augmented(name, params, toy)
        states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
        recipe[0, 0]
        assert states == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())

    def test_batches_do_not_depend_on_the_number_of_workers(self, name: str, params: dict, toy: Path) -> None:
        corpus = corpus_of(toy, augment=AugmentConfig())
        few = replace(corpus, records=[r for r in corpus.records if r.source in ("000", "001")])

        def batches(workers: int) -> list[Batch]:
            epochs = Batches(recipe_of(name, params, few), 3, workers, train=True)
            return [batch for epoch in (0, 1) for batch in epochs(epoch)]

        assert all_equal(batches(0), batches(2))

    def test_samples_keep_the_contract(self, name: str, params: dict, toy: Path) -> None:
        recipe = recipe_of(name, params, corpus_of(toy, augment=AugmentConfig(), size=96))
        classes = len(recipe.corpus.classes)
        for index in range(min(len(recipe), 6)):
            for s in recipe[0, index]:
                assert s.image.dtype == torch.uint8 and s.image.shape[-3:] == (3, 96, 96) and s.image.ndim in (3, 4)
                assert s.label in ((0, 1) if s.labelled else (UNKNOWN,))
                assert s.method == UNKNOWN or 0 <= s.method < classes
                assert s.method == UNKNOWN or (s.method > 0) == bool(s.label)
                if s.view is not None:
                    assert s.view.dtype == torch.uint8 and s.view.shape == s.image.shape
                if s.mask is not None:
                    assert s.mask.dtype == torch.float32 and s.mask.shape == (1, 96, 96)
                    assert s.mask.min() >= 0 and s.mask.max() <= 1
                    assert s.label or not s.mask.any()
                if s.landmarks is not None:
                    assert s.landmarks.dtype == torch.float32 and s.landmarks.shape in ((68, 2), (81, 2))
                if s.face_embedding is not None:
                    assert s.face_embedding.norm() == pytest.approx(1, abs=1e-5)


MADE = [p for p in configured() if issubclass(RECIPES.get(p.values[0]), MadeFakes)]


@pytest.mark.parametrize(("name", "params"), MADE)
class TestMadeFakes:
    def test_a_real_and_its_fake_differ_inside_the_mask_only(self, name: str, params: dict, toy: Path) -> None:
        recipe = recipe_of(name, params, corpus_of(toy))
        for index in range(len(recipe)):
            real, fake = recipe[0, index]
            assert (real.label, fake.label) == (0, 1)
            assert (real.method, fake.method) == (0, UNKNOWN)
            assert real.identity == fake.identity
            changed = (real.image != fake.image).any(0)
            assert changed.any()
            assert not changed[fake.mask[0] == 0].any()

    def test_augmentation_treats_both_alike(self, name: str, params: dict, toy: Path) -> None:
        still = AugmentConfig(flip=1, rotate=0, blur=0, color=1, jpeg=0)
        recipe = recipe_of(name, params, corpus_of(toy, augment=still))
        for index in range(4):
            real, fake = recipe[0, index]
            assert torch.equal(real.image[:, fake.mask[0] == 0], fake.image[:, fake.mask[0] == 0])

    def test_fakes_of_the_data_set_are_not_used(self, name: str, params: dict, toy: Path) -> None:
        corpus = corpus_of(toy)
        reals = [r for r in corpus.records if r.label == 0]
        alone = recipe_of(name, params, replace(corpus, records=reals))
        mixed = recipe_of(name, params, corpus)
        assert len(mixed) == len(reals)
        assert all(all_equal(alone[0, i], mixed[0, i]) for i in range(len(reals)))

    @pytest.mark.parametrize(
        ("points", "says"),
        [
            (np.zeros((5, 2)), "has 5 landmarks; making fakes needs 68 or 81"),
            (np.linspace((0, 0), (60, 60), 68), "its landmarks are no face"),
            (np.full((68, 2), np.nan), "holds values that are no places in a picture"),
            (np.random.default_rng(0).uniform(100, 200, (68, 2)), "enclose no part of the picture"),
        ],
        ids=["5", "line", "nan", "outside"],
    )
    def test_landmarks_of_no_face_are_refused_by_name(
        self, name: str, params: dict, points: np.ndarray, says: str, tmp_path: Path
    ) -> None:
        write_dataset(tmp_path, "Toy", sources=6, frames=1)
        for file in tmp_path.rglob("*.npy"):
            np.save(file, points.astype(np.float32))
        with pytest.raises(DataError, match=rf"Toy/real/c23/000/00000: .*{says}"):
            recipe_of(name, params, corpus_of(tmp_path))[0, 0]

    def test_what_is_missing_is_named(self, name: str, params: dict, toy: Path) -> None:
        corpus = corpus_of(toy)
        fakes = [r for r in corpus.records if r.label == 1]
        with pytest.raises(DataError, match=f"recipe '{name}' makes its fakes of real faces"):
            recipe_of(name, params, replace(corpus, records=fakes))
        bare = [replace(r, landmarks=None) if i % 2 else r for i, r in enumerate(corpus.records) if r.label == 0]
        with pytest.raises(DataError, match=rf"needs landmarks; .* none for 10 of 20 .* first is {bare[1].key}"):
            recipe_of(name, params, replace(corpus, records=bare))
