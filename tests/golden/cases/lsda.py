"""LSDA's losses: two groups of a real and four fakes, with weights of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.golden.fill import rule_input
from tests.golden.networks import batch_of, reference_state
from tests.golden.registry import Golden, figures
from training.detectors.base import Detector
from training.networks.weights import load_strict

GROUPS, METHODS = 2, 5


def with_loss_gain(detector: Detector, golden: Golden) -> Detector:
    """``detector`` with the weights of the losses' figures."""
    state = reference_state({**golden, "gain": golden["train_losses"]["loss_gain"]}, Path())
    load_strict(detector, type(detector).from_released(state), "lsda.json")
    return detector


@figures("lsda")
def lsda(detector: Detector, golden: Golden) -> dict[str, Any]:
    """Parts, and the maps that they come from; the reference has every picture seen by the encoder of real faces."""
    with_loss_gain(detector, golden)
    image = rule_input((GROUPS * METHODS, *golden["input_shape"][1:]), "input_train", golden["salt"])
    method = torch.arange(METHODS).repeat(GROUPS)
    batch = batch_of(image, label=(method > 0).long(), method=method)
    with torch.no_grad():
        losses, student = detector.loss(batch), detector.outputs(image)
        taught = detector.taught(batch.select(method > 0))
        seen = detector.real_map(image, student["student_feature"].shape[-2:])
    return {
        "train_losses.overall": losses.total,
        "train_losses.domain": losses.parts["domain"],
        "train_losses.deepfake": losses.parts["binary"],
        "train_losses.distillation": losses.parts["distillation"],
        "train_losses.real_loss": torch.zeros(()),
        "train_losses.student_cls": student["logits"],
        "train_losses.fake_teacher_features": taught.unflatten(0, (GROUPS, -1)),
        "train_losses.real_encoder_features": seen.unflatten(0, (GROUPS, -1)),
    }
