"""Loss functions of image detectors on rule-made inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F

from tests.golden.cases.image_figures import rectangle
from tests.golden.compare import Result, compare, flatten
from tests.golden.fill import rule_input
from tests.golden.registry import Golden, case
from training.detectors.capsule_net import capsule_loss
from training.detectors.core import cosine_consistency
from training.detectors.iid import squashed_cross_entropy
from training.detectors.pcl_xception import consistency_target
from training.detectors.uia_vit import patch_consistency
from training.losses.am_softmax import am_softmax
from training.losses.contrast import contrast
from training.networks.attention_maps import RegionIndependence
from training.networks.gaussians import RunningGaussian
from training.networks.heads import ArcHead

LABEL = torch.tensor([0, 1, 0, 1])
Draw = Callable[..., torch.Tensor]


@case("v1/_losses")
def losses(golden: Golden) -> Iterator[Result]:
    """All of them; a value that the reference gives three times belongs to three calls."""

    def draw(*shape: int, name: str) -> torch.Tensor:
        return rule_input(shape, f"loss.{name}", golden["salt"])

    ours = {**_classes(draw), **_identities(draw), **_regions(draw), **_patches(draw), **_consistency()}
    for name, figure in flatten(golden["losses"]):
        if not name.endswith(".inputs"):
            key = name.removesuffix(".value")
            yield compare(key, figure, ours[key])


def _classes(draw: Draw) -> dict[str, Any]:
    logits, feature = 4 * draw(4, 2, name="cls"), draw(4, 2048, name="feat")
    common, specific = 0.1 * draw(2, 256, name="common"), 0.1 * draw(2, 256, name="spe")
    plain = F.cross_entropy(logits, LABEL)
    return {
        "cross_entropy": plain,
        "am_softmax_srm": am_softmax(logits, LABEL, margin=0.45),
        "am_softmax_default": am_softmax(draw(4, 5, name="type"), torch.tensor([0, 4, 3, 2]), margin=0.5),
        "consistency_loss": plain + cosine_consistency(*feature.chunk(2)),
        "capsule_loss": capsule_loss(draw(4, 4, 2, name="caps").softmax(-1), LABEL),
        "contrastive_regularization": contrast(common, specific, torch.tensor([0, 3]), margin=3.0),
        "l1loss": F.l1_loss(draw(2, 3, 8, 8, name="a"), draw(2, 3, 8, 8, name="b")),
        "iid_FC_ddp": squashed_cross_entropy(logits, LABEL),
    }


def _identities(draw: Draw) -> dict[str, Any]:
    persons = ArcHead(16, 20, scale=64.0, margin=0.4)
    persons.weight.data = draw(16, 20, name="kernel").T
    person = torch.tensor([0, 5, 7, 19])
    return {"iid_FC_ddp2_arcface": F.cross_entropy(persons(draw(4, 16, name="emb"), person), person)}


def _regions(draw: Draw) -> dict[str, Any]:
    loss = RegionIndependence(4, 32)
    coarse, maps = draw(2, 32, 16, 16, name="fm"), draw(2, 4, 8, 8, name="att").abs()
    values = [loss(coarse, maps, LABEL[:2]) for _ in range(2)]
    loss.slow_down()
    values.append(loss(coarse, maps, LABEL[:2]))
    return {
        "region_independent_loss": torch.stack(values),
        "region_independent_loss.centers_after": loss.centers,
    }


def _patches(draw: Draw) -> dict[str, Any]:
    real, fake = RunningGaussian(8), RunningGaussian(8)
    real.mean, fake.mean = draw(8, name="rm"), draw(8, name="fm2")
    attention = torch.cat([draw(1, 16, 16, name=name).sigmoid() for name in ("ar", "af")])
    feature = draw(2, 4, 4, 8, name="patch").flatten(1, 2)
    manipulated = (real.distance(feature) > fake.distance(feature)) & torch.tensor([[False], [True]])
    levels = (torch.tensor(value) for value in (0.6, 0.6, 0.2))
    return {"patch_consistency_loss": patch_consistency(attention, manipulated, LABEL[:2], *levels)}


def _consistency() -> dict[str, Any]:
    target = consistency_target(rectangle(), (16, 16))
    return {
        "pcl_target": target,
        "pcl_target.real_sample": target[0],
        "pcl_target.fake_sample": target[1],
        "pcl_target.fake_col_j0": target[1, :, 0],
        "pcl_target.fake_col_j1": target[1, :, 1],
    }
