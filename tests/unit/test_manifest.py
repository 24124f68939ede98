"""The manifest format: what is written is read back, and every fault is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing import manifest
from preprocessing.manifest import SPLITS, Frame, Manifest, Video
from training.core.errors import ManifestError

words = st.text(min_size=1, max_size=8)
names = words.filter(lambda w: not w.startswith("/") and "\0" not in w and ".." not in w.split("/"))
maybe = st.none() | words
paths = st.text("abc/._-", min_size=1, max_size=9).filter(lambda p: not p.startswith("/") and ".." not in p)
matrices = st.none() | st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 6)
optional = st.none() | paths
faces = st.builds(Frame, st.integers(0, 9999), st.just(True), paths, optional, optional, matrices, optional)
frames = st.lists(
    faces | st.builds(Frame, st.integers(0, 9999), st.just(False)), max_size=4, unique_by=lambda f: f.frame
)
videos = st.builds(
    Video, st.just("set"), names, st.integers(0, 1), words, words, st.sampled_from(SPLITS), maybe, maybe, maybe, maybe
)
entries = st.lists(st.tuples(videos, frames), max_size=4, unique_by=lambda entry: entry[0].video)


@given(entries)
def test_what_is_written_is_read_back(tmp_path_factory, items):
    path = tmp_path_factory.mktemp("m") / "set.json"
    Manifest("set", items, {"size": 256}).write(path)
    back = manifest.read(path)
    expected = sorted(((v, sorted(f, key=lambda x: x.frame)) for v, f in items), key=lambda e: e[0].video)
    assert (back.dataset, back.facts, back.entries) == ("set", {"size": 256}, expected)


@given(entries)
def test_order_does_not_matter(tmp_path_factory, items):
    folder = tmp_path_factory.mktemp("m")
    Manifest("set", items).write(folder / "a.json")
    Manifest("set", [(v, f[::-1]) for v, f in reversed(items)]).write(folder / "b.json")
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


def example():
    video = {"video": "a", "label": 1, "method": "gan", "source": "a", "split": "train", "compression": "c23"}
    frame = {"frame": 3, "image": "frames/a/00003.png"}
    return {
        "format": "assay-manifest",
        "version": 1,
        "dataset": "set",
        "facts": {},
        "videos": [{**video, "frames": [frame]}],
    }


def read(tmp_path, tree):
    path = tmp_path / "set.json"
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return manifest.read(path)


def test_records_are_the_faces_of_a_split_and_a_compression(tmp_path):
    tree = example()
    tree["videos"][0]["frames"].append({"frame": 4, "face_found": False})
    [record] = read(tmp_path, tree).records("train", "c23")
    assert (record.key, record.label, record.method, record.image) == ("set/a/00003", 1, "gan", "frames/a/00003.png")
    assert not list(read(tmp_path, tree).records("test"))
    assert not list(read(tmp_path, tree).records("train", "c40"))


def change(where, key, value):
    def apply(tree):
        node = tree
        for step in where:
            node = node[step]
        node[key] = value

    return apply


VIDEO, FRAME = ("videos", 0), ("videos", 0, "frames", 0)


@pytest.mark.parametrize(
    ("apply", "says"),
    [
        (change((), "format", "other"), "not a manifest"),
        (change((), "version", 2), "manifest version 2; this Assay reads 1"),
        (change((), "videos", {}), "needs 'dataset' (text), 'videos' (list)"),
        (change((), "facts", []), "'facts' (object)"),
        (change(("videos",), 0, "a"), "videos[0]: expected an object with 'frames'"),
        (change(VIDEO, "labl", 1), "videos[0]: 'labl' is not a known key; did you mean 'label'?"),
        (change(VIDEO, "label", "fake"), "videos[0]: label is 'fake'; expected 0 (real) or 1 (fake)"),
        (change(VIDEO, "label", True), "videos[0]: label is True"),
        (change(VIDEO, "split", "dev"), "videos[0]: split is 'dev'; expected one of train, val, test"),
        (change(VIDEO, "source", ""), "videos[0]: source is ''; expected text"),
        (change(VIDEO, "person", 7), "videos[0]: person is 7; expected text"),
        (change(VIDEO, "frames", [{"frame": 1, "image": "a"}] * 2), "videos[0]: lists a frame of 'a' twice"),
        (change(FRAME, "frame", -1), "videos[0].frames[0]: frame is -1; expected an index"),
        (change(FRAME, "frame", 1.5), "videos[0].frames[0]: frame is 1.5"),
        (change(FRAME, "face_found", "yes"), "face_found is 'yes'; expected true or false"),
        (change(FRAME, "image", None), "videos[0].frames[0]: has a face but no 'image'"),
        (
            change(FRAME, "image", "/etc/passwd"),
            "frames[0].image: '/etc/passwd' must be a relative path inside the store",
        ),
        (change(FRAME, "mask", "../../x"), "frames[0].mask: '../../x' must be a relative path"),
        (change(FRAME, "matrix", [1, 2, 3]), "matrix is (1, 2, 3); expected six numbers"),
        (change(FRAME, "matrix", 5), "matrix is 5; expected six numbers"),
        (change(FRAME, "imag", "a"), "'imag' is not a known key; did you mean 'image'?"),
        (change(("videos", 0, "frames"), 0, 3), "videos[0].frames[0]: expected an object"),
        (lambda tree: tree["videos"][0].pop("label"), "videos[0]: missing 1 required positional argument: 'label'"),
        (lambda tree: tree["videos"].append(tree["videos"][0]), "videos[1]: video 'a' is listed twice"),
    ],
)
def test_every_fault_is_named(tmp_path, apply, says):
    tree = example()
    apply(tree)
    with pytest.raises(ManifestError) as error:
        read(tmp_path, tree)
    assert says in str(error.value) and "set.json" in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", '"x"'])
def test_files_that_are_no_manifest_are_named(tmp_path, text):
    with pytest.raises(ManifestError, match=r"set\.json: not a"):
        read(tmp_path, text)


def test_a_missing_manifest_is_answered_with_the_nearest(tmp_path):
    read(tmp_path, example())
    with pytest.raises(ManifestError, match="did you mean 'set'"):
        manifest.read(tmp_path / "sett.json")
