"""What the README promises: a method is one Python file and one YAML, found and trained without another edit."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.conftest import environment
from training import listing
from training.core.registry import DETECTORS

ROOT = Path(__file__).parents[2]


def block(language: str, first_line: str) -> str:
    """The README's code block that begins with ``first_line``."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    return next(text for text in blocks if text.startswith(first_line))


def test_the_readmes_method_is_found_and_trains(toy: Path, data_flags: list[str], tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    for package in ("preprocessing", "training", "analysis"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for language, name in (("python", "training/detectors/toy.py"), ("yaml", "training/config/detector/toy.yaml")):
        (copy / name).write_text(block(language, f"# {name}"))

    def start(*words: str) -> subprocess.CompletedProcess[str]:
        env = {**environment(), "PYTHONPATH": str(copy)}
        return subprocess.run(
            [sys.executable, "training/train.py", *words],
            capture_output=True,
            text=True,
            cwd=copy,
            env=env,
            timeout=120,
        )

    listed = start("--list")
    row = r"^toy +naive +2026 +xception +pairs +- +- +A toy: a backbone"
    assert re.search(row, listed.stdout, flags=re.MULTILINE), listed.stdout
    tiny = ["--set", "backbone.size=tiny", "--set", "backbone.weights=random", "--set", "data.workers=0"]
    words = ["--detector_path", "toy", "--train_dataset", "Toy", *data_flags, *tiny]
    done = start(*words, "--set", "max_steps=2")
    assert done.returncode == 0, done.stderr
    assert list((copy / "runs/toy").glob("*/best.safetensors"))
    wrong = start(*words, "--set", "detector.smoothin=1")
    assert "'detector.smoothin' is not a parameter of Toy; did you mean 'smoothing'?" in wrong.stderr
    assert wrong.returncode == 2


def test_help_names_every_flag_the_readme_and_deepfakebench_users_need() -> None:
    said = subprocess.run(
        [sys.executable, ROOT / "training/train.py", "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    kept = "detector_path train_dataset test_dataset weights_path no-save_ckpt no-save_feat task_target ddp local_rank"
    for flag in (*kept.split(), "set", "resume", "device", "list"):
        assert f"--{flag}" in said


def test_the_table_of_methods_is_that_of_the_code() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert listing.written_in(text) == text, "run python -m training.listing"
    assert all(f"`{name}`" in text for name in DETECTORS.names())
