"""Routes about tested runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from training.ui.guard import REPORT_POLICY
from training.ui.picking import Names, pick
from training.ui.runs import compared, find_runs, listed, report

router = APIRouter()


@router.get("/runs")
def runs(request: Request) -> dict[str, Any]:
    """Those that were tested, and a line on each that cannot be read."""
    found, broken = find_runs(request.app.state.settings.runs)
    return {"runs": listed(found), "broken": broken}


@router.get("/compare")
def compare(request: Request, run: Names) -> dict[str, Any]:
    """The figures of some runs."""
    return compared(_folders(request.app.state.settings.runs, run))


@router.get("/report")
async def report_on(request: Request, run: Names) -> HTMLResponse:
    """The report about some runs; one is made at a time."""
    folders = await asyncio.to_thread(_folders, request.app.state.settings.runs, run)
    async with request.app.state.reporting:
        page = await report(folders)
    return HTMLResponse(page, headers={"Content-Security-Policy": REPORT_POLICY})


def _folders(root: Path, names: Iterable[str]) -> list[Path]:
    return [result.folder for result in pick(names, find_runs(root)[0], "tested run")]
