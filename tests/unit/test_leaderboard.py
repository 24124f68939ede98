"""The recorded leaderboard of the demo: its tables and reports come out of its score files, and out of nothing else."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks import demo
from benchmarks.leaderboard import RESULTS, rebuild
from benchmarks.packed import RUNS, SCORES, pack, unpack
from tests.unit.fabricated import scores, write_run
from training.core.conditions import protocol_hash
from training.core.errors import ConfigError
from training.core.paths import ROOT
from training.core.registry import DETECTORS
from training.engine.results import CONFIG, METRICS, Scores, read_json, scores_path, write_json
from training.leaderboard import Entry
from training.recorded import find, rows

SOME = ["core", "cpl", "effort"]
LARGEST = 2_000_000


def test_the_record_is_small_and_names_methods_and_protocols_that_there_are() -> None:
    assert sum(path.stat().st_size for path in RESULTS.iterdir()) < LARGEST
    tree = read_json(RESULTS / RUNS)
    assert {run["detector"] for run in tree["runs"]} <= set(DETECTORS.names())
    assert all(protocol_hash(conditions) == hashed for hashed, conditions in tree["conditions"].items())
    known = rows()
    for run in tree["runs"]:
        name = run["detector"] if run["seed"] == 1 else f"{run['detector']}/seed_{run['seed']}"
        row = find(f"leaderboard/{name}", known)
        assert row.protocol == Entry(run["detector"], run["seed"]).protocol and row.settings["seed"] == run["seed"]
        assert {figure.protocol for figure in row.figures} <= set(tree["conditions"])


def test_the_demos_row_is_what_readme_shows_under_protocols_with_their_conditions() -> None:
    row = find("demo/clip_freq", rows())
    assert {figure.protocol for figure in row.figures} == set(row.conditions)
    assert all(protocol_hash(conditions) == hashed for hashed, conditions in row.conditions.items())
    assert {figure.metric for figure in row.figures} == {"video/auc", "frame/auc"}
    lines = (ROOT / "README.md").read_text().splitlines()
    for metric, shown in (("video/auc", "video AUC"), ("frame/auc", "frame AUC")):
        cells = next(line.split("|")[2:] for line in lines if line.startswith(f"| {shown} "))
        values = [figure.value for figure in row.figures if figure.metric == metric]
        assert [cell.split()[0] for cell in cells[: len(values)]] == [f"{value:.3f}" for value in values]


def test_a_run_of_the_demo_is_recorded_and_another_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "RESULTS", tmp_path / "results")
    run, kept = tmp_path / "run", read_json(RESULTS.parent / "demo/about.json")
    (hashed, conditions), *_ = kept["conditions"].items()
    figure = {"value": 0.75, "low": 0.5, "high": 1.0}
    found = {"metrics": {"video/auc": figure}, "protocol": hashed, "conditions": conditions}
    write_json(run / "test" / METRICS, {"sets": {"Toy": found}})
    config = demo.SETTINGS | {"detector": {"name": "clip_freq", **demo.SETTINGS["detector"]}}
    (run / CONFIG).write_text(yaml.safe_dump(config))
    assert demo.main([str(run)]) == 0
    line = (tmp_path / "results/figures.csv").read_text().splitlines()[1]
    assert line == f"clip_freq,clip_freq,1024,Toy,video/auc,0.750000,0.500000,1.000000,{hashed}"

    (run / CONFIG).write_text(yaml.safe_dump(config | {"seed": 1}))
    with pytest.raises(ConfigError, match="not a run of `make demo`"):
        demo.main([str(run)])


def test_figures_tables_and_reports_are_rebuilt_from_scores(tmp_path: Path) -> None:
    written = rebuild(RESULTS, tmp_path, SOME)
    assert [str(path.relative_to(tmp_path)) for path in written] == [
        f"{task}/{file}" for task in ("detection", "attribution") for file in ("table.md", "report.html")
    ]
    with (RESULTS / "figures.csv").open() as file:
        lines = [line for line in csv.DictReader(file) if line["detector"] in SOME]
    assert {line["detector"] for line in lines} == set(SOME)
    for line in lines:
        board = "detection" if line["metric"].endswith("auc") else "attribution"
        tree = read_json(tmp_path / board / line["detector"] / f"seed_{line['seed']}" / METRICS)
        tested = tree["sets"][line["test_set"]]
        assert tested["metrics"][line["metric"]]["value"] == pytest.approx(float(line["value"]), abs=1e-6)
        assert tested["protocol"] == line["protocol"]
    assert "| core " in written[0].read_text()
    assert all(line["protocol"] in written[1].read_text() for line in lines if line["detector"] == "core")


@pytest.mark.slow
def test_the_whole_record_gives_the_tables_that_come_with_it(tmp_path: Path) -> None:
    rebuild(RESULTS, tmp_path)
    for task in ("detection", "attribution"):
        assert (tmp_path / task / "table.md").read_text() == (RESULTS / f"{task}.md").read_text()


def test_what_is_packed_is_unpacked_with_the_same_scores(tmp_path: Path) -> None:
    entries = [Entry("xception", 1), Entry("meso4", 1), Entry("meso4", 2)]
    for number, entry in enumerate(entries[:2]):
        run = write_run(tmp_path / "home" / entry.folder, {"A": scores("A", seed=number)}, entry.detector)
        tree = read_json(run / METRICS)
        under = {"test": {"A": {}}}
        tree["sets"]["A"] |= {"protocol": protocol_hash(under), "conditions": under}
        write_json(run / METRICS, tree)
        config = run / "config.yaml"
        more = "evaluate: {select: last, video_key: path, resamples: 20, cluster: video}\nseed: 7\n"
        config.write_text(f"detector: {{name: {entry.detector}}}\ndata: {{train: [B]}}\n{more}")
    assert pack(tmp_path / "home", entries, tmp_path) == entries[:2]
    with np.load(tmp_path / SCORES) as arrays:
        assert len({name.split("/")[1] for name in arrays if name.startswith("table/")}) == 1  # the rows are the same
    unpack(tmp_path, tmp_path / "again")
    for entry in entries[:2]:
        before, after = (Scores.load(scores_path(tmp_path / home / entry.folder, "A")) for home in ("home", "again"))
        assert np.array_equal(before.fake_prob.astype(np.float32), after.fake_prob.astype(np.float32))
        assert before.video.tolist() == after.video.tolist() and before.label.tolist() == after.label.tolist()
