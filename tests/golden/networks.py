"""The reader of network files: weights by the rule, our detector, its outputs and losses against the figures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from tests.golden.compare import Result, compare, flatten
from tests.golden.fill import fill, rule_input
from tests.golden.registry import EXTRAS, FIGURES, Golden
from training import assembly
from training.core.config import Layers
from training.core.paths import CONFIG
from training.core.schema import Config
from training.core.types import Batch, Identity
from training.detectors.base import Detector
from training.networks import zoo
from training.networks.weights import load_strict

BUILDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("builds.yaml").read_text(encoding="utf-8"))
"""What some files need beside the YAML of their detector: another detector's name, options, class counts."""


NOT_RETURNED = "not returned"
"""Detail of figures that no output or part of ours stands for."""


def method_of(golden: Golden) -> str:
    """The registry name of the detector that a network file is about."""
    return BUILDS.get(golden["name"], {}).get("detector", golden["name"])


def check_network(golden: Golden, path: Path) -> Iterator[Result]:
    """Every figure of a file with ``output`` and ``state``."""
    state = reference_state(golden, path)
    detector = build(golden)
    load_strict(detector, type(detector).from_released(state), path.name)
    detector.eval()
    relative = max(1e-4, 100 * golden.get("fp32_vs_fp64_rel", 0.0))
    extra = EXTRAS[golden["name"]](golden) if golden["name"] in EXTRAS else {}
    image = rule_input(golden["input_shape"], golden.get("input_name", "input"), golden["salt"])
    with torch.no_grad():
        yield from _check_outputs("output", golden["output"], detector, image, extra, relative)
        if "variant" in golden:
            changed = image.clone()
            changed[1] = 2 * changed[1] + 1
            yield from _check_outputs("variant", golden["variant"], detector, changed, extra, relative)
        if "batch_of_one" in golden:
            alone = [all_outputs(detector, row[None], extra) for row in image]
            ours = {k: torch.cat([o[k] for o in alone]) for k in ("logits", "prob")}
            yield from _check("batch_of_one", golden["batch_of_one"], ours, relative)
    yield from _check_losses(golden, detector, image, relative)
    yield from _check_construction(golden, detector)


def reference_state(golden: Golden, path: Path) -> dict[str, Tensor]:
    """The state dict of the reference implementation, filled by the rule."""
    shapes = golden["state"]
    if isinstance(shapes, str):
        other = path.parent.parent / f"{shapes.removeprefix('same as ').removesuffix('.json')}.json"
        shapes = json.loads(other.read_text(encoding="utf-8"))["state"]
    alias = golden.get("state_alias", {})
    repeated = {
        new + key.removeprefix(old): shape
        for new, old in alias.items()
        for key, shape in shapes.items()
        if key.startswith(old)
    }
    return fill({**repeated, **shapes}, golden["constants"], golden["gain"], golden["salt"])


def build(golden: Golden) -> Detector:
    """The detector with its own full YAML and random weights."""
    settings = BUILDS.get(golden["name"], {})
    layers = Layers().add_file(CONFIG / "detector" / f"{method_of(golden)}.yaml")
    layers.add_tree(settings.get("set", {}), "tests/golden/builds.yaml")
    layers.add_tree(zoo.overlay(layers.tree, weights="random"), "tests/golden/networks.py")
    config = layers.read(Config)
    config.data.resolution = golden["input_shape"][-1]
    return assembly.build(config, ["class"] * settings.get("methods", 5), ["person"] * settings.get("persons", 1000))


def batch_of(image: Tensor, **fields: Tensor) -> Batch:
    """A training batch of a real and a fake sample."""
    label = torch.arange(len(image)) % 2
    given = {"image": image, "label": label, "method": label, "person": label, **fields}
    labelled = torch.ones(len(image), dtype=torch.bool)
    return Batch(labelled=labelled, identity=[Identity("golden", "rule", i) for i in range(len(image))], **given)


def all_outputs(detector: Detector, image: Tensor, extra: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What ``outputs`` returns, and the probability that ``predict`` gives."""
    outputs = detector.outputs(image, **extra)
    if extra:
        return {**outputs, "prob": outputs["logits"].softmax(1)[:, 1]}
    return {**outputs, "prob": detector.predict(batch_of(image)).fake_prob}


def _check_outputs(
    section: str, expected: Golden, detector: Detector, image: Tensor, extra: Mapping[str, Tensor], relative: float
) -> Iterator[Result]:
    return _check(section, expected, all_outputs(detector, image, extra), relative)


def _check(section: str, expected: Golden, ours: Mapping[str, Any], relative: float) -> Iterator[Result]:
    """Compare every figure that we return under the same name, or under its last part."""
    for name, figure in flatten(expected):
        leaf = name.rpartition(".")[2]
        if figure is None or isinstance(figure, str) or leaf.startswith("rel_"):
            continue
        entry = f"{section}.{name}"
        key = next((k for k in (name, name.partition(".")[2], leaf) if k in ours), None)
        if leaf.startswith("prob_"):
            key = "prob"
        if leaf.endswith("_first8") and leaf.removesuffix("_first8") in ours:
            yield compare(entry, figure, ours[leaf.removesuffix("_first8")].flatten()[:8], relative)
        elif key is None:
            needed = section in ("output", "variant") and leaf in ("logits", "prob")
            yield Result(entry, False if needed else None, NOT_RETURNED)
        elif isinstance(ours[key], str):
            yield Result(entry, None, ours[key])
        else:
            yield compare(entry, figure, ours[key], relative)


def _check_losses(golden: Golden, detector: Detector, image: Tensor, relative: float) -> Iterator[Result]:
    if golden["name"] in FIGURES:
        ours = FIGURES[golden["name"]](detector, golden)
    else:
        losses = detector.loss(batch_of(image))
        ours = {"train_losses.overall": losses.total} | {f"train_losses.{k}": v for k, v in losses.parts.items()}
    for section in dict.fromkeys(name.partition(".")[0] for name in ours):
        part = {k.removeprefix(f"{section}."): v for k, v in ours.items() if k.startswith(f"{section}.")}
        yield from _check(section, golden.get(section, {}), part, relative)


def _check_construction(golden: Golden, detector: Detector) -> Iterator[Result]:
    """The number of parameters that learn, and that our construction holds the constants."""
    expected = golden["num_params"]
    if isinstance(expected, dict):
        expected = next(count for name, count in expected.items() if name.startswith("trainable"))
    else:
        expected -= golden["dead_params"]["total"]
    count = sum(p.numel() for p in detector.parameters() if p.requires_grad)
    yield Result("num_params", count == expected, f"{count}, expected {expected} (dead ones aside)")
    tensors = [t.detach().double() for t in (*detector.parameters(), *detector.buffers())]
    tensors += [part for t in tensors if t.ndim == 3 for part in t]  # several constants of a kind in one
    for key, figure in golden["constants"].items():
        if isinstance(figure, list) and not key.endswith("position_ids"):  # 0, 1, 2, ...: only transformers keeps them
            shape, total, absolute = figure
            found = any(_has(t, math.prod(shape), total, absolute) for t in tensors)
            yield Result(f"constants.{key}", found, f"no tensor of shape {shape} with sum {total}" if not found else "")


def _has(tensor: Tensor, size: int, total: float, absolute: float) -> bool:
    allowed = 1e-4 * max(absolute, 1e-9)
    return (
        tensor.numel() == size
        and abs(float(tensor.sum()) - total) <= allowed
        and abs(float(tensor.abs().sum()) - absolute) <= allowed
    )
