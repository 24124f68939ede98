"""What a result was made with: versions, git revision, device, command."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from importlib import metadata
from typing import Any

import torch

from training.core.paths import ROOT

PACKAGES = ("torch", "torchvision", "timm", "open_clip_torch", "numpy", "opencv-python-headless", "dlib-bin", "lmdb")


def describe(seed: int | None = None, device: torch.device | None = None) -> dict[str, Any]:
    """Plain data to keep beside every result."""
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": sys.argv,
        "git": git_revision(),
        "seed": seed,
        "device": _device_name(device),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {"assay": metadata.version("assay"), **{p: metadata.version(p) for p in PACKAGES}},
    }


def git_revision() -> str | None:
    """The checkout's commit, with ``+`` when files differ from it; None outside a git checkout."""
    try:
        commit = _git("rev-parse", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*args: str) -> str:
    done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


def _device_name(device: torch.device | None) -> str:
    if device is not None and device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu ({platform.processor() or platform.machine()})"
