"""The HTML report and its figures: whole, self-contained, safe against names, true to the numbers."""

import csv
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from analysis.collect import collect
from analysis.facts import caveats, facts
from analysis.figures.roc import roc
from analysis.figures.score_histogram import score_histogram
from analysis.figures.training_curves import training_curves
from analysis.report import main, write_report
from tests.unit.fabricated import log, scores, write_run
from training.core.errors import DataError
from training.engine.results import scores_path

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Checks nesting; collects addresses, text and tags."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.texts, self.tags = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for key, value in attrs if key in ("src", "href", "action", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def columns(path):
    with path.with_suffix(".csv").open() as file:
        rows = list(csv.DictReader(file))
    return {key: [row[key] for row in rows] for key in rows[0]}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    evil = scores("<script>alert(1)</script>", videos=25, frames=2, separation=0.2)
    only_real = scores("R").select(slice(0, 4))
    sets = {"Celeb-DF-v2": scores(videos=25), "<b>x</b>": evil, "R": only_real}
    coverage = {"Celeb-DF-v2": {"frames_without_face": 1234, "unreadable": 5}}
    write_run(folder / "runs" / "t1", sets, notes=["drawn <demo> videos"], coverage=coverage)
    write_run(folder / "runs" / "t2", {"Celeb-DF-v2": scores(videos=25, seed=3)}, video_key="folder")
    main([str(folder / "runs"), "--output", str(folder / "report.html")])
    return folder / "report.html"


def test_the_page_is_whole_and_needs_no_network(report):
    text = report.read_text()
    page = Page(text)
    assert page.open == []
    assert page.addresses
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert "url(" not in text
    assert "@import" not in text
    assert report.stat().st_size < 10e6


def test_names_are_shown_and_not_run(report):
    page = Page(report.read_text())
    assert page.tags.count("script") == 1
    assert "<b>x</b>" in page.text
    assert "drawn <demo> videos" in page.text


def test_the_page_tells_what_a_reader_must_know(report):
    text = Page(report.read_text()).text
    auc = collect([report.parent / "runs" / "t1"])[0].sets["Celeb-DF-v2"].metrics["video/auc"]
    for needed in (
        f"{auc['value']:.3f} {auc['low']:.3f}–{auc['high']:.3f}",
        "undefined: only real videos",
        "randomly initialized backbone: figures say nothing about the method's published quality",
        "compatibility switch video_key=folder",
        "Xception (t2) [video_key=folder]",
        "1234",
        "best epoch by video AUC on the validation split",
        "c0ffee",
        "FF++",
    ):
        assert needed in text, needed


def test_the_most_certain_errors_are_listed(report):
    videos = collect([report.parent / "runs" / "t1"])[0].sets["<b>x</b>"].scores().by_video()
    wrong = [
        (abs(p - 0.5), video)
        for p, video, label in zip(videos.fake_prob, videos.video, videos.label, strict=True)
        if (p > 0.5) != label
    ]
    text = Page(report.read_text()).text
    assert max(wrong)[1] in text
    assert len(wrong) > 10, "the set is too easy to test the limit"


def test_figures_lie_beside_the_page_with_their_numbers(report):
    pictures = sorted((report.parent / "report_figures").glob("*.png"))
    assert pictures
    assert all(path.with_suffix(".csv").is_file() for path in pictures)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_missing_scores_stop_the_report(tmp_path):
    run = write_run(tmp_path / "t1", {"A": scores(videos=3)})
    scores_path(run, "A").unlink()
    with pytest.raises(DataError, match=r"no score file .*A\.csv"):
        write_report(collect([run]), tmp_path / "report.html")


def test_the_report_of_one_run_lies_in_it(tmp_path, capsys):
    run = write_run(tmp_path / "t1", {"A": scores(videos=3)})
    main([str(run)])
    assert capsys.readouterr().out.splitlines()[-1] == str(run / "report.html")
    assert (run / "report.html").is_file()


