"""Every command of the documentation runs as it stands, on small data; what cannot run here says why it cannot.

Placeholders (``<time>``, ``RUN``, ``/data``, ...) stand for what a small workspace holds; few steps, tiny networks and
few pictures are asked for at a command's end. Docker's commands run as what they start in the image.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.checkout import FEW, ONE_STEP, copy_checkout, furnish, start, surroundings
from tests.end_to_end.documented import Command, commands, placed, programs
from tests.unit.media import needs_predictor

NOT_RUN = {
    r"docker (build |build$|run$)": "no Docker engine here; tests/dockerfile.py carries out the steps without one",
    r"make leaderboard": "an hour; tests/unit/test_leaderboard.py runs parts of it",
    r"make bench(-gpu)?": "ten minutes, or a GPU; tests/unit/test_benchmarks.py runs its programs",
    r"python -m training\.ui\.screenshots": "needs a browser; tests/end_to_end/test_ui_browser.py drives the page",
    r"python -m training\.weights fetch ": "a download; tests/unit/test_weights_index.py fetches from a local server",
    r"pip-audit |pip install ": "asks the network",
    r"srun ": "needs a Slurm cluster",
}
"""How commands begin that are only looked at (``test_docs.py``), and why."""

DEMO = "-o install PYTHON=python SIZE=tiny"
ADDED = {
    r"train\.(py|sh) .*--train_dataset": ONE_STEP,
    r"training/test\.py|training/predict\.py .*--weights": FEW.replace("--set evaluate.resamples=20", ""),
    r"torchrun ": "--device cpu",
    r"make (demo|demo-attribution|docs|lint|format|test)": DEMO,
    r"reproduce\.py deepfakebench": "--set data.root=../DeepfakeBench/datasets "
    f"--set data.manifests=../DeepfakeBench/preprocessing/dataset_json {ONE_STEP}",
    r"reproduce\.py leaderboard": "--set max_steps=1",
    r"ablation\.py .*clip_freq": "--seeds 1 --variants Xception 'whole with arc head'",
    r"ablation\.py .*supervised": "--seeds 1 --variants supervised CAL",
    r"check\.py tests/golden/data$": "--only meso4",
    r"pytest -m slow": "--collect-only",
    r"pytest tests/contract$": "-k toy",
    r"benchmarks\.preprocess": "--videos ../data/mine/val/real --rounds 1 --copies 4",
    r"benchmarks\.stores": "--faces datasets/rgb/mine --count 4 --rounds 1",
    r"benchmarks\.short_runs": "--detectors meso4",
    r"--executor dask": "--output ../dask",
}
"""What makes commands small: all that match are added, so the later ones of a key count."""

INSTEAD = {
    "make test": "PYTEST_ADDOPTS=tests/unit/test_boxes.py make test",
    "make ui": "$(make -n -o install ui) --port 0",
}
"""Not all tests again; any port that is free."""

CODES = {r"reproduce\.py \w+/": 1}
"""Commands that do not end with 0: one step reproduces no figure."""

STAYS = {r"dask scheduler": "Scheduler at", r"dask worker": "Registered to", r"ui\) --port": "http://"}
"""Commands that stay until they are stopped, and what they say when they are ready."""


def test_what_is_not_run_is_in_the_documentation() -> None:
    assert not [begin for begin in NOT_RUN if not any(re.match(begin, one.words) for one in commands())]
    assert len({one.words for one in runnable()}) > 70


def test_slurms_script_is_whole() -> None:
    (script,) = [block for _, block in programs() if "#SBATCH" in block]
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).stderr == ""


def runnable() -> list[Command]:
    """What can run here, each command once, also where texts write it differently."""
    once: dict[str, Command] = {}
    for one in commands():
        if not any(re.match(begin, one.words) for begin in NOT_RUN):
            once.setdefault(placed(one.words), one)
    return list(once.values())


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = copy_checkout(tmp_path_factory.mktemp("reader"))
    furnish(copy)
    return copy


@needs_predictor
@pytest.mark.slow
@pytest.mark.parametrize("text", dict.fromkeys(one.text for one in runnable()))
def test_the_commands_of_a_text_run(text: str, copy: Path, port: int) -> None:
    failed = []
    with contextlib.ExitStack() as staying:
        for one in runnable():
            if one.text == text:
                words = meant(one.words).replace("8786", str(port))
                ready = next((said for key, said in STAYS.items() if re.search(key, words)), None)
                if ready:
                    staying.enter_context(kept_running(copy, words, ready))
                    continue
                done = start(copy, words)
                if done.returncode != next((code for key, code in CODES.items() if re.search(key, words)), 0):
                    failed.append(f"{one.words}\n  as {words}\n{done.stdout[-600:]}{done.stderr[-1500:]}")
    assert not failed, f"{len(failed)} failed\n\n" + "\n\n".join(failed)


def meant(words: str) -> str:
    """The command as it can run here."""
    words = INSTEAD.get(words, placed(words))
    return " ".join([words, *(added for pattern, added in ADDED.items() if re.search(pattern, words))])


@contextlib.contextmanager
def kept_running(copy: Path, words: str, ready: str) -> Iterator[None]:
    """The command, from when it says ``ready`` on."""
    process = subprocess.Popen(
        ["bash", "-c", words], cwd=copy, env=surroundings(copy), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    limit = threading.Timer(60, os.killpg, (process.pid, signal.SIGKILL))
    limit.start()
    try:
        said = ""
        while ready not in said:
            line = process.stdout.readline()
            assert line, f"{words}: {said}"
            said += line
        limit.cancel()
        yield
    finally:
        limit.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
