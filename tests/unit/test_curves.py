"""PR and DET curves against scikit-learn; every figure from the command line."""

import csv
from importlib import import_module

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, det_curve, precision_recall_curve, silhouette_score

from analysis.command import picture
from analysis.figures.det import det
from analysis.figures.precision_recall import precision_recall
from tests.unit.fabricated import scores, write_run
from training.core.errors import DataError
from training.engine.results import save_features, scores_path


def columns(path):
    with path.with_suffix(".csv").open() as file:
        rows = list(csv.DictReader(file))
    return {key: [row[key] for row in rows] for key in rows[0]}


def numbers(path, *names):
    found = columns(path)
    return tuple(np.array(found[name], dtype=float) for name in names)


def inside(height, low, high):
    assert (low <= high).all()
    assert ((low <= height) & (height <= high)).mean() > 0.9


def test_precision_at_each_recall(tmp_path):
    table = scores(videos=30, separation=0.6)
    videos = table.by_video()
    path = precision_recall({"one": table}, "A", tmp_path / "pr.png", resamples=60)
    recall, precision, low, high = numbers(path, "recall", "precision", "low", "high")
    expected, at, _ = precision_recall_curve(videos.label, videos.fake_prob)
    for r, p in zip(recall, precision, strict=True):
        assert p == expected[at >= r - 1e-12][-1], "the highest threshold that finds enough"
    assert precision.mean() == pytest.approx(average_precision_score(videos.label, videos.fake_prob), abs=0.01)
    inside(precision, low, high)


def test_missed_fakes_at_each_false_positive_rate(tmp_path):
    table = scores(videos=30, separation=0.4)
    videos = table.by_video()
    path = det({"one": table}, "A", tmp_path / "det.png", resamples=60)
    fpr, fnr, low, high = numbers(path, "fpr", "fnr", "low", "high")
    x, y, _ = det_curve(videos.label, videos.fake_prob)
    for a, b in zip(fpr, fnr, strict=True):
        assert y[x <= a + 1 / 30].min() - 1e-9 <= b <= y[x >= a - 1 / 30].max() + 1e-9
    assert (np.diff(fnr) <= 0).all()
    inside(fnr, low, high)


@pytest.mark.parametrize("figure", [det, precision_recall])
def test_both_classes_are_needed(tmp_path, figure):
    table = scores()
    assert figure({"one": table.select(table.label == 1)}, "A", tmp_path / "x.png") is None
    few = table.select((table.label == 1) | (table.source == "000"))
    assert set(columns(figure({"few": few}, "A", tmp_path / "x.png", resamples=2))["low"]) == {"nan"}


@pytest.mark.parametrize("name", ["roc", "precision_recall", "det", "reliability"])
def test_a_picture_per_test_set_from_the_command_line(tmp_path, capsys, name):
    run = write_run(tmp_path / "run", {"Celeb-DF-v2": scores(), "a/b c": scores(seed=1)})
    import_module(f"analysis.figures.{name}").main([str(run), "--output", str(tmp_path / "out")])
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == [f"{name}_{s}.{kind}" for s in ("Celeb-DF-v2", "a_b_c") for kind in ("csv", "png")]
    assert f"{name}_Celeb-DF-v2.png" in capsys.readouterr().out


def test_histograms_and_training_curves_from_the_command_line(tmp_path):
    run = write_run(tmp_path / "run", {"A": scores(), "B": scores(seed=1)})
    for name in ("score_histogram", "training_curves"):
        import_module(f"analysis.figures.{name}").main([str(run), "--output", str(tmp_path / "out")])
    files = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert files == ["score_histogram_Xception_A.png", "score_histogram_Xception_B.png", "training_curves_Xception.png"]


def test_features_of_a_detector_of_fakes_are_drawn(tmp_path):
    """Two methods whose features lie far apart come to lie apart on the plane."""
    table = scores(videos=6)
    run = write_run(tmp_path / "run", {"A": table})
    features = np.random.default_rng(0).normal(0, 0.1, (len(table), 5)) + 10 * (table.method == "FaceSwap")[:, None]
    save_features(scores_path(run, "A").with_suffix(".npz"), table, features.astype(np.float32))
    import_module("analysis.figures.tsne").main([str(run), "--output", str(tmp_path / "out")])
    found = columns(tmp_path / "out" / "tsne_Xception_A.png")
    assert set(found["known"]) == {"1"} and set(found["method"]) == {"real", "Deepfakes", "FaceSwap"}
    plane, apart = np.array([found["x"], found["y"]], dtype=float).T, np.array(found["method"]) == "FaceSwap"
    assert silhouette_score(plane, apart) > 0.5


def test_nothing_to_draw_is_said(tmp_path):
    table = scores()
    run = write_run(tmp_path / "run", {"A": table.select(table.label == 1)})
    with pytest.raises(DataError, match="nothing to draw"):
        import_module("analysis.figures.roc").main([str(run), "--output", str(tmp_path / "out")])


def test_file_names_hold_no_separators(tmp_path):
    assert picture(tmp_path, "roc", "../x y\\z").parent == tmp_path
