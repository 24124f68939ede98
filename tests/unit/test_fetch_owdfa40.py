"""Fetching OWDFA40-Benchmark: what is checked, unpacked and said when there is no hub."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections import Counter

import pytest

from preprocessing import fetch_owdfa40
from preprocessing.layouts import owdfa40
from tests.unit.trees import scan
from training.core.errors import DataError
from training.core.paths import ROOT


def packed(root, folder, inner=""):
    path = root / "data" / f"{folder}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(3):
            archive.writestr(f"{inner}{i}.png", f"{folder} {i}")
    return path


def note(root, *paths, **changes):
    files = {
        path.relative_to(root).as_posix(): {
            "size": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        | changes
        for path in paths
    }
    (root / fetch_owdfa40.NOTE).write_text(json.dumps({"revision": "0" * 40, "files": files}))


def test_archives_are_checked_and_unpacked_once(tmp_path, capsys):
    first, second = packed(tmp_path, "1_Swap_Deepfakes"), packed(tmp_path, "33_Generate_SD2.1", "33_Generate_SD2.1/")
    note(tmp_path, first, second)
    assert fetch_owdfa40.main(["--output", str(tmp_path), "--offline"]) == 1
    assert "2 of 42 folders are unpacked" in (told := capsys.readouterr().out) and "and 35 more" in told
    found = scan(tmp_path, "OWDFA-40")
    assert Counter(source.facts.method for source in found.videos) == {"Deepfakes": 3, "SD2.1": 3}
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    fetch_owdfa40.main(["--output", str(tmp_path), "--offline"])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")} == times


def test_everything_there_is_success(tmp_path):
    for folder in owdfa40.FOLDERS:
        packed(tmp_path, folder)
    assert fetch_owdfa40.main(["--output", str(tmp_path), "--offline"]) == 0
    assert scan(tmp_path, "OWDFA-40").remarks == []
    assert len(scan(tmp_path, "OWDFA-40").videos) == 3 * 42


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ({"size": 7}, "bytes instead of 7; delete it and fetch again"),
        ({"sha256": "0" * 64}, "its SHA-256 is another than the hub's"),
    ],
)
def test_archives_that_are_not_the_hubs_are_named_and_not_unpacked(tmp_path, capsys, damage, says):
    note(tmp_path, packed(tmp_path, "1_Swap_Deepfakes"), **damage)
    assert fetch_owdfa40.main(["--output", str(tmp_path), "--offline"]) == 1
    told = capsys.readouterr().out
    assert "problem: data/1_Swap_Deepfakes.zip: " in told and says in told
    assert not (tmp_path / "data/1_Swap_Deepfakes").exists()


def test_a_damaged_archive_leaves_nothing(tmp_path, capsys):
    path = packed(tmp_path, "1_Swap_Deepfakes")
    path.write_bytes(path.read_bytes()[:40])
    assert fetch_owdfa40.main(["--output", str(tmp_path), "--offline"]) == 1
    assert "cannot be unpacked (File is not a zip file)" in capsys.readouterr().out
    assert [file.name for file in (tmp_path / "data").iterdir()] == [path.name]


def test_a_damaged_note_is_named(tmp_path):
    (tmp_path / fetch_owdfa40.NOTE).write_text("[]")
    with pytest.raises(DataError, match=r"fetched\.json: not a note of this script"):
        fetch_owdfa40.main(["--output", str(tmp_path), "--offline"])


SCRIPT, MODULE = ("preprocessing/fetch_owdfa40.py",), ("-m", "preprocessing.layouts.owdfa40", "fetch")


@pytest.mark.parametrize("program", [SCRIPT, MODULE])
def test_without_a_hub_one_line_says_what_to_do_by_hand(tmp_path, program):
    command = [sys.executable, *program, "--output", str(tmp_path / "o")]
    offline = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=offline, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: the hub cannot be asked for the data set {owdfa40.HUB} (")
    assert f"put them into {tmp_path / 'o/data'} and start again with --offline" in done.stderr
