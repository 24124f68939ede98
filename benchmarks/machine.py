"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from training.core.paths import processors


def describe(*packages: str) -> dict[str, Any]:
    """Processor, how many this process may use, how busy the machine is, and the versions of ``packages``."""
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "processor": _processor(),
        "processors": processors(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {package: metadata.version(package) for package in packages},
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def peak_mib() -> int:
    """The most memory that this process has held, in MiB (Linux).

    ``getrusage`` would not do: a process starts with the peak of the one that started it.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024)
