"""The page in a process of its own, and a headless Chromium to drive it; for screenshots and tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from training.core.errors import ConfigError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def served(*words: str) -> Iterator[str]:
    """The address of a page that ``python -m training.ui`` serves on a free port, started with ``words``."""
    command = [sys.executable, "-m", "training.ui", "--port", "0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise ConfigError("the page did not start; see above")
            yield address
        finally:
            process.terminate()


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium of this machine.

    Raises:
        ConfigError: there is none, or no Playwright.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise ConfigError(f"no browser found; expected one of {', '.join(BROWSERS)} on the PATH")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise ConfigError("driving the page needs the extra 'browser': pip install -e '.[browser]'") from error
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()
