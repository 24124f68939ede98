"""Which runs are marked as not distinguishable from the best: against DeLong's definition and Holm's, in all tables."""

from __future__ import annotations

import csv
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from analysis.collect import collect
from analysis.marks import ALIKE, BEST, LEGEND, UNKNOWN, marks
from analysis.rows import cross_table
from analysis.standings import standings
from analysis.tables import main, write_tables
from tests.unit.fabricated import scores, write_run
from tests.unit.test_comparison import covariance
from training.core.errors import DataError
from training.engine.results import Scores, scores_path

NAMES = {"clip": "CLIP", "meso4": "MesoNet-4", "srm": "SRM", "xception": "Xception"}


def table(number: int, test_set: str) -> Scores:
    return scores(test_set, videos=20, separation=(0.2, 0.9, 1.0, 1.05)[number], seed=number)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("four")
    for number, name in enumerate(NAMES):
        write_run(root / name, {test_set: table(number, test_set) for test_set in ("A", "B")}, detector=name)
    return root


def expected(test_set: str) -> dict[str, str]:
    """By run, from the definition of DeLong's covariance and Holm's procedure."""
    videos = {name: table(number, test_set).by_video() for number, name in enumerate(NAMES.values())}
    aucs, p = {}, {}
    for first, second in combinations(videos, 2):
        label, probs = videos[first].label, [videos[name].fake_prob for name in (first, second)]
        wins = [(x[label == 1][:, None] > x[label == 0]).mean() for x in probs]
        aucs |= dict(zip((first, second), wins, strict=True))
        matrix = covariance(label, *probs)
        error = np.sqrt(matrix[0, 0] + matrix[1, 1] - 2 * matrix[0, 1])
        p[first, second] = 2 * norm.sf(abs(wins[0] - wins[1]) / error)
    in_order, differ = sorted(p, key=p.get), set()
    for place, pair in enumerate(in_order):
        if p[pair] * (len(p) - place) >= 0.05:
            break
        differ.add(frozenset(pair))
    best = max(aucs, key=aucs.get)
    rest = {name: ALIKE for name in aucs if name != best and frozenset((name, best)) not in differ}
    return {best: BEST} | rest


def test_marks_are_those_of_the_definitions(four: Path) -> None:
    found = marks(collect([four]))["video/auc"]
    for test_set in ("A", "B"):
        wanted = expected(test_set)
        assert {run: mark for (run, name), mark in found.items() if name == test_set} == wanted
        assert {BEST, ALIKE} == set(wanted.values()) and "CLIP" not in wanted, "the example has all kinds"


def test_every_table_has_them(four: Path, tmp_path: Path) -> None:
    results, found = collect([four]), marks(collect([four]))
    text = write_tables(results, tmp_path)
    assert LEGEND in text
    lines = text.split("\n\n")[0].splitlines()
    for name in NAMES.values():
        [line] = [line for line in lines if line.startswith(f"| {name} ")]
        for cell, test_set in zip(line.split("|")[2:4], ("A", "B"), strict=True):
            mark = found["video/auc"].get((name, test_set), "")
            assert re.fullmatch(rf" \d\.\d+ \[\d\.\d+, \d\.\d+\]{f' {re.escape(mark)}' if mark else ''} +", cell), cell
    latex = (tmp_path / "table.tex").read_text()
    assert latex.startswith("% Bold: highest. Underlined: not distinguishable")
    for metric, part in zip(("video/auc", "frame/auc"), latex.split(r"\end{tabular}"), strict=False):
        alike = sum(mark == ALIKE for mark in found[metric].values())
        assert part.count(r"\underline{") == alike > 0 and part.count(r"\textbf{") == 3, "two sets and the mean"


def test_the_matrix_comes_as_csv_too(four: Path, tmp_path: Path) -> None:
    results = collect([four])
    write_tables(results, tmp_path)
    for metric in ("video/auc", "frame/auc"):
        figures = {(row.name, row.test_set): row.metrics[metric] for row in cross_table(results)}
        wanted = standings({name: [figures[name, s]["value"] for s in ("A", "B")] for name in NAMES.values()})
        with (tmp_path / f"cross_{metric.replace('/', '_')}.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["run"] for row in rows] == list(NAMES.values())
        for row in rows:
            one = wanted[row["run"]]
            assert (float(row["mean"]), int(row["rank"]), int(row["top_3"])) == (one.mean, one.rank, one.top)
            for name in ("A", "B"):
                figure = figures[row["run"], name]
                read = [float(row[f"{name}{part}"]) for part in ("", " low", " high")]
                assert read == [figure[key] for key in ("value", "low", "high")]
                assert row[f"{name} mark"] == marks(results)[metric].get((row["run"], name), "")


def test_without_marks_no_score_file_is_read(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name in ("clip", "srm"):
        scores_path(write_run(tmp_path / name, {"A": scores("A")}, detector=name), "A").write_text("damaged")
    main([str(tmp_path), "--no-marks", "--output", str(tmp_path / "out")])
    assert "| CLIP" in capsys.readouterr().out and "underline" not in (tmp_path / "out" / "table.tex").read_text()
    with pytest.raises(DataError, match=r"A\.csv:1"):
        main([str(tmp_path)])


def test_equal_runs_are_both_best_and_one_run_has_no_marks(tmp_path: Path) -> None:
    for name in ("clip", "srm"):
        write_run(tmp_path / name, {"A": scores("A")}, detector=name)
    assert marks(collect([tmp_path]))["video/auc"] == {("CLIP", "A"): BEST, ("SRM", "A"): BEST}
    assert marks(collect([tmp_path / "clip"])) == {"video/auc": {}, "frame/auc": {}}


def test_what_cannot_be_compared_is_marked_so(tmp_path: Path) -> None:
    write_run(tmp_path / "clip", {"A": scores("A", separation=2), "B": scores("B", separation=2)}, detector="clip")
    run = write_run(tmp_path / "srm", {"A": scores("A", seed=1), "B": scores("Other", seed=1)}, detector="srm")
    scores_path(run, "A").unlink()
    found = marks(collect([tmp_path]))["video/auc"]
    assert (found["SRM", "A"], found["SRM", "B"]) == (UNKNOWN, UNKNOWN), "no scores; no common rows"
    assert (found["CLIP", "A"], found["CLIP", "B"]) == (BEST, BEST)


def test_switches_are_part_of_the_name(tmp_path: Path) -> None:
    write_run(tmp_path / "clip", {"A": scores("A")}, detector="clip")
    write_run(tmp_path / "srm", {"A": scores("A", seed=1)}, detector="srm", video_key="folder")
    assert {run for run, _ in marks(collect([tmp_path]))["frame/auc"]} <= {"CLIP", "SRM [video_key=folder]"}


def test_runs_that_disagree_on_the_truth_are_named(tmp_path: Path) -> None:
    write_run(tmp_path / "clip", {"A": scores("A")}, detector="clip")
    run = write_run(tmp_path / "srm", {"A": scores("A")}, detector="srm")
    path = scores_path(run, "A")
    path.write_text(
        path.read_text().replace(",0,real,", ",2,real,").replace(",1,", ",0,").replace(",2,real", ",1,real")
    )
    with pytest.raises(DataError, match="CLIP and SRM on A: A/"):
        marks(collect([tmp_path]))
