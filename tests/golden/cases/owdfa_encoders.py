"""The attribution networks on rule-made weights, loaded as the released checkpoints are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import timm
import torch
from torch import Tensor

from tests.golden.compare import Result, compare
from tests.golden.fill import fill, rule_input
from tests.golden.networks import NOT_RETURNED
from tests.golden.registry import Golden, case
from training.core.config import Spec
from training.core.registry import DETECTORS
from training.detectors._attribution import Attribution
from training.networks import zoo
from training.networks.weights import load_strict

Shapes = dict[str, list[int]]


def loaded(method: str, outputs: int, shapes: Shapes, constants: dict[str, Any], **params: Any) -> Attribution:
    """The method in eval mode, filled through :meth:`from_released`."""
    state = fill(shapes, {})
    state |= {key: torch.full(shape, low) for key, (shape, low, _) in constants.items()}
    backbone = zoo.maker(Spec(name="resnet50", params={"weights": "random"}))
    known = {"num_methods": outputs, "num_known": outputs // 2, "real_class": 0}
    detector = DETECTORS.get(method)(backbone=backbone, **known, **params)
    load_strict(detector, detector.from_released(state), method)
    return detector.eval()


def resnet_shapes(prefix: str) -> Shapes:
    """Keys and shapes of timm's ResNet-50, which the golden files name once for all."""
    with torch.device("meta"):
        state = timm.create_model("resnet50").state_dict()
    return {prefix + key: list(value.shape) for key, value in state.items()}


@torch.no_grad()
def outputs_of(detector: Attribution, side: int = 256) -> dict[str, Tensor]:
    return detector.outputs(rule_input((2, 3, 256, 256))[..., :side, :side].contiguous())


def parameters(expected: int, detector: Attribution, dead: int = 0) -> Result:
    """The reference counts the ImageNet layer that it never uses."""
    return compare("n_params", expected, sum(p.numel() for p in detector.parameters()) + dead, 0)


IMAGENET_LAYER = 1000 * 2048 + 1000


@case("owdfa/encoders_cpl")
def encoders_cpl(golden: Golden) -> Iterator[Result]:
    """Supervised baseline, CPL, MPSL."""
    resnet = resnet_shapes("encoder.")
    yield Result("resnet50_state_keys", resnet_shapes("") == golden["resnet50_state_keys"])
    for name, method in (("BaseClassifier_bnneck", "supervised"), ("CPLClassifier", "cpl"), ("MPSLClassifier", "mpsl")):
        expected = golden["models"][name]
        shapes = resnet | expected["state_keys"]
        detector = loaded(method, shapes["fc2.weight"][0], shapes, expected["constants"])
        ours = outputs_of(detector)
        for theirs, key in (("featuremap", "feature"), ("feature", "embedding"), ("f_g", "embedding")):
            if theirs in expected:
                yield compare(f"{name}.{theirs}", expected[theirs], ours[key], 1e-3)
        yield compare(f"{name}.logits", expected["logits"], ours["logits"], 1e-3)
        yield Result(f"{name}.n_params", parameters(expected["n_params"], detector, IMAGENET_LAYER).ok)
        if "f_p" in expected:
            yield compare(f"{name}.f_p", expected["f_p"], ours["parts"], 1e-3)
            yield compare(f"{name}.f_p_per_patch_sum", expected["f_p_per_patch_sum"], ours["parts"].sum((0, 1)), 1e-3)
        for at, band in enumerate(expected.get("freq", []), start=1):
            yield compare(f"{name}.freq{at}", band, ours[f"band{at}"], 1e-3)
        grids = zip((3, 5, 7), expected.get("part", []), expected.get("part_per_patch_sum", []), strict=False)
        for cells, part, sums in grids:
            yield compare(f"{name}.part{cells}", part, ours[f"part{cells}"], 1e-3)
            yield compare(f"{name}.part{cells}_sums", sums, ours[f"part{cells}"].sum((0, 1)), 1e-3)
    # A head without a neck, which no configuration of the reference uses, is none of ours.
    yield Result("BaseClassifier_no", None, NOT_RETURNED)
