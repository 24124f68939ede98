"""An upload gets the answer that predict.py gives, and goes when it is there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.tiny_checkpoint import write_checkpoint
from tests.unit.media import face_video, needs_predictor
from training import predict
from training.ui.app import create_app
from training.ui.settings import Settings

pytestmark = [needs_predictor, pytest.mark.slow]
CHECKPOINT, DAMAGED = "runs/xception/best.safetensors", "weights/xception_best.pth"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[TestClient]:
    write_checkpoint(tmp_path / CHECKPOINT)
    (tmp_path / "weights").mkdir()
    (tmp_path / DAMAGED).write_bytes(b"no weights")
    settings = Settings(tmp_path / "runs", tmp_path / "weights", tmp_path / "kept", device="cpu")
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        yield client


def answered(page: TestClient, *uploads: tuple[bytes, dict]) -> list[dict]:
    for content, asked in uploads:
        answer = page.post("/api/jobs", params={"weights": CHECKPOINT} | asked, content=content)
        assert answer.status_code == 201, answer.text
    end = time.monotonic() + 300
    while page.app.state.queue.open:
        assert time.monotonic() < end
        time.sleep(0.1)
    return page.get("/api/jobs").json()


def test_the_answer_is_that_of_the_command_line(page: TestClient, tmp_path: Path) -> None:
    video = face_video(tmp_path / "one.mp4", frames=3)
    predict.main([str(video), "--weights_path", str(tmp_path / CHECKPOINT), "--output", str(tmp_path / "out")])
    expected = json.loads((tmp_path / "out/predictions.json").read_text())
    cut = b"\x89PNG\r\n\x1a\n" + bytes(100)
    judged, broken = answered(
        page,
        (video.read_bytes(), {"name": "one.mp4", "weights": [DAMAGED, CHECKPOINT], "keep": True}),
        (cut, {"name": "../<b>cut</b>.jpg", "heat": False}),
    )
    assert judged["state"] == "done" and judged["progress"] == 1
    damaged, answer = judged["answers"]
    assert "xception_best.pth" in damaged["error"] and "\n" not in damaged["error"]
    assert damaged["said"] is None and damaged["pictures"] == {}, "other checkpoints are asked all the same"
    assert answer["error"] is None and answer["notes"] == [expected["about"], *expected["notes"]]
    [told] = expected["files"]
    assert set(answer["said"]) == set(told) - {"file"}
    for key in ("fake_prob", "calibrated", "interval", "calibrated_interval"):
        assert answer["said"][key] == pytest.approx(told[key], abs=1e-5)
    assert answer["said"]["verdict"] == told["verdict"]
    sizes = {}
    for which, address in answer["pictures"].items():
        picture = page.get(address)
        assert picture.headers["content-type"] == "image/png"
        sizes[which] = cv2.imdecode(np.frombuffer(picture.content, np.uint8), cv2.IMREAD_COLOR).shape
    assert sizes["heat_map"][1] == 2 * sizes["heat_map"][0], "a face, and beside it the same under its heat"
    assert sizes["timeline"] == cv2.imread(str(tmp_path / "out/0001_one.png")).shape
    [kept] = (tmp_path / "kept").iterdir()
    assert (kept / "one.mp4").read_bytes() == video.read_bytes() and (kept / "1/predictions.json").is_file()

    assert broken["state"] == "failed" and broken["name"] == "../<b>cut</b>.jpg"
    [answer] = broken["answers"]
    assert "\n" not in answer["error"] and "cannot be opened as a picture" in answer["error"]
    assert answer["pictures"] == {}
    assert not list(page.app.state.queue.scratch.rglob("*.png")), "what is not to be kept is gone"
    for job in (judged, broken):
        page.delete(f"/api/jobs/{job['id']}")
    assert list((tmp_path / "kept").iterdir()) == [kept]
    assert not list(page.app.state.queue.scratch.iterdir())
