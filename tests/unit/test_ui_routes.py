"""The page's routes: who may ask, what they may name, and what runs say; nothing is judged here."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.tiny_checkpoint import write_checkpoint
from tests.unit.fabricated import write_run
from tests.unit.media import face, write_picture
from training.ui.app import create_app
from training.ui.settings import Settings

CHECKPOINT = "runs/xception/best.safetensors"
HERE = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ui")
    write_checkpoint(root / CHECKPOINT)
    write_checkpoint(root / "runs/i3d/best.safetensors", "i3d")
    (root / "runs/broken").mkdir()
    (root / "runs/broken/best.safetensors").write_bytes(b"half writ")
    (root / "weights").mkdir()
    for name in ("ucf_best.pth", "xception.pth", "landmarks.dat", "nobody_best.pth"):
        (root / "weights" / name).write_bytes(b"weights")
    write_run(root / "runs/xception")
    write_run(root / "runs/other/second", detector="ucf", notes=["a <b>note</b>"])
    (root / "runs/broken/metrics.json").write_text("{}")
    return root


@pytest.fixture
def page(home: Path, tmp_path: Path) -> Iterator[TestClient]:
    kept = tmp_path / "kept"
    settings = Settings(home / "runs", home / "weights", kept, max_bytes=100_000, max_waiting=3, device="cpu")
    with TestClient(create_app(settings), base_url=HERE) as client:
        yield client


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_picture(tmp_path_factory.mktemp("picture") / "a.png", face()).read_bytes()


def upload(page: TestClient, content: bytes, name: str = "a.png", **asked: object) -> dict:
    answer = page.post("/api/jobs", params={"name": name, "weights": CHECKPOINT, **asked}, content=content)
    return {"status": answer.status_code} | answer.json()


def test_checkpoints_are_those_that_predict_takes(page: TestClient) -> None:
    answer = page.get("/api/checkpoints").json()
    found = {one["name"]: one for one in answer["checkpoints"]}
    assert set(found) == {CHECKPOINT, "runs/i3d/best.safetensors", "weights/ucf_best.pth"}
    assert found[CHECKPOINT] == {"name": CHECKPOINT, "detector": "xception", "trained_on": ["demo"], "heat": True}
    assert not found["runs/i3d/best.safetensors"]["heat"], "clips have no heat maps"
    assert len(answer["broken"]) == 1 and "broken/best.safetensors: not a readable" in answer["broken"][0]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", ""])
def test_a_foreign_name_that_points_here_gets_nothing(page: TestClient, host: str) -> None:
    for path in ("/", "/api/checkpoints"):
        assert page.get(path, headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:1", "[::1]:8765"])
def test_names_of_this_machine_are_answered(page: TestClient, host: str) -> None:
    assert page.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_others_may_not_ask(page: TestClient, headers: dict[str, str], picture: bytes) -> None:
    params = {"name": "a.png", "weights": CHECKPOINT}
    assert page.post("/api/jobs", params=params, content=picture, headers=headers).status_code == 403
    assert page.get("/api/jobs", headers=headers).status_code == 403
    assert page.get("/api/jobs", headers={"Origin": HERE, "Sec-Fetch-Site": "same-origin"}).json() == []


@pytest.mark.parametrize("path", ["/../app.py", "/..%2fapp.py", "/%2e%2e/app.py", "/..%5capp.py", "//etc/passwd"])
def test_no_path_leads_out_of_the_page(page: TestClient, path: str) -> None:
    assert page.get(path).status_code == 404


def test_answers_stay_out_of_caches_and_of_frames(page: TestClient) -> None:
    for path in ("/", "/app.js", "/api/jobs"):
        headers = page.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("weights", ["../../etc/passwd", "runs/broken/best.safetensors", "/etc/passwd", ""])
def test_only_listed_checkpoints_can_be_asked(page: TestClient, picture: bytes, weights: str) -> None:
    answer = upload(page, picture, weights=weights)
    assert answer["status"] == 404 and answer["detail"].startswith(f"no checkpoint '{weights}'")


def test_wrong_requests_get_one_clear_line(page: TestClient, picture: bytes) -> None:
    assert "frames: " in upload(page, picture, frames=-1)["detail"]
    assert page.post("/api/jobs", params={"name": "a.png"}, content=picture).json()["detail"].startswith("weights: ")
    answer = upload(page, b"words", "words.png")
    assert answer["status"] == 415 and answer["detail"].startswith("words.png: is neither a picture nor a video")
    answer = upload(page, b"\xff\xd8\xff" + bytes(100_000), "big.jpg")
    assert answer["status"] == 413 and "big.jpg: larger than 0.0954 MB" in answer["detail"]
    assert page.get("/api/jobs").json() == []
    assert page.delete("/api/jobs/nothing").status_code == 404
    assert page.get("/api/jobs/nothing/0/timeline").status_code == 404


def test_a_disk_that_takes_nothing_is_said(page: TestClient, picture: bytes, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("no folder")
    answer = upload(page, picture, keep=True)
    assert answer["status"] == 500 and str(tmp_path / "kept") in answer["detail"]
    assert page.get("/api/jobs").json() == []


def test_jobs_can_be_canceled_wherever_they_are(page: TestClient, picture: bytes, tmp_path: Path) -> None:
    queue = page.app.state.queue
    first, second, kept = (upload(page, picture, keep=keep) for keep in (False, False, True))
    assert upload(page, picture)["status"] == 429
    wait(page, lambda jobs: jobs[0]["state"] == "running" and queue._process is not None)
    process = queue._process
    for job in (second, first, kept):
        assert page.delete(f"/api/jobs/{job['id']}").json()["state"] == "canceled"
    wait(page, lambda _: queue._process is None)
    assert process.returncode == -9
    assert [job["state"] for job in page.get("/api/jobs").json()] == ["canceled"] * 3
    assert not list(queue.scratch.rglob("*.png")), "uploads are gone"
    assert [path.read_bytes() for path in tmp_path.glob("kept/*/a.png")] == [picture]
    for job in (first, second, kept):
        page.delete(f"/api/jobs/{job['id']}")
    assert page.get("/api/jobs").json() == [] and not list(queue.scratch.iterdir())
    assert len(list(tmp_path.glob("kept/*/a.png"))) == 1


def wait(page: TestClient, until: object) -> None:
    end = time.monotonic() + 60
    while not until(page.get("/api/jobs").json()):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_waits_or_runs_ends_with_the_page(home: Path, picture: bytes) -> None:
    with TestClient(create_app(Settings(home / "runs", home / "weights", device="cpu")), base_url=HERE) as page:
        upload(page, picture)
        queue = page.app.state.queue
        wait(page, lambda _: queue._process is not None)
        process = queue._process
    assert process.returncode is not None and not queue.scratch.exists()


def test_runs_are_listed_and_damaged_ones_named(page: TestClient) -> None:
    found = page.get("/api/runs").json()
    assert [run["name"] for run in found["runs"]] == ["other/second", "xception"]
    assert found["runs"][1] == {
        "name": "xception",
        "label": "Xception",
        "trained_on": ["FF++"],
        "tested_on": ["Celeb-DF v2", "DFDC-P"],
    }
    assert len(found["broken"]) == 1 and "broken/metrics.json: not a metrics file" in found["broken"][0]


def test_compared_figures_are_those_of_the_metrics_files(page: TestClient, home: Path) -> None:
    found = page.get("/api/compare", params={"run": ["xception", "other/second"]}).json()
    assert [(row["run"], row["set"]) for row in found["rows"]] == [
        (run, name) for run in ("Xception", "UCF") for name in ("Celeb-DF v2", "DFDC-P")
    ]
    metrics = json.loads((home / "runs/xception/metrics.json").read_text())["sets"]["DFDCP"]["metrics"]
    assert found["rows"][1]["figures"]["video/auc"] == metrics["video/auc"]
    assert found["metrics"]["video/auc"] == "video AUC"
    assert any("a <b>note</b>" in note for note in found["notes"])


def test_a_report_is_that_of_the_command_and_kept_apart(page: TestClient) -> None:
    answer = page.get("/api/report", params={"run": ["other/second"]})
    assert answer.text.startswith("<!DOCTYPE html>") and "a &lt;b&gt;note&lt;/b&gt;" in answer.text
    assert "sandbox" in answer.headers["content-security-policy"]
    wrong = page.get("/api/report", params={"run": ["other/seconds"]})
    assert wrong.status_code == 404 and "did you mean 'other/second'?" in wrong.json()["detail"]
