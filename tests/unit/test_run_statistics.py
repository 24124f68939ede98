"""What ``python -m analysis.statistics`` says of runs, against scikit-learn, SciPy and definitions."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score

from analysis.collect import collect
from analysis.groups import read_groups
from analysis.statistics import SECTIONS, main, sections
from tests.unit.fabricated import scores, write_run
from tests.unit.test_comparison import covariance
from training.core.coverage import Faceless, faceless_path, write_faceless
from training.core.errors import DataError
from training.engine.evaluators.calibration import fitted, per_level
from training.engine.evaluators.settings import Settings
from training.engine.results import CONFIG, METRICS, Scores, read_json, scores_path, write_json

SETTINGS = Settings(resamples=50)
SOURCE = fitted({"V": scores("V", separation=1.3, seed=9)}, SETTINGS)
VIDEOS = 24


def tables(seed: int) -> dict[str, Scores]:
    """Scores of two test sets as a run with this seed gives them."""
    return {
        "A": scores("A", videos=VIDEOS, separation=0.5, seed=seed),
        "B": scores("B", videos=VIDEOS, separation=0.2, seed=10 + seed),
    }


def run_of(folder: Path, sets: dict[str, Scores], seed: int = 7, **rest: str) -> Path:
    """A run with a seed of its own, whose checkpoint brought a calibration along."""
    run = write_run(folder, sets, **rest)
    config = yaml.safe_load((run / CONFIG).read_text())
    (run / CONFIG).write_text(yaml.safe_dump(config | {"seed": seed}))
    write_json(run / METRICS, read_json(run / METRICS) | {"calibration": SOURCE})
    return run


def said_of(*folders: Path, groups: Path | None = None) -> dict[str, list[dict]]:
    """All lines by section."""
    found = sections(collect(folders), SETTINGS, read_groups(groups) if groups else None)
    return {section.name: section.lines for section in found}


def picked(lines: list[dict], **wanted: object) -> list[dict]:
    return [line for line in lines if all(line.get(key) == value for key, value in wanted.items())]


def one(lines: list[dict], **wanted: object) -> dict:
    [line] = picked(lines, **wanted)
    return line


def auc(table: Scores) -> float:
    return roc_auc_score(table.label, table.fake_prob)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seeds of one detector, and another detector."""
    root = tmp_path_factory.mktemp("runs")
    for seed in (1, 2, 3):
        run_of(root / f"x{seed}", tables(seed), seed)
    run_of(root / "other", {"A": tables(5)["A"]}, detector="clip")
    return root


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, list[dict]]:
    return said_of(folder)


def test_figures_are_those_of_testing_with_the_sources_threshold(folder: Path, said: dict[str, list[dict]]) -> None:
    tested = read_json(folder / "x1" / METRICS)["sets"]["A"]["metrics"]["video/auc"]
    line = one(said["figures"], run="Xception (x1)", test_set="A", level="video", metric="auc")
    assert [line[key] for key in ("value", "low", "high")] == [tested[key] for key in ("value", "low", "high")]
    assert line["value"] == pytest.approx(auc(tables(1)["A"].by_video()))
    table, found = tables(1)["B"], per_level(SOURCE)["frame"]
    wrong = table.fake_prob[table.label == 0] > found.threshold
    line = one(said["carried"], run="Xception (x1)", test_set="B", level="frame", metric="fpr@source")
    assert line["value"] == pytest.approx(wrong.mean())


def test_pairs_are_tested_as_delong_says_and_corrected_as_holm_says(said: dict[str, list[dict]]) -> None:
    names = {"Xception (x1)": 1, "Xception (x2)": 2, "Xception (x3)": 3, "CLIP": 5}
    lines = picked(said["pairs"], test_set="A", level="video", metric="auc", test="DeLong")
    assert len(lines) == 6
    for line in lines:
        first, second = (tables(names[line[key]])["A"].by_video() for key in ("run", "other"))
        wanted = covariance(first.label, first.fake_prob, second.fake_prob)
        error = np.sqrt(wanted[0, 0] + wanted[1, 1] - 2 * wanted[0, 1])
        assert line["value"] == pytest.approx(auc(first) - auc(second))
        assert line["p"] == pytest.approx(2 * stats.norm.sf(abs(line["value"]) / error))
        assert line["high"] - line["value"] == pytest.approx(stats.norm.ppf(0.975) * error)
    in_order = sorted(lines, key=lambda line: line["p"])
    raised = 0.0
    for place, line in enumerate(in_order):  # the smallest p is multiplied by 6, the next by 5, ..., never falling
        raised = max(raised, min(1.0, (6 - place) * line["p"]))
        assert line["p_holm"] == pytest.approx(raised)
    resampled = picked(said["pairs"], test_set="A", level="video", metric="auc", test="bootstrap")
    for line, other in zip(resampled, lines, strict=True):
        assert line["value"] == pytest.approx(other["value"])
        assert line["high"] - line["low"] == pytest.approx(other["high"] - other["low"], rel=0.5)


