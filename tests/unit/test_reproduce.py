"""``reproduce.py``: from a row of a table to a verdict, and to what is missing."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
import yaml

from analysis.literature import published
from preprocessing.names import subset
from tests.conftest import write_dataset
from training import recorded, reproduce
from training.assembly import find_yaml
from training.core.conditions import differences
from training.core.config import read_yaml
from training.core.errors import ConfigError, DataError, ManifestError
from training.core.registry import DETECTORS
from training.leaderboard import Entry, entries
from training.recorded import COLUMNS, find, rows
from training.reproducing import Attempt

ROW = "board/xception"


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of recorded tables with one row, whose data are in ``tmp_path``; nothing is recorded of it yet."""
    write_dataset(tmp_path, "Toy", sources=7, frames=2)
    protocol = tmp_path / "toy.yaml"
    data = {"train": ["Toy"], "test": ["Toy"], "root": f"{tmp_path}/datasets", "manifests": f"{tmp_path}/manifests"}
    settings = {"backbone": {"size": "tiny", "weights": "random"}, "seed": 5, "max_steps": 2}
    few = {"data": {**data, "batch_size": 4, "workers": 0}, "evaluate": {"select": "last", "resamples": 20}}
    protocol.write_text(yaml.safe_dump(few))
    home = tmp_path / "results"
    (home / "board").mkdir(parents=True)
    (home / "board/about.json").write_text(
        json.dumps({"rows": {"xception": {"protocol": str(protocol), "settings": settings}}})
    )
    record(home, ("video/auc", 0.5, ""))
    monkeypatch.setattr(recorded, "DEMO", home)
    return home


