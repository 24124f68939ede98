"""The page as a person uses it, in headless Chromium."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny_checkpoint import write_checkpoint
from tests.unit.fabricated import write_run
from tests.unit.media import face, face_video, needs_predictor, write_picture
from training.core.errors import ConfigError
from training.ui.driving import browser, served

pytestmark = [pytest.mark.browser, needs_predictor]
PATIENCE = 180_000
"""Milliseconds that an answer may take on a busy machine."""
DESK, PHONE = {"width": 1000, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("page")
    write_checkpoint(root / "runs/xception/best.safetensors")
    write_run(root / "runs/xception")
    write_run(root / "runs/ucf", detector="ucf", notes=["<i>a note</i>"])
    write_picture(root / "face.png", face())
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (root / "words.jpg").write_text("words")
    return root


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    folders = ("--runs", str(home / "runs"), "--weights", str(home / "weights"), "--kept", str(home / "kept"))
    with served(*folders, "--device", "cpu", "--max-mb", "4") as found:
        yield found


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    try:
        with browser() as opened:
            yield opened
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture
def page(chromium, address: str) -> Iterator[object]:
    """The page, with nothing in its queue; what the console complains of fails the test."""
    page, complaints = chromium.new_page(viewport=DESK), []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.wait_for_selector("#checkpoints input:checked")
    yield page
    for _ in range(2):  # what is open is canceled first, then removed
        page.evaluate("""async () => {
            for (const job of await (await fetch("/api/jobs")).json())
                await fetch(`/api/jobs/${job.id}`, { method: "DELETE" });
        }""")
    assert [text for text in complaints if "415" not in text] == []
    page.close()


def upload(page, *files: Path) -> None:
    page.set_input_files("#files", list(files))
    page.click("button[type=submit]")


def finished(page, count: int = 1) -> list:
    cards = page.locator(".job:not([data-state=waiting]):not([data-state=running])")
    cards.nth(count - 1).wait_for(timeout=PATIENCE)
    return [cards.nth(number) for number in range(count)]


def fits(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_upload_gets_its_verdict(page, chromium, address: str, home: Path) -> None:
    upload(page, home / "face.png")
    [card] = finished(page)
    said = card.inner_text()
    assert "face.png" in said and "done" in said and "calibrated probability of being fake" in said
    assert "looks fake" in said or "looks real" in said
    page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
    assert page.locator("img.timeline").count() == page.locator("img.heat_map").count() == 1
    card.locator("summary").click()
    assert "evidence, not proof" in card.inner_text() and "face 1" in card.inner_text()
    assert fits(page) and not (home / "kept").exists()

    phone = chromium.new_page(viewport=PHONE, color_scheme="dark")
    phone.goto(address)
    finished(phone)
    assert fits(phone), "no wider than a phone"
    paper, ink = (
        phone.evaluate(f"getComputedStyle(document.body).{of}.match(/\\d+/g).reduce((a, b) => a + +b, 0)")
        for of in ("backgroundColor", "color")
    )
    assert paper < 100 < 600 < ink, "light on dark"
    phone.close()


def test_a_broken_file_gets_its_clear_line(page, home: Path) -> None:
    upload(page, home / "broken.png")
    [card] = finished(page)
    assert card.get_attribute("data-state") == "failed"
    assert "cannot be opened as a picture" in card.locator(".error").inner_text()
    upload(page, home / "words.jpg")
    page.wait_for_selector("#problem:not([hidden])")
    assert page.inner_text("#problem").startswith("words.jpg: is neither a picture nor a video by its content")


def test_what_is_too_large_or_missing_is_said(page, home: Path) -> None:
    (home / "large.mp4").write_bytes(bytes(5 * 2**20))
    upload(page, home / "large.mp4")
    page.wait_for_selector("#problem:not([hidden])")
    assert page.inner_text("#problem") == "large.mp4: larger than 4 MB"
    page.uncheck("#checkpoints input")
    page.click("button[type=submit]")
    assert page.inner_text("#problem") == "choose a file first\nchoose a checkpoint first"


def test_two_uploads_at_once_wait_for_each_other(page, home: Path) -> None:
    other = write_picture(home / "other.png", face()[:, ::-1])
    page.uncheck("#heat")
    upload(page, home / "face.png", other)
    page.locator(".job").nth(1).wait_for()
    assert "waiting" in page.locator("#jobs").inner_text()
    cards = finished(page, 2)
    assert sorted(card.locator("h2").inner_text() for card in cards) == ["face.png", "other.png"]
    assert all(card.get_attribute("data-state") == "done" and card.locator(".bar").count() == 1 for card in cards)


def test_a_long_video_shows_its_progress_and_can_be_canceled(page, home: Path) -> None:
    video = face_video(home / "long.mp4", frames=400)
    page.fill("#frames", "0")
    upload(page, video)
    page.locator(".job", has_text=re.compile(r"running, [1-9]")).wait_for(timeout=PATIENCE)
    assert predicting(home), "at work"
    page.get_by_role("button", name="Cancel").click()
    [card] = finished(page)
    assert card.get_attribute("data-state") == "canceled" and card.locator(".answer").count() == 0
    page.wait_for_timeout(1000)
    assert not predicting(home), "nothing works on it any more"
    page.get_by_role("button", name="Remove").click()
    page.wait_for_selector(".job", state="detached")


def predicting(home: Path) -> list[str]:
    """The predict.py processes that use the checkpoint of this test."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = os.fsdecode((process / "cmdline").read_bytes())
        except OSError:  # it has just ended
            continue
        found += [words] if "predict.py" in words and str(home) in words else []
    return found


def test_runs_are_compared_and_reported(page, home: Path) -> None:
    page.click("nav a[href='#runs']")
    page.wait_for_selector("#tested input")
    assert page.is_disabled("#compare")
    for box in page.query_selector_all("#tested input"):
        box.check()
    page.click("#compare")
    page.wait_for_selector("#compared table")
    table = page.inner_text("#compared table")
    assert all(word in table for word in ("Xception", "UCF", "Celeb-DF v2", "DFDC-P"))
    page.select_option("#compared select", label="frame EER")
    assert page.inner_text("#compared table") != table
    assert "<i>a note</i>" in page.inner_text("#compared"), "shown as text"
    page.set_viewport_size(PHONE)
    assert fits(page)
    with page.expect_popup(timeout=PATIENCE) as opened:
        page.click("#report")
    report = opened.value
    report.wait_for_selector("h1", timeout=PATIENCE)
    assert "Xception" in report.inner_text("h1") and "UCF" in report.inner_text("h1")
    report.close()
