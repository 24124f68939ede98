"""The commands that the documentation names: lines of its shell blocks, and commands within its sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "datasets/README.md", ROOT / "weights/README.md"]
BLOCK = re.compile(r"```(?:bash|sh|shell)\n(.*?)```", flags=re.DOTALL)
STARTS = re.compile(
    r"(?:(?:\.venv/bin/)?python|pytest|make|pip|pip-audit|torchrun|srun|docker|\./\w+\.sh"
    r"|(?:training|preprocessing)/\w+\.py) \S"
)
"""How a command begins that stands within a sentence."""

RUN = "runs/xception/2026-01-31_12-00-00"
MEANT = (
    (r"^docker run .*? assay ?", ""),
    (r"^$", "python training/train.py --list"),  # the image's own command
    (r"[\[\]]", ""),
    (r"--dataset … --root …", "--dataset mine --layout folder --root /data/mine"),
    (r"--dataset …", "--dataset mine"),
    (r"training/test\.py \.\.\.", "training/test.py --weights_path RUN/best.safetensors --test_dataset Celeb-DF-v2"),
    (r"(train\.(py|sh)) (\.\.\.|…)", r"\1 --detector_path xception --train_dataset FaceForensics++"),
    (r" (\.\.\.|…)", ""),
    (r"<time>", Path(RUN).name),
    (r"analysis\.statistics$", r"\g<0> RUN"),
    (r"training\.export$", r"\g<0> RUN/best.safetensors"),
    (r"\bRUN\b", RUN),
    (r"\bNAME\b", "meso4"),
    (r"\bHOST\b", "127.0.0.1"),
    (r"(?<![\w.$])/data\b", "../data"),
    (r"--nproc_per_node (8|gpu)", "--nproc_per_node 2"),
    (r"--nnodes 2", "--nnodes 1"),
    (r"--nworkers 32", "--nworkers 2"),
    (r"^(training|preprocessing)/", r"python \g<0>"),
)
"""What words of the documentation stand for here."""


@dataclass(frozen=True)
class Command:
    """One command of a text, its continued lines joined and without comment."""

    text: str
    words: str

    def __str__(self) -> str:
        return f"{self.text}: {self.words[:60]}"


def programs() -> list[tuple[str, str]]:
    """The shell blocks that are no list of commands: programs, and scripts of Slurm."""
    found = [(path.name, block) for path in TEXTS for block in BLOCK.findall(path.read_text(encoding="utf-8"))]
    return [(name, block) for name, block in found if is_program(block)]


def is_program(block: str) -> bool:
    """Whether a shell block is one script."""
    return "<<'PYTHON'" in block or "#SBATCH" in block


def commands() -> list[Command]:
    """Every command, text by text in its order; each once per text."""
    found = {}
    for path in sorted(TEXTS):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT).as_posix()
        for words in (*_in_blocks(text), *_in_sentences(text)):
            found[Command(name, words)] = None
    return list(found)


def _in_blocks(text: str) -> Iterator[str]:
    for block in BLOCK.findall(text):
        if not is_program(block):
            for line in block.replace("\\\n", " ").splitlines():
                words = " ".join(re.sub(r"(^|\s)#.*", "", line).split())
                if words:
                    yield words


def _in_sentences(text: str) -> Iterator[str]:
    for quoted in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        words = " ".join(quoted.split())
        if STARTS.match(words):
            yield words


def placed(words: str) -> str:
    """A command with names of what there is in place of the documentation's placeholders."""
    for pattern, replacement in MEANT:
        words = re.sub(pattern, replacement, words)
    return words
