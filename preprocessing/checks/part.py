"""What one part of the check found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """``summary`` says in one sentence how much was looked at and what came of it, ``leaks`` what lets a detector look
    better than it is, ``facts`` the same for programs; ``facts["looked_at"]`` counts what was looked at."""

    name: str
    summary: str
    facts: dict[str, Any]
    leaks: list[str] = field(default_factory=list)
