"""A trained detector as ONNX: pictures in, probabilities out, and a comparison with what torch says."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.assembly import network_input, prepare_of
from training.core.errors import ConfigError, ContractError
from training.core.paths import atomic
from training.core.registry import RECIPES
from training.core.types import UNKNOWN, Batch
from training.data.runs import Shape
from training.loading import Trained

ROWS = 3
"""Of the pictures that are compared; not a number that a network has anywhere."""
AGREES = 1e-3
"""Largest difference of a probability or, relative to the largest, of a logit between torch and ONNX Runtime."""


class Exported(nn.Module):
    """``image (N, 3, H, W)`` or ``(N, T, 3, H, W)``, float32 RGB from 0 to 255, to what the detector predicts of it."""

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.detector = trained.detector.cpu().eval()
        self.prepare = prepare_of(trained.cfg, torch.device("cpu"))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """``(fake_prob (N,), method_logits (N, classes))``, the second of attribution methods only."""
        none = torch.zeros(image.shape[:1], dtype=torch.int64)
        prepared = self.prepare.normalize(image)
        batch = Batch(prepared, none, none, none.bool(), none + UNKNOWN, identity=[])
        said = self.detector.predict(batch)
        return (said.fake_prob,) if said.method_logits is None else (said.fake_prob, said.method_logits)


def export(trained: Trained, path: Path) -> float:
    """Write ``path`` and return the largest difference between what it and torch say of random pictures.

    Raises:
        ConfigError: the packages are missing, or the method needs more than pictures.
        ContractError: the network holds what ONNX cannot express, or says something else there.
    """
    onnx = _library()
    module, shape = Exported(trained), _shape(trained)
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (ROWS, *shape)).astype(np.float32))
    with torch.inference_mode():
        expected = _said(module, images, trained.cfg.detector.name)
    names = ["fake_prob", "method_logits"][: len(expected)]
    with warnings.catch_warnings(action="ignore"), torch.no_grad(), atomic(path) as temporary:
        try:
            torch.onnx.export(
                module, (images[:2],), str(temporary), input_names=["image"], output_names=names, dynamo=True,
                external_data=False, verbose=False, dynamic_shapes=({0: torch.export.Dim("rows", min=1)},),
            )  # fmt: skip
        except (RuntimeError, TypeError, ValueError, torch.onnx.errors.OnnxExporterError) as error:
            raise ContractError(
                f"{trained.cfg.detector.name} cannot be exported: {str(error).splitlines()[0]}"
            ) from error
        model = onnx.load(str(temporary))
        onnx.helper.set_model_props(model, {"assay": json.dumps(_facts(trained, shape))})
        onnx.save(model, str(temporary))
        return _compared(temporary, images, dict(zip(names, expected, strict=True)), trained.cfg.detector.name)


def _library() -> Any:
    try:
        import onnx
        import onnxruntime  # noqa: F401 - looked for before any work
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"exporting needs the package {error.name}: pip install 'assay[export]'") from error
    return onnx


def _shape(trained: Trained) -> tuple[int, ...]:
    """Of one row: a picture, or a clip as long as the method learned from."""
    size = network_input(trained.cfg).resolution
    recipe = trained.cfg.data.recipe
    kind = RECIPES.get(recipe.name)
    if not (kind.neighbors or RECIPES.get(kind.at_test).neighbors):
        return 3, size, size
    given = {key: recipe.params[key] for key in ("length", "stride") if key in recipe.params}
    return Shape(**given).length, 3, size, size


def _said(module: Exported, images: Tensor, name: str) -> tuple[Tensor, ...]:
    try:
        return module(images)
    except (AttributeError, TypeError) as error:  # None, where landmarks or the like should be
        raise ConfigError(f"{name} needs more than pictures to predict, which the ONNX file would not get") from error


def _facts(trained: Trained, shape: tuple[int, ...]) -> dict[str, Any]:
    """What the file should say of itself."""
    card = asdict(trained.card)
    return {
        "detector": trained.cfg.detector.name,
        "image": {"shape": ["rows", *shape], "values": "float32, RGB, 0 to 255"},
        "known": {key: card[key] for key in ("classes", "facts", "calibration", "notes", "epoch", "step")},
    }


def _compared(path: Path, images: Tensor, expected: dict[str, Tensor], name: str) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for rows in (1, ROWS):  # the number of rows is not fixed
        found = session.run(list(expected), {"image": images[:rows].numpy()})
        for value, wanted in zip(found, expected.values(), strict=True):
            scale = max(1.0, float(wanted.abs().max()))
            worst = max(worst, float(np.abs(value - wanted[:rows].numpy()).max()) / scale)
    if not worst <= AGREES:
        raise ContractError(f"{name}: ONNX Runtime differs from torch by {worst:.2g}; the file was not kept")
    return worst
