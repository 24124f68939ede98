"""What the video networks share."""

from __future__ import annotations

from torch import Tensor

from training.core.errors import ContractError


def check_frames(clip: Tensor, frames: int, who: str) -> None:
    """Refuse clips ``(N, T, 3, H, W)`` that do not have ``frames`` frames.

    Raises:
        ContractError: naming the setting to change.
    """
    if clip.ndim != 5 or clip.shape[1] != frames:
        got = f"{clip.shape[1]} frames" if clip.ndim == 5 else "single pictures"
        raise ContractError(f"{who} takes clips of {frames} frames, got {got}; set data.recipe.length to {frames}")
