"""LSDA: what its augmentation does to feature maps, who teaches whom, and which frames make a group."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from preprocessing.manifest import Record
from tests.golden.cases.lsda import GROUPS, METHODS, with_loss_gain
from tests.golden.fill import rule_input
from tests.golden.networks import batch_of, build
from training.core.config import Spec
from training.core.errors import ContractError, DataError
from training.data.recipe import Corpus
from training.data.recipes.grouped import Grouped, _nearest
from training.data.transforms import Transform
from training.detectors import lsda
from training.networks import latent_space
from training.networks.latent_space import across_domains, affine, domain_mean, hardest_example, within_domain
from training.networks.zoo import maker, overlay

GOLDEN = Path(__file__).parents[1] / "golden" / "data" / "v1" / "lsda.json"
TINY = {"size": "tiny", "weights": "random"}
DOMAIN = torch.tensor([1, 2, 1, 2, 1])


def maps(rows: int = 5) -> Tensor:
    return torch.randn(rows, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def detector(methods: int = 3) -> lsda.Lsda:
    torch.manual_seed(0)
    real = Spec(name="arcface_r100", params=TINY)
    return lsda.Lsda(maker(Spec(name="efficientnet_b4", params=TINY)), methods, real)


def test_domains_know_their_mean_and_their_hardest_example() -> None:
    z = torch.zeros(5, 1, 1, 1)
    z[:, 0, 0, 0] = torch.tensor([0.0, 10.0, 1.0, 14.0, 5.0])
    assert domain_mean(z, DOMAIN).flatten().tolist() == [2, 12, 2, 12, 2]
    assert hardest_example(z, DOMAIN).flatten().tolist()[::2] == [5, 5, 5]


@pytest.mark.parametrize("number", range(4))
def test_each_transformation_stays_within_its_domain(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "randint", lambda high, shape, device: torch.full(shape, number))  # noqa: ARG005
    z, other = maps(), maps()
    other[DOMAIN == 2] += 1
    torch.manual_seed(0)
    moved = within_domain(z, DOMAIN)
    torch.manual_seed(0)
    again = within_domain(other, DOMAIN)
    assert torch.equal(moved[DOMAIN == 1], again[DOMAIN == 1])
    if number == 0:  # between the sample and the hardest one, which does not move
        share = ((moved - z) / (hardest_example(z, DOMAIN) - z)).flatten(1)
        hardest = share.isnan().all(1)
        assert hardest.sum() == 2
        torch.testing.assert_close(share[~hardest], share[~hardest][:, :1].expand(3, 48), rtol=1e-3, atol=1e-4)
        assert ((share[~hardest] >= -1e-4) & (share[~hardest] <= 1 + 1e-4)).all()
    if number == 1:  # off the mean, on the line through it
        shift, away = (moved - z).flatten(1), (z - domain_mean(z, DOMAIN)).flatten(1)
        torch.testing.assert_close(torch.cosine_similarity(shift, away), torch.ones(5))
        assert (shift.norm(dim=1) <= away.norm(dim=1)).all()


def test_turning_moves_places_and_not_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = maps().mean((2, 3), keepdim=True).expand(5, 3, 4, 4)
    torch.testing.assert_close(affine(flat), flat)
    monkeypatch.setattr(latent_space, "TURN", 0.0)
    monkeypatch.setattr(latent_space, "ZOOM", 0.0)
    torch.testing.assert_close(affine(maps()), maps())


def test_mixtures_lie_between_two_domains() -> None:
    z = torch.where(DOMAIN == 1, 0.0, 1.0)[:, None, None, None].expand(5, 3, 4, 4)
    mixed = across_domains(z, DOMAIN)
    share = mixed[:, 0, 0, 0]
    assert ((share > 0) & (share < 1)).all() and torch.equal(mixed, share[:, None, None, None].expand_as(mixed))
    torch.testing.assert_close(across_domains(maps(), torch.ones(5)), maps())  # nobody to mix with


def test_only_the_teachers_of_methods_that_are_there_learn() -> None:
    model = detector().train()
    method = torch.tensor([0, 1, 0, 1])
    batch = batch_of(torch.randn(4, 3, 128, 128), label=(method > 0).long(), method=method)
    model.loss(batch).total.backward()
    first, second = ({p.grad is not None for p in teacher.parameters()} for teacher in model.teachers)
    assert (first, second) == ({True}, {False})
    assert {p.grad is None for p in model.real.parameters()} == {True} and not model.real.training
    assert all(p.grad is not None for p in (*model.student.parameters(), *model.fusion.parameters()))


def test_each_fake_is_seen_by_its_own_teacher() -> None:
    model = detector(4).eval()
    method = torch.tensor([3, 1, 3, 2])
    batch = batch_of(torch.randn(4, 3, 128, 128), label=torch.ones(4, dtype=torch.int64), method=method)
    taught = model.taught(batch)
    for row, number in enumerate(method.tolist()):
        alone = model.teachers[number - 1](batch.image[row : row + 1])
        torch.testing.assert_close(taught[row : row + 1], alone, rtol=1e-4, atol=1e-5)


def test_batches_without_a_kind_are_refused_by_name() -> None:
    for label, method in (([1, 1], [1, 2]), ([0, 0], [0, 0]), ([0, 1], [0, -1])):
        batch = batch_of(torch.zeros(2, 3, 128, 128), label=torch.tensor(label), method=torch.tensor(method))
        with pytest.raises(ContractError, match="grouped"):
            detector().loss(batch)


def channels_as_samples(kind: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The reference's augmentation, all its random numbers being 0.5 or, from the normal distribution, 1."""

    def vary(z: Tensor, domain: Tensor) -> Tensor:
        z = z.unflatten(0, (GROUPS, -1))  # (groups, domains, channels, h, w)
        mean = z.mean((0, 2), keepdim=True)
        distance = (z - mean).flatten(3).norm(dim=3).transpose(0, 1).flatten(1)
        of_domain = z.transpose(0, 1).flatten(1, 2)
        hardest = of_domain[torch.arange(len(of_domain)), distance.argmax(1)][None, :, None]
        moved = {
            "hard_interp": z + 0.5 * (hardest - z),
            "centrifugal_extrap": z + 0.5 * (z - mean),
            "noise(randn:=1)": z + 0.25,
            "difference": z + 0.5 * (z[:, :, :1] - z[:, :, 1:2]),
        }
        return moved[kind].flatten(0, 1)

    return vary


