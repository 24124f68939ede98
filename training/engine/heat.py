"""Where in a picture a verdict comes from: Grad-CAM of convolutional networks, attention rollout of transformers.

Nothing in a detector has to be prepared: maps and attention are caught while it runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import isqrt
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from training.core.errors import ConfigError, ContractError
from training.core.types import Batch, Prediction, Task
from training.detectors.base import Detector
from training.metrics.ranking import THRESHOLD

GRAD_CAM, ROLLOUT = "Grad-CAM", "attention rollout"
MAP = "feature_map"
"""The method of convolutional backbones that returns their last map."""
SAME = 1e-3
"""How far the sigmoid of logits may lie from the verdict that they stand for."""


@dataclass(frozen=True)
class Heat:
    """``maps (N, H, W)`` float32 in [0, 1] of the size of the pictures: 1 where most of the verdict comes from."""

    maps: Tensor
    how: str
    """:data:`GRAD_CAM`: what speaks for the verdict; :data:`ROLLOUT`: what was looked at, whatever came of it."""


@dataclass(eq=False)
class _Caught(TorchFunctionMode):
    """What went through a detector in one pass, in order."""

    named: list[Tensor] = field(default_factory=list)
    """What backbones returned as their last map."""
    maps: list[Tensor] = field(default_factory=list)
    """What modules returned of the form ``(N, C, h, w)``."""
    attention: list[Tensor] = field(default_factory=list)
    """``(N, queries, keys)``: means over heads."""

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(
        self, function: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is F.multi_head_attention_forward:
            found = function(*args, **kwargs | {"need_weights": True, "average_attn_weights": True})
            self.attention.append(found[1].detach())
            return found
        if function is F.scaled_dot_product_attention and args[0].ndim == 4:
            query, key, scale = args[0].detach(), args[1].detach(), kwargs.get("scale")
            logits = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
            self.attention.append(logits.softmax(-1).mean(1))
        return function(*args, **kwargs)

    def hook(self, module: nn.Module, args: tuple, output: Any) -> None:  # noqa: ARG002 - torch passes them
        """Keep a module's output if it is a map."""
        if isinstance(output, Tensor) and _is_map(output):
            self.maps.append(output)


def heat_of(detector: Detector, batch: Batch) -> Heat:
    """Where the verdict on each picture of a prepared ``batch`` comes from.

    Convolutional networks: Grad-CAM (Selvaraju et al., ICCV 2017, eqs. 1 and 2) on the backbone's last map, else on the
    last map of all, of the logit of what was said: fake, real, or the method named. Transformers: attention rollout
    (Abnar and Zuidema, ACL 2020, section 3) from the class token, else the mean of all tokens, to the patches.

    Raises:
        ConfigError: the detector judges clips, or shows neither maps nor attention.
    """
    name = type(detector).__name__
    if batch.image.ndim != 4:
        raise ConfigError(f"{name} judges clips; heat maps are of single pictures")
    detector.eval()
    with torch.no_grad():
        verdict = detector.predict(batch)
    shown = replace(batch, image=batch.image.detach().requires_grad_())
    for say in (_margin, _verdict):
        with torch.enable_grad(), _catching(detector) as caught:
            said = say(detector, shown, verdict)
        if said is not None:
            break
    heat, how = _cam(said, caught.named), GRAD_CAM
    if heat is None:
        heat, how = rollout(caught.attention, len(batch)), ROLLOUT
    if heat is None:
        heat, how = _cam(said, caught.maps), GRAD_CAM
    if heat is None:
        raise ConfigError(f"{name} shows neither feature maps nor attention to explain its verdicts by")
    return Heat(F.interpolate(heat[:, None], batch.image.shape[-2:], mode="bilinear")[:, 0].clamp(0, 1), how)


def _cam(said: Tensor, maps: list[Tensor]) -> Tensor | None:
    """:func:`grad_cam` of the last of ``maps`` that had a part in what was ``said``; None where none had."""
    for found in reversed(maps if said.requires_grad else []):
        (slope,) = torch.autograd.grad(said.sum(), found, retain_graph=True, allow_unused=True)
        if slope is not None:
            return grad_cam(found, slope)
    return None


