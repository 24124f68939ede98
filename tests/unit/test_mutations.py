"""Files damaged in every way: each comes out as faces or as one line that says why not, and nothing else suffers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from preprocessing import settings
from preprocessing.executors import Work, run
from preprocessing.faces.models import models_like
from preprocessing.faces.sampling import Sampling
from preprocessing.faces.tracks import find_tracks
from preprocessing.faces.video import open_media
from preprocessing.job import Task, process
from preprocessing.pipeline import Pipeline
from preprocessing.sidecar import read_all
from tests.unit.media import needs_predictor
from tests.unit.mutations import mutations
from training.core.errors import DataError
from training.core.paths import ROOT

pytestmark = needs_predictor
FILES = 200
UNTRANSLATED = re.compile(r"\b[A-Za-z]+(Error|Exception)\b|worker process died|\n")


def damaged(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """As many files below ``folder``, each under its own number."""
    (folder / "raw/real").mkdir(parents=True)
    paths = []
    for name, content in mutations(folder / "seeds", count, seed):
        paths.append(folder / "raw/real" / name)
        paths[-1].write_bytes(content)
    return paths


def test_each_file_ends_in_faces_or_one_line(tmp_path):
    damaged(tmp_path, FILES)
    (tmp_path / "raw/real/empty.mkv").touch()
    (tmp_path / "raw/real/gone.mp4").symlink_to("nowhere.mp4")
    os.mkfifo(tmp_path / "raw/real/endless.mp4")  # nobody writes: opening it never returns
    command = [sys.executable, str(ROOT / "preprocessing/preprocess.py"), "--dataset", "mine", "--layout", "folder"]
    flags = ["--root", "raw", "--output", "out", "--frames", "2", "--workers", "2", "--time-limit", "5"]
    ended = subprocess.run([*command, *flags], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 1 and "Traceback" not in ended.stderr and "Warning" not in ended.stderr
    notes = {note.video.video.removeprefix("real/"): note for note in read_all(tmp_path / "out/rgb/mine")}
    assert len(notes) == FILES + 3 and f"\n{FILES + 3} videos" in ended.stdout
    says = {name: note.video.note for name, note in notes.items() if note.failed}
    assert says["endless"] == "took more than time_limit (5 s)"
    assert says["empty"] == "cannot be opened as a video (empty file)" and "No such file" in says["gone"]
    assert 50 < len(says) < 150 and all(line and not UNTRANSLATED.search(line) for line in says.values())
    report = json.loads((tmp_path / "out/rgb/mine/preprocess_report.json").read_text())
    assert {f"real/{name}" for name in says} <= report["problems"].keys()


def test_single_files_are_read_as_predict_does_or_named(tmp_path):
    models, read = models_like({}), 0
    for path in damaged(tmp_path, FILES, seed=1):
        try:
            media = open_media(path)
            tracks, empty = find_tracks(media.read(Sampling("even", 2).indices(media.total)), models.find, models.crop)
        except DataError as error:
            assert str(path) in str(error) and not UNTRANSLATED.search(str(error))
        else:
            assert tracks or empty or media.note
            read += 1
    assert 50 < read < 150


@pytest.mark.slow
def test_a_thousand_files_leave_no_memory_and_no_handles_behind(tmp_path):
    damaged(tmp_path, 1000, seed=2)
    flags = {"dataset": "mine", "layout": "folder", "root": str(tmp_path / "raw"), "output": str(tmp_path), "frames": 2}
    tasks = Pipeline(settings.load(settings.CONFIG, flags)).plan().tasks
    used = [result for _, result in run(Work(process_and_measure), tasks, 1)]
    assert len(used) == 1000 and len({process for process, _, _ in used}) == 1
    early, late = (np.array(used[start:end])[:, 1:].max(0) for start, end in ((150, 250), (900, 1000)))
    assert late[0] - early[0] < 20, "MB of memory"
    assert late[1] <= early[1], "open files"


def process_and_measure(task: Task) -> tuple[int, float, int]:
    """Process, its memory in MB, its open files; lives here by name, as spawned processes must find it."""
    process(task)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return os.getpid(), pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(list(Path("/proc/self/fd").iterdir()))
