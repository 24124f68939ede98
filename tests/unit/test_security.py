"""Files from strangers: none of them may run anything, lead elsewhere, be changed, or take all memory there is.

Neighbors of these tests: YAML (``test_config``), names in reports (``test_report``), pickles among score files
(``test_foreign``), pictures above the limit (``test_media``).
"""

from __future__ import annotations

import ast
import json
import pickle
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch

from preprocessing import dfb, manifest
from preprocessing.codecs import encode
from preprocessing.faces.video import Limits, open_media
from preprocessing.layouts.base import Scan, SourceVideo, layout_for
from preprocessing.manifest import Record, Video
from preprocessing.pipeline import _scan
from preprocessing.settings import Settings
from preprocessing.sinks import put_all, writing
from preprocessing.store import Folder, FrameStore, Lmdb, lmdb_root, open_store, rgb_root
from preprocessing.to_lmdb import pack
from tests.unit.media import face, numbered, write_picture, write_video
from training.core.config import LARGEST, Layers
from training.core.errors import BenchError, ConfigError, DataError, ManifestError, WeightsError
from training.core.paths import ROOT
from training.core.schema import DataConfig
from training.data.select import select
from training.engine.checkpoint import load_state, read_card
from training.engine.results import scores_path
from training.networks.weights import read_state

OURS = [path for package in ("preprocessing", "training", "analysis") for path in (ROOT / package).rglob("*.py")]
RUNS_ANYTHING = {
    "eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "joblib.load", "yaml.load",
    "torch.jit.load", "yaml.unsafe_load", "yaml.full_load", "shelve.open", "marshal.loads", "subprocess.getoutput",
}  # fmt: skip


def record(image: str = "frames/a/0.png") -> Record:
    return Record("set", "a", 0, 0, "real", "a", "train", image)


def write_manifest(path: Path, video: dict | None = None, frame: dict | None = None, dataset: str = "set") -> Path:
    shot = {"frame": 0, "image": "frames/a/0.png", **(frame or {})}
    entry = {"video": "a", "label": 0, "method": "real", "source": "a", "split": "train", **(video or {})}
    head = {"format": manifest.FORMAT, "version": manifest.VERSION, "dataset": dataset, "facts": {}}
    path.write_text(json.dumps({**head, "videos": [{**entry, "frames": [shot]}]}))
    return path


UPWARD = ["../x", "a/../../x", "/etc/passwd", "..", "", "a\0b"]


@pytest.mark.parametrize("path", UPWARD)
@pytest.mark.parametrize("key", ["image", "mask", "landmarks", "source_image"])
def test_a_manifests_paths_stay_below_its_store(tmp_path: Path, key: str, path: str) -> None:
    with pytest.raises(ManifestError, match=rf"videos\[0\].frames\[0\].{key}: .* relative path inside the store"):
        manifest.read(write_manifest(tmp_path / "set.json", frame={key: path}))


@pytest.mark.parametrize("name", ["../x", "/x", "..", ".hidden", "a/b", "a\\b", "a\0"])
def test_a_data_sets_name_is_that_of_one_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ManifestError, match="expected the name of a folder"):
        manifest.read(write_manifest(tmp_path / "set.json", dataset=name))
    with pytest.raises(ManifestError, match="cannot name a data set"):
        select([name], "train", 0, DataConfig(manifests=tmp_path))
    with pytest.raises(BenchError):
        dfb.parse({name: {"FF-real": {"train": {}}}}, "set.json")


@pytest.mark.parametrize("path", [*UPWARD[:4]])
def test_a_videos_name_stays_below_the_face_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    with pytest.raises(ManifestError, match="relative path inside the store"):
        manifest.read(write_manifest(tmp_path / "set.json", video={"video": path}))
    layout = type(layout_for("mine", "folder"))
    source = SourceVideo(Video("mine", path, 0, "real", "a", "train"), tmp_path / "a.mp4")
    monkeypatch.setattr(layout, "scan", lambda *_: Scan([source]))
    with pytest.raises(ManifestError, match="relative path inside the store"):
        _scan(Settings(dataset="mine", layout="folder", root=tmp_path))


@pytest.mark.parametrize("what", ["file", "folder"])
def test_no_link_leads_out_of_a_face_folder(tmp_path: Path, what: str) -> None:
    root = rgb_root(tmp_path / "datasets", "set")
    write_picture(tmp_path / "private/0.png", face())
    write_picture(root / "frames/b/0.png", face())
    if what == "file":
        (root / "frames/a").mkdir()
        (root / "frames/a/0.png").symlink_to(tmp_path / "private/0.png")
    else:
        (root / "frames/a").symlink_to(tmp_path / "private")
    store = open_store(tmp_path / "datasets", "set")
    with pytest.raises(DataError, match=r"set/a/00000: frames/a/0\.png leads out of"):
        store.image(record())
    # A link within, and the whole folder as a link, are what people use to save room.
    (root / "frames/c").symlink_to(root / "frames/b")
    assert store.image(record("frames/c/0.png")).shape == face().shape
    shutil.move(root, tmp_path / "elsewhere")
    root.symlink_to(tmp_path / "elsewhere")
    assert open_store(tmp_path / "datasets", "set").image(record("frames/b/0.png")).shape == face().shape


