"""Losses of image detectors whose golden figures need more than a labelled batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from tests.golden.fill import rule_input
from tests.golden.networks import batch_of
from tests.golden.registry import Golden, extras, figures
from training.detectors._forged import MIX, NOTHING, Forged
from training.detectors.base import Detector, Progress
from training.detectors.pcl_xception import consistency_target
from training.detectors.recce import correlation

LABEL = torch.tensor([0, 1])
UNKNOWN_PATCHES = (
    "not reproduced: the patches named in METHODS_image.md, 23 do not give it, nor is it known which ones do; "
    "ours are checked against scikit-learn's LedoitWolf in tests/unit/test_image_detectors.py"
)
"""Of UIA-ViT's Gaussians. A precision as small as ``fake_inv_cov`` needs features of a mean square of at least 1.32
(the mean eigenvalue of an inverse is no less than the inverse of the mean, and shrinkage keeps the mean), while no
patch of ``output.feature``, which we reproduce, has more than 1.05: they were of something else."""


def image_of(golden: Golden) -> torch.Tensor:
    """The rule-made picture of a network file."""
    return rule_input(golden["input_shape"], salt=golden["salt"])


def rectangle() -> torch.Tensor:
    """The masks ``(2, 1, 256, 256)`` of the two samples: nothing, and a rectangle."""
    mask = torch.zeros(2, 1, 256, 256)
    mask[1, :, 64:192, 80:176] = 1
    return mask


@figures("core")
def core(detector: Detector, golden: Golden) -> dict[str, Any]:
    """The two samples count as two views, though their labels differ."""
    outputs = detector.outputs(image_of(golden))
    a, b = outputs["core_feat"].double()
    cosine = F.cosine_similarity(a, b, dim=0)
    return {
        "train_losses.overall": detector.objective(outputs, LABEL).total,
        "loss_extra.cos": cosine,
        "loss_extra.mse_cos_to_1": (cosine - 1) ** 2,
    }


@figures("recce")
def recce(detector: Detector, golden: Golden) -> dict[str, Any]:
    """Correlations of the three pooled maps."""
    image = image_of(golden)
    outputs = detector.outputs(image)
    maps = {f"loss_extra.contra{i}": correlation(outputs[f"pooled{i}"]) for i in range(3)}
    return {"train_losses.overall": detector.loss(batch_of(image)).total, **maps}


@figures("ucf")
def ucf(detector: Detector, golden: Golden) -> dict[str, Any]:
    """Parts, and pictures rebuilt with either style (the fake is the reference's f1, c1)."""
    image = image_of(golden)
    losses = detector.loss(batch_of(image))
    real, fake = image[:1], image[1:]
    feature = detector.forgery.feature_map(image)
    found = {"specific": detector.specific(feature), "common": detector.common(feature)}
    own, other = detector.rebuilt(torch.cat([real, fake]), found)
    return {
        "train_losses.overall": losses.total,
        **{f"train_losses.{name}": part for name, part in losses.parts.items()},
        "loss_extra.rec_self_f2c2": own[:1],
        "loss_extra.rec_self_f1c1": own[1:],
        "loss_extra.rec_cross_f1c2": other[:1],
        "loss_extra.rec_cross_f2c1": other[1:],
    }


@figures("pcl_xception")
def pcl_xception(detector: Detector, golden: Golden) -> dict[str, Any]:
    """Consistency of a picture with a rectangular mask."""
    image, mask = image_of(golden), rectangle()
    losses = detector.loss(batch_of(image, mask=mask))
    return {
        "train_losses.overall": losses.total,
        "train_losses.det_loss": losses.parts["cls"],
        "train_losses.pcl_loss": losses.parts["consistency"],
        "loss_extra.pcl_map": detector.consistency(detector.outputs(image)["middle"]).sigmoid(),
        "loss_extra.pcl_gt_map": consistency_target(mask, (16, 16)),
    }


@figures("facexray")
def facexray(detector: Detector, golden: Golden) -> dict[str, Any]:
    """With the mask as X-ray, and its label part alone."""
    losses = detector.objective(detector.outputs(image_of(golden)), LABEL, rectangle())
    return {
        "train_losses.with_mask.overall": losses.total,
        "train_losses.with_mask.mask": losses.parts["mask"],
        "train_losses.with_mask.cls": losses.parts["cls"],
        "train_losses.mask_none.overall": losses.parts["cls"],
        "train_losses.mask_none.cls": losses.parts["cls"],
    }


@figures("multi_attention")
def multi_attention(detector: Detector, golden: Golden) -> dict[str, Any]:
    """The second of the reference's phases, which is our only one."""
    losses = detector.loss(batch_of(image_of(golden)))
    return {
        "train_losses.stage2.overall": losses.total,
        "train_losses.stage2.ce_loss": losses.parts["cls"],
        "train_losses.stage2.ril_loss": losses.parts["independence"],
        "loss_extra.ril_feature_centers_after": detector.independence.centers,
    }


@extras("lrl")
def lrl_extras(golden: Golden) -> dict[str, torch.Tensor]:
    """High frequencies that do not belong to the picture."""
    n, _, *size = golden["input_shape"]
    return {"idct": rule_input((n, 1, *size), "idct", golden["salt"])}


@figures("lrl")
def lrl(detector: Detector, golden: Golden) -> dict[str, Any]:
    """With a rectangular mask."""
    image = image_of(golden)
    outputs = detector.outputs(image, **lrl_extras(golden))
    losses = detector.objective(outputs, batch_of(image, mask=rectangle()))
    return {
        "train_losses.overall": losses.total,
        "train_losses.ce_loss": losses.parts["cls"],
        "train_losses.seg_loss": losses.parts["mask"],
        "train_losses.sim_loss": losses.parts["similarity"],
    }


@figures("uia_vit")
def uia_vit(detector: Detector, golden: Golden) -> dict[str, Any]:
    """Patches of the two samples gathered, the Gaussians fitted, then a training pass."""
    image = image_of(golden)
    with torch.no_grad():
        detector.gather(detector.outputs(image)["feature"], LABEL)
    detector.on_epoch_end(Progress(0, 1))
    detector.train()
    detector.trust.fill_(golden["loss_extra"]["step"])
    outputs = detector.outputs(image)
    losses = detector.loss(batch_of(image))
    flat = outputs["feature"].flatten(1, 2)[1]
    margin = detector.real.distance(flat) - detector.fake.distance(flat)
    return {
        "train_losses.overall": losses.total,
        "train_losses.ce_loss": losses.parts["cls"],
        "train_losses.pcl_loss": losses.parts["consistency"],
        "train_losses.c1": detector.c_real,
        "train_losses.c2": detector.c_fake,
        "train_losses.c3": detector.c_cross,
        "loss_extra.cls_train": outputs["logits"],
        "loss_extra.attention_map_real": outputs["attention_map"][:1],
        "loss_extra.attention_map_fake": outputs["attention_map"][1:],
        "loss_extra.fake_patches_gt0": (margin > 0).sum(),
        **{f"loss_extra.{name}": UNKNOWN_PATCHES for name in ("real_feature_mean", "real_inv_cov", "fake_inv_cov")},
        "loss_extra.min_abs_margin": UNKNOWN_PATCHES,
    }


@figures("iid")
def iid(detector: Detector, golden: Golden) -> dict[str, Any]:
    """Persons 3 and 7."""
    losses = detector.loss(batch_of(image_of(golden), person=torch.tensor([3, 7])))
    return {
        "train_losses.overall": losses.total,
        "train_losses.loss_bce": losses.parts["cls"],
        "train_losses.loss_iie": losses.parts["implicit"],
        "train_losses.loss_eic": losses.parts["explicit"],
    }


@figures("sladd")
def sladd(detector: Detector, golden: Golden) -> dict[str, Any]:
    """Hand-made truths, and the synthesizer's view of the two samples in either order."""
    image = image_of(golden)
    kind, share = torch.tensor([NOTHING, MIX]), torch.tensor([0.25, 0.75])
    losses = detector.objective(Forged(image, LABEL, kind, share, rectangle()))
    outputs = detector.outputs(image)
    region, kinds, mag = detector.synthesizer(torch.cat([image, image.flip(0)], 1))
    return {
        "train_losses.overall": losses.total,
        "train_losses.loss_type": losses.parts["kind"],
        "train_losses.loss_mag": losses.parts["share"],
        "train_losses.loss_maps": losses.parts["map"],
        "loss_extra.map": outputs["map"],
        "loss_extra.type_logits": outputs["type_logits"],
        "loss_extra.mag": outputs["mag"],
        "loss_extra.synth_region": region,
        "loss_extra.synth_type": kinds,
        "loss_extra.synth_mag": mag,
    }
