"""A copy of the checkout with all that a reader of the documentation has at hand: data, checkpoints, a finished run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import torch

from preprocessing.demo.draw import draw
from tests.conftest import write_dataset
from tests.dfb_trees import FORMS, files, rewritten, write_folders, write_manifest
from tests.end_to_end.conftest import environment
from tests.end_to_end.documented import ROOT, RUN
from tests.golden.fill import fill
from tests.golden.networks import reference_state
from tests.unit.media import face, face_video, write_picture
from tests.unit.test_adopt_caddm import write_folder
from tests.unit.test_migrate import DETECTOR

GOLDEN = ROOT / "tests/golden/data"
FEW = "--set data.workers=0 --set evaluate.resamples=20 --device cpu"
ONE_STEP = f"--set max_steps=1 --set data.batch_size=4 --set backbone.size=tiny --set backbone.weights=random {FEW}"


def copy_checkout(home: Path) -> Path:
    """``home/assay``: what git keeps, dlib's models, and the examples of README and CONTRIBUTING."""
    copy = home / "assay"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    for model in ROOT.glob("weights/*.dat"):
        (copy / "weights" / model.name).symlink_to(model)
    for text in ("README.md", "CONTRIBUTING.md"):
        for name, rest in re.findall(
            r"```(?:python|yaml)\n(# (?:\S+)\n)(.*?)```", (ROOT / text).read_text(), re.DOTALL
        ):
            path = copy / name.split()[1]
            assert not path.exists()
            path.write_text(rest)
    return copy


def start(copy: Path, words: str) -> subprocess.CompletedProcess[str]:
    """A line of shell in ``copy``, with its code in place of the installed one."""
    return subprocess.run(  # `timeout` ends the children of the command, too
        ["timeout", "900", "bash", "-c", words], cwd=copy, env=surroundings(copy), capture_output=True, text=True
    )


def surroundings(copy: Path) -> dict[str, str]:
    """The environment of commands in ``copy``; nothing can be installed from there."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    quiet = {"NO_MKDOCS_2_WARNING": "1", "PYTEST_ADDOPTS": "-p no:cacheprovider -x -q"}
    return {**environment(), **quiet, "PATH": path, "PYTHONPATH": str(copy), "PIP_DRY_RUN": "1"}


def furnish(copy: Path) -> None:
    """Put everything in its place."""
    home, manifests = copy.parent, copy / "preprocessing/dataset_json"
    manifests.mkdir(parents=True)
    (copy / "manifests").symlink_to(manifests)  # where write_dataset puts them
    (home / "data/faces").mkdir(parents=True)
    (home / "data/datasets").symlink_to("faces")
    write_dataset(copy, "FaceForensics++", sources=6, frames=2, compressions=("c23", "c40"))
    for name in ("Celeb-DF-v2", "DFDC"):
        write_dataset(copy, name, sources=6, frames=2)
    _persons_seen_twice(manifests / "Celeb-DF-v2.json")
    write_dataset(home / "data", "FaceForensics++", sources=6, frames=2)
    draw(home / "data", "tiny")
    _own_data(copy, home / "data")
    _deepfakebench(copy, home / "DeepfakeBench")
    _caddm(copy)
    _environment(copy)
    for name in ("demo", "demo_attribution"):
        with (copy / f"training/config/protocol/{name}.yaml").open("a") as file:
            file.write("max_steps: 2\n")
    words = f"--detector_path xception --train_dataset FaceForensics++ --test_dataset Celeb-DF-v2 --output {RUN}"
    done = start(copy, f"python training/train.py {words} {ONE_STEP}")
    assert done.returncode == 0, done.stderr


def _persons_seen_twice(manifest: Path) -> None:
    """All for testing, and each person in two recordings, as the measure of leakage needs them."""
    tree = json.loads(manifest.read_text())
    for video in tree["videos"]:
        video |= {"split": "test", "person": f"p{int(video['source']) % 3}"}
    manifest.write_text(json.dumps(tree))


def _own_data(copy: Path, data: Path) -> None:
    kinds = ("real", *(f"fake/{method}" for method in ("one", "two", "three", "four", "five", "six")))
    for split, count in (("train", 2), ("val", 1), ("test", 1)):
        for shade, kind in enumerate(kinds):
            for number in range(count):
                face_video(data / f"mine/{split}/{kind}/{split}{number}.mp4", frames=2, shade=6 * shade)
    for folder in (copy, data):
        face_video(folder / "video.mp4", frames=2)
    write_picture(copy / "pictures/face.png", face())
    own = "--dataset mine --layout folder --root ../data/mine"
    for words in (f"preprocess.py {own}", "rearrange.py --dataset mine"):
        done = start(copy, f"python preprocessing/{words}")
        assert done.returncode == 0, done.stderr


def _deepfakebench(copy: Path, theirs: Path) -> None:
    for name, tree in json.loads((GOLDEN / "prep/rearrange.json").read_text())["json"].items():
        write_manifest(theirs / "preprocessing/dataset_json", Path(name).stem, rewritten(tree, FORMS["Windows"]))
        write_folders(theirs / "datasets", files(tree))
    for path in (theirs / "training/config/detector/xception.yaml", copy / "old.yaml"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(DETECTOR)
    path = GOLDEN / "v1/xception.json"
    torch.save(reference_state(json.loads(path.read_text()), path), copy / "xception_best.pth")


def _caddm(copy: Path) -> None:
    for name in ("resnet34", "efficientnet-b4"):
        golden = json.loads((GOLDEN / f"caddm/model_{name}.json").read_text())
        shapes = {key: shape for key, shape, _ in golden["state"]}
        state = fill(shapes, golden["constants"], golden["gain"], golden["salt"])
        torch.save({"network": state, "epoch": 3}, copy / f"{name}.pkl")
    write_folder(copy / "train_images", [("000", "003"), ("001", "870"), ("004", "982")])
    write_folder(copy / "test_images", [("002", "006")])


def _environment(copy: Path) -> None:
    folder = copy / ".venv/bin"
    folder.mkdir(parents=True)
    (folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (folder / "python").chmod(0o755)
    shutil.copyfile(Path(sys.prefix) / "bin/activate", folder / "activate")
