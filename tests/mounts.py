"""Small real disks, mounted where nobody else sees them."""

from __future__ import annotations

import subprocess

MOUNT = "mount -t tmpfs -o size={size} none {place}"


def in_own_mounts(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A line of shell, ``arguments`` being its ``$@``, that may mount what ends with it."""
    return subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command, "sh", *arguments], capture_output=True, text=True
    )
