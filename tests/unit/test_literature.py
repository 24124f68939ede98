"""Published tables: whole, with sources, their arithmetic checked; and our figures beside them."""

from dataclasses import replace

import pytest
import yaml

from analysis.claims import claims_table, compare
from analysis.collect import collect
from analysis.literature import FOLDER, Published, literature, published, wrong_sums
from analysis.tables import main
from tests.unit.fabricated import scores, write_attribution_run, write_run
from training.engine.results import CONFIG

TABLES = {table.name: table for table in published()}


def test_every_file_is_listed_with_its_source():
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(TABLES)
    assert all(table.source and table.rows for table in TABLES.values())


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_checks_and_claims_name_columns_and_rows_that_exist(table):
    columns = set(table.rows[0])
    assert table.row in columns
    claims = table.claims or {}
    named = claims.get("metrics") or claims.get("test_sets") or {}
    assert set(named) <= columns
    assert set(claims.get("names", ())) <= {row[table.row] for row in table.rows}
    assert {name for check in table.checks for name in check["of"]} <= columns


def test_the_cells_that_do_not_add_up():
    """Counted by hand: in the column FF-DF, say, UCF, FFD and Xception are the best three."""
    assert [sentence.split(",")[0] for sentence in wrong_sums(TABLES["deepfakebench_frame_auc"])] == [
        "Face X-ray: top3_within is stated as 3",
        "FFD: top3_within is stated as 1",
        "MesoIncep: top3_cross is stated as 3",
        "Face X-ray: top3_cross is stated as 0",
        "FFD: top3_cross is stated as 1",
        "Recce: top3_cross is stated as 2",
    ]
    assert [s.split(":")[0] for s in wrong_sums(TABLES["owdfa40_class_count"])] == [
        "DPP, protocol 1",
        "DPP, protocol 2",
    ]
    assert not wrong_sums(TABLES["owdfa40_released_code"])


def test_rounding_is_no_error_and_ties_count_either_way():
    rows = [{"m": str(n), "a": "0.10", "b": "0.11", "mean": "0.11", "top": str(n % 2)} for n in range(4)]
    checks = ({"kind": "mean", "cell": "mean", "of": ["a", "b"]}, {"kind": "top3", "cell": "top", "of": ["a"]})
    table = Published("x", "x", "x", "m", rows, checks)
    assert wrong_sums(table) == []
    wrong = [row | {"mean": "0.12", "top": "2"} for row in rows[:1]] + rows[1:]
    assert wrong_sums(replace(table, rows=wrong)) == [
        "0: mean is stated as 0.12, the 2 cells have the mean 0.105",
        "0: top is stated as 2, the cells give 0 to 1",
    ]


def protocol(run, **data):
    """Make a run's configuration that of DeepfakeBench's table."""
    config = yaml.safe_load((run / CONFIG).read_text())
    config["backbone"] = {"name": "xception"}
    config["data"] |= {"frames_test": 32, **data}
    config["evaluate"]["select"] = "test"
    (run / CONFIG).write_text(yaml.safe_dump(config))
    return run


def found(run, name="deepfakebench_frame_auc"):
    return compare(collect([run]), [TABLES[name]])


def test_a_claim_is_within_or_outside_of_the_interval(tmp_path):
    sets = {"Celeb-DF-v2": scores(videos=30, separation=0.65), "DFDC": scores(videos=30, separation=3.0, seed=1)}
    near, far = found(protocol(write_run(tmp_path / "run", sets)))
    assert (near.claimed, near.verdict) == (0.7365, "within interval")
    assert near.measured["low"] <= 0.7365 <= near.measured["high"]
    assert (far.claimed, far.verdict) == (0.7077, "outside")


def test_another_protocol_is_named_instead(tmp_path):
    run = protocol(write_run(tmp_path / "a", {"DFDC": scores()}), train=["Celeb-DF-v2"], compression="c40")
    (one,) = found(run)
    assert one.verdict == "protocol differs"
    assert one.differences == ["ours was trained on Celeb-DF v2", "compression: ours c40, theirs c23"]
    (demo,) = found(write_run(tmp_path / "b", {"DFDC": scores()}, video_key="folder"))
    assert demo.differences == [
        "our backbone is random or not the full one",
        "frames_test: ours 4, theirs 32",
        "checkpoint: ours best, theirs test",
        "ours with video_key=folder",
    ]


def test_a_backbone_belongs_to_its_row(tmp_path):
    run = protocol(write_run(tmp_path / "a", {"DFDC": scores()}, detector="caddm"))
    config = yaml.safe_load((run / CONFIG).read_text()) | {"backbone": "efficientnet_b4"}
    (run / CONFIG).write_text(yaml.safe_dump(config))
    assert [one.row for one in found(run, "caddm_video_auc")] == ["EfficientNet-b4"]


def test_attribution_in_per_cent(tmp_path):
    run = write_attribution_run(tmp_path / "cal")
    (run / "metrics.json").write_text((run / "metrics.json").read_text().replace('"A"', '"OWDFA-40"'))
    rows = found(run, "owdfa40")
    assert {one.row for one in rows} == {f"CAL, {k}known K, protocol {n}" for k in ("un", "") for n in (1, 2, 3)}
    assert {one.claimed for one in rows if one.row == "CAL, known K, protocol 1"} >= {0.883, 0.98}
    assert {one.verdict for one in rows} == {"protocol differs"}


def test_the_entry_prints_tables_sources_and_comparisons(tmp_path, capsys):
    main(["--published"])
    printed = capsys.readouterr().out
    assert literature() in printed
    assert "source: table of its README" in printed
    assert "does not add up: FFD: top3_cross is stated as 1, the cells give 2" in printed
    main([str(write_run(tmp_path / "run", {"DFDC": scores()})), "--published"])
    printed = capsys.readouterr().out
    assert "| Xception  | Xception | DFDC     | frame AUC | 0.708 |" in printed
    assert "protocol differs" in printed


def test_nothing_to_compare_is_said(tmp_path):
    assert "no published figure" in claims_table(
        compare(collect([write_run(tmp_path, {"mine": scores()})]), published())
    )