def grad_cam(maps: Tensor, slope: Tensor) -> Tensor:
    """``(N, h, w)`` in [0, 1] of maps ``(N, C, h, w)`` and the gradient of what was said with respect to them."""
    found = (slope.mean((2, 3), keepdim=True) * maps).sum(1).relu().detach().float()
    return found / found.amax((1, 2), keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)


def rollout(attention: list[Tensor], rows: int) -> Tensor | None:
    """``(N, h, w)`` in [0, 1] of the attention ``(N, T, T)`` of each layer; None where no layers go together.

    A last attention ``(N, 1, T)``, which pools tokens, comes on top.
    """
    square = [each for each in attention if each.ndim == 3 and len(each) == rows and each.shape[1] == each.shape[2] > 3]
    if not square:
        return None
    tokens = Counter(each.shape[1] for each in square).most_common(1)[0][0]
    flow = torch.eye(tokens, device=square[0].device).expand(rows, -1, -1)
    for each in square:
        if each.shape[1] == tokens:
            flow = (each.float() + torch.eye(tokens, device=each.device)) / 2 @ flow
    side = isqrt(tokens)
    before = tokens - side**2
    pooled = [each for each in attention if each.shape == (rows, 1, tokens)]
    seen = pooled[-1].float() @ flow if pooled else flow[:, :1] if before else flow.mean(1, keepdim=True)
    found = seen[:, 0, before:].view(rows, side, side)
    found = found - found.amin((1, 2), keepdim=True)
    return found / found.amax((1, 2), keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)


@contextmanager
def _catching(detector: Detector) -> Iterator[_Caught]:
    caught = _Caught()
    hooks = [module.register_forward_hook(caught.hook) for module in detector.modules()]
    watched = [module for module in detector.modules() if hasattr(type(module), MAP)]
    for module in watched:
        setattr(module, MAP, _keeping(getattr(module, MAP), caught.named))
    try:
        with caught:
            yield caught
    finally:
        for hook in hooks:
            hook.remove()
        for module in watched:
            delattr(module, MAP)


def _keeping(method: Callable[..., Tensor], kept: list[Tensor]) -> Callable[..., Tensor]:
    def keep(*args: Any, **kwargs: Any) -> Tensor:
        found = method(*args, **kwargs)
        if _is_map(found):
            kept.append(found)
        return found

    return keep


def _is_map(found: Tensor) -> bool:
    return found.ndim == 4 and min(found.shape[2:]) > 1 and found.requires_grad


def _margin(detector: Detector, batch: Batch, verdict: Prediction) -> Tensor | None:
    """``(N,)``: by how much what was said lies above its opposite, before the sigmoid; None where ``outputs`` holds
    nothing that says the same as the ``verdict``.

    Probabilities near 0 and 1 are flat: their gradient is lost where errors are most certain.
    """
    if Task.DETECTION not in detector.tasks or not hasattr(detector, "outputs"):
        return None
    try:
        found = detector.outputs(batch.image)
    except ContractError:  # it needs more than the picture, which only ``predict`` knows how to give
        return None
    logits, margin = found.get("logits"), found.get("pre_sigmoid")
    if isinstance(logits, Tensor) and logits.ndim == 2 and logits.shape[1] == 2:
        margin = logits[:, 1] - logits[:, 0]
    prob = verdict.fake_prob
    if not isinstance(margin, Tensor) or margin.shape != prob.shape:
        return None
    return _sign(prob) * margin if torch.allclose(margin.sigmoid(), prob.to(margin), atol=SAME) else None


def _verdict(detector: Detector, batch: Batch, verdict: Prediction) -> Tensor:
    """Likewise, out of the probability; of attribution the highest logit."""
    found = detector.predict(batch)
    if Task.DETECTION not in detector.tasks:
        return found.method_logits.amax(1)
    return _sign(verdict.fake_prob) * torch.logit(found.fake_prob.double(), 1e-9)


def _sign(prob: Tensor) -> Tensor:
    return torch.where(prob > THRESHOLD, 1.0, -1.0)
