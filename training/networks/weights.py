"""Reading weights files safely, and finding those a backbone starts from."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from training.core.errors import WeightsError
from training.core.paths import WEIGHTS, shown

Renames = Mapping[str, "str | None | Callable[[str], str]"]
"""Key or key prefix of another implementation -> ours; None: dead there; a function: from the rest to our whole key."""

CHECKSUM = "assay-crc32"
"""Entry of a safetensors header. The format itself notices no changed byte among the weights."""
DAMAGED = (
    SafetensorError, UnpicklingError, RuntimeError, OSError, EOFError, ValueError, TypeError, LookupError, struct.error,
    AttributeError, AssertionError, ArithmeticError, ImportError, MemoryError,
)  # fmt: skip
"""What safetensors and torch raise on files that are not what their names say, or were damaged."""
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` or torch file, on the CPU; ``module.`` prefixes of DDP runs are dropped.

    Raises:
        WeightsError: missing, damaged, or holding anything but tensors (such a file is never unpickled).
    """
    if not path.is_file():
        raise WeightsError(f"no weights file {shown(path)}")
    try:
        state = _read_tensors(path) if path.suffix == ".safetensors" else load_plain(path)
    except DAMAGED as error:
        raise WeightsError(f"{shown(path)}: not a safe weights file ({reason(error)})") from error
    if isinstance(state, dict):
        state = next((state[key] for key in ("state_dict", "network", "model_state") if key in state), state)
    if not isinstance(state, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        raise WeightsError(f"{shown(path)}: expected a state dict of tensors")
    return {key.removeprefix("module."): value for key, value in state.items()}


def _read_tensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, "pt") as file:
        kept = (file.metadata() or {}).get(CHECKSUM)
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    if kept is not None and kept != checksum(state):
        raise ValueError("its weights are not those that were written: the checksum differs")
    return state


def checksum(state: Mapping[str, Tensor]) -> str:
    """CRC-32 of all tensors with their names, types and shapes, on the CPU."""
    total = 0
    for name, value in sorted(state.items()):
        total = zlib.crc32(f"{name} {value.dtype} {tuple(value.shape)}".encode(), total)
        total = zlib.crc32(value.contiguous().reshape(-1).view(torch.uint8).numpy(), total)
    return f"{total:08x}"


def load_plain(path: Path) -> Any:
    """What lies in a torch file, on the CPU: tensors, numbers, text and containers of them; nothing else is unpickled.

    Raises one of :data:`DAMAGED` on anything else.
    """
    return torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 - weights_only


def reason(error: BaseException) -> str:
    """The first line of what a library says."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def rename(state: Mapping[str, Tensor], rules: Renames, who: str) -> dict[str, Tensor]:
    """``state`` under our names; of several rules that fit a key, the longest counts.

    Raises:
        WeightsError: keys that no rule knows, the first ones named.
    """
    renamed: dict[str, Tensor] = {}
    unknown = []
    for key, value in state.items():
        prefix = max((p for p in rules if key.startswith(p)), key=len, default=None)
        if prefix is None:
            unknown.append(key)
        elif (ours := rules[prefix]) is not None:
            rest = key.removeprefix(prefix)
            renamed[ours(rest) if callable(ours) else ours + rest] = value
    if unknown:
        shown_keys = ", ".join(unknown[:3]) + (", ..." if len(unknown) > 3 else "")
        raise WeightsError(f"not a released checkpoint of {who}: {len(unknown)} unknown keys ({shown_keys})")
    return renamed


def load_strict(network: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Load ``state`` whole.

    Raises:
        WeightsError: naming the first missing, unknown or misshaped keys.
    """
    own = network.state_dict()
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    misshaped = [k for k in own.keys() & state.keys() if own[k].shape != state[k].shape]
    faults = [
        f"{len(keys)} {what} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for what, keys in (("missing", missing), ("unknown", unknown), ("of another shape", sorted(misshaped)))
        if keys
    ]
    if faults:
        raise WeightsError(f"{where} does not fit {type(network).__name__}: keys {'; '.join(faults)}")
    network.load_state_dict(state)


def file_of(name: str) -> Path | None:
    """The file in weights/ that the pretrained network ``name`` starts from; None where there is none."""
    return next((file for s in SUFFIXES if (file := WEIGHTS / f"{name}{s}").is_file()), None)


def load_backbone(
    network: nn.Module, name: str, source: str, fetch: Callable[[], dict[str, Tensor]] | None, key: str
) -> None:
    """Fill a backbone from ``source``: a file, or ``pretrained`` = ``weights/<name>.*`` if there, else the hub.

    ``key`` is the place in the configuration that says so.

    Raises:
        WeightsError: nothing to be had; says what to put where.
    """
    found = file_of(name) if source == "pretrained" else Path(source) if Path(source).is_file() else None
    if found is None and source != "pretrained":
        raise WeightsError(f"{key}: no file {source}; give a file, 'pretrained' or 'random'")
    if found is not None:
        state, where = read_state(found), shown(found)
        convert = getattr(network, "convert", None)
        load_strict(network, convert(state) if convert else state, where)
        return
    place = shown(WEIGHTS / f"{name}{SUFFIXES[0]}")
    advice = f"put them into {place} (see weights/README.md), or set {key} to a file or 'random'"
    if fetch is None:
        raise WeightsError(f"backbone '{name}' has no published weights to fetch; {advice}")
    try:
        state = fetch()
    except (OSError, RuntimeError) as error:
        raise WeightsError(f"cannot fetch the weights of '{name}' ({type(error).__name__}); {advice}") from error
    load_strict(network, state, f"the hub's {name}")
