"""Losses that compare samples give two processes the gradient that one has on the whole batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.core.config import Spec
from training.core.types import Batch, Identity
from training.detectors.base import Detector
from training.detectors.clip_freq import ClipFreq
from training.detectors.forensics_adapter import ForensicsAdapter
from training.detectors.gend import GenD
from training.engine import distributed
from training.losses.gathered import gathered
from training.networks.zoo import maker

SMALL = {"weights": "random", "resolution": 32, "patch": 8, "width": 32, "layers": 4, "heads": 2}
SHARES = [[0, 2, 4], [1, 3, 5, 6, 7]]
"""The rows of either process."""
METHODS = ("gend", "clip_freq", "forensics_adapter")


def detector(name: str) -> Detector:
    torch.manual_seed(0)
    trunk = maker(Spec(name="clip_vit_l14", params={**SMALL, "tune": "layernorm"}))
    if name == "gend":
        return GenD(trunk)
    if name == "clip_freq":  # mixtures of random rows are no loss
        return ClipFreq(trunk, slerp="off", identity=0)
    return ForensicsAdapter(trunk, queries=4, width=24, layers=4, patch=0)


def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    label = torch.tensor([0, 1, 0, 1, 1, 0, 1, 0])
    image = torch.randn(8, 3, 32, 32, generator=generator)
    mask = torch.rand(8, 1, 32, 32, generator=generator)
    identity = [Identity("x", str(i), 0) for i in range(8)]
    return Batch(image, label, label, label >= 0, label, identity, mask=mask)


def gradients(name: str, rows: list[int]) -> dict[str, Tensor]:
    """Of the loss on ``rows``, averaged over processes, with the loss itself."""
    model, mine = detector(name), torch.tensor([i in rows for i in range(8)])
    losses = model.loss(batch().select(mine))
    losses.total.backward()
    learning = {n: p for n, p in model.named_parameters() if p.requires_grad}
    distributed.average_gradients(learning.values(), len(rows))
    return {n: p.grad for n, p in learning.items()} | {"loss": distributed.mean(losses.total.detach(), len(rows))}


def broadcast(rank: int) -> dict[str, Tensor]:
    """What a process holds after the first one's tensors were sent to it."""
    module = nn.Module()
    module.turned = nn.Parameter(torch.full((2, 3), float(rank)).T)  # its rows do not follow one another
    for kind in (torch.int16, torch.bool, torch.int64, torch.float64):
        module.register_buffer(str(kind).partition(".")[2], torch.full((3,), rank, dtype=kind))
    module.register_buffer("number", torch.tensor(rank))
    distributed.broadcast(module)
    return {name: value.contiguous() for name, value in module.state_dict().items()}


def work(rank: int, folder: Path) -> None:
    """One of two processes. Lives here by name, as spawned processes must find it."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=len(SHARES))
    for name in METHODS:
        save_file(gradients(name, SHARES[rank]), folder / f"{name}{rank}")
    z = torch.arange(float(len(SHARES[rank])))[:, None].requires_grad_()
    rows, number = gathered(z, torch.full((len(z),), rank))
    rows.sum().backward()
    norm = nn.Sequential(nn.BatchNorm1d(2))
    norm[0].running_mean.fill_(rank + 1.0)
    distributed.share_statistics(norm)
    save_file({"mean": norm[0].running_mean}, folder / f"norm{rank}")
    save_file(broadcast(rank), folder / f"broadcast{rank}")
    save_file({"rows": rows.detach(), "number": number, "gradient": z.grad}, folder / f"rows{rank}")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes left what they computed."""
    folder = tmp_path_factory.mktemp("together")
    torch.multiprocessing.spawn(work, (folder,), nprocs=len(SHARES))
    return folder


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_have_the_gradient_of_one(name: str, together: Path) -> None:
    alone = gradients(name, list(range(8)))
    for rank in range(2):
        shared = load_file(together / f"{name}{rank}")
        assert shared.keys() == alone.keys()
        for key, value in alone.items():
            torch.testing.assert_close(
                shared[key], value, rtol=1e-4, atol=1e-5, msg=lambda text, key=key: f"{key}: {text}"
            )


def test_all_processes_begin_with_the_first_ones_tensors_of_whatever_type(together: Path) -> None:
    for rank in range(2):
        found = load_file(together / f"broadcast{rank}")
        assert len(found) == 6 and not any(value.any() for value in found.values())


def test_rows_come_by_rank_and_only_the_own_ones_have_a_gradient(together: Path) -> None:
    for rank in range(2):
        found = load_file(together / f"rows{rank}")
        assert found["rows"].flatten().tolist() == [0, 1, 2, 0, 1, 2, 3, 4]
        assert found["number"].tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
        assert found["gradient"].flatten().tolist() == pytest.approx([8 / len(SHARES[rank])] * len(SHARES[rank]))


def test_processes_validate_with_the_batch_statistics_that_are_saved(together: Path) -> None:
    assert [load_file(together / f"norm{rank}")["mean"].tolist() for rank in range(2)] == [[1, 1], [1, 1]]


def test_a_single_process_has_its_own_rows() -> None:
    z, label = torch.zeros(2, 3), torch.ones(2)
    assert all(a is b for a, b in zip(gathered(z, label), (z, label), strict=True))
