"""What a report shows of robustness, explanations, leaks, coverage and cost; and that it stays small."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.calibration import calibration_curve

from analysis import embed
from analysis.checks import REPORTS, checks
from analysis.collect import collect
from analysis.explained import explained_errors
from analysis.figures.reliability import FEWEST, reliability
from analysis.report import write_report
from preprocessing import check
from tests.conftest import draw_face
from tests.unit.fabricated import scores, write_run
from tests.unit.test_report import Page, columns
from training.core.coverage import Faceless, faceless_path, write_faceless
from training.core.errors import DataError
from training.engine.evaluators.calibration import fitted
from training.engine.evaluators.settings import Settings
from training.engine.results import COST, METRICS, ROBUSTNESS, read_json, scores_path, write_json


def figure(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


def write_full_run(folder: Path) -> Path:
    """A run of which everything was asked: its later test holds robustness, explanations and costs."""
    run = write_run(folder, {"Celeb-DF-v2": scores("Celeb-DF-v2", videos=25, separation=0.4)})
    found = read_json(run / METRICS)
    found["calibration"] = fitted({"FaceForensics++": scores(seed=5)}, Settings())
    found["sets"]["Celeb-DF-v2"]["counts"]["frames_without_face"] = 60
    write_json(run / METRICS, found)
    missing = Faceless("Celeb-DF-v2", "real/c23/000_re", 0, "real", "000", "c23", with_face=4, without_face=60)
    write_faceless(faceless_path(scores_path(run, "Celeb-DF-v2")), [missing])
    tested = run / "test" / "2026-01-01_00-00-00"
    levels = {str(n): {"video/auc": figure(0.9 - n / 10), "video/drop": figure(n / 10)} for n in (1, 5)}
    clean = {"video/auc": figure(0.9)}
    one = {"applied": "before the crop", "clean": clean, "corruptions": {"jpeg": levels, "blur": {"1": levels["1"]}}}
    write_json(tested / ROBUSTNESS, {"detector": "xception", "sets": {"Celeb-DF-v2": one}})
    cost = {"parameters": 2_500_000, "learning": 50_000, "flops_per_frame": 3.5e9, "frames_per_second": 99.6}
    write_json(tested / COST, cost | {"device": "cpu (here)"})
    pictures = []
    for number, right in enumerate((False, False, True)):
        file = f"{'right' if right else 'error'}_{number}.png"
        (tested / "explain/Celeb-DF-v2").mkdir(parents=True, exist_ok=True)
        face = cv2.resize(draw_face(1, number), (224, 224), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(tested / "explain/Celeb-DF-v2" / file), np.hstack([face, face]))
        about = {"video": f"Deepfakes/<i>{number}</i>", "frame": 10 * number, "method": "Deepfakes"}
        verdict = {"said": "fake" if right else "real", "prob": 0.99, "right": right, "how": "Grad-CAM"}
        pictures.append({"file": file} | about | verdict)
    write_json(
        tested / "explain/Celeb-DF-v2/index.json",
        {"detector": "xception", "test_set": "Celeb-DF-v2", "pictures": pictures},
    )
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_full_run(tmp_path_factory.mktemp("full") / "t1")


@pytest.fixture(scope="module")
def page(run: Path) -> Page:
    write_report(collect([run]), run / "report.html")
    return Page((run / "report.html").read_text())


def images(page: Page) -> list[Image.Image]:
    coded = [address.split(",", 1)[1] for address in page.addresses if address.startswith("data:image/")]
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in coded]


def test_robustness_is_drawn_and_tabled(page: Page) -> None:
    assert "Xception on Celeb-DF v2: video AUC 0.900 [0.890, 0.910]; AUC and its drop under" in page.text
    assert "jpeg AUC 0.800 0.790–0.810 0.400 0.390–0.410 jpeg drop 0.100 0.090–0.110 0.500 0.490–0.510" in page.text
    assert "blur drop 0.100 0.090–0.110 –" in page.text


def test_errors_have_their_heat_and_right_verdicts_are_left_out(run: Path, page: Page) -> None:
    captions = [one.caption for one in explained_errors(collect([run])[0])["Celeb-DF-v2"]]
    assert captions == [f"Deepfakes, said real (0.990); Deepfakes/<i>{n}</i>, frame {10 * n}; Grad-CAM" for n in (0, 1)]
    assert all(caption in page.text for caption in captions) and "frame 20" not in page.text
    assert sum(picture.format == "JPEG" and picture.size == (448, 224) for picture in images(page)) == 2
    assert "i" not in page.tags, "names are text"


def test_coverage_says_what_could_change(page: Page) -> None:
    assert "more than 1% of the frames show no face and are in no figure" in page.text
    assert "counted as real" in page.text and "worst case" in page.text


def test_costs_are_those_that_were_measured(page: Page) -> None:
    assert "Xception 2.5 0.05 3.5 99.6 cpu (here)" in page.text


def test_figures_of_a_later_test_say_where_they_come_from(tmp_path: Path) -> None:
    run = write_run(tmp_path / "t1")
    write_run(run / "test" / "later", {"DFDCP": scores("DFDCP", seed=3)})
    write_report(collect([run]), tmp_path / "report.html")
    assert "DFDC-P in test/later" in Page((tmp_path / "report.html").read_text()).text


def test_leaks_are_those_of_the_check(tmp_path: Path) -> None:
    run = write_run(tmp_path / "t1", {"Celeb-DF-v2": scores(videos=4), "FF-DF": scores(videos=4, seed=1)})
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("data:\n", f"data:\n  manifests: {tmp_path}\n"))
    assert REPORTS == check.REPORTS
    leaks = ["3 persons are seen in both", *(f"look-alike {number}" for number in range(30))]
    found = {"files": {"broken": ["x.png: gone"]}, "remarks": ["small <set>"], "leaks": leaks}
    write_json(tmp_path / REPORTS / "FaceForensics++.json", {"FaceForensics++": found})
    results = collect([run])
    assert [(c.dataset, c.uses, c.done, c.broken) for c in checks(results)] == [
        ("FaceForensics++", ("trained on", "tested on"), True, 1),
        ("Celeb-DF-v2", ("tested on",), False, 0),
    ]
    write_report(results, tmp_path / "report.html")
    text = Page((tmp_path / "report.html").read_text()).text
    for needed in (
        "1 broken file",
        "leak: 3 persons are seen in both",
        "small <set>",
        "look-alike 18 small",
        "11 more, which the check's report names",
        "check.py --dataset Celeb-DF-v2",
    ):
        assert needed in text, needed
    write_json(tmp_path / REPORTS / "Celeb-DF-v2.json", {"Celeb-DF-v2": {"leaks": []}})
    with pytest.raises(DataError, match=r"Celeb-DF-v2\.json: not what preprocessing/check\.py writes"):
        checks(results)


def test_pictures_shrink_until_the_page_is_small_enough(run: Path, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    results, whole = collect([run]), (run / "report.html").stat().st_size
    limit = int(0.55 * whole)
    monkeypatch.setattr(embed, "LIMIT", limit)
    write_report(results, run / "small.html")
    text = (run / "small.html").read_text()
    small = Page(text)
    assert len(text.encode()) < limit < whole
    assert "Pictures were made smaller" in small.text and "small_figures" in small.text
    assert "Pictures were made smaller" not in page.text
    assert len(images(small)) == len(images(page))
    assert all(a.size[0] < b.size[0] for a, b in zip(images(small), images(page), strict=True))
    monkeypatch.setattr(embed, "LIMIT", 10_000)
    with pytest.raises(DataError, match="report fewer runs or test sets"):
        write_report(results, run / "none.html")
    assert not (run / "none.html").exists()


def test_the_reliability_figure_is_scikit_learns(tmp_path: Path) -> None:
    tables = {"one": scores(videos=30, separation=0.4), "two": scores(videos=30, seed=2)}
    tables["lonely"] = tables["one"].select(tables["one"].label == 0)
    found = columns(reliability(tables, "A", tmp_path / "x.png", resamples=100))
    assert set(found["run"]) == {"one", "two"}, "a run with one class says nothing"
    for name in ("one", "two"):
        rows = [row for row, run in enumerate(found["run"]) if run == name]
        number, prob, fakes, low, high = (
            np.array(found[key], dtype=float)[rows] for key in ("rows", "probability", "fakes", "low", "high")
        )
        wanted = calibration_curve(tables[name].label, tables[name].fake_prob, n_bins=15)
        np.testing.assert_allclose([fakes, prob], wanted)
        inside = (low <= fakes) & (fakes <= high)
        assert number.sum() == len(tables[name]) and inside[number >= FEWEST].all()
    only = tables["lonely"]
    assert reliability({"lonely": only}, "A", tmp_path / "y.png") is None
