"""Every detector learns and predicts on a GPU that is not there (see :mod:`tests.accelerator`), in bf16 as it does."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from benchmarks import loading, precision, steps
from tests.accelerator import GPU, Gpu, OnGpu
from tests.contract.test_detectors import config_of
from training import test, train
from training.assembly import batches_of, build, classes_of, prepare_of
from training.core.errors import ContractError
from training.core.registry import DETECTORS
from training.core.types import Batch, Losses
from training.data.select import person_names, select
from training.detectors.base import Detector, Progress
from training.engine.finite import FiniteLosses
from training.engine.heat import heat_of
from training.engine.optimizers import RULES
from training.engine.prepare import pick_device, pick_precision
from training.engine.update import Update

MOST = 8
"""How often the host may wait for the GPU in a step, by which it loses its lead. Most methods never do; some have to
know which rows have labels or are trusted, and torch's ``multinomial`` looks at what it is given."""
MORE = {
    "kmeans": 12, "knn": 12,  # the first batch chooses where centers start
    "sladd": 17,  # the CPU forges its pictures
}  # fmt: skip
NEVER = {"xception", "efficientnetb4", "clip", "effort"}
"""They run ahead of the GPU all the time: nothing in the engine waits, and nothing in their losses."""

SLOW = {
    "altfreezing", "efficientnetb4", "facexray", "forensics_adapter", "ftcn", "i3d", "iid", "lrl", "lsda",
    "multi_attention", "sbi",
}  # fmt: skip
"""Their steps take a second or more."""
EVERY = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in DETECTORS.names()]


