"""CAL: losses of a step, thresholds over epochs, pruning of prototypes, the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.golden.cases.owdfa_encoders import IMAGENET_LAYER, loaded, outputs_of, parameters, resnet_shapes
from tests.golden.cases.owdfa_losses import normal
from tests.golden.compare import Result, compare
from tests.golden.fill import rng, rule_input
from tests.golden.registry import Golden, case
from training.core.config import Spec
from training.core.types import Batch
from training.detectors.base import Progress
from training.detectors.cal import Cal
from training.losses.confidence import Confidences, consistency, unused_entropy
from training.networks import zoo
from training.networks.attribution import cosines, inverse
from training.networks.prototypes import merged, survivors

OUTPUTS, KNOWN, EPOCHS = 41, 19, 50
NAMES = {"cls_loss": "cls", "regularization_loss": "regularization", "acr_loss": "acr", "ccr_loss": "ccr"}
TOLERANCE = 2e-4


def views(name: str) -> tuple[Tensor, Tensor, Batch]:
    """Weak and strong logits, and a batch of 16 labelled and 16 unlabelled rows."""
    g = rng(f"owdfa/cal/batch/{name}")
    target = np.concatenate([g.integers(0, KNOWN, 16), g.integers(0, OUTPUTS, 16)])
    boost = torch.from_numpy((g.random(32) * 14).astype(np.float32))
    weak = normal(f"owdfa/cal/weak/{name}", (32, OUTPUTS), 1.5)
    noise = rng(f"owdfa/cal/strong/{name}").standard_normal((32, OUTPUTS))
    strong = torch.from_numpy((0.7 * weak.numpy().astype(np.float64) + noise).astype(np.float32))
    rows, method = torch.arange(32), torch.from_numpy(target)
    for logits in (weak, strong):
        logits[rows, method] += boost
    known = rows < 16
    hidden = torch.where(known, method, -1)
    return weak.requires_grad_(), strong.requires_grad_(), Batch(rows, hidden, hidden, known, hidden, [])


def tiny(**params: Any) -> Cal:
    """CAL on a tiny backbone, in training; its objective asks for logits only."""
    backbone = zoo.maker(Spec(name="resnet50", params={"weights": "random", "size": "tiny"}))
    return Cal(backbone, OUTPUTS, KNOWN, 0, **params).train()


def check_losses(at: str, expected: Golden, cal: Cal, weak: Tensor, strong: Tensor, batch: Batch) -> Iterator[Result]:
    losses = cal.objective(weak, strong, batch)
    for theirs, ours in NAMES.items():
        yield compare(f"{at}.{theirs}", expected[theirs], losses.parts[ours], TOLERANCE)
    yield compare(f"{at}.total_loss", expected["total_loss"], losses.total, TOLERANCE)


@case("owdfa/cal_losses")
def cal_losses(golden: Golden) -> Iterator[Result]:
    """Every part in every stage of training, its gradients and counts; other temperatures."""
    for expected in golden["training_step_b0"]:
        at = f"epoch{expected['epoch']}_{expected['known_conf']}_{expected['novel_conf']}"
        cal, (weak, strong, batch) = tiny(gamma=expected["known_conf"]), views("b0")
        cal.on_epoch_start(Progress(expected["epoch"], EPOCHS))
        cal.confidences.novel.fill_(expected["novel_conf"])
        yield from check_losses(at, expected["losses"], cal, weak, strong, batch)
        yield compare(f"{at}.sums", expected["sums"], cal.confidences.sums)
        gradients = torch.autograd.grad(cal.objective(weak, strong, batch).total, (weak, strong))
        for name, gradient in zip(("grad_weak", "grad_strong"), gradients, strict=True):
            yield compare(f"{at}.{name}", expected[name], gradient, TOLERANCE)
    weak, strong, batch = views("b1")
    for epoch, expected in golden["ccr_b1_by_epoch"].items():
        start = (int(epoch) + 1) / EPOCHS
        yield compare(f"ccr_b1_by_epoch.{epoch}", expected, consistency(weak / 0.1, strong, start), TOLERANCE)
    name = "ccr_b1_student0.5_teacher0.04_epoch10"
    yield compare(name, golden[name], consistency(weak / 0.04, strong / 0.5, 11 / EPOCHS), TOLERANCE)
    for name, expected in golden["regularization_b1"].items():
        temperature, count = (float(part.lstrip("tauviews")) for part in name.split("_"))
        rows = torch.cat([weak, strong])[: 32 * int(count)] / temperature
        yield compare(f"regularization_b1.{name}", expected, unused_entropy(rows) / count, TOLERANCE)
    name = "training_step_b1_student0.5_teacher0.04_epoch7_thr0.9_0.5"
    cal = tiny(student=0.5, teacher=0.04)
    cal.on_epoch_start(Progress(7, EPOCHS))
    cal.confidences.novel.fill_(0.5)
    yield from check_losses(name, golden[name], cal, weak, strong, batch)


@case("owdfa/cal_thresholds")
def cal_thresholds(golden: Golden) -> Iterator[Result]:
    """The novel threshold after one epoch's sums, and over a run of three epochs."""
    for number, expected in enumerate(golden["update"]):
        seen = Confidences(KNOWN)
        seen.sums.copy_(torch.tensor([expected[f"{k}_{s}"] for s in ("known", "novel") for k in ("sum", "cnt")]))
        seen.novel.fill_(expected["previous_novel_thr"])
        seen.move(expected["gamma"])
        yield compare(f"update.{number}", expected["novel_thr"], seen.novel)
    cal = tiny(patience=1)
    for expected in golden["run"]:
        epoch = expected["epoch"]
        cal.on_epoch_start(Progress(epoch, EPOCHS))
        for step, losses in enumerate(expected["losses"]):
            yield from check_losses(f"run.e{epoch}s{step}", losses, cal, *views(f"e{epoch}s{step}"))
        yield compare(f"run.e{epoch}.sums", expected["sums"], cal.confidences.sums)
        cal.on_epoch_end(Progress(epoch, EPOCHS))
        yield compare(f"run.e{epoch}.novel_thr_after", expected["novel_thr_after"], cal.confidences.novel)


