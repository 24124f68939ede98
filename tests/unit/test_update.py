"""The update: closed forms of its rules and schedules, and what it refuses."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from training.core.config import Spec
from training.core.errors import BenchError, ConfigError, ContractError, WeightsError
from training.core.schema import OptimConfig
from training.core.types import Batch, Losses, Prediction
from training.detectors.base import Detector
from training.engine.schedules import SCHEDULES
from training.engine.update import Update


class Line(Detector):
    """``w`` and ``v`` in groups of their own, and a batch norm to count passes with."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0, -2.0]))
        self.v = nn.Parameter(torch.tensor([3.0]))
        self.norm = nn.BatchNorm1d(1, affine=False)

    def loss(self, batch: Batch) -> Losses:
        self.norm(torch.tensor([[1.0], [3.0]]))
        return Losses((self.w**2).sum() / 2, {"part": self.w.sum().detach()})

    def predict(self, batch: Batch) -> Prediction:
        return Prediction(torch.zeros(0))

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"main": [self.w], "other": [self.v]}


def updated(rule: str, params: dict, **cfg: object) -> tuple[Line, Losses]:
    line = Line()
    update = Update(line, OptimConfig(rule=Spec(name=rule, params=params), **cfg), "line")
    return line, update(lambda: line.loss(None))


def test_sgd_takes_one_step_along_the_gradient() -> None:
    line, losses = updated("sgd", {"lr": 0.1, "momentum": 0.0})
    torch.testing.assert_close(line.w.detach(), torch.tensor([0.9, -1.8]))
    assert losses.total.item() == 2.5


def test_sam_steps_with_the_gradient_of_the_worst_neighbor() -> None:
    # gradient w, so the neighbor is w (1 + rho / |w|) and the step lr times that
    line, losses = updated("sam", {"lr": 0.1, "rho": 0.5, "momentum": 0.0})
    w = torch.tensor([1.0, -2.0])
    torch.testing.assert_close(line.w.detach(), w - 0.1 * w * (1 + 0.5 / w.norm()))
    assert losses.total.item() == 2.5, "the log shows the first pass"
    torch.testing.assert_close(line.norm.running_mean, torch.tensor([0.2])), "the second pass must not count"


def test_sam_sees_the_same_dropout_in_both_passes_and_another_in_the_next_step() -> None:
    line, kept = Line(), []

    def loss() -> Losses:
        kept.append(nn.functional.dropout(torch.ones(64), 0.5))
        return Losses(line.w.square().sum(), {})

    update = Update(line, OptimConfig(rule=Spec(name="sam", params={"lr": 0.1})), "line")
    update(loss)
    update(loss)
    assert torch.equal(kept[0], kept[1]) and torch.equal(kept[2], kept[3]) and not torch.equal(kept[0], kept[2])


def test_clipping_bounds_the_step() -> None:
    line, _ = updated("sgd", {"lr": 1.0, "momentum": 0.0}, clip_norm=0.5)
    step = line.w.detach() - torch.tensor([1.0, -2.0])
    assert step.norm() == pytest.approx(0.5, rel=1e-4)


def test_groups_move_alone_at_their_own_rate() -> None:
    line = Line()
    cfg = OptimConfig(rule=Spec(name="sgd", params={"lr": 0.1}), groups={"other": {"lr": 0.5}})
    update = Update(line, cfg, "line")
    update(lambda: Losses(line.v.sum() + line.w.sum()), "other")
    assert line.w.tolist() == [1.0, -2.0] and line.v.tolist() == [2.5]


def test_groups_step_together_on_one_loss_each_with_its_own_settings() -> None:
    line, calls = Line(), []

    def loss() -> Losses:
        calls.append(1)
        return Losses(line.v.sum() + line.w.sum())

    groups = {"other": {"lr": 0.5}}
    cfg = OptimConfig(rule=Spec(name="sgd", params={"lr": 0.1, "momentum": 0.0}), groups=groups, clip_norm=1.0)
    Update(line, cfg, "line")(loss, "main", "other")
    share = 3**-0.5  # three gradients of 1, clipped together
    torch.testing.assert_close(line.w.detach(), torch.tensor([1.0, -2.0]) - 0.1 * share)
    torch.testing.assert_close(line.v.detach(), torch.tensor([3.0]) - 0.5 * share)
    assert len(calls) == 1
    sam = Update(line, OptimConfig(rule=Spec(name="sam", params={"lr": 0.1})), "line")
    with pytest.raises(ContractError, match="cannot step main, other at once"):
        sam(loss, "main", "other")


