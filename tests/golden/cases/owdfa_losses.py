"""Losses of CPL and MPSL on rule-made features and logits; pooling and wavelets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from tests.golden.compare import Result, compare
from tests.golden.fill import rng
from tests.golden.networks import NOT_RETURNED
from tests.golden.registry import Golden, case
from training.core.types import UNKNOWN, Batch, Losses
from training.detectors._contrastive import ContrastivePseudo
from training.losses.open_world import margin_cross_entropy, mean_entropy
from training.networks.attribution import grid_pool, haar_bands
from training.networks.frequency import haar
from training.networks.perspectives import Several, Single, global_neighbors

NOVEL = 22


def normal(name: str, shape: tuple[int, ...], scale: float = 1.0) -> Tensor:
    return torch.from_numpy((rng(name).standard_normal(shape) * scale).astype(np.float32))


def gumbel(name: str, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy((-np.log(-np.log(rng(name).random(shape)))).astype(np.float32))


def batch_of(golden: Golden) -> Batch:
    """The labelled rows, then the unlabelled ones, without pictures."""
    known, hidden = len(golden["labelled_target"]), golden["B"] - len(golden["labelled_target"])
    method = torch.tensor(golden["labelled_target"] + [UNKNOWN] * hidden)
    labelled = torch.arange(golden["B"]) < known
    return Batch(torch.zeros(golden["B"]), method, method, labelled, method, [])


def feature(tag: str, shape: tuple[int, ...], targets: list[int], weight: float) -> Tensor:
    centers = normal(f"owdfa/{tag}/centers", (NOVEL, *shape))
    return weight * centers[targets] + normal(f"owdfa/{tag}/noise", (len(targets), *shape))


def noise_of(tag: str, golden: Golden) -> Tensor:
    """Gumbel noise; that of labelled rows is never looked at."""
    hidden = golden["B"] - len(golden["labelled_target"])
    return torch.cat([torch.zeros(golden["B"] - hidden, golden["C"]), gumbel(f"owdfa/{tag}/gumbel", (hidden, NOVEL))])


def learner(looks: torch.nn.Module) -> ContrastivePseudo:
    """The published weights of the loss, and only what the objective asks for."""
    learner = ContrastivePseudo.__new__(ContrastivePseudo)
    torch.nn.Module.__init__(learner)
    learner.weights, learner.looks = {"pairs": 0.5, "pseudo": 0.5, "entropy": -1.0}, looks
    return learner


def partners_of(first: Tensor, second: Tensor, voted: Tensor, expected: list[int], known: int) -> Result:
    ours = torch.where(voted, second, first)[known:].tolist()
    return Result("pairs", ours == expected[known:], f"{ours}; reference {expected[known:]}")


def loss_entries(at: str, expected: Golden, losses: Losses, logits: Tensor, names: dict[str, str]) -> Iterator[Result]:
    for theirs, ours in names.items():
        yield compare(f"{at}.losses.{theirs}", expected["losses"][theirs], losses.parts[ours])
    yield compare(f"{at}.losses.total_loss", expected["losses"]["total_loss"], losses.total)
    [gradient] = torch.autograd.grad(losses.total, logits)
    yield compare(f"{at}.grad_logits", expected["grad_logits"], gradient)


@case("owdfa/cpl_losses")
def cpl_losses(golden: Golden) -> Iterator[Result]:
    """Partners, votes, every part of the loss and its gradient."""
    batch, known = batch_of(golden), len(golden["labelled_target"])
    targets = golden["labelled_target"] + golden["unlabelled_target"]
    cpl = learner(Single(64))
    for expected in golden["cases"]:
        at = f"w{expected['w']}"
        whole = feature("cpl/fg", (64,), targets, expected["w"])
        parts = feature("cpl/fp", (64, 9), targets, expected["w"])
        logits = normal("owdfa/cpl/logits", (golden["B"], NOVEL), 2).requires_grad_()
        first, second = global_neighbors(whole)
        voted, _ = cpl.looks.votes({"parts": parts}, second)
        yield compare(f"{at}.mask", expected["mask_1"], voted[known:].float().tolist(), 0)
        found = partners_of(first, second, voted, expected["pairs"], known)
        yield Result(f"{at}.pairs", found.ok, found.detail)
        outputs = {"logits": logits, "embedding": whole, "parts": parts}
        losses = cpl.objective(outputs, batch, noise_of("cpl", golden))
        names = {"ce_loss": "cls", "glv_loss": "pairs", "csp_loss": "pseudo", "en_loss": "entropy"}
        yield from loss_entries(at, expected, losses, logits, names)


@case("owdfa/mpsl_losses")
def mpsl_losses(golden: Golden) -> Iterator[Result]:
    """Votes of bands and grids, and the loss as the published code has it, without the gate."""
    batch, known = batch_of(golden), len(golden["labelled_target"])
    targets = golden["labelled_target"] + golden["unlabelled_target"]
    gated, mpsl = Several(64), learner(Several(64, gate=False))
    for expected in golden["cases"]:
        at, weight = f"w{expected['w']}", expected["w"]
        logits = normal("owdfa/mpsl/logits", (golden["B"], NOVEL), 2).requires_grad_()
        outputs = {"logits": logits, "embedding": feature("mpsl/fg", (64,), targets, weight)}
        outputs |= {f"band{n + 1}": feature(f"mpsl/freq{n}", (64, 16), targets, weight) for n in range(3)}
        outputs |= {f"part{q}": feature(f"mpsl/part{q}", (64, q * q), targets, weight) for q in Several.GRIDS}
        first, second = global_neighbors(outputs["embedding"])
        together, trusted = gated.votes(outputs, second)
        yield compare(f"{at}.mask_union", expected["mask_union"], trusted[known:].float().tolist(), 0)
        yield compare(f"{at}.mask_intersection", expected["mask_intersection"], together[known:].float().tolist(), 0)
        found = partners_of(first, second, together, expected["pairs"], known)
        yield Result(f"{at}.pairs", found.ok, found.detail)
        losses = mpsl.objective(outputs, batch, noise_of("mpsl", golden))
        names = {"ce_loss": "cls", "mpv_loss": "pairs", "fcp_loss": "pseudo", "en_loss": "entropy"}
        yield from loss_entries(at, expected, losses, logits, names)
        yield Result(f"{at}.pair_hits", None, NOT_RETURNED)  # diagnostics, by the hidden labels


@case("owdfa/elementary_losses")
def elementary_losses(golden: Golden) -> Iterator[Result]:
    """Margins, entropies, smoothed labels."""
    target = torch.tensor(golden["target"])
    for name, margin, scale in (
        ("margin_m-0.2_s1", -0.2, 1.0),
        ("margin_m0.2_s10", 0.2, 10.0),
        ("margin_m0.0_s1", 0.0, 1.0),
        ("margin_m-0.35_s10", -0.35, 10.0),
    ):
        logits = normal("owdfa/elem/logits", (12, 9), 2).requires_grad_()
        loss = margin_cross_entropy(logits, target, margin, scale)
        yield compare(f"{name}.value", golden[name]["value"], loss)
        yield compare(f"{name}.grad", golden[name]["grad"], torch.autograd.grad(loss, logits)[0])
    logits = normal("owdfa/elem/logits", (12, 9), 2)
    rows = torch.stack([mean_entropy(row[None]) for row in logits])
    yield compare("entropy_2d", golden["entropy_2d"], rows.mean())
    yield compare("entropy_1d_of_mean", golden["entropy_1d_of_mean"], mean_entropy(logits))
    never = "a form of the reference that no configuration of it uses"
    for name in ("entropy_1d_with_zeros", "label_smooth_0.1", "label_smooth_0.1_two_ignored", "label_smooth_0.3_sum"):
        yield Result(name, None, never)
    yield Result("symmetric_mse", None, never)


@case("owdfa/pool_and_dwt")
def pool_and_dwt(golden: Golden) -> Iterator[Result]:
    """Grids of several sizes; one Haar level."""
    for name, expected in golden["custom_pool"].items():
        size, _, cells = name.partition("_to_")
        height, width = map(int, size.split("x"))
        ours = grid_pool(normal(f"owdfa/pool/{size}", (1, 2, height, width)), int(cells))
        yield compare(f"custom_pool.{name}", expected, ours)
    picture = normal("owdfa/dwt/8x8", (1, 2, 8, 8))
    yield compare("dwt_low", golden["dwt_low"], haar(picture)[0])
    bands = torch.stack([band.unflatten(2, (4, 4)) for band in haar_bands(picture)], 2)
    yield compare("dwt_high_3bands", golden["dwt_high_3bands"], bands)