def test_runs_are_compared_on_the_rows_that_both_have(tmp_path: Path) -> None:
    table, other = tables(1)["A"], tables(2)["A"]
    run_of(tmp_path / "a", {"A": table})
    run_of(tmp_path / "b", {"A": other.select(np.arange(len(other))[::-1][:200])}, detector="clip")
    line = one(said_of(tmp_path)["pairs"], level="frame", metric="auc", test="DeLong")
    rows = slice(len(table) - 200, None)
    assert line["rows"] == 200
    assert line["value"] == pytest.approx(auc(table.select(rows)) - auc(other.select(rows)))


def test_runs_that_disagree_on_what_is_real_are_not_compared(tmp_path: Path) -> None:
    table = tables(1)["A"]
    run_of(tmp_path / "a", {"A": table})
    named = {key: getattr(table, key) for key in ("dataset", "video", "frame", "method", "source", "compression")}
    turned = Scores(**named, label=1 - table.label, fake_prob=table.fake_prob)
    run_of(tmp_path / "b", {"A": turned}, detector="clip")
    with pytest.raises(DataError, match=r"A/Deepfakes/c23/000_De/0 is (fake|real) for one and (real|fake) for the"):
        said_of(tmp_path)


def test_seeds_have_students_interval_beside_that_of_videos(said: dict[str, list[dict]]) -> None:
    line = one(said["seeds"], test_set="A", level="video", metric="auc")
    values = [auc(tables(seed)["A"].by_video()) for seed in (1, 2, 3)]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert (line["detector"], line["seeds"]) == ("xception", 3), "a run alone repeats nothing"
    assert line["value"] == pytest.approx(np.mean(values)) and line["sd"] == pytest.approx(np.std(values, ddof=1))
    assert (line["seed_low"], line["seed_high"]) == pytest.approx((low, high))
    lines = picked(said["figures"], test_set="A", level="video", metric="auc")
    own = [each for each in lines if each["run"].startswith("Xception")]
    assert line["low"] == pytest.approx(np.mean([each["low"] for each in own]))


def test_auc_across_sets_and_of_all_sets_together(said: dict[str, list[dict]]) -> None:
    sets = tables(1)
    for reals in sets:
        for fakes in sets:
            parts = [sets[reals].select(sets[reals].label == 0), sets[fakes].select(sets[fakes].label == 1)]
            label, prob = (np.concatenate([getattr(part, key) for part in parts]) for key in ("label", "fake_prob"))
            line = one(said["cross_auc"], run="Xception (x1)", level="frame", reals=reals, fakes=fakes)
            assert line["value"] == pytest.approx(roc_auc_score(label, prob))
            assert line["low"] < line["value"] < line["high"]
    label, prob = (np.concatenate([getattr(table, key) for table in sets.values()]) for key in ("label", "fake_prob"))
    line = one(said["pooled_auc"], run="Xception (x1)", level="frame")
    assert line["value"] == pytest.approx(roc_auc_score(label, prob))
    assert line["mean_of_own"] == pytest.approx(np.mean([auc(table) for table in sets.values()]))
    assert not picked(said["pooled_auc"], run="CLIP"), "one set is no pool"


def test_frames_that_two_sets_share_are_pooled_once(tmp_path: Path) -> None:
    whole = tables(1)["A"]
    part = whole.select((whole.method == "real") | (whole.method == "Deepfakes"))
    run_of(tmp_path / "a", {"A": whole, "A-Deepfakes": part})
    assert one(said_of(tmp_path)["pooled_auc"], level="frame")["value"] == pytest.approx(auc(whole))


def test_drift_is_scipys_distance(said: dict[str, list[dict]]) -> None:
    for level in ("frame", "video"):
        sets = [table if level == "frame" else table.by_video() for table in tables(2).values()]
        for label, kind in enumerate(("reals", "fakes")):
            line = one(said["drift"], run="Xception (x2)", level=level, of=kind)
            wanted = stats.wasserstein_distance(*(table.fake_prob[table.label == label] for table in sets))
            assert line["value"] == pytest.approx(wanted)
            assert level == "frame" or line["low"] <= wanted <= line["high"]


def test_each_method_stands_against_all_reals(said: dict[str, list[dict]]) -> None:
    table, threshold = tables(1)["A"], per_level(SOURCE)["frame"].threshold
    found = {"run": "Xception (x1)", "test_set": "A", "level": "frame", "by": "method"}
    for method in ("Deepfakes", "FaceSwap"):
        rows = table.select((table.label == 0) | (table.method == method))
        line = one(said["breakdown"], **found, part=method, figure="auc")
        assert line["value"] == pytest.approx(auc(rows)) and line["low"] < line["value"] < line["high"]
        assert (line["real_videos"], line["fake_videos"], line["note"]) == (VIDEOS, VIDEOS, None)
        line = one(said["breakdown"], **found, part=method, figure="tpr")
        assert line["value"] == pytest.approx((table.fake_prob[table.method == method] > threshold).mean())
    gap = [line for line in picked(said["breakdown"], **found, figure="auc") if line["part"].startswith("gap: ")]
    values = [one(said["breakdown"], **found, part=m, figure="auc")["value"] for m in ("Deepfakes", "FaceSwap")]
    assert [line["value"] for line in gap] == pytest.approx([max(values) - min(values)])
    assert not picked(said["breakdown"], by="compression"), "one compression is no breakdown"


