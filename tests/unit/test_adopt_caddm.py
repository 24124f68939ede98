"""CADDM's folders of whole frames, as its script leaves them, become a data set without being copied."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from preprocessing import adopt_caddm, manifest
from preprocessing.store import open_store
from training import draw_recipes
from training.core.errors import BenchError, ConfigError, ManifestError

REAL = "original_sequences/youtube/raw/frames/{}"
FAKE = "manipulated_sequences/Deepfakes/raw/frames/{}_{}"


def write_folder(folder: Path, clips: list[tuple[str, str]], frames: int = 2) -> dict:
    """A tree of CADDM's with frames of noise and 81 points each."""
    rng, listed = np.random.default_rng(len(clips)), {}
    angles = np.linspace(0, 2 * np.pi, 81, endpoint=False)
    points = np.rint(np.stack([120 + 40 * np.cos(angles), 90 + 40 * np.sin(angles)], 1)).astype(int).tolist()
    for clip, donor in clips:
        for video, label in ((REAL.format(clip), 0), (FAKE.format(clip, donor), 1)):
            (folder / video).mkdir(parents=True)
            for number in range(frames):
                cv2.imwrite(
                    str(folder / video / f"frame_{number}.png"), rng.integers(0, 255, (180, 240, 3), dtype=np.uint8)
                )
                listed[f"./{folder.name}/{video}/frame_{number}"] = {
                    "landmark": points,
                    "source_path": f"./{folder.name}/{REAL.format(clip)}/frame_{number}",
                    "label": label,
                }
    (folder / "ldm.json").write_text(json.dumps(listed))
    return listed


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    write_folder(tmp_path / "train_images", [("000", "003"), ("001", "870")])
    write_folder(tmp_path / "test_images", [("002", "006")])
    return tmp_path


def adopt(root: Path, *splits: str) -> manifest.Manifest:
    words = [word for split in splits for word in (f"--{split}", str(root / f"{split}_images"))]
    places = ["--datasets", str(root / "datasets"), "--output", str(root / "json")]
    adopt_caddm.main(["--dataset", "Whole", *words, *places])
    return manifest.read(root / "json" / "Whole.json")


def test_videos_are_known_by_their_names(folders: Path) -> None:
    found = adopt(folders, "train", "test")
    facts = {
        video.video: (video.method, video.label, video.source, video.donor, video.split) for video, _ in found.entries
    }
    assert facts == {
        "Deepfakes/000_003": ("Deepfakes", 1, "000", "003", "train"),
        "Deepfakes/001_870": ("Deepfakes", 1, "001", "870", "train"),
        "Deepfakes/002_006": ("Deepfakes", 1, "002", "006", "test"),
        "youtube/000": ("real", 0, "000", None, "train"),
        "youtube/001": ("real", 0, "001", None, "train"),
        "youtube/002": ("real", 0, "002", None, "test"),
    }
    assert all(len(frames) == 2 and frames[1].frame == 1 for _, frames in found.entries)


def test_pictures_landmarks_and_sources_are_read_from_where_they_are(folders: Path) -> None:
    found = adopt(folders, "train")
    store = open_store(folders / "datasets", "Whole")
    fake = next(r for r in found.records("train") if r.label)
    real = next(r for r in found.records("train") if not r.label and (r.source, r.frame) == (fake.source, fake.frame))
    assert store.image(fake).shape == (180, 240, 3)
    assert np.array_equal(store.source(fake), store.image(real))
    assert store.landmarks(fake).shape == (81, 2)
    kept = folders / "datasets/rgb/Whole/frames/train"
    pictures = list((folders / "train_images").rglob("*.png"))
    assert pictures and all((kept / file.relative_to(folders / "train_images")).samefile(file) for file in pictures)
    again = adopt(folders, "train")
    assert again == found


def test_the_recipe_cuts_its_faces_out_of_whole_frames(folders: Path) -> None:
    adopt(folders, "train")
    places = ["--set", f"data.root={folders / 'datasets'}", "--set", f"data.manifests={folders / 'json'}"]
    draw_recipes.main(["--detector_path", "caddm", "--dataset", "Whole", "--output", str(folders / "x.png"), *places])
    assert (folders / "x.png").is_file()


def test_pictures_that_are_not_there_are_counted(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    next((folders / "train_images").rglob("*.png")).unlink()
    found = adopt(folders, "train")
    assert found.facts["remarks"] == ["train: 1 pictures that ldm.json lists are not there, left out"]
    assert "1 pictures that ldm.json lists are not there" in capsys.readouterr().out
    assert sum(len(frames) for _, frames in found.entries) == 7


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"landmark": [[1, 2]] * 5}, r"has landmarks of shape \(5, 2\); expected 68 or 81"),
        ({"landmark": [["a", 2]] * 68}, "its landmarks are no numbers"),
        ({"label": 2}, "a label of 0 or 1"),
    ],
)
def test_wrong_entries_are_named(folders: Path, change: dict, says: str) -> None:
    path = folders / "train_images" / "ldm.json"
    tree = json.loads(path.read_text())
    key = next(iter(tree))
    tree[key] |= change
    path.write_text(json.dumps(tree))
    with pytest.raises(ManifestError, match=f"{key}'.*{says}"):
        adopt(folders, "train")


def test_what_stands_in_the_way_is_named(folders: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to adopt"):
        adopt(folders)
    with pytest.raises(BenchError, match=r"no manifest .*ldm\.json"):
        adopt_caddm.main(["--dataset", "Whole", "--train", str(folders), "--datasets", str(folders / "datasets")])
    picture = next((folders / "train_images").rglob("*.png")).relative_to(folders / "train_images")
    other = folders / "datasets/rgb/Whole/frames/train" / picture
    other.parent.mkdir(parents=True)
    other.write_bytes(b"another")
    with pytest.raises(ConfigError, match="is there already"):
        adopt(folders, "train")


def test_a_video_of_both_splits_is_named(folders: Path) -> None:
    write_folder(folders / "other_images", [("000", "003")])
    (folders / "test_images").rename(folders / "gone")
    (folders / "other_images").rename(folders / "test_images")
    with pytest.raises(ManifestError, match=r"video '.*000.*' is in .*train_images and in .*test_images"):
        adopt(folders, "train", "test")
