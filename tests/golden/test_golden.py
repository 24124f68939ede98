"""Golden figures through pytest: one test per file in ``data``, and the checker's own manners."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.golden.check import check_file, golden_files, main, name_of
from tests.golden.registry import discover

DATA = Path(__file__).with_name("data")
SLOW: set[str] = {
    *("altfreezing", "clip", "effort", "ftcn", "gend", "i3d", "sta", "stil", "tall", "timesformer", "videomae"),
    *("xclip", "xclip_clip8", "xclip_p16"),
    *("model_efficientnet-b3", "model_efficientnet-b4"),
    *("capsule_net", "core", "facexray", "fwa", "iid", "lrl", "lsda", "srm", "ucf", "uia_vit"),
}
"""Networks that take more than about four seconds on two cores."""


@pytest.fixture(scope="module", autouse=True)
def _cases():
    discover()
    torch.manual_seed(0)


def _parameter(path: Path):
    return pytest.param(path, id=name_of(path), marks=[pytest.mark.slow] if path.stem in SLOW else [])


@pytest.mark.parametrize("path", [_parameter(p) for p in golden_files(DATA)])
def test_figures_are_reproduced(path):
    report = check_file(path)
    if report.results is None:
        pytest.skip(report.reason)
    assert not report.failed, "\n".join(report.lines())


def test_a_wrong_figure_fails_and_an_unknown_file_does_not(tmp_path, capsys):
    golden = json.loads((DATA / "v1" / "meso4.json").read_text())
    golden["output"]["logits"][1][0] += 0.01
    (tmp_path / "meso4.json").write_text(json.dumps(golden))
    (tmp_path / "unheard_of.json").write_text("{}")
    assert main([str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "output.logits" in printed and "unheard_of: missing" in printed and "0/2 reproduced" in printed
    assert main([str(tmp_path), "--only", "unheard_of"]) == 0


def test_another_salt_changes_the_figures(tmp_path):
    golden = json.loads((DATA / "v1" / "meso4.json").read_text())
    (tmp_path / "meso4.json").write_text(json.dumps({**golden, "salt": "other"}))
    assert main([str(tmp_path)]) == 1


def test_an_empty_folder_is_an_error(tmp_path):
    assert main([str(tmp_path)]) == 2
