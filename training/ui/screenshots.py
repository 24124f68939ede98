"""The README's pictures of the page: ``python -m training.ui.screenshots [--output docs/images]``.

Shows the drawn faces of ``make demo``, which must have run before, and the checkpoint that it trained.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from training.core.cli import add_debug, run_entry
from training.core.errors import ConfigError
from training.core.paths import DATASETS, ROOT, RUNS, atomic, shown
from training.ui.driving import browser, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

VIDEOS = DATASETS / "demo/raw/Celeb-DF-v2/Celeb-synthesis"
TRAINED = RUNS / "demo"
DESK, PHONE = {"width": 880, "height": 900}, {"width": 390, "height": 844}
COLORS = 128
"""Enough for such a page, at a third of the bytes."""
PATIENCE = 180_000
"""Milliseconds that an answer may take."""


def main(argv: list[str]) -> None:
    """Judge a drawn video on the page, look at the runs, and write what it looks like; the paths are printed."""
    parser = argparse.ArgumentParser(prog="python -m training.ui.screenshots", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs/images", metavar="FOLDER", help="(docs/images)")
    parser.add_argument("--runs", type=Path, default=TRAINED, metavar="FOLDER", help="runs to show (runs/demo)")
    add_debug(parser)
    args = parser.parse_args(argv)
    video = next(iter(sorted(VIDEOS.glob("*.mp4"))), None)
    if video is None or not list(args.runs.rglob("best.safetensors")):
        raise ConfigError("nothing to show: run 'make demo' first")
    with served("--runs", str(args.runs), "--device", "cpu") as address, browser() as chromium:
        for path in (*_judged(chromium, address, video, args.output), _compared(chromium, address, args.output)):
            print(shown(path))


def _judged(chromium: Browser, address: str, video: Path, folder: Path) -> list[Path]:
    """The answer at a desk, and the same one at night on a phone."""
    page = chromium.new_page(viewport=DESK)
    page.goto(address)
    page.set_input_files("#files", video)
    page.wait_for_selector("#checkpoints input:checked")
    page.click("button[type=submit]")
    page.wait_for_selector(".job[data-state=done]", timeout=PATIENCE)
    paths = [_taken(page, folder / "judge.png")]
    page = chromium.new_page(viewport=PHONE, color_scheme="dark")
    page.goto(address)
    page.wait_for_selector(".job[data-state=done]")
    page.locator(".job").scroll_into_view_if_needed()
    return [*paths, _taken(page, folder / "judge_phone.png")]


def _compared(chromium: Browser, address: str, folder: Path) -> Path:
    page = chromium.new_page(viewport=DESK)
    page.goto(f"{address}/#runs")
    page.wait_for_selector("#tested input")
    for box in page.query_selector_all("#tested input")[:2]:
        box.check()
    page.click("#compare")
    page.wait_for_selector("#compared table")
    return _taken(page, folder / "runs.png")


def _taken(page: Page, path: Path) -> Path:
    page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    with atomic(path) as temporary:
        picture.quantize(COLORS).save(temporary, "png", optimize=True)
    return path


if __name__ == "__main__":
    run_entry(main)
