"""Damaged files of every kind that is read: an error of ours in one line, or what was written; never anything else.

Cases are drawn by seed, so that a failure names one that can be run again.
"""

from __future__ import annotations

import contextlib
import io
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from preprocessing import dfb, manifest
from preprocessing.codecs import encode
from preprocessing.manifest import SPLITS, Record
from preprocessing.store import FrameStore
from tests.unit.fuzzing import mutated_bytes, mutated_tree
from tests.unit.media import face
from training.assembly import Asked
from training.core.config import Layers, read_section, to_tree
from training.core.errors import BenchError
from training.core.paths import CONFIG
from training.core.registry import DETECTORS
from training.core.schema import Config
from training.engine.checkpoint import Card, load_state, read_card, save_state, save_weights
from training.loading import load_trained
from training.networks.weights import read_state

CASES = pytest.mark.parametrize("cases", [75, pytest.param(2700, marks=pytest.mark.slow)])
THEIRS = json.loads((Path(__file__).parents[1] / "golden/data/prep/rearrange.json").read_text())["json"]


def each(cases: int, attempt: Callable[[int, np.random.Generator], None]) -> None:
    """Run ``attempt(case, rng)`` for every case; errors of ours are answers, all others are failures."""
    refused = 0
    for case in range(cases):
        try:
            attempt(case, np.random.default_rng((cases, case)))
        except BenchError as error:
            assert str(error) and "Traceback" not in str(error), case
            refused += 1
        except Exception as error:
            raise AssertionError(f"case {case} of {cases}: {type(error).__name__}: {error}") from error
    assert 0 < refused < cases  # or what is not damaged was refused too


def written(folder: Path) -> dict:
    """A manifest of ours with all it may hold."""
    shots = [
        manifest.Frame(i, True, f"frames/a/{i}.png", f"masks/a/{i}.png", f"landmarks/a/{i}.npy", (1.0, 0, 2, 0, 1, 3))
        for i in range(3)
    ]
    entries = [
        (
            manifest.Video("set", "real/a", 0, "real", "a", "train", None, "p", "c23"),
            [*shots, manifest.Frame(9, False)],
        ),
        (manifest.Video("set", "gan/a", 1, "gan", "a", "test", "b", None, None, "cut", {"fps": 25.0}, True), shots[:1]),
    ]
    manifest.Manifest("set", entries, {"crop": {"size": 256}}).write(folder / "whole.json")
    return json.loads((folder / "whole.json").read_text())


@CASES
def test_manifests(tmp_path: Path, cases: int) -> None:
    whole, path = [written(tmp_path), *THEIRS.values()], tmp_path / "x.json"

    def attempt(case: int, rng: np.random.Generator) -> None:
        tree = whole[0] if case % 3 else whole[rng.integers(len(whole))]
        if case % 2:
            path.write_text(json.dumps(mutated_tree(tree, rng)))
        else:
            path.write_bytes(mutated_bytes(json.dumps(tree).encode(), rng))
        found = dfb.read(path)
        for video, frames in found.entries:
            assert video.label in (0, 1) and video.split in SPLITS and video.video and video.method
            for file in (file for frame in frames for file in (*frame.files, video.video)):
                assert not file.startswith("/") and ".." not in file.split("/") and "\0" not in file
        for split in SPLITS:
            assert len({record.key for record in found.records(split)}) == len(list(found.records(split)))
        if found.facts.get("made_by") != "DeepfakeBench":
            found.write(tmp_path / "again.json")
            assert repr(manifest.read(tmp_path / "again.json").entries) == repr(
                sorted(((v, sorted(f, key=lambda x: x.frame)) for v, f in found.entries), key=lambda e: e[0].video)
            )

    each(cases, attempt)


@CASES
def test_yamls(tmp_path: Path, cases: int) -> None:
    base = yaml.safe_load((CONFIG / "train_config.yaml").read_text())
    files, path = sorted(CONFIG.glob("detector/*.yaml")), tmp_path / "x.yaml"

    def attempt(case: int, rng: np.random.Generator) -> None:
        text = files[rng.integers(len(files))].read_text()
        if case % 2:
            path.write_bytes(mutated_bytes(text.encode(), rng))
        else:
            tree = {**base, **yaml.safe_load(text)} if case % 4 else yaml.safe_load(text)
            with contextlib.suppress(UnicodeEncodeError):  # half a character is none of YAML's
                path.write_text(yaml.safe_dump(mutated_tree(tree, rng)))
        cfg = Layers().add_tree({**base}, "base").add_file(path).read(Config)
        assert repr(to_tree(read_section(to_tree(cfg), Config))) == repr(to_tree(cfg))

    each(cases, attempt)