def test_a_run_without_configuration_or_log_is_reported(tmp_path):
    run = write_run(tmp_path / "t1", {"A": scores(videos=3)})
    for name in ("config.yaml", "environment.json", "log.jsonl"):
        (run / name).unlink()
    write_report(collect([run]), tmp_path / "report.html")
    assert "what it was trained on is not known" in Page((tmp_path / "report.html").read_text()).text


def test_caveats_say_where_they_hold(tmp_path):
    for name, videos in (("t1", 25), ("t2", 25), ("t3", 4)):
        write_run(tmp_path / name, {"A": scores(videos=videos, separation=0.3)}, notes=["n"] if name == "t1" else [])
    found = dict(caveats(collect([tmp_path])))
    assert found["n"] == "Xception (t1)"
    assert (
        found["randomly initialized backbone: figures say nothing about the method's published quality"] == "all runs"
    )
    few = "fewer than 20 real or fake videos: intervals are too narrow, or missing"
    assert found[few] == "Xception (t3): A"


def test_facts_come_from_configuration_and_environment(tmp_path):
    found = dict(facts(collect([write_run(tmp_path / "t1")])[0]))
    assert found["trained on"] == "FF++"
    assert found["frames per video"] == "8 in training, 4 in testing"
    assert found["backbone"] == "xception (tiny), weights: random"
    assert found["seed"] == "7"
    assert found["intervals"] == "middle 95% of 50 bootstrap resamples of whole videos, seed 0"


def test_roc_numbers(tmp_path):
    tables = {"one": scores(videos=30), "two": scores(videos=30, separation=0.2, seed=4)}
    tables["lonely"] = tables["one"].select(tables["one"].label == 0)
    path = roc(tables, "A", tmp_path / "roc.png", resamples=60)
    found = columns(path)
    assert set(found["run"]) == {"one", "two"}, "a run with one class has no curve"
    for name in ("one", "two"):
        rows = [i for i, run in enumerate(found["run"]) if run == name]
        fpr, tpr, low, high = (np.array(found[key], dtype=float)[rows] for key in ("fpr", "tpr", "low", "high"))
        videos = tables[name].by_video()
        assert np.trapezoid(tpr, fpr) == pytest.approx(roc_auc_score(videos.label, videos.fake_prob), abs=0.02)
        assert (low <= high).all()
        assert ((low <= tpr) & (tpr <= high)).mean() > 0.9
        assert (np.diff(tpr) >= 0).all()


def test_no_roc_without_both_classes(tmp_path):
    table = scores()
    assert roc({"one": table.select(table.label == 1)}, "A", tmp_path / "roc.png") is None
    assert not list(tmp_path.iterdir())


def test_a_single_real_video_gets_a_curve_without_a_band(tmp_path):
    table = scores(videos=4)
    few = table.select((table.label == 1) | (table.source == "000"))
    assert set(columns(roc({"one": few}, "A", tmp_path / "roc.png"))["low"]) == {"nan"}


def test_histogram_shares(tmp_path):
    found = columns(score_histogram(scores(videos=9), "A", tmp_path / "h.png"))
    for name in ("real", "fake"):
        assert sum(map(float, found[name])) == pytest.approx(1)
    table = scores().select(slice(0, 4))
    assert sum(map(float, columns(score_histogram(table, "$A$", tmp_path / "h.png"))["fake"])) == 0


def test_training_curves_hold_the_whole_log(tmp_path):
    found = columns(training_curves(log(), "run", tmp_path / "t.png"))
    points = set(zip(found["step"], found["name"], found["value"], strict=True))
    assert ("2", "loss", "0.5") in points
    assert ("2", "loss/ce", "0.25") in points
    assert ("40", "val/video/auc", "0.9") in points
    assert "val/video/eer" not in found["name"], "an undefined figure is no point"
    assert training_curves([], "run", tmp_path / "none.png") is None
