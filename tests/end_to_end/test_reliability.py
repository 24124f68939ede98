"""What goes wrong on machines: a loss that is not finite, a full disk, a store that goes away, a folder in the way.

A run ends in one line and keeps what it had. (Kills, signals and numbers of workers: ``test_training``.)
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import torch

from preprocessing.manifest import Record
from preprocessing.store import Lmdb, lmdb_root, open_store, rgb_root
from preprocessing.to_lmdb import pack
from tests.end_to_end.conftest import ROOT, SMALL, TINY, environment
from tests.mounts import MOUNT, in_own_mounts
from training import train as entry
from training.core.errors import ContractError, DataError, ManifestError
from training.core.types import Identity, Sample
from training.data.recipe import Batches, Corpus, Recipe
from training.engine.checkpoint import load_state, read_card

Command = Callable[..., list[str]]
XCEPTION = ["--detector_path", "xception", "--train_dataset", "Toy", *TINY, *SMALL, "--set", "data.workers=0"]
SAVING = ["--set", "log.save_every=1"]


def finite(path: Path) -> bool:
    """Whether all weights in a saved state are numbers."""
    return all(torch.isfinite(v).all() for v in load_state(path)["detector"].values() if v.is_floating_point())


def test_a_loss_that_is_not_finite_stops_and_the_state_before_it_can_be_resumed(
    data_flags: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    start = [*XCEPTION, *data_flags, *SAVING, "--set", "optim.rule={name: sgd, lr: 0.01}", "--output", str(folder)]
    entry.main([*start, "--set", "max_steps=3"])
    wild = ["--resume", str(folder), "--set", "max_steps=null", "--set", "optim.rule.lr=1e30"]
    wild += ["--set", "log.save_every=500"]
    with pytest.raises(ContractError, match=r"(xception: the loss is|not finite).*the last good checkpoint is kept"):
        entry.main(wild)
    assert finite(folder / "state.pt") and load_state(folder / "state.pt")["position"]["step"] == 3
    entry.main(["--resume", str(folder), "--set", "max_steps=5", "--set", "optim.rule.lr=0.01"])
    assert load_state(folder / "state.pt")["position"]["step"] == 5
    assert read_card(folder / "last.safetensors").step == 5


def test_a_full_disk_ends_training_in_one_line_and_spoils_no_checkpoint(
    command: Command, disk: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    words = command("train", *XCEPTION, *SAVING, "--output", str(disk / "run"))
    keep = f'"$@"; code=$?; cp -r {disk}/run {kept}; exit $code'
    done = in_own_mounts(f"{MOUNT.format(size='700k', place=disk)} && {keep}", *words)  # one state, but not two
    line = one_error(done.stderr)
    assert done.returncode == 1 and "state.pt: cannot be written" in line and line.endswith("is the disk full?")
    assert load_state(kept / "state.pt")["position"]["step"] > 0 and finite(kept / "state.pt")
    assert not list(kept.glob(".*.part"))


def one_error(said: str) -> str:
    """The only line about an error, and no traceback."""
    assert "Traceback" not in said, said
    (line,) = [line[line.index("error: ") :] for line in said.splitlines() if "error: " in line]
    return line


@pytest.fixture
def packed(toy: Path, tmp_path: Path) -> Path:
    """The LMDB of a folder of data sets of its own."""
    faces, target = rgb_root(toy / "datasets", "Toy"), lmdb_root(tmp_path / "datasets", "Toy")
    target.parent.mkdir(parents=True)
    pack((p.relative_to(faces).as_posix() for p in faces.rglob("*") if p.suffix in (".png", ".npy")), faces, target)
    return target


RECORD = Record("Toy", "a", 0, 0, "real", "a", "train", "frames/real/c23/000/00000.png")


def test_a_store_that_goes_away_is_read_on_or_named(packed: Path, tmp_path: Path, data_flags: list[str]) -> None:
    store = open_store(tmp_path / "datasets", "Toy", "lmdb")
    before = store.image(RECORD)
    shutil.rmtree(packed)
    assert (store.image(RECORD) == before).all()  # the system keeps what is open
    with pytest.raises(ManifestError, match="no faces of 'Toy': expected .*Toy_lmdb"):
        open_store(tmp_path / "datasets", "Toy", "lmdb")
    gone = [*data_flags, "--set", f"data.root={tmp_path / 'datasets'}", "--output", str(tmp_path / "run")]
    with pytest.raises(ManifestError, match="no faces of 'Toy'"):
        entry.main([*XCEPTION, *gone])


class Odd(Recipe):
    """Draws one sample, and then what ``fate`` does."""

    fate: Callable[[], None]

    def __len__(self) -> int:
        return 4

    def draw(self, index: int, rng: object) -> list[Sample]:  # noqa: ARG002
        if index:
            self.fate()
        return [Sample(torch.zeros(3, 4, 4), 0, 0, Identity("set", "a", index))]


def loaded(fate: Callable[[], None]) -> list:
    recipe = Odd(Corpus([], None, None))
    recipe.fate = fate
    try:
        return list(Batches(recipe, 1, workers=1, train=True)())
    finally:
        for child in multiprocessing.active_children():
            child.kill()


def test_what_goes_wrong_in_a_loader_process_is_one_line_here(packed: Path) -> None:
    def broken() -> None:
        raise DataError("Toy/a/00001: Error: no such frame")

    with pytest.raises(DataError) as error:
        loaded(broken)
    assert str(error.value) == "Toy/a/00001: Error: no such frame"
    with pytest.raises(DataError, match="^a loader process died: out of memory, or a store that was cut short"):
        loaded(lambda: os.kill(os.getpid(), signal.SIGKILL))

    def cut_short() -> None:
        store = Lmdb(packed)
        store.get(RECORD.image)
        os.truncate(packed / "data.mdb", 4096)
        store.get(RECORD.image)

    with pytest.raises(DataError, match="^a loader process died|cannot read"):
        loaded(cut_short)


def test_a_run_folder_that_cannot_be_written_is_named(data_flags: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotADirectoryError) as error:  # of which run_entry makes one line
        entry.main([*XCEPTION, *data_flags, "--output", str(tmp_path / "file/run")])
    assert error.value.filename.endswith("file/run")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="memory and handles are told by Linux alone")
def test_two_thousand_steps_take_no_more_memory_and_handles_than_a_few(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ["--detector_path", "meso4", "--train_dataset", "Toy", "--set", "data.resolution=64", *SMALL]
    words += ["--set", "data.workers=1", "--set", "log.save_every=50", "--set", "epochs=200", "--set", "max_steps=2000"]
    process = subprocess.Popen(
        command("train", *words, "--output", str(folder)), cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL
    )
    early, late = (list(watched(folder, process, *span)) for span in ((300, 600), (1700, 2000)))
    assert process.wait(timeout=600) == 0
    assert json.loads((folder / "log.jsonl").read_text().splitlines()[-1])["step"] == 2000
    memory, handles = ((max(pair[i] for pair in found) for found in (early, late)) for i in (0, 1))
    few, many = memory
    assert many - few < 16, f"{few} MiB after 600 steps, {many} after 2000"
    few, many = handles
    assert many <= few, f"{few} handles in 600 steps, {many} in 2000"


def watched(folder: Path, process: subprocess.Popen, first: int, last: int) -> Iterator[tuple[float, int]]:
    """MiB of memory and open files of the process and its loaders together, from step ``first`` to ``last``."""
    step = 0
    while step < last and process.poll() is None:
        log = folder / "log.jsonl"
        step = sum('"loss"' in line for line in log.read_text().splitlines()) if log.exists() else 0
        if step >= first:
            main = psutil.Process(process.pid)
            family = [main, *main.children(recursive=True)]
            yield sum(p.memory_info().rss for p in family) / 2**20, sum(p.num_fds() for p in family)
        time.sleep(0.05)


STOPPED = """
from torch.utils.data import DataLoader
from training.core.cli import run_entry
from training.core.errors import BenchError

def main(argv):
    rows = iter(DataLoader(range(1000), num_workers=2))
    next(rows)
    raise BenchError("stopped")

run_entry(main)
"""


def test_a_run_stopped_while_its_loaders_work_says_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, env=environment(), cwd=ROOT)
    assert (done.stderr, done.returncode) == ("error: stopped\n", 1)
