"""Figures under different protocols are never in one ranking without a mark."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from analysis.collect import collect
from analysis.protocols import letters
from analysis.report import write_report
from analysis.tables import write_tables
from tests.unit.fabricated import scores, write_run
from training.core.conditions import protocol_hash
from training.engine.results import METRICS, read_json, write_json

SETS = {"A": scores("A", videos=6), "B": scores("B", videos=6, seed=1)}


def measured(folder: Path, select: str | None, frames: int = 32) -> Path:
    """A run whose figures were taken under given conditions; None: it does not say which."""
    run = write_run(folder, SETS, resamples=20)
    tree = read_json(run / METRICS)
    for name, tested in tree["sets"].items() if select else ():
        found = {"selection": {"select": select}, "frames": {"per_video": frames}, "test": {name: {"split": "test"}}}
        tested |= {"protocol": protocol_hash(found), "conditions": found}
    write_json(run / METRICS, tree)
    return run


def test_runs_that_agree_on_all_they_share_get_no_letter() -> None:
    assert letters([{"A": "1", "B": "2"}, {"A": "1"}, {"C": "9"}]) == ["", "", ""]
    assert letters([{"A": "1"}, {"A": "2"}, {"A": "1"}, {"A": None}]) == ["A", "B", "A", "C"]
    assert letters([{"A": None}, {"A": None}]) == ["", ""]
    # The second and third agree with the first, but not with each other.
    assert letters([{"A": "1"}, {"A": "1", "B": "2"}, {"A": "1", "B": "3"}]) == ["A", "A", "B"]
    assert len(set(letters([{"A": str(n)} for n in range(30)]))) == 30


def test_a_later_test_under_another_protocol_replaces_nothing(tmp_path: Path) -> None:
    run = measured(tmp_path / "run", "best")
    same, other = (measured(run / "test" / name, "best", frames) for name, frames in (("1", 32), ("2", 8)))
    (result,) = collect([run])
    assert {one.folder for one in result.sets.values()} == {same}
    assert [note for note in result.notes if str(other) in note and "under another protocol" in note]
    assert collect([other])[0].sets["A"].protocol != result.sets["A"].protocol


def test_equal_protocols_stand_once_in_every_table(tmp_path: Path) -> None:
    runs = [measured(tmp_path / name, "best") for name in ("one", "two")]
    results = collect(runs)
    assert [result.label for result in results] == ["Xception (one)", "Xception (two)"]
    text = write_tables(results, tmp_path)
    hashes = results[0].hashes
    assert hashes["A"] != hashes["B"]
    assert text.count(f"- note: protocol: A {hashes['A']}, B {hashes['B']}\n") == 1
    with (tmp_path / "table.csv").open() as file:
        assert {(row["test_set"], row["protocol"]) for row in csv.DictReader(file)} == set(hashes.items())
    assert {row["protocol"] for row in json.loads((tmp_path / "table.json").read_text())} == set(hashes.values())
    assert (tmp_path / "table.tex").read_text().startswith(f"% protocol: A {hashes['A']}")
    write_report(results, tmp_path / "report.html")
    assert hashes["B"] in (tmp_path / "report.html").read_text()


def test_other_protocols_are_marked_wherever_a_run_is_named(tmp_path: Path) -> None:
    runs = [measured(tmp_path / "one", "best"), measured(tmp_path / "two", "test", frames=8)]
    runs.append(measured(tmp_path / "old", None))
    results = collect(runs)
    names = ["Xception (one) [protocol A]", "Xception (two) [protocol B]", "Xception (old) [protocol C]"]
    assert [result.label for result in results] == names
    text = write_tables(results, tmp_path)
    ranked = [line for line in text.splitlines() if line.startswith("| Xception")]
    assert ranked and all("[protocol " in line for line in ranked)
    said = "protocol B is not A, so their figures rank apart: selection.select: test, theirs best; "
    assert said + "frames.per_video: 8, theirs 32" in text
    assert "protocol C: A not known, B not known" in text
    assert "protocol C is not A, so their figures rank apart: one of them is not known" in text
    write_report(results, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert all(name in page for name in names)


def test_runs_without_a_hash_say_nothing_of_protocols(tmp_path: Path) -> None:
    results = collect([measured(tmp_path / "one", None)])
    assert "protocol" not in write_tables(results, tmp_path)
    assert "% protocol" not in (tmp_path / "table.tex").read_text()
