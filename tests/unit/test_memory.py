"""What saves memory or time and must change nothing else: recomputed blocks, compiled networks, accumulated batches."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from training.assembly import Asked
from training.core.config import At, Layers, Spec
from training.core.errors import ConfigError
from training.core.types import Losses
from training.detectors.base import Detector
from training.engine.compiling import compile_networks
from training.engine.update import Update
from training.networks.zoo import maker

CPU = torch.device("cpu")
SMALL = {"weights": "random", "resolution": 32, "patch": 8, "width": 32, "layers": 4, "heads": 2}


def tower(**more: object) -> nn.Module:
    torch.manual_seed(0)
    return maker(Spec(name="clip_vit_l14", params={**SMALL, **more}))()


def gradients(network: nn.Module, image: Tensor) -> tuple[dict[str, Tensor], int]:
    """Of a sum of features; and how many numbers were kept for the way back, parameters not counted."""
    own = {p.data_ptr() for p in network.parameters()}
    kept: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        loss = network(image).square().sum()
    loss.backward()
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}, sum(kept.values())


@pytest.mark.parametrize("tune", ["full", "layernorm", "lora"])
def test_recomputed_blocks_keep_less_and_give_the_same_gradients(tune: str) -> None:
    image = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    plain, kept = gradients(tower(tune=tune), image)
    again, less = gradients(tower(tune=tune, recompute=True), image)
    assert plain.keys() == again.keys() and all(torch.equal(plain[name], again[name]) for name in plain)
    assert less < kept / 2
    assert tower(recompute=True).state_dict().keys() == tower().state_dict().keys()


def test_networks_without_blocks_refuse_to_recompute() -> None:
    params = {"weights": "random", "size": "tiny", "recompute": True}
    with pytest.raises(ConfigError, match="'backbone.recompute' is true, but xception has no transformer blocks"):
        maker(Spec(name="xception", params=params, at=At("backbone")))()


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = tower()


@pytest.mark.slow
def test_a_compiled_network_gives_the_same_and_keeps_its_names() -> None:
    image, plain, fast = torch.randn(2, 3, 32, 32), Holder(), Holder()
    assert compile_networks(fast, "always", CPU, 1)
    assert fast.state_dict().keys() == plain.state_dict().keys()
    torch.testing.assert_close(fast.backbone(image), plain.backbone(image))
    fast.backbone(image).sum().backward(), plain.backbone(image).sum().backward()
    for one, two in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad)


@pytest.mark.slow
def test_what_cannot_be_compiled_runs_as_it_is_with_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", ("/nowhere/c++",))
    torch._dynamo.reset()
    image, plain, fast = torch.randn(3, 3, 32, 32), Holder(), Holder()
    compile_networks(fast, "always", CPU, 1)
    for _ in range(2):
        assert torch.equal(fast.backbone(image), plain.backbone(image))
    assert capsys.readouterr().err.count("ClipVit.forward cannot be compiled here and runs as it is:") == 1


@pytest.mark.parametrize(
    ("wanted", "device", "steps", "compiled"),
    [
        ("auto", "cpu", 9999, False),
        ("auto", "cuda", 9999, True),
        ("auto", "cuda", 9, False),
        ("never", "cuda", 9999, False),
    ],
)
def test_compiling_is_for_long_runs_on_a_gpu_and_can_be_declined(
    wanted: str, device: str, steps: int, compiled: bool
) -> None:
    assert compile_networks(Holder(), wanted, torch.device(device), steps) == compiled


class Linear(Detector):
    """Two groups, of which either loss reaches both."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Linear(5, 4), nn.Linear(4, 1)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"main": list(self.one.parameters()), "other": list(self.two.parameters())}

    def loss(self, batch: Tensor) -> Losses:
        return Losses(self.two(self.one(batch).tanh()).square().mean())

    def predict(self, batch: Tensor) -> None:
        raise NotImplementedError

    def training_step(self, batch: Tensor, update: Update) -> Losses:
        return update(lambda: self.loss(batch)).merge(update(lambda: self.loss(batch), "other"))


@pytest.mark.parametrize("rule", ["{name: sgd, lr: 0.1}", "{name: adamw, lr: 0.1}"])
def test_accumulated_batches_step_as_one_large_batch(rule: str) -> None:
    rows, weights = torch.randn(22, 5, generator=torch.Generator().manual_seed(1)), []
    # two epochs of 4 + 4 + 3 rows: one step of 8 and one of the 3 that are left
    for size, accumulate in ((8, 1), (4, 2)):
        detector = Linear()
        cfg = Asked(overrides=["detector=toy", f"optim.rule={rule}", f"optim.accumulate={accumulate}"]).over(Layers())
        update, step = Update(detector, cfg.optim, "toy"), 0
        for epoch in rows.split(11):
            for batch in epoch.split(size):
                update.begin(step, 2 * -(-11 // size), -(-11 // size), len(batch))
                # both groups at once, since a second loss would see the first group's step
                update(partial(detector.loss, batch), "main", "other")
                assert update.pending == (accumulate == 2 and step % 3 == 0)
                step += 1
        weights.append([p.detach() for p in detector.parameters()])
    for large, small in zip(*weights, strict=True):
        torch.testing.assert_close(large, small)


def test_held_gradients_of_one_group_are_not_those_of_another_groups_loss() -> None:
    detector, batch = Linear(), torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    cfg = Asked(overrides=["detector=toy", "optim.rule={name: sgd, lr: 0.0}", "optim.accumulate=2"]).over(Layers())
    update = Update(detector, cfg.optim, "toy")
    for step in range(2):
        update.begin(step, 2, 2, 4)
        detector.training_step(batch, update)
    expected = torch.autograd.grad(detector.loss(batch).total, list(detector.parameters()))
    for p, grad in zip(detector.parameters(), expected, strict=True):
        torch.testing.assert_close(p.grad, grad)


@pytest.mark.parametrize(
    ("override", "says"),
    [("optim.accumulate=0", "expected 1 or more"), ("optim.rule={name: sam, lr: 0.1}", "sam passes twice over each")],
)
def test_what_cannot_be_accumulated_is_refused(override: str, says: str) -> None:
    cfg = Asked(overrides=["detector=toy", "optim.accumulate=2", override]).over(Layers())
    with pytest.raises(ConfigError, match=says):
        Update(Linear(), cfg.optim, "toy")