@CASES
def test_checkpoints(tmp_path: Path, cases: int) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    state = {k: v.clone() for k, v in network.state_dict().items()}
    card = Card({"detector": {"name": "meso4"}, "seed": 1}, ["real", "fake"], metrics={"video/auc": 0.5})
    kept = {"detector": state, "position": {"epoch": 1, "within": 0, "step": 3}, "best": 0.5}
    save_weights(tmp_path / "whole.safetensors", network, card)
    save_state(tmp_path / "whole.pt", kept)
    whole = {path.suffix: path.read_bytes() for path in tmp_path.glob("whole.*")}

    def same(found: dict) -> bool:
        return found.keys() == state.keys() and all(torch.equal(found[k], v) for k, v in state.items())

    def attempt(case: int, rng: np.random.Generator) -> None:
        suffix = (".safetensors", ".pt")[case % 2]
        path = tmp_path / f"x{suffix}"
        path.write_bytes(mutated_bytes(whole[suffix], rng))
        if suffix == ".pt":
            found = load_state(path)
            assert same(found["detector"]) and {**found, "detector": 0} == {**kept, "detector": 0}
            return
        said = read_card(path)
        assert said is None or said == card
        assert same(read_state(path))

    each(cases, attempt)


@CASES
def test_cards_of_checkpoints(tmp_path: Path, cases: int) -> None:
    cfg = Layers().add_file(CONFIG / "train_config.yaml").add_file(CONFIG / "detector/meso4.yaml").read(Config)
    whole, path = tmp_path / "whole.safetensors", tmp_path / "x.safetensors"
    save_weights(whole, DETECTORS.get("meso4")(resolution=256), Card(to_tree(cfg), ["real", "fake"]))
    size = struct.unpack("<Q", whole.read_bytes()[:8])[0]
    head, body = json.loads(whole.read_bytes()[8 : 8 + size]), whole.read_bytes()[8 + size :]
    card = json.loads(head["__metadata__"]["assay"])

    def attempt(case: int, rng: np.random.Generator) -> None:  # noqa: ARG001 - one signature for all
        marks = {"assay": json.dumps(mutated_tree(card, rng)), "assay-crc32": head["__metadata__"]["assay-crc32"]}
        text = json.dumps({**head, "__metadata__": marks}).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + body)
        trained = load_trained(path, None, Asked())
        assert repr(to_tree(read_section(to_tree(trained.cfg), Config))) == repr(to_tree(trained.cfg))

    each(cases // 6, attempt)


@CASES
def test_records_of_an_lmdb(cases: int) -> None:
    points = np.arange(136, dtype=np.float32).reshape(68, 2)
    stream = io.BytesIO()
    np.save(stream, points)
    small = np.ascontiguousarray(face()[::4, ::4])
    codecs = ("png", "qoi", "lz4", "webp", "jpeg")
    whole = {**{codec: encode(small, codec) for codec in codecs}, "mask": encode(small[..., 0], "png")}
    whole["landmarks"] = stream.getvalue()

    class One:
        data = b""

        def get(self, path: str) -> bytes | None:  # noqa: ARG002
            return self.data

    content = One()
    store = FrameStore(content, "x")
    record = Record("set", "a", 0, 1, "gan", "a", "train", "i", "m", "l")

    def attempt(case: int, rng: np.random.Generator) -> None:
        kind = sorted(whole)[case % len(whole)]
        content.data = mutated_bytes(whole[kind], rng)
        if content.data == whole[kind]:
            return
        if kind == "landmarks":
            found = store.landmarks(record)
            assert found.ndim == 2 and found.dtype == np.float32 and np.isfinite(found).all()
        elif kind == "mask":
            assert store.mask(record).ndim == 2
        else:
            found = store.image(record)
            assert found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3
            if kind in ("png", "qoi", "lz4"):
                assert np.array_equal(found, small), kind

    each(cases, attempt)
