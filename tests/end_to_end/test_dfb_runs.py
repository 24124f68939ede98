"""Training and testing on DeepfakeBench's data as they are; face folders and LMDB give the same run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dfb_trees import FORMS, files, rewritten, write_folders, write_lmdb, write_manifest
from tests.end_to_end.conftest import ROOT, SMALL, TINY, environment

MANIFESTS = json.loads((ROOT / "tests" / "golden" / "data" / "prep" / "rearrange.json").read_text())["json"]
ON_UADFV = ["--train_dataset", "UADFV", "--test_dataset", "UADFV", "FF-DF", "--set", "epochs=1"]
SWITCHES = ["data.sampling=first", "evaluate.video_key=folder", "evaluate.select=test"]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dfb")
    for name in ("UADFV", "FF-DF", "FF-NT"):
        tree = MANIFESTS[f"{name}.json"]
        write_manifest(root / "json", name, rewritten(tree, FORMS["Windows"]))
        write_folders(root, files(tree))
    write_lmdb(root, "UADFV", files(MANIFESTS["UADFV.json"]), "windows")
    ff = files(MANIFESTS["FF-DF.json"]) | files(MANIFESTS["FF-NT.json"])
    write_lmdb(root, "FaceForensics++", ff, "linux")
    return root


@pytest.fixture(scope="module")
def rgb(disk: Path) -> Path:
    return train(disk, "rgb", *ON_UADFV, "--set", "data.store=rgb")


def start(disk: Path, entry: str, *words: str, manifests: str = "json") -> str:
    data = [f"data.root={disk}", f"data.manifests={disk / manifests}", "data.workers=0", "evaluate.resamples=0"]
    overrides = [word for item in data for word in ("--set", item)]
    done = subprocess.run(
        [sys.executable, str(ROOT / "training" / f"{entry}.py"), *words, *overrides],
        capture_output=True, text=True, timeout=300, env=environment(), cwd=disk,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def train(disk: Path, name: str, *words: str) -> Path:
    folder = disk / name
    start(disk, "train", "--detector_path", "xception", "--output", str(folder), *TINY, *SMALL, *words)
    return folder


def test_folders_and_lmdb_give_the_same_run_and_its_leaks_are_told(disk, rgb):
    lmdb = train(disk, "lmdb", *ON_UADFV, "--set", "data.store=lmdb")
    for name in ("UADFV", "FF-DF"):
        assert (rgb / "scores" / f"{name}.csv").read_bytes() == (lmdb / "scores" / f"{name}.csv").read_bytes()
    told = start(disk, "test", "--weights_path", str(rgb / "best.safetensors"), "--test_dataset", "UADFV")
    assert "note: UADFV: 4 of 4 test videos are in the train split of its manifest too: the detector has seen" in told
    assert not [n for n in json.loads((rgb / "metrics.json").read_text())["notes"] if n.startswith("FF-DF")]


def test_compatibility_switches_mark_every_result(disk):
    switches = [word for switch in SWITCHES for word in ("--set", switch)]
    names = ["--train_dataset", "FF-DF", "FF-NT", "--test_dataset", "FF-NT_c40", "--set", "data.frames_train=1"]
    run = train(disk, "compat", *names, *switches, "--set", "epochs=1")
    marks = {"sampling": "first", "video_key": "folder", "select": "test"}
    told = start(
        disk, "test", "--weights_path", str(run / "best.safetensors"), "--test_dataset", "UADFV", "--output", "t"
    )
    for folder in (run, disk / "t"):
        assert json.loads((folder / "metrics.json").read_text())["compat"] == marks
        table = (folder / "table.md").read_text()
        assert all(f"{key}={value}" in table.splitlines()[0] for key, value in marks.items())
    assert "note: compatibility switch sampling=first" in told and "select=test: the checkpoint was chosen on" in told


def test_a_set_of_one_class_has_no_auc_and_says_why(disk, rgb):
    tree = {"UADFV": {"UADFV_Fake": MANIFESTS["UADFV.json"]["UADFV"]["UADFV_Fake"]}}
    write_manifest(disk / "fakes", "UADFV", rewritten(tree, FORMS["mixed"]))
    words = ["--weights_path", str(rgb / "best.safetensors"), "--test_dataset", "UADFV", "--output", "o"]
    start(disk, "test", *words, manifests="fakes")
    figure = json.loads((disk / "o" / "metrics.json").read_text())["sets"]["UADFV"]["metrics"]["video/auc"]
    assert figure["value"] is None and figure["undefined"] == "only fake videos"
