"""The page: its routes, its files in ``static/``, and what every answer has in common."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from training.core.errors import BenchError
from training.ui import browsing, judging
from training.ui.guard import guard
from training.ui.queue import Queue
from training.ui.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The page and what it asks for. Uploads wait in a folder that goes when the application does."""
    app = FastAPI(title="Assay", lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = settings
    guard(app, settings.names)
    for kind in (BenchError, OSError, RequestValidationError):
        app.add_exception_handler(kind, _in_one_line)
    app.include_router(judging.router, prefix="/api")
    app.include_router(browsing.router, prefix="/api")
    app.mount("/", StaticFiles(directory=Path(__file__).parent / "static", html=True))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = app.state.settings
    with TemporaryDirectory(prefix="assay-ui-", ignore_cleanup_errors=True) as scratch:
        app.state.queue = Queue(Path(scratch), settings.kept, settings.device)
        app.state.reporting = asyncio.Lock()
        worker = asyncio.create_task(app.state.queue.work())
        yield
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


async def _in_one_line(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, RequestValidationError):
        [first, *_] = error.errors()
        return JSONResponse({"detail": f"{first['loc'][-1]}: {first['msg']}"}, 422)
    return JSONResponse({"detail": str(error)}, 500 if isinstance(error, OSError) else 400)
