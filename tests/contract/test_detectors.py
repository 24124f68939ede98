"""Every detector is held to the contract, without naming any of them: a new file is tested by existing."""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch

from training.assembly import Asked, batches_of, build, classes_of, network_input, prepare_of
from training.core.config import Layers
from training.core.paths import CONFIG
from training.core.registry import DETECTORS
from training.core.schema import Config
from training.core.types import Batch, Task
from training.data.recipe import Drawn
from training.data.select import person_names, select
from training.detectors.base import Detector, Family, Progress
from training.engine.update import Update
from training.listing import constants
from training.networks import zoo

CPU = torch.device("cpu")
FRAMEWORK = {"backbone", "num_methods", "num_known", "real_class", "num_persons", "resolution"}


def config_of(name: str, toy: Path, *overrides: str) -> Config:
    """The method as published, but with tiny networks from random weights and tiny batches."""
    layers = Layers().add_file(CONFIG / "train_config.yaml").add_file(CONFIG / "detector" / f"{name}.yaml")
    layers.add_tree(zoo.overlay(layers.tree, size="tiny", weights="random"), "tests/contract")
    clips = DETECTORS.get(name).recipe == "clips"
    data = [f"data.root={toy / 'datasets'}", f"data.manifests={toy / 'manifests'}"]
    data += ["data.train=[Long]" if clips else "data.train=[Toy]"]
    data += ["data.recipe.known=[real,Deepfakes]"] if DETECTORS.get(name).recipe == "open_world" else []
    return Asked(overrides=[*data, "data.workers=0", "data.batch_size=4", *overrides]).over(layers)


def parts_of(name: str, toy: Path, *overrides: str) -> tuple[Config, Detector, Batch]:
    """Configuration, detector and a prepared training batch, always the same ones."""
    cfg = config_of(name, toy, *overrides)
    [chosen] = select(cfg.data.train, "train", 0, cfg.data)
    classes, persons = classes_of(cfg, chosen.records), person_names(chosen.records)
    torch.manual_seed(0)
    detector = build(cfg, classes, persons)
    batches = batches_of(cfg, chosen.records, classes, persons, CPU, train=True)
    return cfg, detector, prepare_of(cfg, CPU)(next(iter(batches(0))))


def test_batch_of(name: str, toy: Path) -> tuple[Detector, Batch]:
    cfg, detector, _ = parts_of(name, toy)
    [chosen] = select(cfg.data.train, "test", 0, cfg.data)
    drawn: Drawn = next(iter(batches_of(cfg, chosen.records, classes_of(cfg, chosen.records), [], CPU, train=False)()))
    return detector, prepare_of(cfg, CPU)(drawn.batch)


test_batch_of.__test__ = False


def test_every_detector_has_a_yaml_of_its_name_and_every_yaml_a_detector() -> None:
    assert DETECTORS.names() == sorted(p.stem for p in (CONFIG / "detector").glob("*.yaml"))


