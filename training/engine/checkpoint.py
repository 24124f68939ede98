"""Checkpoints: weights with everything needed to use them again (safetensors), and the state to resume from.

A weights file carries in its header the resolved configuration, class names, preprocessing facts, versions and
where training stood, so that testing and prediction need nothing else.
"""

from __future__ import annotations

import contextlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from training.core.config import read_section
from training.core.errors import ConfigError, DataError, WeightsError
from training.core.paths import atomic, shown
from training.networks.weights import CHECKSUM, DAMAGED, checksum, load_plain, reason

HEADER, CARD_CHECKSUM = "assay", "assay-card-crc32"
"""Entries of a safetensors header. Checkpoints from before there was a checksum are read without."""
VERSION = 1


@dataclass
class Card:
    """What a checkpoint says about itself."""

    config: dict[str, Any]
    classes: list[str]
    persons: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """Per training set: how its faces were cut (crop size, scale, detector)."""
    environment: dict[str, Any] = field(default_factory=dict)
    epoch: int = 0
    step: int = 0
    metrics: dict[str, float | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    calibration: dict[str, Any] | None = None
    """Temperature and threshold from validation data, see :mod:`training.engine.evaluators.calibration`; None where no
    validation split was there, and in checkpoints from before there was this entry."""
    conditions: dict[str, Any] | None = None
    """What of its training enters the hash of a protocol, see :mod:`training.core.conditions`; None where nobody knows:
    in published and in older checkpoints."""
    version: int = VERSION


@contextlib.contextmanager
def _written(path: Path) -> Iterator[Path]:
    """As :func:`atomic`; of a disk that is full torch and safetensors tell by errors of their own."""
    try:
        with atomic(path) as temporary:
            yield temporary
    except (RuntimeError, SafetensorError) as error:
        raise DataError(f"{shown(path)}: cannot be written ({reason(error)}); is the disk full?") from error


def save_weights(path: Path, network: nn.Module, card: Card) -> None:
    """Write the network's state and its card, atomically."""
    # Modules used twice share tensors, which the format refuses: each name gets its own copy.
    state = {k: v.detach().cpu().contiguous().clone() for k, v in network.state_dict().items()}
    with _written(path) as temporary:
        text = json.dumps(asdict(card))
        marks = {CHECKSUM: checksum(state), CARD_CHECKSUM: f"{zlib.crc32(text.encode()):08x}"}
        save_file(state, temporary, metadata={HEADER: text, **marks})
        temporary.chmod(0o644)  # safetensors lets only the owner read; results are for colleagues too


def read_card(path: Path) -> Card | None:
    """The card of a checkpoint that Assay saved; None for anybody else's weights.

    Raises:
        WeightsError: the file is missing or damaged, or its card was written by a newer Assay.
    """
    if not path.is_file():
        raise WeightsError(f"no checkpoint {shown(path)}")
    if path.suffix != ".safetensors":
        return None
    try:
        with safe_open(path, "pt") as file:
            entries = file.metadata() or {}
        header = entries.get(HEADER)
        if header and entries.get(CARD_CHECKSUM) not in (None, f"{zlib.crc32(header.encode()):08x}"):
            raise ValueError("its card is not the one that was written: the checksum differs")
        tree = json.loads(header) if header else None
    except DAMAGED as error:
        raise WeightsError(f"{shown(path)}: not a readable safetensors file ({reason(error)})") from error
    if tree is None:
        return None
    version = tree.get("version") if isinstance(tree, dict) else None
    if version != VERSION:
        raise WeightsError(f"{shown(path)}: checkpoint version {version!r}; this Assay reads {VERSION}")
    try:
        return read_section(tree, Card)
    except ConfigError as error:
        raise WeightsError(f"{shown(path)}: damaged card ({error})") from error


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a training state (tensors, numbers, text and containers of them), atomically."""
    with _written(path) as temporary:
        torch.save(state, temporary)


def load_state(path: Path) -> dict[str, Any]:
    """What :func:`save_state` wrote, on the CPU.

    Raises:
        WeightsError: missing or damaged, or holding anything but plain data (never unpickled).
    """
    if not path.is_file():
        raise WeightsError(f"nothing to resume: no {shown(path)}")
    try:
        with zipfile.ZipFile(path) as file:  # torch itself compares no checksum
            if (part := file.testzip()) is not None:
                raise ValueError(f"{part} is not what was written")
        state = load_plain(path)
    except (zipfile.BadZipFile, zlib.error, *DAMAGED) as error:
        raise WeightsError(f"{shown(path)}: damaged training state ({reason(error)})") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{shown(path)}: no training state")
    return state


def to_cpu(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A copy of a state dict on the CPU."""
    return {k: v.detach().cpu().clone() for k, v in state.items()}
