"""predict.py says of a file what test.py says of the same faces, and says plainly when there is nothing to say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import fastjsonschema
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import save_file
from scipy.special import softmax
from scipy.stats import ttest_1samp

from preprocessing import preprocess, rearrange
from preprocessing.faces.align import Crop
from preprocessing.faces.detect import Face
from preprocessing.faces.find import Found
from preprocessing.faces.tracks import find_tracks
from preprocessing.faces.video import Shot
from tests.unit.media import face, face_video, needs_predictor, write_picture, write_video
from training import predict, train
from training import test as test_entry
from training.core.paths import CONFIG
from training.engine.checkpoint import read_card
from training.engine.evaluators.calibration import per_level
from training.engine.results import Scores

pytestmark = needs_predictor
of_the_form = fastjsonschema.compile(json.loads((CONFIG / "predictions.schema.json").read_text()))
XCEPTION = ["--detector_path", "xception", "--set", "backbone.size=tiny", "--set", "backbone.weights=random"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Own videos, real and fake; their faces and manifest; a detector trained on them for a few steps."""
    root = tmp_path_factory.mktemp("own")
    for split, number in (("train", 0), ("val", 1), ("test", 2)):
        face_video(root / f"raw/{split}/real/{number}.mp4", frames=5, shade=number)
        face_video(root / f"raw/{split}/fake/swap/{number}.mp4", frames=5, shade=40 + number)
    words = ["--dataset", "own", "--layout", "folder", "--root", str(root / "raw"), "--output", str(root / "datasets")]
    assert preprocess.main([*words, "--workers", "0"]) == 0
    rearrange.main(["--dataset", "own", "--datasets", str(root / "datasets"), "--output", str(root / "manifests")])
    train.main(
        [*XCEPTION, "--train_dataset", "own", *data(root), "--set", "max_steps=3", "--output", str(root / "run")]
    )
    return root


def data(root: Path) -> list[str]:
    words = [f"data.root={root / 'datasets'}", f"data.manifests={root / 'manifests'}", "data.workers=0"]
    return [word for item in words for word in ("--set", item)]


def judged(home: Path, out: Path, *files: Path, code: int = 0, words: tuple[str, ...] = ()) -> dict[str, dict]:
    weights = ["--weights_path", str(home / "run/best.safetensors")]
    assert predict.main([*weights, "--output", str(out), *words, *map(str, files)]) == code
    tree = json.loads((out / "predictions.json").read_text())
    of_the_form(tree)
    assert "evidence, not proof" in tree["about"]
    for item in tree["files"]:
        assert all((out / item[key]).is_file() for key in ("timeline", "heat_map") if item[key])
    return {Path(item["file"]).name: item for item in tree["files"]}


def test_the_verdict_is_what_testing_says_of_the_same_video(home: Path, tmp_path: Path) -> None:
    weights = ["--weights_path", str(home / "run/best.safetensors"), "--test_dataset", "own", *data(home)]
    test_entry.main([*weights, "--output", str(tmp_path / "test")])
    scores = Scores.load(tmp_path / "test/scores/own.csv")
    for kind, video in (("real", "test/real/2"), ("fake/swap", "test/fake/swap/2")):
        expected = scores.select(scores.video == video)
        verdict = judged(home, tmp_path / kind, home / f"raw/test/{kind}/2.mp4")["2.mp4"]
        [only] = verdict["faces"]
        assert [frame["frame"] for frame in only["frames"]] == expected.frame.tolist() == [0, 1, 2, 3, 4]
        np.testing.assert_allclose([f["fake_prob"] for f in only["frames"]], expected.fake_prob, rtol=0, atol=1e-6)
        assert verdict["fake_prob"] == pytest.approx(expected.fake_prob.mean())
        assert (tmp_path / kind / "0001_2.png").is_file()
        carried = per_level(read_card(home / "run/best.safetensors").calibration)["video"]
        assert verdict["verdict"] == only["verdict"] == ("fake" if verdict["fake_prob"] > carried.threshold else "real")
        assert verdict["calibrated"] == pytest.approx(float(carried.scaled(expected.fake_prob.mean())))
        bounds = np.clip(ttest_1samp(expected.fake_prob, 0).confidence_interval(0.95), 0, 1)
        np.testing.assert_allclose(verdict["interval"], bounds, rtol=0, atol=1e-6)
        np.testing.assert_allclose(verdict["calibrated_interval"], carried.scaled(bounds), rtol=0, atol=1e-6)
        assert only["interval"] == verdict["interval"]
        assert (verdict["threshold"], verdict["false_alarm_rate"]) == (carried.threshold, carried.fpr)


