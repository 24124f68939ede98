"""The documentation: its site builds without a warning, its commands parse, its examples work as they stand."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import write_dataset
from tests.end_to_end.checkout import copy_checkout
from tests.end_to_end.conftest import environment
from tests.end_to_end.documented import ROOT, Command, commands, placed
from tests.unit.media import face_video
from training.core.errors import BenchError
from training.core.registry import DETECTORS, RECIPES


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", "docs/site/mkdocs.yml", "-d", str(out)]
    env = {**environment(), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=env, timeout=300)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    return out


def test_the_site_has_a_page_for_everything(site: Path) -> None:
    for name in DETECTORS.names():
        page = (site / f"methods/{name}.html").read_text()
        assert f'<h1 id="{name.lower()}">' in page and f"config/detector/{name}.yaml" in page
    recipes = (site / "recipes.html").read_text()
    assert all(f'<h2 id="{name}">' in recipes for name in RECIPES.names())
    assert "Celeb-DF-v2" in (site / "datasets.html").read_text()
    assert ":class:" not in recipes + "".join(page.read_text() for page in site.glob("methods/*.html"))


def test_the_site_asks_no_other_machine_for_anything(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(https?://[^"]*)"', page.read_text())
        assert not loaded, (page.name, loaded)


KNOWN = ("make", "source", "docker", "pytest", "pip", "pip-audit", "dask", "srun", "./train.sh")
"""First words beside python; what follows python in those that start it is looked at too."""
NOT_OURS = ("pytest", "tests.golden.check", "preprocessing.cards", "analysis.figures.score_by_method")
"""Modules without an entry's ``main``, or that are an example's; ``test_commands.py`` runs them."""


class Parsed(Exception):  # noqa: N818 - a way out
    """The command line was understood."""


@pytest.mark.parametrize("command", commands(), ids=str)
def test_commands_are_understood(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    line = placed(command.words)
    words = shlex.split(line)
    if words[0] == ".venv/bin/python":
        words[0] = "python"
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        assert {word for word in words[1:] if "=" not in word} <= set(targets), line
    starts = [i for i, word in enumerate(words) if word.rpartition("/")[2] in ("python", "python3", "torchrun")]
    if not starts:
        assert words[0] in KNOWN, line
        return
    after = words[starts[-1] + 1 :]
    while words[starts[-1]].endswith("torchrun") and after[0].startswith("--"):
        after = after[1:] if after[0] in ("--standalone",) or "=" in after[0] else after[2:]
    understood(after, monkeypatch)


def understood(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the entry parse the rest of its command line, and of training also read the configuration."""
    module = words[1] if words[0] == "-m" else words[0].removesuffix(".py").replace("/", ".")
    rest = words[2:] if words[0] == "-m" else words[1:]
    if module in NOT_OURS or "--help" in rest:
        return
    spec = find_spec(module)
    assert spec, f"no module {module}"
    real = argparse.ArgumentParser.parse_args

    def parse(self: argparse.ArgumentParser, argv: list[str] | None = None, namespace: object = None) -> None:
        given = real(self, argv, namespace)
        check_configuration(module, given)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    if spec.submodule_search_locations:
        module = f"{module}.__main__"
    with pytest.raises(Parsed):
        importlib.import_module(module).main(rest)


def check_configuration(module: str, given: argparse.Namespace) -> None:
    """Flags and ``--set`` items of training name what exists."""
    if module != "training.train" or given.list or given.version or given.resume or given.detector_path is None:
        return
    if "/" not in given.detector_path and (given.detector_path == "toy" or given.detector_path.endswith(".yaml")):
        return  # files that the reader has made
    from training.assembly import Asked
    from training.session import configure
    from training.train import flags

    try:
        configure(given.detector_path, None, Asked(given.protocol, flags(given), given.overrides))
    except BenchError as error:
        raise AssertionError(str(error)) from error


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the examples of README and CONTRIBUTING in it."""
    return copy_checkout(tmp_path_factory.mktemp("copy"))


def start(copy: Path, *words: str) -> str:
    env = {**environment(), "PYTHONPATH": str(copy)}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=copy, env=env, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_layout_of_contributing_reads_a_data_set(copy: Path, tmp_path: Path) -> None:
    for name in ("original/a", "original/b", "swapped/a"):
        face_video(tmp_path / f"NewSet/{name}.mp4", frames=2)
    words = ["preprocessing/preprocess.py", "--dataset", "NewSet", "--root", str(tmp_path / "NewSet"), "--workers", "0"]
    said = start(copy, *words, "--output", str(tmp_path / "out"), "--detector", "already-cropped", "--no-landmarks")
    assert "3 videos, 0 with something amiss" in said
    manifests = ["--datasets", str(tmp_path / "out"), "--output", str(tmp_path / "manifests")]
    start(copy, "preprocessing/rearrange.py", "--dataset", "NewSet", *manifests)
    assert '"source": "a"' in (tmp_path / "manifests/NewSet.json").read_text()
    assert "volunteers" in start(copy, "preprocessing/preprocess.py", "--list-datasets", "--dataset", "NewSet")


def test_the_recipe_and_the_figure_of_contributing_work(copy: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path, "Toy", sources=5, frames=2)
    data = ["--set", f"data.root={tmp_path / 'datasets'}", "--set", f"data.manifests={tmp_path / 'manifests'}"]
    small = [
        "--set",
        "data.resolution=64",
        "--set",
        "data.workers=0",
        "--set",
        "max_steps=1",
        "--set",
        "data.batch_size=3",
    ]
    recipe = ["--set", "data.recipe=one_per_video", "--train_dataset", "Toy", "--test_dataset", "Toy"]
    run = tmp_path / "run"
    start(copy, "training/train.py", "--detector_path", "meso4", *recipe, *data, *small, "--output", str(run))
    start(copy, "-m", "analysis.figures.score_by_method", str(run), "--output", str(tmp_path / "figures"))
    (drawn,) = (tmp_path / "figures").glob("*.csv")
    assert [row.split(",")[0] for row in drawn.read_text().splitlines()] == ["method", "Deepfakes", "FaceSwap", "real"]


@pytest.mark.slow
def test_the_contract_tests_find_what_was_added(copy: Path) -> None:
    said = start(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract", "-k", "toy or one_per_video")
    assert re.search(r"^[1-9]\d+ passed", said.splitlines()[-1]), said


def test_every_example_is_used_here() -> None:
    files = re.findall(r"```(?:python|yaml)\n# (\S+)\n", (ROOT / "CONTRIBUTING.md").read_text())
    assert [Path(name).stem for name in files] == ["one_per_video", "newset", "score_by_method"]


def test_the_program_of_the_model_cards_runs(tmp_path: Path) -> None:
    (program,) = re.findall(r"<<'PYTHON'\n(.*?)\nPYTHON", (ROOT / "docs/model_cards.md").read_text(), flags=re.DOTALL)
    from training.engine.checkpoint import Card, save_weights

    detector = __import__("torch").nn.Linear(2, 2)
    card = Card({"detector": {"name": "meso4"}, "data": {"train": ["Toy"]}}, [], metrics={"video/auc": 0.5})
    save_weights(tmp_path / "runs/meso4/now/best.safetensors", detector, card)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, env=env, timeout=120
    )
    assert "meso4 ['Toy'] 0.5 []" in done.stdout, done.stderr