def test_no_row_of_a_table_leads_out_of_its_folder(tmp_path: Path) -> None:
    here = tmp_path / "here"
    write_picture(tmp_path / "private.png", face())
    write_picture(here / "own.png", face())
    (here / "linked.png").symlink_to(tmp_path / "private.png")
    for path in ("../private.png", str(tmp_path / "private.png"), "linked.png", "sub/../../private.png"):
        (here / "data.csv").write_text(f"path,label\n{path},real\n")
        with pytest.raises(ConfigError, match=r"data\.csv:2: '.*' leads out of"):
            layout_for("mine", "folder").scan(here / "data.csv", "mine", "raw")
    (here / "data.csv").write_text(f"path,label\n{here / 'own.png'},real\n")
    assert len(layout_for("mine", "folder").scan(here / "data.csv", "mine", "raw").videos) == 1


def test_no_test_sets_name_leads_out_of_a_run(tmp_path: Path) -> None:
    assert scores_path(tmp_path, "Celeb-DF-v2") == tmp_path / "scores/Celeb-DF-v2.csv"
    with pytest.raises(DataError, match="cannot name a test set"):
        scores_path(tmp_path, "../../x")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text", [BOMB, "a: &a [*a]\n"])
def test_a_yaml_does_not_unfold_without_end(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError, match=rf"x\.yaml: holds more than {LARGEST} values"):
        Layers().add_file(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    "text",
    ["a: !!int x", "a: 2001-99-99", "a: !!timestamp x", "a: !!bool x", "[" * 3000, "{a: b}: c: d", "? {x: [1]}\n: y"],
)
def test_what_the_parser_itself_trips_over_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"x\.yaml: not valid YAML"):
        Layers().add_file(tmp_path / "x.yaml")


class Trap:
    """Unpickling it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return self.path.write_text, ("sprung",)


@pytest.mark.parametrize("name", ["x.pth", "x.pt", "x.bin", "x.safetensors"])
@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_checkpoints_are_never_unpickled(tmp_path: Path, name: str, how: str) -> None:
    file, sprung = tmp_path / name, tmp_path / "sprung"
    trap = {"state_dict": {"w": torch.zeros(1)}, "trap": Trap(sprung)}
    if how == "pickle":
        file.write_bytes(pickle.dumps(trap))
    else:
        torch.save(trap, file)
    for read in (read_state, load_state):
        with pytest.raises(WeightsError, match=name):
            read(file)
    if file.suffix == ".safetensors":
        with pytest.raises(WeightsError, match=name):
            read_card(file)
    assert not sprung.exists()


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_nothing_of_ours_runs_what_data_say() -> None:
    for path in OURS:
        for name, call in calls(path):
            words = {word.arg: ast.unparse(word.value) for word in call.keywords}
            where = f"{path.relative_to(ROOT)}:{call.lineno}: {name}"
            assert name not in RUNS_ANYTHING, where
            assert "shell" not in words and words.get("allow_pickle", "False") == "False", where
            if name == "torch.load":
                assert words["weights_only"] == "True", where


def test_lmdbs_are_opened_to_read_alone(tmp_path: Path) -> None:
    root, packed = rgb_root(tmp_path, "set"), lmdb_root(tmp_path, "set")
    write_picture(root / record().image, face())
    pack([record().image], root, packed)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in packed.iterdir()}
    store = open_store(tmp_path, "set", "lmdb")
    assert np.array_equal(store.image(record()), face())
    with pytest.raises(lmdb.ReadonlyError), store.content._open().begin(write=True):
        pass
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in packed.iterdir()} == before


def announcing(width: int, height: int) -> dict[str, bytes]:
    """Small files whose headers announce large pictures."""
    small = np.zeros((8, 8, 3), np.uint8)
    found = {codec: bytearray(encode(small, codec)) for codec in ("png", "qoi", "lz4")}
    found["png"][16:24] = found["qoi"][4:12] = struct.pack(">II", width, height)
    found["lz4"][8:12] = struct.pack("<HH", height, width)
    return {codec: bytes(data) for codec, data in found.items()}


@pytest.mark.parametrize("codec", ["png", "qoi", "lz4"])
@pytest.mark.parametrize("kind", [Folder, Lmdb])
def test_a_face_that_announces_too_many_pixels_is_not_decoded(tmp_path: Path, codec: str, kind: type) -> None:
    file, data = tmp_path / "frames/a/0.png", announcing(60_000, 60_000)[codec]
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    with writing(tmp_path) as environment:
        put_all(environment, [("frames/a/0.png", data)])
    store = FrameStore(kind(tmp_path), "x")
    with pytest.raises(DataError, match=r"set/a/00000: .* more pixels than picture_limit \(50 million\)"):
        store.image(record())


def test_the_limit_of_faces_is_an_option(toy: Path) -> None:
    data = {"root": toy / "datasets", "manifests": toy / "manifests", "compression": None}
    chosen = select(["Toy"], "train", 1, DataConfig(**data))[0].records[0]
    from training.data.select import Faces

    assert Faces(DataConfig(**data)).of(chosen).image(chosen).shape == (64, 64, 3)
    with pytest.raises(DataError, match=r"picture_limit \(0\.004 million\)"):
        faces = Faces(DataConfig(**data, picture_limit=0.004))
        faces.of(chosen).image(chosen)


def test_long_videos_and_large_frames_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", numbered(12))
    assert open_media(video, Limits(frames=12)).total == 12
    with pytest.raises(DataError, match=r"v\.mp4: has 12 frames, more than video_limit \(11\)"):
        open_media(video, Limits(frames=11))
    with pytest.raises(DataError, match=r"v\.mp4: has 64 x 48 pixels, more than picture_limit"):
        open_media(video, Limits(megapixels=0.003))
    for number in range(3):
        write_picture(tmp_path / f"folder/{number}.png", face())
    with pytest.raises(DataError, match=r"folder: has 3 frames, more than video_limit \(2\)"):
        open_media(tmp_path / "folder", Limits(frames=2))
