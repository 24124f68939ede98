"""How attribution runs are shown: tables, matched order, figures and the report, against counts made by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from analysis.attribution import matched, per_class
from analysis.collect import collect
from analysis.facts import caveats, facts
from analysis.figures.confidence import confidence
from analysis.figures.confusion import confusion
from analysis.figures.prototype_usage import prototype_usage
from analysis.figures.tsne import MOST_POINTS, tsne
from analysis.report import main
from analysis.rows import cross_table, of_attribution, of_detection, ranked
from analysis.tables import markdown, write_tables
from tests.unit.fabricated import NOVEL, made_by, scores, write_attribution_run, write_run
from tests.unit.test_report import Page, columns
from tests.unit.test_tables import cells
from training.engine.results import METRICS, Scores, read_json, scores_path


def given(*pairs: tuple[str, str, int], classes: tuple[str, ...]) -> Scores:
    """A table in which ``count`` pictures of ``method`` have the output ``output``."""
    rows = [(method, output) for method, output, count in pairs for _ in range(count)]
    n = len(rows)
    logits = 3.0 * np.eye(len(classes))[[classes.index(output) for _, output in rows]]
    return Scores(
        dataset=["A"] * n,
        video=[f"{method}/{at}" for at, (method, _) in enumerate(rows)],
        frame=[0] * n,
        label=[int(method != "real") for method, _ in rows],
        method=[method for method, _ in rows],
        source=["s"] * n,
        compression=[""] * n,
        fake_prob=[0.5] * n,
        logits=logits,
        classes=classes,
    )


OUTPUTS = ("real", "Deepfakes", "cluster 1", "cluster 2", "cluster 3", "cluster 4")
TABLE = given(
    ("real", "real", 8),
    ("real", "cluster 2", 2),
    ("Deepfakes", "real", 6),
    ("Deepfakes", "Deepfakes", 4),
    ("FaceSwap", "Deepfakes", 9),
    ("FaceSwap", "cluster 3", 3),
    ("StyleGAN", "cluster 3", 7),
    ("StyleGAN", "cluster 4", 1),
    ("ATVG", "Deepfakes", 5),
    classes=OUTPUTS,
)


# matched order


def test_known_methods_own_their_outputs_and_novel_ones_share_out_the_clusters() -> None:
    found = matched(TABLE)
    assert found.methods == ["real", "Deepfakes", "StyleGAN", "ATVG", "FaceSwap"]
    assert found.outputs == ["real", "Deepfakes", "cluster 3", "cluster 2", "cluster 4", "cluster 1"]
    assert (found.known, found.pairs) == (2, 3)
    assert found.counts.tolist() == [
        [8, 0, 0, 2, 0, 0],
        [6, 4, 0, 0, 0, 0],
        [0, 0, 7, 0, 1, 0],
        [0, 5, 0, 0, 0, 0],
        [0, 9, 3, 0, 0, 0],
    ]


def test_each_method_has_its_count_accuracy_and_worst_confusion() -> None:
    real, deepfakes, stylegan, atvg, faceswap = per_class(matched(TABLE))
    assert (real.pictures, real.accuracy, real.confusion, real.confused) == (10, 0.8, "cluster 2", 2)
    assert (deepfakes.output, deepfakes.accuracy, deepfakes.confusion) == ("Deepfakes", 0.4, "real")
    assert (stylegan.known, stylegan.output, stylegan.accuracy, stylegan.confused) == (False, "cluster 3", 7 / 8, 1)
    assert (atvg.output, atvg.accuracy, atvg.confusion) == (None, 0.0, "Deepfakes")
    assert faceswap.confusion == "Deepfakes" and faceswap.confused == 9


def test_a_known_method_without_pictures_has_no_accuracy() -> None:
    only = TABLE.select(TABLE.method != "real")
    real = per_class(matched(only))[0]
    assert (real.pictures, real.accuracy, real.confusion) == (0, None, None)
    stylegan = given(("StyleGAN", "cluster 1", 4), ("FaceSwap", "cluster 1", 1), classes=OUTPUTS)
    assert per_class(matched(stylegan))[-1].confusion == "cluster 1 (StyleGAN)"


@pytest.mark.parametrize("seed", range(3))
def test_the_diagonal_is_what_the_strict_accuracies_count(seed: int, tmp_path: Path) -> None:
    table = made_by(noise=3.0, seed=seed)
    figures = read_json(write_attribution_run(tmp_path / "t", {"A": table}) / METRICS)["sets"]["A"]["metrics"]
    found = matched(table)
    right = found.counts.diagonal()[: found.pairs]
    assert right.sum() / len(table) == pytest.approx(figures["frame/strict_all_acc"]["value"])
    novel = np.isin(table.method, NOVEL).sum()
    assert right[found.known :].sum() / novel == pytest.approx(figures["frame/strict_novel_acc"]["value"])
    assert right[: found.known].sum() / (len(table) - novel) == pytest.approx(figures["frame/known_acc"]["value"])


# figures


def test_the_confusion_matrix_keeps_every_picture(tmp_path: Path) -> None:
    found = columns(confusion(matched(TABLE), "A", tmp_path / "c.png"))
    assert sum(map(int, found["pictures"])) == len(TABLE)
    cell = found["method"].index("StyleGAN"), found["output"].index("cluster 3 (StyleGAN)")
    at = cell[0] + cell[1]
    assert (found["method"][at], found["pictures"][at], float(found["share"][at])) == ("StyleGAN", "7", 7 / 8)


def test_large_confusion_matrices_are_drawn_with_the_rest_summed_up(tmp_path: Path) -> None:
    methods = [f"m{n}" for n in range(40)]
    table = made_by(videos=3, frames=2, noise=4.0, clusters=150, known=("real", *methods[:20]), novel=methods[20:])
    path = confusion(matched(table), "large", tmp_path / "c.png")
    assert len(columns(path)["share"]) == 41 * 171
    width = int.from_bytes(path.read_bytes()[16:20])
    assert 1000 < width < 3000, "readable, and no wider than a screen or two"


def test_confidence_shares_are_those_of_known_and_novel_pictures(tmp_path: Path) -> None:
    table = made_by(videos=9)
    found = columns(confidence(table, "A", tmp_path / "c.png"))
    sure, novel = softmax(table.logits, axis=1).max(1), np.isin(table.method, NOVEL)
    high = [float(low) >= 0.8 for low in found["from"]]
    for name, rows in (("known", ~novel), ("novel", novel)):
        shares = np.array(found[name], dtype=float)
        assert shares.sum() == pytest.approx(1)
        assert shares[high].sum() == pytest.approx((sure[rows] >= 0.8).mean())
    known_only = table.select(~novel)
    assert set(columns(confidence(known_only, "A", tmp_path / "c.png"))["novel"]) == {"0.0"}


def test_usage_counts_the_pictures_of_each_output(tmp_path: Path) -> None:
    found = columns(prototype_usage(TABLE, "A", tmp_path / "u.png", merged=5))
    assert found["output"] == ["real", "Deepfakes", "cluster 3", "cluster 2", "cluster 4", "cluster 1"]
    assert found["known"] == ["1", "1", "0", "0", "0", "0"]
    assert found["pictures_of_known"] == ["14", "4", "0", "2", "0", "0"]
    assert found["pictures_of_novel"] == ["0", "14", "10", "0", "1", "0"]


def test_tsne_keeps_groups_together_and_is_repeatable(tmp_path: Path) -> None:
    table = made_by(noise=0.3)
    first, again = (columns(tsne(table, table.logits, "A", tmp_path / f"{n}.png")) for n in "ab")
    assert first == again
    assert first["known"] == [str(int(method not in NOVEL)) for method in first["method"]]
    plane = np.array([first["x"], first["y"]], dtype=float).T
    methods = np.array(first["method"])
    distance = np.linalg.norm(plane[:, None] - plane[None], axis=2) + 1e9 * np.eye(len(plane))
    assert (methods[distance.argmin(1)] == methods).all()


def test_tsne_draws_a_stated_subset_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = made_by()
    assert len(table) < MOST_POINTS
    monkeypatch.setattr("analysis.figures.tsne.MOST_POINTS", 30)
    found = columns(tsne(table, table.logits, "A", tmp_path / "t.png"))
    assert len(found["x"]) == 30 and len(set(zip(found["video"], found["frame"], strict=True))) == 30
    assert tsne(table.select(slice(0, 4)), table.logits[:4], "A", tmp_path / "few.png") is None
    assert tsne(table, np.ones((len(table), 8)), "A", tmp_path / "one.png") is None


# tables


def test_one_run_shows_its_figures_and_counts(tmp_path: Path) -> None:
    run = write_attribution_run(tmp_path / "t1")
    found = cells(markdown(cross_table(collect([run]))))
    assert [line[0] for line in found[:4]] == ["CAL", "frame ACC all", "frame ACC known", "frame ACC novel"]
    value = read_json(run / METRICS)["sets"]["A"]["metrics"]["frame/all_acc"]
    assert found[1][1] == f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
    assert found[-2] == ["detector", "test set", "known methods", "true K", "outputs", "outputs used"]
    assert found[-1][:5] == ["CAL", "A", "2", "4", "6"] and 4 <= int(found[-1][5]) <= 6
    assert not any("AUC" in line[0] for line in found)


def test_runs_are_ranked_within_their_test_set(tmp_path: Path) -> None:
    known_only = made_by().select(np.isin(made_by().method, ("real", "Deepfakes")))
    write_attribution_run(tmp_path / "a", {"A": made_by(noise=6.0), "B": made_by(noise=6.0)}, detector="cpl")
    write_attribution_run(tmp_path / "b", {"A": made_by(noise=1.0), "B": known_only}, detector="cal")
    rows = of_attribution(cross_table(collect([tmp_path / "a", tmp_path / "b"])))
    names = list(rows[0].metrics)
    assert [(r.test_set, r.detector) for r in ranked(rows, [n for n in names if n.startswith("frame")])] == [
        ("A", "cal"),
        ("A", "cpl"),
        ("B", "cal"),
        ("B", "cpl"),
    ]
    table = cells(markdown(rows))
    assert table[0][:3] == ["detector", "test set", "frame ACC all"] and table[1][:2] == ["CAL", "A"]
    assert "undefined: no novel frames" in table[3]
    assert [line[:4] for line in table[-4:]] == [
        ["CAL", "A", "2", "4"],
        ["CPL", "A", "2", "4"],
        ["CAL", "B", "2", "2"],
        ["CPL", "B", "2", "4"],
    ]


def test_mixed_runs_get_tables_of_both_kinds_and_no_empty_lines(tmp_path: Path) -> None:
    write_run(tmp_path / "x", {"A": scores()})
    write_attribution_run(tmp_path / "y")
    rows = cross_table(collect([tmp_path]))
    assert [row.detector for row in of_detection(rows)] == ["xception"]
    assert [row.detector for row in of_attribution(rows)] == ["cal"]
    parts = markdown(rows).split("\n\n")
    heads = [part.splitlines()[0] for part in parts]
    assert "video AUC" in heads[0] and sum("ACC known" in head for head in heads) == 2
    assert all("| -" not in line for part in parts for line in part.splitlines())
    write_tables(collect([tmp_path]), tmp_path / "out")
    with (tmp_path / "out" / "table.csv").open() as file:
        metrics = {(line["detector"], line["metric"]) for line in csv.DictReader(file)}
    assert {("xception", "auc"), ("cal", "novel_acc")} <= metrics and ("cal", "auc") not in metrics


def test_caveats_and_facts_fit_the_task(tmp_path: Path) -> None:
    no_real = made_by(known=("Deepfakes", "Face2Face"))
    result = collect([write_attribution_run(tmp_path / "t1", {"A": no_real})])
    sentences = [sentence for sentence, _ in caveats(result)]
    assert "fewer than 20 videos per method on average: intervals are too narrow, or missing" in sentences
    assert not any("real or fake videos" in sentence for sentence in sentences)
    assert dict(facts(result[0]))["known methods"] == "real, Deepfakes"


# report


def test_a_report_on_attribution_runs_alone(tmp_path: Path) -> None:
    run = write_attribution_run(tmp_path / "t1", {"A": made_by(), "<i>B</i>": made_by(seed=3)})
    scores_path(run, "<i>B</i>").with_suffix(".npz").unlink()
    main([str(run)])
    page = Page((run / "report.html").read_text())
    assert page.open == [] and page.tags.count("script") == 1
    for needed in ("Attribution per frame", "strict ACC novel", "true K", "<i>B</i>", "methods one by one", "FaceSwap"):
        assert needed in page.text, needed
    for absent in ("Most certain errors", "Curves and distributions", "TNR@TPR95"):
        assert absent not in page.text, absent
    drawn = {path.name for path in (run / "report_figures").iterdir()}
    assert {"confusion_0_0.png", "confidence_0_1.csv", "usage_0_1.png", "tsne_0_0.csv", "classes_0_0.csv"} <= drawn
    assert "tsne_0_1.png" not in drawn, "no features were kept"
    table = columns(run / "report_figures" / "classes_0_0")
    assert table["method"][:2] == ["real", "Deepfakes"] and set(table["pictures"]) == {"24"}


def test_a_mixed_report_shows_each_run_where_it_belongs(tmp_path: Path) -> None:
    write_run(tmp_path / "x", {"A": scores(videos=4)})
    write_attribution_run(tmp_path / "y", {"A": made_by(videos=3)})
    main([str(tmp_path), "--output", str(tmp_path / "report.html")])
    text = Page((tmp_path / "report.html").read_text()).text
    for needed in (
        "All figures per video",
        "Attribution per frame",
        "Most certain errors",
        "CAL on A",
        "Xception on A",
    ):
        assert needed in text, needed
    assert not list((tmp_path / "report_figures").glob("roc_1*")), "attribution runs have no ROC curve"