def test_a_checkpoint_from_before_there_were_calibrations_gives_no_verdict(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with_card(home, tmp_path, lambda card: card.pop("calibration"))
    found = judged(tmp_path, tmp_path / "out", write_picture(tmp_path / "one.png", face()))["one.png"]
    assert found["fake_prob"] is not None and "verdict" not in found and "calibrated" not in found
    assert "verdict" not in capsys.readouterr().out


def test_a_checkpoint_from_before_false_alarms_were_counted_gives_none(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    picture = write_picture(tmp_path / "one.png", face())
    assert judged(home, tmp_path / "now", picture)["one.png"]["false_alarm_rate"] is not None
    assert "% of the 5 real frames that the threshold was chosen on lie above it" in capsys.readouterr().out
    with_card(home, tmp_path, lambda card: [card["calibration"][level].pop("fpr") for level in ("frame", "video")])
    found = judged(tmp_path, tmp_path / "then", picture)["one.png"]
    assert found["verdict"] in ("fake", "real") and found["false_alarm_rate"] is None
    assert "false alarms" not in capsys.readouterr().out


def with_card(home: Path, root: Path, change: Callable[[dict], object]) -> None:
    """``root/run/best.safetensors``, whose card is changed."""
    with safe_open(home / "run/best.safetensors", "pt") as file:
        card = json.loads(file.metadata()["assay"])
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    assert change(card)
    (root / "run").mkdir()
    save_file(state, root / "run/best.safetensors", metadata={"assay": json.dumps(card)})


def test_clips_of_a_file_are_those_of_testing_and_a_picture_has_none(home: Path, tmp_path: Path) -> None:
    video = ["--detector_path", "i3d", *XCEPTION[2:], "--set", "data.recipe.length=2", "--set", "max_steps=1"]
    sets = ["--train_dataset", "own", "--test_dataset", "own", *data(home)]
    train.main([*video, *sets, "--output", str(tmp_path / "run")])
    scores = Scores.load(tmp_path / "run/scores/own.csv")
    expected = scores.select(scores.video == "test/real/2")
    picture = write_picture(tmp_path / "one.png", face())
    found = judged(tmp_path, tmp_path / "out", home / "raw/test/real/2.mp4", picture)
    [only] = found["2.mp4"]["faces"]
    assert [clip["frame"] for clip in only["frames"]] == expected.frame.tolist() == [0, 3]
    # Testing saw other frames before, near whose face it looked, so a crop may differ by a fraction of a pixel.
    np.testing.assert_allclose([clip["fake_prob"] for clip in only["frames"]], expected.fake_prob, rtol=0, atol=1e-4)
    assert found["one.png"]["fake_prob"] is None and "no video has 2 frames in a row" in found["one.png"]["note"]


def train_attribution(home: Path, run: Path, known: str) -> None:
    words = [
        "--detector_path",
        "supervised",
        *XCEPTION[2:],
        "--train_dataset",
        "own",
        *data(home),
        "--output",
        str(run),
    ]
    train.main([*words, "--set", "max_steps=2", "--set", "data.batch_size=4", "--set", f"data.recipe.known={known}"])


def test_the_maker_is_who_testing_says_it_is(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    train_attribution(home, tmp_path / "run", "[real,swap]")
    weights = ["--weights_path", str(tmp_path / "run/best.safetensors"), "--test_dataset", "own", *data(home)]
    test_entry.main([*weights, "--output", str(tmp_path / "test")])
    videos = Scores.load(tmp_path / "test/scores/own.csv").by_video()
    probs = softmax(videos.logits, axis=1)
    capsys.readouterr()
    files = [home / f"raw/test/{kind}/2.mp4" for kind in ("real", "fake/swap")]
    for file, video in zip(files, ("test/real/2", "test/fake/swap/2"), strict=True):
        told = judged(tmp_path, tmp_path / "out", file)["2.mp4"]
        row = videos.video.tolist().index(video)
        assert told["maker"] == told["faces"][0]["maker"]
        np.testing.assert_allclose(list(told["maker"]["probs"].values()), probs[row], rtol=0, atol=1e-6)
        best = videos.classes[probs[row].argmax()]
        assert told["maker"]["name"] == best and told["maker"]["confidence"] == pytest.approx(probs[row].max())
        assert told["maker"]["known_prob"] == pytest.approx(probs[row, :2].sum())
        assert told["fake_prob"] == pytest.approx(1 - probs[row, 0], abs=1e-2)
        assert len(told["faces"][0]["frames"]) == 5 and "maker_prob" in told["faces"][0]["frames"][0]
        said = capsys.readouterr().out
        assert f"{best} {probs[row].max():.2f}" in said and "evidence, not proof" in said


def test_a_method_that_knows_no_real_pictures_does_not_call_any_fake(home: Path, tmp_path: Path) -> None:
    train_attribution(home, tmp_path / "run", "[swap]")
    picture = write_picture(tmp_path / "one.png", face())
    blank = write_picture(tmp_path / "two.png", np.full((80, 80, 3), 90, np.uint8))
    found = judged(tmp_path, tmp_path / "out", picture, blank)
    assert found["one.png"]["fake_prob"] is None and found["one.png"]["faces"][0]["frames"][0]["fake_prob"] is None
    assert found["one.png"]["maker"]["name"] in ("swap", "unknown cluster 1")
    assert found["one.png"]["interval"] is None and found["two.png"]["maker"] is None
    notes = json.loads((tmp_path / "out/predictions.json").read_text())["notes"]
    assert any("knows no real pictures" in note for note in notes)


def test_several_faces_are_followed_separately_and_the_most_suspicious_one_decides(home: Path, tmp_path: Path) -> None:
    left, right = face(), cv2.GaussianBlur(face()[:, ::-1], (0, 0), 1)
    frames = [np.hstack([np.roll(left, i, 1), np.roll(right, -i, 1)]) for i in range(4)]
    verdict = judged(home, tmp_path, write_video(tmp_path / "two.mp4", frames), words=("--explain",))["two.mp4"]
    assert (verdict["timeline"], verdict["heat_map"]) == ("0001_two.png", "0001_two_heat.png")
    assert len(verdict["faces"]) == 2
    for item in verdict["faces"]:
        sides = {frame["box"][0] < left.shape[1] // 2 for frame in item["frames"]}
        assert len(sides) == 1 and len(item["frames"]) == 4
    assert verdict["fake_prob"] == max(item["fake_prob"] for item in verdict["faces"])


def test_what_cannot_be_judged_is_said_in_one_line_and_loses_nothing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "files"
    write_picture(folder / "a_good.png", face())
    write_picture(folder / "b_blank.png", np.full((80, 80, 3), 90, np.uint8))
    (folder / "c_empty.mp4").write_bytes(b"")
    (folder / "d_text.jpg").write_text("not a picture")
    (folder / "ignored.txt").write_text("no media")
    found = judged(home, tmp_path / "out", folder, code=1)
    assert list(found) == ["a_good.png", "b_blank.png", "c_empty.mp4", "d_text.jpg"]
    assert found["a_good.png"]["fake_prob"] is not None
    assert found["b_blank.png"]["note"] == "no face found" and not found["b_blank.png"]["failed"]
    assert found["c_empty.mp4"]["failed"] and "empty file" in found["c_empty.mp4"]["note"]
    assert found["d_text.jpg"]["failed"]
    said = capsys.readouterr().out.splitlines()
    assert sum("d_text.jpg" in line for line in said) == 1
    assert said[-1] == f"results: {tmp_path / 'out'}"


def test_bad_usage_is_named(home: Path, tmp_path: Path) -> None:
    from training.core.errors import ConfigError

    weights = ["--weights_path", str(home / "run/best.safetensors")]
    with pytest.raises(ConfigError, match="--weights_path is missing"):
        predict.main(["x.png"])
    with pytest.raises(ConfigError, match=r"no such file or folder: .*nowhere\.png"):
        predict.main([*weights, str(tmp_path / "nowhere.png")])
    with pytest.raises(ConfigError, match="holds no pictures or videos"):
        predict.main([*weights, str(tmp_path)])


def test_tracks_take_each_face_once_per_frame_and_start_anew_elsewhere() -> None:
    def box(left: int) -> Face:
        return Face(left, 0, left + 9, 9, 1.0)

    class Boxes(list):
        def every(self, shot: Shot, lasts: list[Face]) -> list[Found]:  # noqa: ARG002 - as finders are
            return [Found(face, np.eye(2, 3), None) for face in self[shot.index]]

    boxes = Boxes([[box(0), box(50)], [box(52), box(3)], [], [box(5)], [box(100)]])
    shots = [Shot(i, np.zeros((64, 128, 3), np.uint8)) for i in range(len(boxes))]
    tracks, empty = find_tracks(shots, boxes, Crop(32))
    assert [[cut.index for cut in track.cuts] for track in tracks] == [[0, 1, 3], [0, 1], [4]]
    assert [[cut.box.left for cut in track.cuts] for track in tracks] == [[0, 3, 5], [50, 52], [100]]
    assert empty == [2]
