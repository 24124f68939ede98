"""Faces by path, from folders and LMDBs alike, and the messages about damaged ones."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import pickle
import shutil

import lmdb
import numpy as np
import pytest

from preprocessing.codecs import codec_of, encode
from preprocessing.manifest import Record
from preprocessing.sinks import put_all, writing
from preprocessing.store import Folder, FrameStore, Lmdb, lmdb_root, open_store, rgb_root
from preprocessing.to_lmdb import pack
from tests.unit.media import face, write_picture
from training.core.errors import DataError, ManifestError

LONG = "frames/" + "/".join(["x" * 100] * 6) + "/00000.png"


def record(image="frames/a/00000.png", mask="masks/a/00000.png", landmarks="landmarks/a/00000.npy", source=None):
    return Record("set", "a", 0, 0, "real", "a", "train", image, mask, landmarks, source_image=source)


@pytest.fixture
def datasets(tmp_path):
    root = rgb_root(tmp_path, "set")
    write_picture(root / record().image, face())
    write_picture(root / record().mask, np.eye(8, dtype=np.uint8) * 255)
    write_picture(root / LONG, face()[::-1])
    (root / record().landmarks).parent.mkdir(parents=True)
    np.save(root / record().landmarks, np.arange(136, dtype=np.float32).reshape(68, 2) / 7)
    files = (p.relative_to(root).as_posix() for p in sorted(root.rglob("*")) if p.is_file())
    pack(files, root, lmdb_root(tmp_path, "set"))
    return tmp_path


@pytest.mark.parametrize("kind", ["rgb", "lmdb"])
def test_both_stores_give_what_was_put_in(datasets, kind):
    store = open_store(datasets, "set", kind)
    assert np.array_equal(store.image(record()), face())
    assert np.array_equal(store.mask(record()), np.eye(8) * 255)
    points = store.landmarks(record())
    assert points.dtype == np.float32 and points[67].tolist() == pytest.approx([134 / 7, 135 / 7])
    assert np.array_equal(store.image(record(image=LONG)), face()[::-1])
    assert np.array_equal(store.source(record(source=LONG)), face()[::-1])
    with pytest.raises(DataError, match="set/a/00000: its manifest lists no source image"):
        store.source(record())


def test_auto_takes_the_lmdb_where_there_is_one(datasets):
    assert isinstance(open_store(datasets, "set").content, Lmdb)
    shutil.rmtree(lmdb_root(datasets, "set"))
    assert isinstance(open_store(datasets, "set").content, Folder)


@pytest.mark.parametrize("kind", ["rgb", "lmdb"])
def test_missing_files_are_named_with_their_record(datasets, kind):
    store = open_store(datasets, "set", kind)
    with pytest.raises(DataError, match=r"set/a/00000: .*set.* has no image frames/b\.png"):
        store.image(record(image="frames/b.png"))
    with pytest.raises(DataError, match="set/a/00000: its manifest lists no mask"):
        store.mask(record(mask=None))


@pytest.mark.parametrize("data", [b"", b"hello"])
def test_broken_files_are_named_with_their_record(datasets, data):
    root = rgb_root(datasets, "set")
    for path in (record().image, record().mask, record().landmarks):
        (root / path).write_bytes(data)
    store = open_store(datasets, "set", "rgb")
    with pytest.raises(DataError, match=r"set/a/00000: .*00000\.png is no readable picture"):
        store.image(record())
    with pytest.raises(DataError, match=r"set/a/00000: .*masks/a/00000\.png is no readable picture"):
        store.mask(record())
    with pytest.raises(DataError, match=r"set/a/00000: .*00000\.npy is no numpy array"):
        store.landmarks(record())


def test_landmarks_of_another_shape_are_refused(datasets):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(5))
    (rgb_root(datasets, "set") / record().landmarks).write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match=r"00000\.npy holds an array of shape \(5,\); expected \(points, 2\)"):
        open_store(datasets, "set", "rgb").landmarks(record())


def test_several_stores_share_an_lmdb(datasets):
    first, second = open_store(datasets, "set", "lmdb"), open_store(datasets, "set", "lmdb")
    assert np.array_equal(first.image(record()), second.image(record()))


def test_a_store_travels_to_other_processes(datasets):
    store = open_store(datasets, "set", "lmdb")
    store.image(record())
    copy = pickle.loads(pickle.dumps(store))
    assert np.array_equal(copy.image(record()), face())
    child = os.fork()
    if child == 0:
        same = np.array_equal(store.image(record()), open_store(datasets, "set", "lmdb").image(record()))
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


def _pixels(task):
    store, path = task
    return store.image(record(image=path)).tobytes()


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_many_workers_read_one_lmdb_however_they_were_started(datasets, start):
    store = open_store(datasets, "set", "lmdb")
    store.image(record())  # open here before the workers start, as a data set that was looked at before training
    with multiprocessing.get_context(start).Pool(2) as pool:
        read = pool.map(_pixels, [(store, record().image), (store, LONG)] * 20, chunksize=1)
    assert read == [face().tobytes(), face()[::-1].tobytes()] * 20
    assert np.array_equal(store.image(record()), face())


def test_a_map_larger_than_memory_is_read(datasets):
    with lmdb.open(str(lmdb_root(datasets, "set")), map_size=1 << 42) as environment:
        put_all(environment, [("frames/b.png", encode(face(), "qoi"))])
    store = open_store(datasets, "set", "lmdb")
    assert np.array_equal(store.image(record(image="frames/b.png")), face())
    assert store.content.holds(["frames/b.png", LONG]) and not store.content.holds(["frames/b.png", "frames/c.png"])


def test_an_lmdb_made_anew_is_read_anew(datasets):
    open_store(datasets, "set", "lmdb").image(record())
    root = rgb_root(datasets, "set")
    write_picture(root / record().image, face()[:, ::-1])
    pack([record().image], root, lmdb_root(datasets, "set"))
    assert np.array_equal(open_store(datasets, "set", "lmdb").image(record()), face()[:, ::-1])


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "gone"])
def test_damaged_lmdbs_are_named(datasets, damage):
    file = lmdb_root(datasets, "set") / "data.mdb"
    data = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes({"cut": data[: len(data) // 2], "garbage": b"x" * len(data), "empty": b""}[damage])
    with pytest.raises(ManifestError, match="set_lmdb"):
        open_store(datasets, "set", "lmdb").image(record())


def test_a_damaged_page_is_named_with_its_key(datasets):
    file = lmdb_root(datasets, "set") / "data.mdb"
    data = bytearray(file.read_bytes())
    data[2 * 4096 :] = bytes(len(data) - 2 * 4096)
    file.write_bytes(data)
    with pytest.raises((DataError, ManifestError), match="set"):
        open_store(datasets, "set", "lmdb").image(record())


def test_faces_that_are_not_there_name_both_places(tmp_path):
    with pytest.raises(ManifestError, match=r"no faces of 'set': expected .*lmdb/set_lmdb or .*rgb/set; make them"):
        open_store(tmp_path, "set")


@pytest.mark.parametrize("codec", ["png", "webp", "qoi", "lz4", "jpeg"])
def test_a_codec_changes_faces_only_and_is_on_record(datasets, codec):
    root, target = rgb_root(datasets, "set"), lmdb_root(datasets, "set")
    files = [record().image, record().mask, record().landmarks]
    facts = pack(files, root, target, codec, 90)
    assert facts == json.loads((target / "facts.json").read_text())
    assert facts["lossy"] == (codec == "jpeg") and facts.get("quality") == (90 if codec == "jpeg" else None)
    assert facts["made_from"] == {"png": 1}
    store = open_store(datasets, "set", "lmdb")
    assert codec_of(store.content.get(record().image)) == codec
    assert all(store.content.get(path) == (root / path).read_bytes() for path in files[1:])
    assert np.array_equal(store.image(record()), face()) or codec == "jpeg"


def test_what_was_lossy_stays_on_record(datasets):
    root, target = rgb_root(datasets, "set"), lmdb_root(datasets, "set")
    (root / record().image).write_bytes(encode(face(), "jpeg"))
    assert pack([record().image], root, target) == {"codec": "qoi", "lossy": True, "made_from": {"jpeg": 1}}


@pytest.mark.parametrize("codec", ["png", "webp", "qoi", "lz4", "jpeg"])
def test_a_corrupt_record_names_its_key(datasets, codec):
    with writing(lmdb_root(datasets, "set")) as environment:
        put_all(environment, [(record().image, encode(face(), codec)[:400])])
    with pytest.raises(DataError, match=r"set/a/00000: .*set_lmdb/frames/a/00000\.png is no readable picture"):
        open_store(datasets, "set", "lmdb").image(record())


def test_packing_grows_the_map_and_leaves_no_half_done_lmdb(tmp_path):
    big = np.random.default_rng(0).bytes(3_000_000)
    for i in range(30):
        (tmp_path / f"{i}.bin").write_bytes(big)
    target = tmp_path / "out_lmdb"
    pack([f"{i}.bin" for i in range(30)], tmp_path, target)
    assert FrameStore(Lmdb(target), "x").content.get("29.bin") == big
    with pytest.raises(DataError, match=r"missing\.bin: No such file"):
        pack(["0.bin", "missing.bin"], tmp_path, tmp_path / "other_lmdb")
    assert not (tmp_path / "other_lmdb").exists()
