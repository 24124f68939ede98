"""CADDM's three networks, and its priors, codes, matching and loss."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import nms

from tests.golden.compare import Result, compare
from tests.golden.fill import fill, rng, rule_input
from tests.golden.registry import Golden, case
from training import assembly
from training.core.config import Layers
from training.core.paths import CONFIG
from training.core.schema import Config
from training.detectors.base import Detector
from training.detectors.caddm import Caddm
from training.losses.multibox import match, multibox
from training.networks.anchors import decode, encode, overlaps, prior_boxes
from training.networks.weights import load_strict

BACKBONES = {
    "resnet34": {"name": "resnet34"},
    "efficientnet-b3": {"name": "efficientnet_b3"},
    "efficientnet-b4": {"name": "efficientnet_b4", "padding": "same"},
}

OF_REAL = inspect.signature(Caddm).parameters["negatives_of_real"].default


@case("caddm/model_resnet34")
@case("caddm/model_efficientnet-b3")
@case("caddm/model_efficientnet-b4")
def network(golden: Golden) -> Iterator[Result]:
    """One forward pass, and for the ResNet a training step; the reference sees BGR, we see RGB."""
    state = {key: shape for key, shape, _ in golden["state"]}
    detector = _build(golden["backbone"])
    released = fill(state, golden["constants"], golden["gain"], golden["salt"])
    load_strict(detector, detector.from_released(released), golden["backbone"])
    dead = sum(released[key].numel() for key in golden["parameters_not_reached_by_the_loss"])
    count = sum(p.numel() for p in detector.parameters()) + dead
    yield Result("n_params", count == golden["n_params"], f"{count}, expected {golden['n_params']}")
    relative = max(1e-4, *(100 * v for v in golden["float32_vs_float64_max_rel"].values()))
    with torch.no_grad():
        ours = _named(detector.eval().outputs(rule_input((2, 3, 224, 224), salt=golden["salt"]).flip(1)))
    for name in ("backbone_map", "global_feat", "loc", "conf", "logits", "softmax", "score_fake"):
        yield compare(name, golden[name], ours[name], relative)
    for number, (figure, found) in enumerate(zip(golden["adm_maps"], ours["maps"], strict=True)):
        yield compare(f"adm_maps.{number}", figure, found, relative)
    for name in ("loc", "conf"):
        for row, figure in golden[f"{name}_rows"].items():
            yield compare(f"{name}_rows.{row}", figure, ours[name][tuple(map(int, row.split(",")))], relative)
    if "train_mode" in golden:
        yield from _training(detector, golden["train_mode"], golden["salt"])


def _build(backbone: str) -> Detector:
    layers = Layers().add_file(CONFIG / "detector" / "caddm.yaml")
    layers.add_tree({"backbone": {**BACKBONES[backbone], "weights": "random"}}, "tests/golden/cases/caddm.py")
    return assembly.build(layers.read(Config), ["class"] * 5, [])


def _named(outputs: dict[str, Any]) -> dict[str, Any]:
    """Our outputs under the reference's names."""
    probabilities = outputs["logits"].softmax(1)
    return {
        "backbone_map": outputs["feature"],
        "global_feat": outputs["feature"].mean((2, 3), keepdim=True),
        "maps": outputs["maps"],
        "loc": outputs["location"],
        "conf": outputs["confidence"],
        "logits": outputs["logits"],
        "softmax": probabilities,
        "score_fake": probabilities[:, 1],
    }


def _training(detector: Detector, golden: Golden, salt: str) -> Iterator[Result]:
    detector.train()
    ours = _named(detector.outputs(rule_input((4, 3, 224, 224), "input_train", salt).flip(1)))
    sum(ours[name].square().mean() for name in ("loc", "conf", "logits")).backward()
    net = detector.backbone.net
    ours |= {"grad_conv1": net.conv1.weight.grad.flip(1), "grad_fc": detector.head.weight.grad}
    ours |= {"running_mean_bn1_after": net.bn1.running_mean}
    for name, figure in golden.items():
        if name != "rule":
            yield compare(f"train_mode.{name}", figure, ours[name], 1e-3)


@case("caddm/boxes")
def boxes(golden: Golden) -> Iterator[Result]:
    """Everything between a box and the loss."""
    salt, priors = golden["salt"], prior_boxes()
    truths = _truths(salt)
    yield compare("truths.boxes", golden["truths"]["boxes"], truths, 1e-6)
    yield from _priors(golden["prior_boxes"], priors)
    yield from _overlaps(golden["iou"], overlaps(truths, _corners(priors)))
    for name, figures in golden["match"]["cases"].items():
        yield from _matching(f"match.cases.{name}", figures, priors)
    yield from _codes(golden, priors, truths)
    for name, figures in golden["multibox_loss"].items():
        yield from check_loss(name, figures, priors, salt)