def test_adamw_spares_vectors_from_decay() -> None:
    net = nn.Linear(2, 2)
    net.param_groups = lambda: {"main": list(net.parameters())}
    update = Update(net, OptimConfig(rule=Spec(name="adamw", params={"lr": 0.1, "weight_decay": 0.5})), "net")
    decays = {tuple(g["params"][0].shape): g["weight_decay"] for g in update.optimizers["main"].param_groups}
    assert decays == {(2, 2): 0.5, (2,): 0.0}


def test_unknown_groups_and_non_finite_losses_are_named() -> None:
    line = Line()
    update = Update(line, OptimConfig(), "line")
    with pytest.raises(ContractError, match="'mian' is not in param_groups.*did you mean 'main'"):
        update(lambda: line.loss(None), "mian")
    before = line.w.detach().clone()
    with pytest.raises(ContractError, match=r"line: the loss is nan \(bad nan, good 1\)"):
        update(lambda: Losses(line.w.sum() * math.nan, {"bad": torch.tensor(math.nan), "good": torch.tensor(1.0)}))
    assert torch.equal(line.w, before)
    with pytest.raises(BenchError, match="did you mean 'main'"):
        Update(line, OptimConfig(groups={"mian": {"lr": 1.0}}), "line")


def test_state_survives_a_restart() -> None:
    def steps(update: Update, line: Line, count: int) -> None:
        for _ in range(count):
            update(lambda: line.loss(None))

    for rule in ("adam", "adamw", "sgd", "sam"):
        cfg = OptimConfig(rule=Spec(name=rule, params={"lr": 0.1}))
        through = Line()
        steps(Update(through, cfg, "x"), through, 4)
        first, second = Line(), Line()
        update = Update(first, cfg, "x")
        steps(update, first, 2)
        second.load_state_dict(first.state_dict())
        resumed = Update(second, cfg, "x")
        resumed.load_state_dict(update.state_dict())
        steps(resumed, second, 2)
        assert torch.equal(second.w, through.w), rule


def test_the_state_of_another_rule_is_refused() -> None:
    sgd, adam = (Update(Line(), OptimConfig(rule=Spec(name=n, params={"lr": 0.1})), "x") for n in ("sgd", "sam"))
    with pytest.raises(WeightsError, match=r"x: the saved state is not of this optim\.rule .*resume with the rule"):
        sgd.load_state_dict({"other": adam.state_dict()["main"]})


def test_clipping_bounds_every_gradient() -> None:
    line, _ = updated("sgd", {"lr": 1.0, "momentum": 0.0}, clip_value=0.25)
    assert (line.w.detach() - torch.tensor([1.0, -2.0])).abs().tolist() == [0.25, 0.25]


def test_levels_change_at_the_epochs_named() -> None:
    levels = [SCHEDULES["levels"](step, 100, 10, (4, 10), (1.0, 0.5, 0.25)) for step in range(120)]
    assert levels == [1.0] * 40 + [0.5] * 60 + [0.25] * 20
    with pytest.raises(ConfigError, match="2 epochs in 'until' need 3 'factors'"):
        SCHEDULES["levels"](0, 100, 10, (4, 10), (1.0,))


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_stay_within_zero_and_one_and_start_at_the_configured_rate(name: str) -> None:
    factors = [SCHEDULES[name](step, 100, 10) for step in range(100)]
    assert factors[0] == pytest.approx(1.0) and all(0 <= f <= 1 for f in factors)


def test_schedules_have_their_closed_forms() -> None:
    cosine, linear, step = SCHEDULES["cosine"], SCHEDULES["linear"], SCHEDULES["step"]
    assert cosine(50, 100, 10) == pytest.approx(0.5)
    assert cosine(9, 100, 10, warmup_epochs=1) == pytest.approx(1.0)
    assert cosine(4, 100, 10, warmup_epochs=1, start=0.2) == pytest.approx(0.2 + 0.8 * 0.5)
    assert cosine(60, 100, 10, warmup_epochs=1, restart_epochs=5) == pytest.approx(1.0)
    assert cosine(99, 100, 10, floor=0.1) == pytest.approx(0.1, abs=1e-3)
    assert linear(75, 100, 10, hold=0.5) == pytest.approx(0.5)
    assert [step(s, 100, 10, every_epochs=2, gamma=0.5) for s in (19, 20, 40)] == [1.0, 0.5, 0.25]


def test_the_rate_is_a_function_of_the_step() -> None:
    line = Line()
    cfg = OptimConfig(rule=Spec(name="sgd", params={"lr": 2.0}), schedule=Spec(name="linear"))
    update = Update(line, cfg, "line")
    rates = []
    for at in (0, 50, 0):
        update.begin(at, 100, 10, rows=1)
        rates.append(update.lr)
    assert rates == [2.0, 1.0, 2.0]