def record(home: Path, *figures: tuple[str, float, str]) -> None:
    with (home / "board/figures.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for metric, value, protocol in figures:
            writer.writerow(["xception", "xception", 5, "Toy", metric, value, "", "", protocol])


def test_a_row_is_run_once_and_judged(board: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [ROW, "--output", str(tmp_path / "run")]
    assert reproduce.main([*words, "--check"]) == 0
    assert capsys.readouterr().out == f"{ROW}: all is there; it goes to {tmp_path / 'run'}\n"
    manifest = tmp_path / "manifests/Toy.json"
    listed = manifest.read_text()
    manifest.write_text(listed.replace('"person": "p0"', '"person": "p6"'))
    assert reproduce.main([*words, "--check"]) == 0
    assert capsys.readouterr().out.startswith("leak: Toy: 1 persons are seen in train and in test, 'p6' for one\n")
    manifest.write_text(listed)
    reproduce.main(words)
    measured = json.loads((tmp_path / "run/metrics.json").read_text())["sets"]["Toy"]
    figure, own = measured["metrics"]["video/auc"], measured["protocol"]
    written = (tmp_path / "run/metrics.json").stat().st_mtime_ns

    record(board, ("video/auc", figure["value"], own))
    assert reproduce.main(words) == 0
    assert f"{ROW}: 1 within interval; run: " in capsys.readouterr().out

    record(board, ("video/auc", figure["value"], own), ("frame/auc", -0.1, own))
    assert reproduce.main(words) == 1
    assert f"{ROW}: 1 within interval, 1 outside; run: " in capsys.readouterr().out

    other = json.loads(json.dumps(measured["conditions"]))
    other["frames"]["per_video"] = 8
    about = json.loads((board / "board/about.json").read_text())
    (board / "board/about.json").write_text(json.dumps(about | {"conditions": {"0" * 12: other}}))
    record(board, ("video/auc", figure["value"], "0" * 12))
    assert reproduce.main(words) == 1
    said = capsys.readouterr().out
    assert "1 protocol differs" in said and "frames.per_video: 32, theirs 8" in said
    assert differences(measured["conditions"], other) == ["frames.per_video: 32, theirs 8"]
    assert (tmp_path / "run/metrics.json").stat().st_mtime_ns == written


def test_a_checkpoint_is_scored_without_training(
    board: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reproduce.main([ROW, "--output", str(tmp_path / "run")])
    value = json.loads((tmp_path / "run/metrics.json").read_text())["sets"]["Toy"]["metrics"]["video/auc"]["value"]
    record(board, ("video/auc", value, ""))
    words = [ROW, "--weights_path", str(tmp_path / "run/last.safetensors"), "--output", str(tmp_path / "scored")]
    assert reproduce.main(words) == 0
    assert not (tmp_path / "scored/log.jsonl").exists()


@pytest.mark.slow
def test_a_row_of_the_literature_is_trained_tested_and_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On noise that bears the names of the 14 test sets."""
    row = find("deepfakebench_frame_auc/Meso4", rows())
    methods = ("real", "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
    write_dataset(tmp_path, "FaceForensics++", sources=7, frames=2, methods=methods, compressions=("c23", "c40"))
    for name in {subset(name).dataset for name in row.test_sets} - {"FaceForensics++"}:
        write_dataset(tmp_path, name, sources=5, frames=2)
    few = ["max_steps=2", "data.batch_size=4", "data.workers=0", "evaluate.resamples=20"]
    few += [f"data.root={tmp_path}/datasets", f"data.manifests={tmp_path}/manifests"]
    words = [row.name, *(f"--set={one}" for one in few)]
    code = reproduce.main([*words, "--output", str(tmp_path / "run")])
    measured = json.loads((tmp_path / "run/metrics.json").read_text())["sets"]
    assert set(measured) == set(row.test_sets) and len(measured) == 14
    verdicts = re.findall(r"(\d+) (within interval|outside)", capsys.readouterr().out)
    assert sum(int(count) for count, _ in verdicts) == 14 and code == int(
        any(kind == "outside" for _, kind in verdicts)
    )

    words += ["--set=data.frames_test=1", "--weights_path", str(tmp_path / "run/last.safetensors")]
    assert reproduce.main([*words, "--output", str(tmp_path / "fewer")]) == 1
    assert "14 protocol differs" in capsys.readouterr().out


def test_all_that_is_missing_is_told_and_where_to_get_it(board: Path, tmp_path: Path) -> None:
    words = [ROW, "--set", "data.train=[Toy,Celeb-DF-v2]", "--set", "data.test=[Toy,FFIW]"]
    words += ["--set", "backbone.weights=pretrained", "--set", "backbone.size=full", "--output", str(tmp_path / "run")]
    with pytest.raises(ManifestError) as error:
        reproduce.main(words)
    said = str(error.value)
    assert said.startswith(f"{ROW} cannot be run here yet; missing:\n")
    assert "Celeb-DF-v2 (train): no manifest" in said and "form in the repository yuezunli" in said
    assert "FFIW (test): no manifest" in said and "preprocessing/preprocess.py --dataset FFIW" in said
    assert "weights of xception: not in weights/\n    python -m training.weights fetch xception" in said
    assert error.value.exit_code == 2 and not (tmp_path / "run").exists()


def test_unknown_rows_and_damaged_records_are_refused(board: Path) -> None:
    with pytest.raises(ConfigError, match="no row 'board/xceptoin'; did you mean 'board/xception'"):
        reproduce.main(["board/xceptoin"])
    (board / "board/figures.csv").write_text("row,value\nxception,1\n")
    with pytest.raises(DataError, match=r"figures\.csv: expected the columns row, detector"):
        rows()
    with pytest.raises(SystemExit):
        reproduce.main([])


def test_rows_of_the_literature_name_methods_protocols_and_settings_that_exist() -> None:
    known = rows()
    told = {table.name: table for table in published() if table.claims}
    for name, table in told.items():
        own = {row.detector for row in known.values() if row.literature and row.literature[0].name == name}
        assert own == set(table.claims["names"].values())
        assert set(table.claims.get("settings", ())) <= {row.removeprefix(f"{name}/") for row in known}
    for row in known.values():
        assert row.detector in DETECTORS.names() and row.figures
        assert find_yaml(row.protocol, "protocol").is_file()
        assert all(0 <= figure.value <= 1 for figure in row.figures)
    assert known["caddm_video_auc/EfficientNet-b4"].settings["backbone"]["name"] == "efficientnet_b4"
    cfg = Attempt(known["owdfa40/CAL, unknown K/2"], reproducing_nothing()).config()
    known_classes = read_yaml(find_yaml("owdfa40_p2", "protocol"))["data"]["recipe"]["known"]
    assert cfg.data.recipe.params["clusters"] == 9 * len(known_classes) and cfg.detector.params["prune"]
    cross = Attempt(known["recent_video_auc/SBI"], reproducing_nothing()).config()
    assert cross.data.test == ["Celeb-DF-v1", "Celeb-DF-v2", "DeepFakeDetection", "DFDC", "DFDCP"]


def reproducing_nothing():  # noqa: ANN201 - what a command line without flags asks for
    from training.assembly import Asked

    return Asked()


def test_the_leaderboard_has_every_method_with_every_seed_under_a_protocol() -> None:
    found = list(entries())
    assert {entry.detector for entry in found} == set(DETECTORS.names())
    assert {entry.seed for entry in found} == {1, 2, 3} and len(found) == 3 * len(DETECTORS.names())
    assert [entry.seed for entry in found] == sorted(entry.seed for entry in found)
    for entry in (Entry("clip_freq", 2), Entry("cal", 1), Entry("lsda", 3), Entry("meso4", 1)):
        cfg = entry.config()
        assert cfg.seed == entry.seed and cfg.evaluate.select == "last"
        assert cfg.backbone is None or cfg.backbone.params["size"] == "tiny"