def test_groups_come_from_a_file_and_small_ones_are_in_no_gap(tmp_path: Path) -> None:
    run_of(tmp_path / "a", {"A": tables(1)["A"]})
    (tmp_path / "groups.csv").write_text(
        "source,age\n" + "".join(f"{n:03d},{'old' if n < 3 else 'young'}\n" for n in range(VIDEOS - 1))
    )
    lines = picked(said_of(tmp_path / "a", groups=tmp_path / "groups.csv")["breakdown"], by="age", level="video")
    assert {line["part"] for line in lines} == {"old", "young"}, "no gap with a group too small"
    table = tables(1)["A"].by_video()
    young = table.select(np.array(["003" <= source <= "022" for source in table.source]))
    assert one(lines, part="young", figure="auc")["value"] == pytest.approx(auc(young))
    assert one(lines, part="old", figure="auc")["note"] == "fewer than 20 real videos and fake videos: in no gap"
    assert one(lines, part="young", figure="fpr")["real_videos"] == VIDEOS - 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("age\nold\n", r":1: expected the column 'video' or 'source', and one attribute or more"),
        ("source,age\n001\n", r":2: expected 2 values"),
        ("source,age\n001,old\n001,young\n", r":3: source '001' has another age above"),
        (None, "no file"),
    ],
)
def test_groups_that_cannot_be_read_are_named(tmp_path: Path, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / "groups.csv").write_text(text)
    with pytest.raises(DataError, match=says):
        read_groups(tmp_path / "groups.csv")


def test_frames_without_a_face_move_the_auc_between_its_bounds(tmp_path: Path) -> None:
    table = tables(1)["A"]
    run = run_of(tmp_path / "a", {"A": table})
    fake, real = "Deepfakes/c23/000_De", "real/c23/001_re"
    missing = [
        Faceless("A", fake, 1, "Deepfakes", "000", "c23", with_face=4, without_face=2),
        Faceless("A", real, 0, "real", "001", "c23", with_face=8, without_face=2),  # of which 4 frames were scored
        Faceless("A", "real/c23/new", 0, "real", "999", "c23", with_face=0, without_face=3),
    ]
    write_faceless(faceless_path(scores_path(run, "A")), missing)
    lines = picked(said_of(run)["coverage"], level="frame")
    label = np.concatenate([table.label, [1] * 2, [0] * 1, [0] * 3])
    added = {
        "left out": None,
        "counted as real": [0] * 6,
        "counted as fake": [1] * 6,
        "best case": [1, 1, 0, 0, 0, 0],
        "worst case": [0, 0, 1, 1, 1, 1],
    }
    for way, said_of_them in added.items():
        line = one(lines, faceless=way)
        wanted = auc(table) if said_of_them is None else roc_auc_score(label, [*table.fake_prob, *said_of_them])
        assert line["value"] == pytest.approx(wanted), way
        assert (line["fake_frames"], line["real_frames"], line["videos_without_any"]) == (2, 4, 1)


def test_reliability_is_scikit_learns(said: dict[str, list[dict]]) -> None:
    table = tables(3)["B"]
    lines = picked(said["reliability"], run="Xception (x3)", test_set="B", level="frame", probability="as predicted")
    fake, mean = calibration_curve(table.label, table.fake_prob, n_bins=15)
    assert [line["share_of_fakes"] for line in lines] == pytest.approx(fake)
    assert [line["mean_probability"] for line in lines] == pytest.approx(mean)
    assert sum(line["rows"] for line in lines) == len(table)


def test_the_entry_writes_text_json_and_tables(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    main([str(folder), "--resamples", "20", "--cluster", "source", "--output", str(tmp_path)])
    tree, text = json.loads((tmp_path / "statistics.json").read_text()), (tmp_path / "statistics.md").read_text()
    assert set(tree) == {"notes", *SECTIONS} - {"coverage"}, "no list of frames without a face, no section"
    assert str(tmp_path / "statistics.md") in capsys.readouterr().out
    assert [line for line in text.splitlines() if line.startswith("## ")][0] == "## Figures"
    assert "Reliability" not in text and "- note: randomly initialized backbone" in text
    with (tmp_path / "pairs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["p_holm"]) for row in rows] == [line["p_holm"] for line in tree["pairs"]]