@pytest.mark.parametrize("name", DETECTORS.names())
class TestDetector:
    def test_yaml_names_it_and_its_constructor_says_what_may_be_set(self, name: str, toy: Path) -> None:
        assert config_of(name, toy).detector.name == name
        kinds = {p.kind for p in inspect.signature(DETECTORS.get(name)).parameters.values()}
        assert not kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}

    def test_is_documented(self, name: str, toy: Path) -> None:
        module = inspect.getmodule(DETECTORS.get(name))
        assert module.__doc__ and module.__doc__.strip().endswith(".")

    def test_family_and_year_are_given_where_the_list_finds_them(self, name: str, toy: Path) -> None:
        method = DETECTORS.get(name)
        source = inspect.getmodule(method)
        listed = constants(ast.parse(inspect.getsource(source)))
        assert (listed["family"], listed["year"]) == (method.family, method.year)
        assert method.family in get_args(Family)
        assert str(method.year) in source.__doc__, "the year is that of the source its file names"

    def test_one_step_changes_parameters_and_is_finite_and_repeatable(self, name: str, toy: Path) -> None:
        states = []
        for _ in range(2):
            cfg, detector, batch = parts_of(name, toy)
            before = {k: v.clone() for k, v in detector.named_parameters()}
            update = Update(detector, cfg.optim, name)
            # In mid-run: some methods hold a part back in their first epoch, and warm-ups begin at a rate of zero.
            detector.train()
            detector.on_epoch_start(Progress(cfg.epochs // 2, cfg.epochs))
            update.begin(step=cfg.epochs // 2, steps=cfg.epochs, epoch=1, rows=len(batch))
            losses = detector.training_step(batch, update)
            assert torch.isfinite(losses.total)
            assert all(torch.isfinite(v).all() for v in losses.parts.values())
            assert any(not torch.equal(before[k], v) for k, v in detector.named_parameters())
            states.append(detector.state_dict())
        assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])

    def test_parameter_groups_partition_the_trainable_parameters(self, name: str, toy: Path) -> None:
        _, detector, _ = parts_of(name, toy)
        owned = [id(p) for group in detector.param_groups().values() for p in group]
        assert sorted(owned) == sorted(id(p) for p in detector.parameters() if p.requires_grad)

    def test_predictions_are_in_range_and_independent_of_batch_mates(self, name: str, toy: Path) -> None:
        detector, batch = test_batch_of(name, toy)
        detector.eval()
        with torch.inference_mode():
            whole = detector.predict(batch).check(len(batch), detector.tasks, name)
            one = detector.predict(batch.select(torch.arange(len(batch)) == 1)).check(1, detector.tasks, name)
            again = detector.predict(batch)
        torch.testing.assert_close(whole.fake_prob[1:2], one.fake_prob, rtol=1e-4, atol=1e-5)
        assert torch.equal(whole.fake_prob, again.fake_prob)
        if Task.ATTRIBUTION in detector.tasks:
            torch.testing.assert_close(whole.method_logits[1:2], one.method_logits, rtol=1e-4, atol=1e-4)

    def test_state_round_trips(self, name: str, toy: Path) -> None:
        detector, batch = test_batch_of(name, toy)
        torch.manual_seed(99)
        cfg = config_of(name, toy)
        twin = build(cfg, ["real", "Deepfakes", "FaceSwap"], [f"p{i}" for i in range(5)])
        twin.load_state_dict(detector.state_dict())
        detector.eval(), twin.eval()
        with torch.inference_mode():
            assert torch.equal(detector.predict(batch).fake_prob, twin.predict(batch).fake_prob)

    def test_unknown_parameters_are_refused_by_name(self, name: str, toy: Path) -> None:
        from training.core.errors import ConfigError

        with pytest.raises(ConfigError, match=r"'detector\.no_such_thing' is not a parameter of"):
            parts_of(name, toy, "detector.no_such_thing=1")

    def test_another_image_size_works_or_is_refused_by_name(self, name: str, toy: Path) -> None:
        from training.core.errors import BenchError

        size = network_input(config_of(name, toy)).resolution + 32
        try:
            _, detector, batch = parts_of(name, toy, f"data.resolution={size}")
        except BenchError as error:
            assert "resolution" in str(error) and str(size) in str(error)
            return
        detector.eval()
        with torch.inference_mode():
            try:
                detector.predict(batch).check(len(batch), detector.tasks, name)
            except BenchError as error:
                assert str(size) in str(error)


def test_select_keeps_optional_fields_together(toy: Path) -> None:
    batch = parts_of("xception", toy)[2]
    twins = replace(batch, view=batch.image)
    rows = twins.label == 0
    assert torch.equal(twins.select(rows).view, batch.image[rows])
    assert [i.video for i in twins.select(rows).identity] == [
        i.video for i, r in zip(batch.identity, rows, strict=True) if r
    ]
