"""Routes about checkpoints and uploads."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse

from training.ui.checkpoints import find_checkpoints
from training.ui.jobs import Job, Picture
from training.ui.picking import Names, pick
from training.ui.queue import Queue
from training.ui.settings import Settings
from training.ui.uploads import receive, too_large

router = APIRouter()


@router.get("/checkpoints")
def checkpoints(request: Request) -> dict[str, Any]:
    """Those that can be asked, a line on each file that should be one and is not, and how large uploads may be."""
    settings: Settings = request.app.state.settings
    found, broken = find_checkpoints(settings.runs, settings.weights)
    listed = [one.as_json() for one in found.values()]
    return {"checkpoints": listed, "broken": broken, "max_bytes": settings.max_bytes}


@router.post("/jobs", status_code=201)
async def add(
    request: Request,
    name: str,
    weights: Names,
    heat: bool = True,
    keep: bool = False,
    frames: Annotated[int, Query(ge=0, le=100_000)] = 32,
) -> dict[str, Any]:
    """Take the request's body as the file ``name`` and let it wait for the checkpoints ``weights``."""
    settings: Settings = request.app.state.settings
    queue: Queue = request.app.state.queue
    if queue.open >= settings.max_waiting:
        raise HTTPException(429, f"{queue.open} uploads are waiting already; cancel some, or wait")
    if int(request.headers.get("content-length", 0)) > settings.max_bytes:
        raise HTTPException(413, too_large(name, settings.max_bytes))
    known, _ = await asyncio.to_thread(find_checkpoints, settings.runs, settings.weights)
    chosen = pick(weights, known, "checkpoint")
    with ExitStack() as undo:
        folder = queue.folder(keep)
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        file = await receive(request.stream(), folder, name, settings.max_bytes)
        undo.pop_all()
    job = Job(folder.name, name, file, chosen, heat, frames, keep)
    queue.add(job)
    return job.as_json()


@router.get("/jobs")
async def jobs(request: Request) -> list[dict[str, Any]]:
    """All uploads, oldest first."""
    return [job.as_json() for job in request.app.state.queue.jobs.values()]


@router.delete("/jobs/{job}")
async def remove(request: Request, job: str) -> dict[str, Any]:
    """Cancel one that waits or runs; forget one that is finished."""
    queue: Queue = request.app.state.queue
    found = _job(queue, job)
    (queue.cancel if found.open else queue.forget)(found)
    return found.as_json()


@router.get("/jobs/{job}/{number}/{which}")
async def picture(request: Request, job: str, number: int, which: Picture) -> FileResponse:
    """A picture of an upload's answer ``number``."""
    answers = _job(request.app.state.queue, job).answers
    path = answers[number].picture(which) if 0 <= number < len(answers) else None
    if path is None:
        raise HTTPException(404, "no such picture")
    return FileResponse(path)


def _job(queue: Queue, name: str) -> Job:
    if name not in queue.jobs:
        raise HTTPException(404, "no such upload (any more)")
    return queue.jobs[name]
