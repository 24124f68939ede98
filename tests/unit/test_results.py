"""Score tables and result files: what is written is read back, what is damaged is refused with its place."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fabricated import scores
from training.core.errors import ContractError, DataError
from training.engine.results import (
    COLUMNS,
    Scores,
    codes,
    load_features,
    merge,
    read_json,
    read_log,
    save_features,
    write_json,
)


def table(rows, **more):
    """A table from (video, frame, label, prob); the method follows the label."""
    video, frame, label, prob = zip(*rows, strict=True)
    method = ["fake" if value else "real" for value in label]
    empty = [""] * len(rows)
    return Scores(["A"] * len(rows), video, frame, label, method, empty, empty, prob, **more)


def same(one, other):
    equal = all((getattr(one, name) == getattr(other, name)).all() for name in COLUMNS)
    logits = one.logits is other.logits is None or (one.logits == other.logits).all()
    return equal and logits and one.classes == other.classes


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.text(st.characters(exclude_categories=["C"]), max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_saved_table_is_read_back_bit_for_bit(tmp_path_factory, probs, name):
    path = tmp_path_factory.mktemp("scores") / "s.csv"
    logits = np.outer(probs, [1 / 3, -1e-300])
    rows = [(f'{name},"é/{i:03d}', i, i % 2, p) for i, p in enumerate(probs)]
    before = table(rows, logits=logits, classes=("real", name))
    before.save(path)
    assert same(Scores.load(path), before)


def test_float32_scores_survive(tmp_path):
    probs = np.random.default_rng(0).random(50).astype(np.float32)
    table([("v", i, 0, p) for i, p in enumerate(probs)]).save(tmp_path / "s.csv")
    assert (Scores.load(tmp_path / "s.csv").fake_prob.astype(np.float32) == probs).all()


def test_equal_rows_in_any_order_give_equal_files(tmp_path):
    whole = scores()
    whole.save(tmp_path / "a.csv")
    whole.select(np.random.default_rng(0).permutation(len(whole))).save(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


HEAD = "dataset,video,frame,label,method,source,compression,fake_prob\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "s.csv:1: lacks the column 'dataset'"),
        (HEAD.replace("source,", ""), "s.csv:1: lacks the column 'source'"),
        (HEAD.replace("label", "lable"), "s.csv:1: 'lable' is not a column of a score file; did you mean 'label'?"),
        (HEAD.replace("source", "label"), "s.csv:1: lacks the column 'source'"),
        (HEAD + "A,v,0,0,real,,,0.5\nA,v,1,2,real,,,0.5\n", "s.csv:3: column 'label' is '2'; expected 0 or 1"),
        (HEAD + "A,v,0,0,real,,,1.5\n", "s.csv:2: column 'fake_prob' is '1.5'; expected a number in [0, 1]"),
        (HEAD + "A,v,0,0,real,,,nan\n", "s.csv:2: column 'fake_prob' is 'nan'"),
        (HEAD + "A,v,-1,0,real,,,0.5\n", "s.csv:2: column 'frame' is '-1'; expected an index >= 0"),
        (HEAD + "A,v,x,0,real,,,0.5\n", "s.csv:2: column 'frame' is 'x'"),
        (HEAD + "A,v,0,0,real,,0.5\n", "s.csv:2: has 7 values, expected 8"),
        (HEAD + "A,v,7,0,real,,,0.5\nA,v,7,0,real,,,0.5\n", "s.csv:3: frame A/v/00007 is listed twice"),
        (HEAD.strip() + ",logit:x\nA,v,0,0,real,,,0.5,inf\n", "s.csv:2: column 'logit:x' is 'inf'; expected a number"),
        ("\xff", "not a CSV file in UTF-8"),
    ],
)
def test_a_damaged_score_file_is_refused_with_file_line_and_column(tmp_path, text, says):
    path = tmp_path / "s.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError) as error:
        Scores.load(path)
    assert says in str(error.value)


def test_a_missing_score_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no score file .*nix\.csv"):
        Scores.load(tmp_path / "nix.csv")


def test_an_empty_table_is_written_and_read(tmp_path):
    nothing = scores().select(np.zeros(0, dtype=int))
    nothing.save(tmp_path / "s.csv")
    assert len(Scores.load(tmp_path / "s.csv")) == len(nothing.by_video()) == 0


@pytest.mark.parametrize("change", [{"fake_prob": [0.1]}, {"label": [[0], [1]]}, {"logits": np.zeros((2, 3))}])
def test_columns_of_different_lengths_are_refused(change):
    columns = {name: getattr(table([("a", 0, 0, 0.1), ("b", 0, 1, 0.2)]), name) for name in COLUMNS}
    with pytest.raises(ContractError):
        Scores(**columns | change)


def test_a_video_is_the_mean_of_its_frames():
    rows = [("b/x", 0, 1, 0.9), ("a/x", 4, 0, 0.2), ("b/x", 2, 1, 0.6), ("a/x", 2, 0, 0.4)]
    videos = table(rows, logits=np.array([[9.0], [1], [6], [3]]), classes=("fake",)).by_video()
    assert videos.video.tolist() == ["a/x", "b/x"]
    assert videos.label.tolist() == [0, 1]
    assert videos.method.tolist() == ["real", "fake"]
    assert videos.frame.tolist() == [2, 0]
    assert videos.fake_prob == pytest.approx([0.3, 0.75])
    assert videos.logits[:, 0] == pytest.approx([2, 7.5])


def test_equal_folder_names_are_one_video_only_under_the_switch():
    rows = [("real/c23/7", 0, 0, 0.1), ("DF\\c23\\7", 0, 1, 0.9), ("FS/c23/8/", 0, 1, 0.8), ("DF/c23/8", 0, 1, 0.6)]
    assert len(table(rows).by_video()) == 4
    merged = table(rows).by_video("folder")
    assert merged.video.tolist() == ["7", "8"]
    assert merged.label.tolist() == [0, 1], "as in DeepfakeBench, one real frame makes the video real"
    assert merged.method.tolist() == ["real", "fake"]
    assert merged.fake_prob == pytest.approx([0.5, 0.7])


def test_equal_paths_in_two_data_sets_are_two_videos():
    one = table([("v", 0, 0, 0.1)])
    other = Scores(["B"], ["v"], [0], [1], ["fake"], [""], [""], [0.9])
    for key in ("path", "folder"):
        assert len(merge([one, other]).by_video(key)) == 2


def test_a_video_with_both_labels_is_refused():
    with pytest.raises(DataError, match="video 'A/v' has real and fake frames"):
        table([("v", 0, 0, 0.1), ("v", 1, 1, 0.9)]).by_video()


def test_parts_of_several_processes_make_the_whole():
    whole = merge([scores()])
    parts = [whole.select(np.arange(len(whole)) % 3 == rank) for rank in (2, 0, 1)]
    assert same(merge(parts), whole)


def test_a_process_without_rows_does_not_matter():
    whole = table([("v", 0, 0, 0.1)], logits=[[1.0, 2.0]], classes=("real", "x"))
    idle = scores().select(np.zeros(0, dtype=int))
    assert same(merge([idle, whole]), whole)


def test_a_row_scored_twice_is_refused():
    whole = scores(videos=3)
    with pytest.raises(ContractError, match="A/real/c23/000_re/00000 was scored twice"):
        merge([whole, whole])


def test_codes_number_the_distinct_rows_in_sorted_order():
    code, count = codes(np.array(["b", "a", "b", "a"], dtype=object), np.array(["x", "y", "x", "x"], dtype=object))
    assert (code.tolist(), count) == ([2, 1, 2, 0], 3)


def test_features_are_found_by_identity(tmp_path):
    whole = merge([scores(videos=3)])
    vectors = np.arange(len(whole) * 2, dtype=np.float16).reshape(-1, 2)
    save_features(tmp_path / "f.npz", whole, vectors)
    order = np.random.default_rng(0).permutation(len(whole))[:7]
    assert (load_features(tmp_path / "f.npz", whole.select(order)) == vectors[order]).all()
    with pytest.raises(DataError, match="no features of frame B"):
        load_features(tmp_path / "f.npz", scores("B", videos=1))
    (tmp_path / "g.npz").write_bytes(b"no zip")
    with pytest.raises(DataError, match="not a feature file"):
        load_features(tmp_path / "g.npz", whole)


def test_json_takes_numpy_numbers_and_refuses_what_json_cannot_say(tmp_path):
    write_json(tmp_path / "a.json", {"n": np.int64(3), "x": np.float64(0.1)})
    assert read_json(tmp_path / "a.json") == {"n": 3, "x": 0.1}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert read_json(tmp_path / "a.json")["n"] == 3, "a failed write leaves the old file"


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_damaged_json_file_is_named(tmp_path, text):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(DataError, match=r"m\.json"):
        read_json(tmp_path / "m.json")


def test_a_log_cut_off_by_a_kill_is_read_up_to_there(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"ste')
    assert read_log(path) == [{"step": 1}, {"step": 2}]
    path.write_text('{"step": 1}\n{"ste\n{"step": 3}\n')
    with pytest.raises(DataError, match=r"log\.jsonl:2"):
        read_log(path)
    path.write_text(json.dumps([1]) + "\n")
    with pytest.raises(DataError, match=r"log\.jsonl:1: expected a JSON object"):
        read_log(path)
