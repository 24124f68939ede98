"""Collecting runs, and their tables as Markdown, CSV and JSON."""

import csv
import json
import re

import pytest

from analysis import style
from analysis.collect import collect
from analysis.matrix import matrix
from analysis.rows import cross_table
from analysis.tables import main, markdown, report_tables, write_tables
from tests.unit.fabricated import scores, write_run
from training.core.errors import DataError
from training.engine.results import METRICS, read_json, write_json


def rows_of(*folders):
    return cross_table(collect(folders))


def cells(text):
    """The lines of all Markdown tables, split into cells."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|-")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_runs_are_found_below_any_folder(tmp_path):
    one = write_run(tmp_path / "runs" / "xception" / "t1")
    two = write_run(tmp_path / "runs" / "clip" / "t1", detector="clip")
    found = collect([tmp_path])
    assert [result.folder for result in found] == [two, one]
    assert [result.label for result in found] == ["CLIP", "Xception"]
    assert found[0].trained_on == ["FaceForensics++"]
    assert collect([one / METRICS, one, two])[0].folder == one
    assert len(collect([one, tmp_path])) == 2


def test_runs_of_one_detector_are_told_apart(tmp_path):
    for name in ("t1", "t2"):
        write_run(tmp_path / name)
    assert [result.label for result in collect([tmp_path])] == ["Xception (t1)", "Xception (t2)"]


def test_a_later_test_adds_to_its_run(tmp_path):
    run = write_run(tmp_path / "t1", {"A": scores("A")}, notes=["first"])
    write_run(tmp_path / "elsewhere", {"A": scores("A", seed=9), "B": scores("B")}, notes=["later"])
    (tmp_path / "elsewhere").rename(run / "test")
    for name in ("config.yaml", "environment.json", "log.jsonl"):
        (run / "test" / name).unlink()
    for given in (run, run / "test", tmp_path):
        (result,) = collect([given])
        assert result.folder == run
        assert result.notes == ["first", "later"]
        assert list(result.sets) == ["A", "B"]
        assert result.sets["A"].folder == run / "test", "the later test of a set counts"
        assert (result.sets["A"].scores().fake_prob == collect([run])[0].sets["A"].scores().fake_prob).all()


def test_tests_called_after_the_time_belong_to_their_run(tmp_path):
    run = write_run(tmp_path / "runs" / "t1", {"A": scores("A")})
    earlier = write_run(run / "test" / "2026-01-01", {"A": scores("A", seed=1), "B": scores("B")})
    later = write_run(run / "test" / "2026-01-02", {"B": scores("B", seed=2)})
    for given in (run, tmp_path):
        (result,) = collect([given])
        assert {name: one.folder for name, one in result.sets.items()} == {"A": earlier, "B": later}
    (alone,) = collect([earlier])
    assert (alone.folder, list(alone.sets)) == (earlier, ["A", "B"]), "asked for by name it stands for itself"


def test_a_folder_without_results_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"no metrics\.json there or below; test first"):
        collect([tmp_path])


@pytest.mark.parametrize("tree", [{"sets": {}}, {"detector": "x", "sets": {"A": {}}}])
def test_a_damaged_metrics_file_is_named(tmp_path, tree):
    write_json(tmp_path / METRICS, tree)
    with pytest.raises(DataError, match=r"metrics\.json"):
        collect([tmp_path])


def test_one_run_is_shown_as_metrics_against_sets(tmp_path):
    run = write_run(tmp_path / "t1", {"Celeb-DF-v2": scores(), "B": scores(seed=2).select(slice(0, 4))})
    found = cells(report_tables(run))
    assert found[0] == ["Xception", "Celeb-DF v2", "B"]
    assert [line[0] for line in found[1:4]] == ["video AUC", "video AP", "video EER"]
    assert re.fullmatch(r"0\.\d{3} \[0\.\d{3}, [01]\.\d{3}\]", found[1][1])
    assert found[1][2] == "undefined: only real videos"
    assert {path.name for path in run.glob("table.*")} == {"table.md", "table.csv", "table.json", "table.tex"}
    text = (run / "table.md").read_text()
    assert text.startswith(markdown(rows_of(run))), "the file says what is printed"
    assert "- note: fewer than 20 real or fake videos" in text, "and what its reader must know"


def test_several_runs_are_shown_against_test_sets_with_their_mean(tmp_path):
    write_run(tmp_path / "a", {"A": scores(), "B": scores(seed=1)}, detector="clip")
    write_run(tmp_path / "b", {"A": scores(seed=2)}, detector="xception")
    header, lines = matrix(rows_of(tmp_path), "video/auc")
    assert header == ["video AUC", "A", "B", "mean", "rank"]
    values = [row.metrics["video/auc"]["value"] for row in rows_of(tmp_path / "a")]
    assert lines[0][0] == "CLIP"
    assert lines[0][-2:] == [f"{sum(values) / 2:.3f}", "1"]
    assert lines[1][2:] == ["-"] * 3, "no mean over another choice of sets"
    assert "| detector" in markdown(rows_of(tmp_path))


def test_a_compatibility_switch_is_part_of_the_name(tmp_path):
    run = write_run(tmp_path / "t1", {"A": scores()}, video_key="folder")
    assert cells(report_tables(run))[0][0] == "Xception [video_key=folder]"
    with (run / "table.csv").open() as file:
        assert {row["compat"] for row in csv.DictReader(file)} == {"video_key=folder"}


def test_files_hold_the_exact_figures(tmp_path):
    run = write_run(tmp_path / "t1")
    write_tables(collect([run]), tmp_path / "out")
    figures = read_json(run / METRICS)["sets"]
    with (tmp_path / "out" / "table.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == sum(len(found["metrics"]) for found in figures.values())
    for line in lines:
        figure = figures[line["test_set"]]["metrics"][f"{line['level']}/{line['metric']}"]
        assert [float(line[key]) for key in ("value", "low", "high")] == [figure[k] for k in ("value", "low", "high")]
        assert line["trained_on"] == "FaceForensics++"
    for row in json.loads((tmp_path / "out" / "table.json").read_text()):
        assert row["metrics"] == figures[row["test_set"]]["metrics"]


def test_names_cannot_break_a_table(tmp_path):
    run = write_run(tmp_path / "t1", {"a|b\nc": scores(videos=4)})
    assert cells(report_tables(run))[0] == ["Xception", "a\\|b c"]


def test_the_entry_prints_and_writes(tmp_path, capsys):
    write_run(tmp_path / "t1")
    main([str(tmp_path / "t1"), "--output", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert printed.startswith("| Xception")
    assert (tmp_path / "out" / "table.md").read_text() in printed


def test_display_names():
    assert style.dataset_name("FaceForensics++_c40") == "FF++ (c40)"
    assert style.dataset_name("my_set") == "my_set"
    assert style.metric_name("video/tnr@tpr95") == "video TNR@TPR95"
    assert sorted(["frame/auc", "video/x", "video/ap", "video/auc"], key=style.metric_order) == [
        "video/auc",
        "video/ap",
        "video/x",
        "frame/auc",
    ]
    assert len(set(style.DATASETS.values())) == len(style.DATASETS)
