"""Means, ranks and top-3 counts over test sets, and their LaTeX."""

import csv
import re

import pytest

from analysis.collect import collect
from analysis.latex import escaped, latex_table
from analysis.literature import published
from analysis.marks import marks
from analysis.matrix import latex, matrix
from analysis.rows import cross_table
from analysis.standings import standings
from analysis.tables import write_tables
from tests.unit.fabricated import scores, write_run


def test_standings_of_a_published_table():
    """The averages that DeepfakeBench printed, and its top-3 counts where they add up."""
    table = next(table for table in published() if table.name == "deepfakebench_frame_auc")
    (sets,) = (check["of"] for check in table.checks if check["cell"] == "avg_cross")
    found = standings({row["detector"]: [float(row[name]) for name in sets] for row in table.rows})
    for row in table.rows:
        assert found[row["detector"]].mean == pytest.approx(float(row["avg_cross"]), abs=1e-4)
    by_rank = sorted(found, key=lambda name: found[name].rank)
    assert by_rank[:3] == ["SPSL", "UCF", "SRM"]
    assert {name: found[name].top for name in ("UCF", "SPSL", "Xception")} == {"UCF": 5, "SPSL": 3, "Xception": 2}


def test_ties_share_a_rank_and_gaps_have_none():
    found = standings({"a": [0.5, 0.7], "b": [0.7, 0.5], "c": [0.1, 0.2], "d": [0.9, None]})
    assert {name: one.rank for name, one in found.items()} == {"a": 1, "b": 1, "c": 3}
    assert found["c"].top == 2, "d is not ranked"
    assert standings({}) == {}


@pytest.fixture
def four(tmp_path):
    for number, name in enumerate(("clip", "meso4", "srm", "xception")):
        sets = {s: scores(s, separation=0.3 * number, seed=number) for s in ("A", "B")}
        write_run(tmp_path / name, sets, detector=name)
    return collect([tmp_path])


def test_the_matrix_ends_in_mean_rank_and_top_3(four):
    header, lines = matrix(cross_table(four), "video/auc")
    assert header == ["video AUC", "A", "B", "mean", "rank", "top 3"]
    best = max(lines, key=lambda line: float(line[3]))
    assert best[4:] == ["1", "2"]
    assert sorted(line[4] for line in lines) == ["1", "2", "3", "4"]


def test_latex_holds_the_matrices_with_the_best_in_bold(four, tmp_path):
    write_tables(four, tmp_path / "out")
    text = (tmp_path / "out" / "table.tex").read_text()
    assert text == latex(cross_table(four), marks(four))
    first = text.split(r"\end{tabular}")[0]
    assert len(re.findall(r"\\textbf\{", first)) == 3, "one per test set, and the mean"
    rows = [line for line in first.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in rows} == {5}
    with (tmp_path / "out" / "table.csv").open() as file:
        values = [float(r["value"]) for r in csv.DictReader(file) if (r["level"], r["metric"]) == ("video", "auc")]
    for value in values:
        assert f"{value:.3f}" in first


def test_names_cannot_break_latex():
    assert (
        escaped(r"a_b & 50% {x} \y ~^") == r"a\_b \& 50\% \{x\} \textbackslash{}y \textasciitilde{}\textasciicircum{}"
    )
    text = latex_table(["x_y", "A"], [["a&b", "0.912 [0.880, 0.941]"]], {(0, 1)})
    assert r"a\&b & \textbf{0.912} {\scriptsize [0.880, 0.941]} \\" in text