def _truths(salt: str) -> Tensor:
    g = rng("truths", salt)
    center, size = 0.2 + 0.6 * g.random((6, 2)), 0.15 + 0.5 * g.random((6, 2))
    drawn = np.clip(np.concatenate([center - size / 2, center + size / 2], 1), 0, 1)
    return torch.from_numpy(drawn.astype(np.float32))


def _corners(priors: Tensor) -> Tensor:
    return decode(torch.zeros_like(priors), priors)


def _priors(golden: Golden, priors: Tensor) -> Iterator[Result]:
    digest = hashlib.sha256(priors.numpy().astype("<f4").tobytes()).hexdigest()
    yield Result("prior_boxes.sha256", digest == golden["sha256_float32_le_c_order"], digest)
    yield compare("prior_boxes.all", golden["all"], priors, 1e-6)


def _overlaps(golden: Golden, found: Tensor) -> Iterator[Result]:
    yield compare("iou.stat", golden["stat"], found)
    yield compare("iou.row_max", golden["row_max"], found.amax(1))
    yield compare("iou.row_argmax", golden["row_argmax"], found.argmax(1), 0)
    yield compare("iou.rows_sum", golden["rows_sum"], found.sum(1))


def _matching(at: str, golden: Golden, priors: Tensor) -> Iterator[Result]:
    codes, positive = (found[0] for found in match(torch.tensor([golden["truths"]]), priors))
    indices = positive.nonzero().flatten()
    if indices.tolist() != golden["pos_index"]:
        yield Result(f"{at}.pos_index", False, f"{indices.tolist()}, expected {golden['pos_index']}")
        return
    yield Result(f"{at}.pos_index", True)
    yield compare(f"{at}.pos_loc", golden["pos_loc"], codes[indices], 1e-4)
    yield compare(f"{at}.loc_sum", golden["loc_sum"], codes.double().sum(), 1e-4)
    yield compare(f"{at}.loc_abs_sum", golden["loc_abs_sum"], codes.double().abs().sum(), 1e-4)


def _codes(golden: Golden, priors: Tensor, truths: Tensor) -> Iterator[Result]:
    paired = truths[torch.arange(len(priors)) % 6]
    codes = encode(paired, priors)
    yield compare("encode_decode.encoded", golden["encode_decode"]["encoded"], codes)
    error = float((decode(codes, priors) - paired).abs().max())
    yield Result("encode_decode.decoded_max_error", error < 1e-6, f"{error:.1e}")
    drawn = torch.from_numpy(rng("decode", golden["salt"]).standard_normal((168, 4)).astype(np.float32))
    decoded = decode(drawn, priors)
    yield compare("decode_random.decoded", golden["decode_random"]["decoded"], decoded)
    scores = torch.from_numpy(rng("nms", golden["salt"]).random(168).astype(np.float32))
    kept = nms(decoded, scores, 0.5)  # the method takes no boxes; this shows that ours could be
    yield Result("nms.keep", kept.tolist() == golden["nms"]["keep"], f"{len(kept)} boxes")


def check_loss(name: str, golden: Golden, priors: Tensor, salt: str, of_real: int = OF_REAL) -> Iterator[Result]:
    """With priors of real pictures, of which the reference takes none; with none, all is reproduced (test_caddm.py)."""
    g = rng(f"multibox/{name}", salt)
    location, confidence = (
        torch.from_numpy((g.standard_normal((golden["B"], 168, n)) * golden["scale"]).astype(np.float32))
        for n in (4, 2)
    )
    listed = [torch.tensor(found or []).reshape(-1, 4) for found in golden["boxes"]]
    padded = torch.nn.utils.rnn.pad_sequence(listed, batch_first=True, padding_value=float("nan"))
    location.requires_grad_(), confidence.requires_grad_()
    losses = multibox(location, confidence, padded, priors, of_real=of_real)
    sum(losses).backward()
    _, positive = match(padded, priors)
    ours = {
        "n_pos_per_image": positive.sum(1),
        "loss_loc": losses[0],
        "loss_conf": losses[1],
        "grad_loc": location.grad,
        "grad_conf": confidence.grad,
        "conf_grad_nonzero_rows_per_image": confidence.grad.any(2).sum(1),
    }
    for entry, figure in ours.items():
        yield compare(f"multibox_loss.{name}.{entry}", golden[entry], figure)