@pytest.mark.slow
@torch.no_grad()
def test_with_channels_for_samples_the_reference_s_figures_are_reproduced(monkeypatch: pytest.MonkeyPatch) -> None:
    golden = json.loads(GOLDEN.read_text())
    model = with_loss_gain(build(golden).eval(), golden)
    image = rule_input((GROUPS * METHODS, *golden["input_shape"][1:]), "input_train", golden["salt"])
    method = torch.arange(METHODS).repeat(GROUPS)
    batch = batch_of(image, label=(method > 0).long(), method=method)

    def mixed(z: Tensor, domain: Tensor) -> Tensor:
        groups = z.unflatten(0, (GROUPS, -1))
        return (0.3 * groups + 0.7 * groups.flip(1)).flatten(0, 1)

    monkeypatch.setattr(lsda, "across_domains", mixed)
    seen = model.real_map(image, torch.Size((8, 8))).unflatten(0, (GROUPS, -1))
    apart = 1 - torch.cosine_similarity(seen[:, :1], seen[:, 1:], dim=2)  # (groups, domains, h, w)
    identity = (apart.sum((0, 2, 3)) * torch.tensor([-1, 1, -1, 1])).sum()
    for kind, expected in golden["train_losses"]["by_augmentation"].items():
        monkeypatch.setattr(lsda, "within_domain", channels_as_samples(kind))
        losses = model.loss(batch)
        assert losses.parts["distillation"].item() == pytest.approx(expected["distillation"], rel=1e-4)
        assert identity.item() == pytest.approx(expected["real_loss"], rel=1e-3)
        assert (losses.total + identity).item() == pytest.approx(expected["overall"], rel=1e-4)


def record(method: str, source: str, frame: int, video: str = "", compression: str | None = None) -> Record:
    label = int(method != "real")
    name = video or f"{method}/{source}"
    return Record("Set", name, frame, label, method, source, "train", f"{name}/{frame}.png", compression=compression)


class Blank:
    """Faces of nothing, with the frame's number in each pixel."""

    def of(self, record: Record) -> Blank:
        return self

    def image(self, record: Record) -> np.ndarray:
        return np.full((8, 8, 3), record.frame, np.uint8)


def corpus(records: list[Record]) -> Corpus:
    return Corpus(records, Blank(), Transform(8), classes=["real", "A", "B", "C"])


def test_a_group_is_one_frame_of_one_source_as_each_method_left_it() -> None:
    records = [record(m, s, f) for m in ("B", "A", "real") for s in ("000", "001") for f in (3, 7)]
    records += [record("real", "002", 3), record("A", "002", 3), record("C", "001", 5)]
    recipe = Grouped(corpus(records))
    assert len(recipe) == 2, "the third source has fakes by one method only"
    assert recipe.notes == ["1 of 3 real videos have fakes by fewer than 2 methods: not used"]
    for index, methods in ((0, [0, 1, 2]), (1, [0, 1, 2, 3])):
        drawn = recipe[0, index]
        assert [s.method for s in drawn] == methods
        assert {s.identity.video[-3:] for s in drawn} == {f"{index:03d}"}
        assert len({s.identity.frame for s in drawn[:3]}) == 1
    seen = {recipe[epoch, 0][0].identity.frame for epoch in range(20)}
    assert seen == {3, 7}, "another epoch, another frame"


def test_compressions_do_not_mix() -> None:
    records = [record(m, "000", 1, f"{m}/{c}/000", c) for m in ("real", "A", "B") for c in ("c23", "c40")]
    for index in range(2):
        drawn = Grouped(corpus(records))[0, index]
        assert len({s.identity.video.split("/")[1] for s in drawn}) == 1


def test_the_nearest_frame_stands_in_for_one_that_is_missing() -> None:
    rng = np.random.default_rng(0)
    records = [record("A", "000", f) for f in (0, 10, 20)]
    assert _nearest(records, 13, rng).frame == 10
    twins = [*records, replace(records[1], video="A/000_004")]
    assert {_nearest(twins, 13, rng).video for _ in range(20)} == {"A/000", "A/000_004"}


def test_sets_without_groups_are_refused() -> None:
    for records in (
        [record("real", "000", 1), record("A", "000", 1)],
        [record("real", "000", 1), record("A", "001", 1), record("B", "001", 1)],
        [record("A", "000", 1), record("B", "000", 1)],
    ):
        with pytest.raises(DataError, match="fakes by 2 methods or more"):
            Grouped(corpus(records))


def test_every_network_of_a_configuration_is_set_at_once() -> None:
    real = {"name": "arcface_r100", "weights": "pretrained"}
    tree = {"detector": {"name": "xception", "real_encoder": real, "binary": 0.5}, "backbone": {"name": "xception"}}
    random = {"weights": "random"}
    assert overlay(tree, **random) == {"backbone": random, "detector": {"real_encoder": random}}
    assert overlay({"detector": "meso4"}, **random) == {}
