"""Forensics Adapter: CLIP until it learns, learning beside CLIP only, and losses of known value."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.core.config import Spec
from training.core.errors import ConfigError, ContractError
from training.core.types import Batch, Identity
from training.detectors.forensics_adapter import ForensicsAdapter
from training.losses.supervised_contrast import supervised_contrast
from training.networks.side_adapter import meetings, steered
from training.networks.zoo import maker

SMALL = {"weights": "random", "resolution": 32, "patch": 8, "width": 32, "layers": 4, "heads": 2, "tune": "frozen"}


def detector(**options: float) -> ForensicsAdapter:
    torch.manual_seed(0)
    return ForensicsAdapter(maker(Spec(name="clip_vit_l14", params=SMALL)), queries=4, width=24, layers=4, **options)


@pytest.fixture
def batch() -> Batch:
    image = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    label = torch.tensor([0, 1, 0, 1])
    mask = torch.zeros(4, 1, 32, 32)
    mask[label == 1, :, 4:28, 4:20] = 1
    who = [Identity("x", str(i), 0) for i in range(4)]
    return Batch(image, label, label, label >= 0, label, who, mask=mask)


def trained(model: ForensicsAdapter, batch: Batch, steps: int, rate: float = 3e-3) -> list[dict[str, float]]:
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], rate)
    seen = []
    for _ in range(steps):
        losses = model.loss(batch)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        seen.append({name: part.item() for name, part in losses.parts.items()})
    return seen


def test_before_it_learns_the_feature_is_clips(batch: Batch) -> None:
    model = detector().eval()
    torch.testing.assert_close(model.outputs(batch.image)["feature"], model.backbone(batch.image))
    trained(model, batch, 2)
    assert not torch.allclose(model.outputs(batch.image)["feature"], model.backbone(batch.image), atol=1e-3)


def test_only_what_stands_beside_clip_learns(batch: Batch) -> None:
    model = detector().train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    trained(model, batch, 2)
    moved = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert moved == {k for k in before if not k.startswith("backbone.")}


def test_it_has_the_published_size() -> None:
    with torch.device("meta"):
        model = ForensicsAdapter(maker(Spec(name="clip_vit_l14", params={"weights": "random", "tune": "frozen"})))
    learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert learning == pytest.approx(5.7e6, rel=0.01)


def test_a_query_that_looks_away_does_not_see_the_picture(batch: Batch) -> None:
    clip = detector().backbone
    tokens = clip.layers(batch.image)
    start = meetings(4)[-1]
    others = [torch.cat([t[:, :1], t[:, 1:].flip(0)], 1) if i >= start else t for i, t in enumerate(tokens)]
    away = torch.full((4, 2, 3, 16), -1e9)
    torch.testing.assert_close(steered(clip, tokens, away), steered(clip, others, away))
    assert not torch.allclose(steered(clip, tokens, 0 * away), steered(clip, others, 0 * away), atol=1e-3)


def test_queries_are_steered_each_by_itself(batch: Batch) -> None:
    clip = detector().backbone
    tokens, bias = clip.layers(batch.image), torch.randn(4, 2, 3, 16, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(steered(clip, tokens, bias)[:, 1:2], steered(clip, tokens, bias[:, :, 1:2]))


def test_the_border_is_learned_where_the_mask_says(batch: Batch) -> None:
    model = detector(cls=0.0, patch=0.0, sample=0.0).train()
    seen = trained(model, batch, 60, rate=1e-2)
    assert seen[-1]["border"] < 0.3 * seen[0]["border"]
    border = model.eval().outputs(batch.image)["border"][:, 0]
    assert border[[0, 2]].max() < border[[1, 3], 0, 0].min(), "reals have none, the fakes' crosses their corner cell"


def test_it_needs_masks_and_clip(batch: Batch) -> None:
    batch.mask = None
    with pytest.raises(ContractError, match="mask: true"):
        detector().loss(batch)
    with pytest.raises(ConfigError, match="clip_vit_l14"):
        ForensicsAdapter(maker(Spec(name="xception", params={"size": "tiny", "weights": "random"})))
    with pytest.raises(ConfigError, match=r"detector\.layers is 3"):
        ForensicsAdapter(maker(Spec(name="clip_vit_l14", params=SMALL)), layers=3)


def naive(z: Tensor, group: Tensor, temperature: float) -> float:
    """The same loss, pair by pair."""
    losses = []
    for i in range(len(z)):
        others = [j for j in range(len(z)) if j != i]
        partners = [j for j in others if group[j] == group[i]]
        if 0 < len(partners) < len(others):
            total = sum(math.exp(float(z[i] @ z[j]) / temperature) for j in others)
            losses.append(-sum(float(z[i] @ z[j]) / temperature - math.log(total) for j in partners) / len(partners))
    return sum(losses) / max(len(losses), 1)


def test_supervised_contrast_is_that_of_its_equation() -> None:
    pairs = torch.eye(2).repeat_interleave(2, 0)
    group = torch.tensor([0, 0, 1, 1])
    expected = -math.log(math.e**2 / (math.e**2 + 2))
    assert supervised_contrast(pairs, group, 0.5).item() == pytest.approx(expected)
    z = torch.nn.functional.normalize(torch.randn(7, 5, generator=torch.Generator().manual_seed(0)), dim=1)
    for group in (torch.tensor([0, 1, 0, 1, 1, 2, 0]), torch.zeros(7), torch.arange(7)):
        assert supervised_contrast(z, group, 0.2).item() == pytest.approx(naive(z, group, 0.2), rel=1e-5)


def test_sets_without_two_groups_neither_count_nor_break_gradients() -> None:
    z = torch.nn.functional.normalize(torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(0)), dim=-1)
    z.requires_grad_()
    group = torch.tensor([[0, 1, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0]])
    loss = supervised_contrast(z, group, 0.2)
    assert loss.item() == pytest.approx(supervised_contrast(z[0], group[0], 0.2).item())
    loss.backward()
    assert z.grad[0].abs().sum() > 0 and torch.equal(z.grad[1], torch.zeros(6, 5))
