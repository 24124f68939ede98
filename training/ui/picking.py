"""Names that requests give, of things that were listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, TypeVar

from fastapi import HTTPException, Query

from training.core.errors import did_you_mean

T = TypeVar("T")
Names = Annotated[list[str], Query(min_length=1)]


def pick(names: Iterable[str], known: Mapping[str, T], what: str) -> list[T]:
    """What was listed under ``names``, each once: no name leads anywhere else.

    Raises:
        HTTPException: 404, one is not among them.
    """
    wrong = next((name for name in names if name not in known), None)
    if wrong is not None:
        raise HTTPException(404, f"no {what} '{wrong}'; {did_you_mean(wrong, known)}")
    return [known[name] for name in dict.fromkeys(names)]