@case("owdfa/cal_dpp")
def cal_dpp(golden: Golden) -> Iterator[Result]:
    """How many prototypes are kept and what they become; three epochs one after the other."""
    for expected in golden["cases"]:
        at = f"{expected['usage']}_{expected['coverage']}"
        usage = torch.tensor(expected["usage_counts"], dtype=torch.float32)
        order = usage.argsort(descending=True, stable=True)
        kept = survivors(usage[order], expected["coverage"])
        yield compare(f"{at}.kept", expected["kept"], kept, 0)
        shape = golden["num_known"] + len(usage), golden["dim"]
        prototypes = normal(f"owdfa/dpp/proto/{expected['usage']}", shape, 0.3)
        novel = prototypes[golden["num_known"] :][order]
        ours = torch.cat([prototypes[: golden["num_known"]], merged(novel[:kept], novel[kept:])])
        if kept < len(usage):
            yield compare(f"{at}.merged", expected["merged"], ours)
            yield compare(f"{at}.merged_row_sums", expected["merged_row_sums"], ours.sum(1))
            yield compare(f"{at}.merged_row_norms", expected["merged_row_norms"], ours.norm(dim=1))
    yield from _chain(golden["chain"])


def _chain(chain: list[Golden]) -> Iterator[Result]:
    backbone = zoo.maker(Spec(name="resnet50", params={"weights": "random", "size": "tiny"}))
    cal = Cal(backbone, 90, 9, 0, prune=True)
    cal.classifier.weight = torch.nn.Parameter(normal("owdfa/dpp/chain/fc2", (90, 32), 0.3))
    for expected in chain:
        cal.on_epoch_start(Progress(expected["epoch"], EPOCHS))
        cal.usage[: expected["valid_before"]] = torch.tensor(expected["usage"], dtype=torch.float32)
        cal.on_epoch_end(Progress(expected["epoch"], EPOCHS))
        live = cal.live[cal.live >= 0]
        at = f"chain.{expected['epoch']}"
        yield compare(f"{at}.valid_after", expected["valid_after"], len(live), 0)
        yield compare(f"{at}.fc2_valid", expected["fc2_valid"], cal.classifier.weight[live])
        dead = torch.ones(90, dtype=torch.bool).index_fill(0, live, False)
        yield compare(f"{at}.fc2_rest_abs_sum", expected["fc2_rest_abs_sum"], cal.classifier.weight[dead].abs().sum())


@case("owdfa/encoder_cal")
def encoder_cal(golden: Golden) -> Iterator[Result]:
    """Attention from frequencies, features and logits at two sizes and with fewer prototypes."""
    shapes = resnet_shapes("encoder.") | golden["state_keys"]
    cal = loaded("cal", OUTPUTS, shapes, golden["constants"])
    ours = outputs_of(cal)
    pairs = (("featuremap", "feature"), ("attention_8x8", "attention"), ("feature", "embedding"), ("logits", "logits"))
    for theirs, key in pairs:
        yield compare(theirs, golden[theirs], ours[key], 1e-3)
    yield Result("n_params", parameters(golden["n_params"], cal, IMAGENET_LAYER).ok)
    expected, crop = golden["input_224_top_left_crop"], rule_input((2, 3, 256, 256))[..., :224, :224].contiguous()
    yield compare("input_224.attention", expected["attention"], cal.attention(crop), 1e-3)
    yield compare("input_224.logits", expected["logits"], outputs_of(cal, 224)["logits"], 1e-3)
    cal.live[30:] = -1
    yield compare("logits_valid30", golden["logits_valid30"], outputs_of(cal)["logits"], 1e-3)
    picture = normal("owdfa/dct/6x5", (1, 1, 6, 5))
    rows, columns = cosines(6), cosines(5)
    spectrum = rows @ picture @ columns.T
    yield compare("dct_2d_of_6x5", golden["dct_2d_of_6x5"], spectrum)
    back = inverse(rows) @ spectrum @ inverse(columns).T
    yield Result("idct_of_dct", bool((back - picture).abs().max() < 1e-5))
