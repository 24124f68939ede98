"""The page's routes: checkpoints and uploads, runs and reports; the page itself is in ``static/``."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from training.core.errors import BenchError, did_you_mean
from training.ui.checkpoints import find_checkpoints
from training.ui.guard import REPORT_POLICY, guard
from training.ui.jobs import Job, Picture, Queue
from training.ui.runs import compared, find_runs, listed, report
from training.ui.settings import Settings
from training.ui.uploads import receive, too_large

T = TypeVar("T")
Names = Annotated[list[str], Query(min_length=1)]


def create_app(settings: Settings) -> FastAPI:
    """The page and what it asks for. Uploads wait in a folder that goes when the application does."""
    app = FastAPI(title="Assay", lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = settings
    guard(app, settings.names)
    for kind in (BenchError, OSError, RequestValidationError):
        app.add_exception_handler(kind, _in_one_line)
    _judging(app, settings)
    _browsing(app, settings.runs)
    app.mount("/", StaticFiles(directory=Path(__file__).parent / "static", html=True))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = app.state.settings
    with TemporaryDirectory(prefix="assay-ui-", ignore_cleanup_errors=True) as scratch:
        app.state.queue = Queue(Path(scratch), settings.kept, settings.device)
        worker = asyncio.create_task(app.state.queue.work())
        yield
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


def _judging(app: FastAPI, settings: Settings) -> None:
    @app.get("/api/checkpoints")
    def checkpoints() -> dict[str, Any]:
        found = find_checkpoints(settings.runs, settings.weights)
        return {"checkpoints": [one.as_json() for one in found.values()], "max_bytes": settings.max_bytes}

    @app.post("/api/jobs", status_code=201)
    async def add(
        request: Request,
        name: str,
        weights: Names,
        heat: bool = True,
        keep: bool = False,
        frames: Annotated[int, Query(ge=0, le=100_000)] = 32,
    ) -> dict[str, Any]:
        queue: Queue = app.state.queue
        if queue.open >= settings.max_waiting:
            raise HTTPException(429, f"{queue.open} uploads are waiting already; cancel some, or wait")
        if int(request.headers.get("content-length", 0)) > settings.max_bytes:
            raise HTTPException(413, too_large(name, settings.max_bytes))
        known = await asyncio.to_thread(find_checkpoints, settings.runs, settings.weights)
        chosen = _pick(weights, known, "checkpoint")
        with ExitStack() as undo:
            folder = queue.folder(keep)
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            file = await receive(request.stream(), folder, name, settings.max_bytes)
            undo.pop_all()
        job = Job(folder.name, name, file, chosen, heat, frames, keep)
        queue.add(job)
        return job.as_json()

    @app.get("/api/jobs")
    async def jobs() -> list[dict[str, Any]]:
        return [job.as_json() for job in app.state.queue.jobs.values()]

    @app.delete("/api/jobs/{job}")
    async def remove(job: str) -> dict[str, Any]:
        """Cancel one that waits or runs; forget one that is finished."""
        queue: Queue = app.state.queue
        found = _job(queue, job)
        (queue.cancel if found.open else queue.forget)(found)
        return found.as_json()

    @app.get("/api/jobs/{job}/{number}/{which}")
    async def picture(job: str, number: int, which: Picture) -> FileResponse:
        found = _job(app.state.queue, job)
        path = found.answers[number].picture(which) if 0 <= number < len(found.answers) else None
        if path is None:
            raise HTTPException(404, "no such picture")
        return FileResponse(path)


def _browsing(app: FastAPI, root: Path) -> None:
    one_at_a_time = asyncio.Lock()

    @app.get("/api/runs")
    def runs() -> dict[str, Any]:
        found, broken = find_runs(root)
        return {"runs": listed(found), "broken": broken}

    @app.get("/api/compare")
    def compare(run: Names) -> dict[str, Any]:
        return compared(_folders(root, run))

    @app.get("/api/report")
    async def report_on(run: Names) -> HTMLResponse:
        folders = await asyncio.to_thread(_folders, root, run)
        async with one_at_a_time:
            page = await report(folders)
        return HTMLResponse(page, headers={"Content-Security-Policy": REPORT_POLICY})


def _folders(root: Path, names: Iterable[str]) -> list[Path]:
    return [result.folder for result in _pick(names, find_runs(root)[0], "tested run")]


def _pick(names: Iterable[str], known: Mapping[str, T], what: str) -> list[T]:
    """What was listed under ``names``, so that no name leads anywhere else."""
    wrong = next((name for name in names if name not in known), None)
    if wrong is not None:
        raise HTTPException(404, f"no {what} '{wrong}'; {did_you_mean(wrong, known)}")
    return [known[name] for name in dict.fromkeys(names)]


def _job(queue: Queue, name: str) -> Job:
    if name not in queue.jobs:
        raise HTTPException(404, "no such upload (any more)")
    return queue.jobs[name]


async def _in_one_line(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, RequestValidationError):
        [first, *_] = error.errors()
        return JSONResponse({"detail": f"{first['loc'][-1]}: {first['msg']}"}, 422)
    return JSONResponse({"detail": str(error)}, 500 if isinstance(error, OSError) else 400)
