"""What is asked of an upload, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from training.core.paths import shown
from training.ui.checkpoints import Checkpoint

State = Literal["waiting", "running", "done", "failed", "canceled"]
Picture = Literal["timeline", "heat_map"]


@dataclass
class Answer:
    """What one checkpoint said of an upload."""

    checkpoint: Checkpoint
    folder: Path
    error: str | None = None
    """The line in which predict.py said what went wrong, if anything."""
    said: dict[str, Any] | None = None
    """The file's entry in predictions.json, without its path."""
    notes: list[str] = field(default_factory=list)
    """What a reader must know."""

    def picture(self, which: Picture) -> Path | None:
        """Where a picture lies, if there is one."""
        name = self.said and self.said[which]
        return self.folder / name if name else None


@dataclass
class Job:
    """One upload, and the checkpoints to ask about it."""

    id: str
    name: str
    """As the user called it."""
    file: Path
    checkpoints: list[Checkpoint]
    heat: bool = True
    frames: int = 32
    keep: bool = False
    """Whether the upload stays with the answers; otherwise it goes as soon as they are there."""
    state: State = "waiting"
    progress: float = 0.0
    """Share of the current checkpoint's work, in [0, 1]."""
    answers: list[Answer] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")

    def as_json(self) -> dict[str, Any]:
        """What the page shows."""
        whole = 1.0 if self.state == "done" else (len(self.answers) + self.progress) / len(self.checkpoints)
        return {
            **{key: getattr(self, key) for key in ("id", "name", "state")},
            "checkpoints": [checkpoint.name for checkpoint in self.checkpoints],
            "progress": min(whole, 1.0),
            "kept": shown(self.file.parent) if self.keep else None,
            "answers": [self._answer(number, answer) for number, answer in enumerate(self.answers)],
        }

    def _answer(self, number: int, answer: Answer) -> dict[str, Any]:
        drawn = [which for which in get_args(Picture) if answer.picture(which)]
        pictures = {which: f"/api/jobs/{self.id}/{number}/{which}" for which in drawn}
        told = {"checkpoint": answer.checkpoint.as_json(), "error": answer.error, "notes": answer.notes}
        return told | {"said": answer.said, "pictures": pictures}
