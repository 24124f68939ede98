"""The Dockerfile keeps what is promised of the image; ``tests/dockerfile.py`` carries its steps out."""

from __future__ import annotations

import json
import re
import subprocess
from importlib.metadata import PackageNotFoundError, metadata

from packaging.specifiers import SpecifierSet

from tests.dockerfile import HERE, steps

TEXT = (HERE / "Dockerfile").read_text()


def of(word: str) -> list[str]:
    return [step.rest for step in steps(TEXT) if step.word == word]


def test_the_base_is_an_argument_and_the_user_has_no_privileges() -> None:
    words = [step.word for step in steps(TEXT)]
    assert words[:2] == ["ARG", "FROM"] and of("ARG")[0].startswith("BASE=") and of("FROM") == ["${BASE}"]
    assert of("USER") == ["assay"]
    after = words[words.index("USER") :]
    assert after.count("RUN") == 1 and "./install.sh" in of("RUN")  # what we install is installed by that user
    assert set(words) <= {"ARG", "FROM", "RUN", "USER", "WORKDIR", "COPY", "ENV", "HEALTHCHECK", "CMD"}


def test_the_health_check_lists_the_detectors() -> None:
    (check,) = of("HEALTHCHECK")
    assert json.loads(check.removeprefix("CMD ")) == ["python", "training/train.py", "--list"]


def test_no_data_weights_or_runs_get_into_the_image() -> None:
    ignored = (HERE / ".dockerignore").read_text().split()
    assert {".git", ".venv", "runs", "datasets/*", "weights/*"} <= set(ignored)
    tracked = subprocess.run(["git", "ls-files"], cwd=HERE, capture_output=True, text=True).stdout.split()
    assert not [name for name in tracked if name.endswith((".pth", ".safetensors", ".mp4", ".mdb", ".dat"))]


def test_every_pinned_package_takes_debians_python() -> None:
    asked = re.findall(r"^([\w.-]+)==", (HERE / "requirements.lock").read_text(), flags=re.MULTILINE)
    installed = {name: metadata(name).get("Requires-Python") for name in asked if has(name)}
    refusing = [name for name, wanted in installed.items() if wanted and "3.11.2" not in SpecifierSet(wanted)]
    assert len(installed) > 50 and not refusing


def has(name: str) -> bool:
    """Whether a package is installed here; some are for other systems."""
    try:
        return bool(metadata(name))
    except PackageNotFoundError:
        return False