def on_gpu(name: str, toy: Path) -> tuple[Detector, Batch, Update]:
    """A detector in the middle of its training, with its next batch."""
    cfg = config_of(name, toy)
    [chosen] = select(cfg.data.train, "train", 0, cfg.data)
    classes, persons = classes_of(cfg, chosen.records), person_names(chosen.records)
    torch.manual_seed(0)
    detector = build(cfg, classes, persons).to(GPU).train()
    drawn = next(iter(batches_of(cfg, chosen.records, classes, persons, GPU, train=True)(0)))
    update = Update(detector, cfg.optim, name, pick_precision("auto", GPU))
    detector.on_epoch_start(Progress(cfg.epochs // 2, cfg.epochs))
    update.begin(step=cfg.epochs // 2, steps=cfg.epochs, epoch=1, rows=len(drawn))
    Gpu.running.waited.clear()
    return detector, prepare_of(cfg, GPU)(drawn.pin_memory()), update


@pytest.mark.parametrize("name", EVERY)
def test_learns_and_predicts_there_and_hardly_waits(name: str, toy: Path) -> None:
    with Gpu() as gpu:
        detector, batch, update = on_gpu(name, toy)
        assert update.precision is torch.bfloat16
        detector.training_step(batch, update)
        waited = Counter(gpu.waited)
        update.finite.settle()
        detector.on_epoch_end(Progress(0, 1))
        detector.eval()
        with torch.inference_mode(), torch.autocast("cuda", update.precision):
            detector.predict(batch).check(len(batch), detector.tasks, name)
    assert waited.total() <= (0 if name in NEVER else MORE.get(name, MOST)), f"choose rows once? {waited}"


def test_what_a_gpu_refuses_is_refused() -> None:
    with Gpu() as gpu:
        there, here = torch.ones(2, 3).to(GPU), torch.ones(3)
        for wrong in (lambda: there + here, lambda: torch.stack([there[0], here]), lambda: here[there[0].long()]):
            with pytest.raises(RuntimeError, match="same device"):
                wrong()
        with pytest.raises(TypeError, match=r"Use Tensor\.cpu"):
            there.numpy()
        with pytest.raises(RuntimeError, match="generator"):
            torch.randperm(3, device=GPU, generator=torch.Generator())
        with torch.autocast("cuda", torch.bfloat16), pytest.raises(RuntimeError, match="unsafe to autocast"):
            torch.nn.functional.binary_cross_entropy(there, there)
        assert not gpu.waited.pop(("copy from the host", "elsewhere")) - 1
        assert torch.equal((there + 1).cpu(), torch.full((2, 3), 2.0)) and (there + torch.tensor(1.0)).is_cuda
        there[there > 0].sum().item()
    assert {why for why, _ in gpu.waited} == {"copy to the host", "index by a mask", "_local_scalar_dense"}


def test_autocast_follows_cuda_and_gradients_come_back_in_full() -> None:
    with Gpu(), torch.autocast("cuda", torch.bfloat16):
        weight = torch.nn.Parameter(torch.ones(2, 3).to(GPU))
        product = torch.nn.functional.linear(torch.ones(4, 3).to(GPU), weight)
        assert (product.dtype, product.softmax(1).dtype, product.relu().dtype) == (
            torch.bfloat16, torch.float32, torch.bfloat16,
        )  # fmt: skip
        product.float().sum().backward()
    assert isinstance(weight.grad, OnGpu) and weight.grad.dtype is torch.float32


def test_a_loss_that_is_not_finite_is_seen_a_step_later_and_before_anything_is_kept() -> None:
    with Gpu():
        good, bad = (Losses(torch.tensor(value, device=GPU), {}) for value in (1.0, float("nan")))
        for then in (lambda finite: finite.check(good), lambda finite: finite.settle()):
            finite = FiniteLosses("line")
            finite.check(good)
            finite.check(bad)
            with pytest.raises(ContractError, match="line: the loss is nan"):
                then(finite)


def test_sgd_takes_parameters_that_learn_later() -> None:
    with Gpu():
        first, later = (torch.nn.Parameter(torch.ones(3).to(GPU)) for _ in range(2))
        rule = RULES["sgd"]([first, later], lr=0.1)
        for learning in ([first], [first, later]):
            for parameter in learning:
                parameter.grad = torch.ones_like(parameter)
            rule.step()
        assert torch.allclose(later.detach().cpu(), torch.full((3,), 0.9))


def test_cuda_without_a_number_is_the_gpu_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with Gpu():
        assert pick_device("cuda") == pick_device("auto") == torch.device("cuda:0")
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
        monkeypatch.setenv("LOCAL_RANK", "3")
        assert pick_device("cuda") == pick_device("auto") == torch.device("cuda:3")


@pytest.mark.parametrize("name", ["xception", "clip"])
def test_heat_maps_are_drawn_there(name: str, toy: Path) -> None:
    with Gpu():
        detector, batch, _ = on_gpu(name, toy)
        maps = heat_of(detector, batch).maps
        assert maps.is_cuda and 0.5 < maps.amax() <= 1


@pytest.mark.slow
def test_a_run_goes_on_there_and_is_tested(toy: Path, tmp_path: Path, data_flags: list[str]) -> None:
    data, run = [*data_flags, "--device", "cuda", "--set", "data.workers=0"], tmp_path / "run"
    with Gpu():
        train.main(
            ["--detector_path", "meso4", "--train_dataset", "Toy", "--output", str(run), *data]
            + ["--set", "max_steps=1", "--set", "data.batch_size=8"]
        )
        train.main(["--resume", str(run), *data, "--set", "max_steps=3"])
        test.main(
            ["--weights_path", str(run / "last.safetensors"), "--test_dataset", "Other", *data]
            + ["--output", str(tmp_path / "test"), "--explain", "1"]
        )
    assert (tmp_path / "test" / "metrics.json").is_file()


@pytest.mark.slow
def test_benchmarks_run_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "compile_networks", lambda *_: None)  # the compiler knows no tensors but torch's own
    monkeypatch.setattr(precision, "RESULTS", tmp_path)
    with Gpu():
        steps.main(
            ["--device", "cuda", "--detectors", "xception", "--batch", "4", "--seconds", "0.01", "--faces", "8"]
            + ["--workers", "0", "--output", str(tmp_path / "steps_cuda.json")]
        )
        loading.main(
            ["--device", "cuda", "--count", "32", "--rounds", "1", "--workers", "1"]
            + ["--output", str(tmp_path / "loading_cuda.json")]
        )
        precision.main(["--device", "cuda", "--detectors", "meso4", "--steps", "2", "--seeds", "1"])
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}_cuda.json" for n in ("steps", "loading", "precision")}
