"""A queue of uploads to judge: one at a time, each checkpoint by a predict.py of its own, which can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import signal
import sys
import time
from pathlib import Path

from training.core.errors import BenchError
from training.core.paths import ROOT
from training.engine.results import read_json
from training.ui.jobs import Answer, Job

PREDICT = ROOT / "training" / "predict.py"
REMEMBERED = 50
"""Finished uploads whose answers stay while the page is served."""
TAIL = 4000
"""Characters that are kept of what predict.py writes to the terminal."""


class Queue:
    """Judges uploads in the order in which they came.

    Args:
        scratch: a folder for what is not kept; who made it removes it.
        kept: a folder for what is.
        device: what predict.py computes on.
    """

    def __init__(self, scratch: Path, kept: Path, device: str) -> None:
        self.scratch, self.kept, self.device = scratch.resolve(), kept.resolve(), device
        self.jobs: dict[str, Job] = {}
        self._waiting: asyncio.Queue[Job] = asyncio.Queue()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def open(self) -> int:
        """How many wait or run."""
        return sum(job.open for job in self.jobs.values())

    def folder(self, keep: bool) -> Path:
        """A new folder for an upload and what is said of it; its name is the job's."""
        name = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{secrets.token_hex(8)}"
        folder = (self.kept if keep else self.scratch) / name
        folder.mkdir(parents=True)
        return folder

    def add(self, job: Job) -> None:
        """Let it wait for its turn; answers of long ago are forgotten."""
        self.jobs[job.id] = job
        self._waiting.put_nowait(job)
        finished = [job for job in self.jobs.values() if not job.open]
        for old in finished[:-REMEMBERED]:
            self.forget(old)

    def cancel(self, job: Job) -> None:
        """Take it out of the queue, or kill what works on it."""
        if job.state == "waiting":
            _discard(job)
        elif self._process is not None:
            _kill(self._process)
        job.state = "canceled"

    def forget(self, job: Job) -> None:
        """Remove a finished one from the list, and from the disk what was not to be kept."""
        del self.jobs[job.id]
        if not job.keep:
            shutil.rmtree(job.file.parent, ignore_errors=True)

    async def work(self) -> None:
        """Judge whatever comes, until canceled; what is in work then is killed."""
        while True:
            job = await self._waiting.get()
            if job.state == "waiting":
                await self._judge(job)

    async def _judge(self, job: Job) -> None:
        job.state = "running"
        try:
            for number, checkpoint in enumerate(job.checkpoints):
                answer = Answer(checkpoint, job.file.parent / str(number))
                try:
                    await self._ask(job, answer)
                except (OSError, BenchError) as error:  # no memory, no space: the next upload may find some
                    answer.error = str(error)
                if job.state == "canceled":
                    return
                job.answers.append(answer)
            job.state = "failed" if all(answer.error for answer in job.answers) else "done"
        finally:
            _discard(job)

    async def _ask(self, job: Job, answer: Answer) -> None:
        # A session of its own, so that whatever it starts can be killed with it; the file's folder, so that messages
        # name the file alone.
        process = self._process = await asyncio.create_subprocess_exec(
            *_command(job, answer, self.device),
            cwd=job.file.parent,
            start_new_session=True,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        if job.state == "canceled":  # while it started
            _kill(process)
        try:
            tail = await _follow(process, job)
            code = await process.wait()
        finally:
            _kill(process)
            await process.wait()
            self._process, job.progress = None, 0.0
        _read(answer, code, tail)


def _command(job: Job, answer: Answer, device: str) -> list[str]:
    checkpoint = answer.checkpoint
    return [
        *(sys.executable, str(PREDICT), str(job.file)),
        *("--weights_path", str(checkpoint.path), "--output", str(answer.folder)),
        *("--frames", str(job.frames), "--device", device),
        *(("--detector_path", checkpoint.detector) if checkpoint.published else ()),
        *(("--explain",) if job.heat and checkpoint.heat else ()),
    ]


async def _follow(process: asyncio.subprocess.Process, job: Job) -> str:
    """Read the process's progress bar into ``job``; the end of what it wrote."""
    tail = ""
    while chunk := await process.stderr.read(TAIL):
        tail = (tail + chunk.decode(errors="replace"))[-TAIL:]
        if shares := re.findall(r"(\d+)%\|", tail):
            job.progress = int(shares[-1]) / 100
    return tail


def _read(answer: Answer, code: int, tail: str) -> None:
    """Fill in the answer from what predict.py left behind: its files, exit status and last line."""
    written = answer.folder / "predictions.json"
    if written.is_file():
        tree = read_json(written)
        answer.said, answer.notes = tree["files"][0], [tree["about"], *tree["notes"]]
        del answer.said["file"]
    if answer.said and answer.said["failed"]:
        answer.error = answer.said["note"]
    elif code:
        lines = re.split(r"[\r\n]+", tail.strip())
        answer.error = lines[-1].removeprefix("error: ") or f"predict.py was ended by signal {-code}"


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _discard(job: Job) -> None:
    """Remove the upload, unless it is to be kept."""
    if not job.keep:
        job.file.unlink(missing_ok=True)
