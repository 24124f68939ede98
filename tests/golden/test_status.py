"""``training/config/status.json`` is what the checker would write today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.golden.check import Report, check_file
from tests.golden.compare import Result
from tests.golden.networks import NOT_RETURNED
from tests.golden.registry import discover
from tests.golden.status import count_parameters, owners_of, summary, write_status
from training.core.registry import DETECTORS
from training.listing import STATUS

DATA = Path(__file__).with_name("data") / "v1"
KEPT = json.loads(STATUS.read_text(encoding="utf-8"))
AGAIN = "run: python tests/golden/check.py tests/golden/data --write-status [--only NAME ...]; sizes follow anyway"


def test_only_what_exists_is_listed() -> None:
    # A method so new that nobody wrote its status down is listed with a dash: adding one edits no shared file.
    assert list(KEPT) == [name for name in DETECTORS.names() if name in KEPT], AGAIN


@pytest.mark.parametrize("name", KEPT)
def test_sizes_are_those_of_today(name: str) -> None:
    assert KEPT[name]["parameters"] == count_parameters(name), AGAIN


def test_a_known_size() -> None:
    # Xception for 1000 classes has 22,855,952 parameters (Keras' table), 2,049,000 of them in its head.
    assert count_parameters("xception") == 22_855_952 - 2_049_000 + 2 * 2048 + 2


@pytest.mark.parametrize("name", ["meso4", "pcl_xception", "xception"])
def test_verdicts_are_those_of_today(name: str) -> None:
    discover()
    assert KEPT[name]["golden"] == summary([check_file(DATA / f"{name}.json")]), AGAIN


def test_who_has_golden_figures_says_so() -> None:
    owners = set().union(*(owners_of(path) for path in DATA.parent.rglob("*.json")))
    assert {name for name, status in KEPT.items() if status["golden"] != "none"} == owners & set(KEPT), AGAIN


def test_a_run_on_one_file_keeps_the_other_verdicts(tmp_path: Path) -> None:
    path = DATA / "meso4.json"
    results = [Result("output.logits", False), Result("output.prob", True)]
    kept = {"xception": {"golden": "reproduced", "parameters": 1}, "gone": {"golden": "none", "parameters": 1}}
    (tmp_path / "status.json").write_text(json.dumps(kept))
    write_status([path], [Report("v1/meso4", results)], tmp_path / "status.json")
    table = json.loads((tmp_path / "status.json").read_text())
    assert table["meso4"]["golden"] == "open: 1 figure"
    assert table["xception"] == {"golden": "reproduced", "parameters": count_parameters("xception")}
    assert table["sbi"]["golden"] == "none" and "gone" not in table


def test_differences_on_purpose_are_counted() -> None:
    results = [
        Result("train_losses.pcl_loss", False),
        Result("output.logits", True),
        Result("output.map", None, NOT_RETURNED),
    ]
    assert summary([Report("v1/pcl_xception", results)]) == "1 differs on purpose"
    assert summary([Report("v1/core", results)]) == "open: 1 figure"
    assert summary([Report("v1/core", results[1:])]) == "reproduced"
    assert summary([Report("v1/core", None)]) == "none"
    assert summary([Report("v1/core", [*results[1:], Result("loss_extra.x", None, "unknown why")])]) == "open: 1 figure"
