"""Layouts of the sets that attribution is studied on."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from preprocessing.layouts import df40, forgerynet, owdfa40
from preprocessing.manifest import REAL
from tests.unit.trees import by_name, facts, per_split, scan, splits, touch
from training.core.errors import ConfigError
from training.core.paths import ROOT

# ForgeryNet

TRAIN, VALIDATION = "Training/image", "Validation/image"
LINES = [
    f"train_release/{n}/{h}/b{h}/frame00001.jpg {int(n < 16)} 1 {16 - n}" for n in (1, 7, 15, 16, 19) for h in "ac"
]


def forgery_net(root, train=LINES, validation=("val_perturb_release/6/d/e/frame00049.jpg 1 2 4",)):
    for part, lines in (("Training", train), ("Validation", validation)):
        touch(root / part / "image", *(line.split()[0] for line in lines))
        (root / part / "image_list.txt").write_text("\n".join(lines) + "\n")
    return root


def test_a_folder_of_forgerynet_tells_the_method_and_not_the_lists_last_number(tmp_path):
    found = facts(scan(forgery_net(tmp_path), "ForgeryNet"), "label", "method", "source")
    assert found["train_release/1/a/ba/frame00001"] == (1, "FaceShifter", "a")
    assert found["train_release/7/a/ba/frame00001"] == (1, "Talking-Head-Video", "a")
    assert found["train_release/15/c/bc/frame00001"] == (1, "DiscoFaceGAN", "c")
    assert found["train_release/16/c/bc/frame00001"] == found["train_release/19/c/bc/frame00001"] == (0, REAL, "c")
    assert found["val_perturb_release/6/d/e/frame00049"] == (1, "DeepFakes-StarGAN-Stack", "d")
    assert len(forgerynet.METHODS) == 15


def test_forgerynets_validation_is_test_and_sources_stay_together(tmp_path):
    found = scan(forgery_net(tmp_path), "ForgeryNet")
    sources = per_split(found, lambda video: video.source)
    assert sources["test"] == {"d"} and sorted(sources["train"] | sources["val"]) == ["a", "c"]
    assert len(sources["train"]) == len(sources["val"]) == 1 and found.remarks == []


def test_forgerynet_counts_what_its_lists_and_files_do_not_share(tmp_path):
    root = forgery_net(tmp_path, [*LINES, "train_release/2/a/b/frame00002.jpg 0 1 7", f"{LINES[0]}"])
    (root / TRAIN / "train_release/2/a/b/frame00002.jpg").unlink()
    touch(root / TRAIN, "train_release/3/a/b/frame00009.jpg", "thumbs.db")
    remarks = "\n".join(scan(root, "ForgeryNet").remarks)
    assert "1 lines of Training/image_list.txt call a real one fake or the reverse" in remarks
    assert "1 videos of Training/image_list.txt are not there: train_release/2/a/b/frame00002.jpg" in remarks
    assert "1 videos are not in Training/image_list.txt, left out: train_release/3/a/b/frame00009.jpg" in remarks


@pytest.mark.parametrize(
    "line",
    ["train_release/20/a/b/f.jpg 1 1 1", "train_release/1/a/b/f.jpg 1 1", "train_release/1/a/b/f.jpg 2 1 1", "x"],
)
def test_forgerynets_lists_are_checked_line_by_line(tmp_path, line):
    with pytest.raises(ConfigError, match=r"Training/image_list\.txt:2: .* expected 'train_release/7/"):
        scan(forgery_net(tmp_path, [LINES[0], line]), "ForgeryNet")


def test_forgerynet_needs_its_lists_and_names_a_missing_part(tmp_path):
    forgery_net(tmp_path)
    (tmp_path / "Training/image_list.txt").unlink()
    with pytest.raises(ConfigError, match=r"image_list\.txt: missing; it comes as train_list\.tar"):
        scan(tmp_path, "ForgeryNet")
    only = touch(tmp_path / "v", "Validation/video/val_video_release/19/a/video.mp4")
    assert scan(only, "ForgeryNet-videos").remarks == ["not there: Training/video"]


def test_forgerynets_videos_need_no_list(tmp_path):
    root = touch(
        tmp_path,
        "Training/video/train_video_release/2/a/b/video.mp4",
        "Training/video/train_video_release/17/c/video.mp4",
        "Validation/video/val_video_release/4/d/e/video.mp4",
    )
    assert facts(scan(root, "ForgeryNet-videos"), "label", "method") == {
        "train_video_release/2/a/b/video": (1, "FSGAN"),
        "train_video_release/17/c/video": (0, REAL),
        "val_video_release/4/d/e/video": (1, "BlendFace"),
    }


# DFFD, ForgeryNIR, DF^3


def test_dffd_keeps_generators_splits_and_masks(tmp_path):
    names = (
        "ffhq/train/R_1.png",
        "faceapp/train/F_1-3.png",
        "faceapp/train_mask/F_1-3.png",
        "pggan_v2/validation/F_2.png",
    )
    found = scan(touch(tmp_path, *names, "stargan/test/F_3.png"), "DFFD")
    assert facts(found, "label", "method", "split") == {
        "ffhq/train/R_1": (0, REAL, "train"),
        "faceapp/train/F_1-3": (1, "faceapp", "train"),
        "pggan_v2/validation/F_2": (1, "pggan_v2", "val"),
        "stargan/test/F_3": (1, "stargan", "test"),
    }
    masks = {name: video.mask for name, video in by_name(found).items() if video.mask}
    assert masks == {"faceapp/train/F_1-3": tmp_path / "faceapp/train_mask/F_1-3.png"}
    assert found.remarks == ["not there: pggan_v1, stylegan_celeba, stylegan_ffhq"]


NEAR = ("0_real", "cyclegan", "progan", "stylegan", "stylegan2")


def test_pictures_of_one_name_are_in_one_split_in_all_three_sets_of_forgerynir(tmp_path):
    touch(tmp_path, *(f"ForgeryNIR-{s}/{g}/{i}.png" for s in ("std", "rand", "mix") for g in NEAR for i in range(20)))
    found = [facts(scan(tmp_path, f"ForgeryNIR-{name}"), "method", "source", "split") for name in ("std", "mix")]
    assert Counter(method for method, _, _ in found[0].values()) == {REAL: 20} | dict.fromkeys(NEAR[1:], 20)
    ways = [{(source, split) for _, source, split in each.values()} for each in found]
    assert ways[0] == ways[1] and Counter(split for _, split in ways[0]) == {"train": 14, "val": 2, "test": 4}


def test_forgerynirs_own_split_folders_and_endings_are_followed(tmp_path):
    names = [f"ForgeryNIR-mix_multi/{s}/{g}/a.png" for s in ("train", "test") for g in ("progan", "stylegan")]
    found = scan(touch(tmp_path, *names, "ForgeryNIR-mix_multi/readme.png"), "ForgeryNIR-mix")
    assert splits(found) == Counter((s, m) for s in ("train", "test") for m in ("progan", "stylegan"))
    assert found.remarks == ["not there: 0_real, cyclegan, stylegan2"]


def test_one_set_of_forgerynir_is_not_taken_for_another(tmp_path):
    touch(tmp_path, "ForgeryNIR-std/progan/a.png", "ForgeryNIR+/progan/b.png")
    assert facts(scan(tmp_path, "ForgeryNIR+"), "split") == {"ForgeryNIR+/progan/b": ("test",)}
    assert set(by_name(scan(tmp_path / "ForgeryNIR-std", "ForgeryNIR-std"))) == {"ForgeryNIR-std/progan/a"}
    with pytest.raises(ConfigError, match="no ForgeryNIR-rand here; expected ForgeryNIR-"):
        scan(tmp_path, "ForgeryNIR-rand")


def test_df3_takes_the_first_folder_for_the_generator(tmp_path):
    names = ("StyleGAN3/jpeg/1.png", "1_fake/LDM/2.png", "real/ffhq/3.png", "StyleGAN3/0_real/4.png", "stray.png")
    found = scan(touch(tmp_path, *names), "DF3")
    assert facts(found, "label", "method", "split") == {
        "StyleGAN3/jpeg/1": (1, "StyleGAN3", "test"),
        "1_fake/LDM/2": (1, "LDM", "test"),
        "real/ffhq/3": (0, REAL, "test"),
        "StyleGAN3/0_real/4": (0, REAL, "test"),
    }
    assert found.remarks == ["1 pictures are in no folder of a generator, left out: stray"]
    only = scan(touch(tmp_path / "x", "LDM/2.png"), "DF3")
    assert only.remarks == ["no real pictures: none below a folder called real or 0_real"]


# DF40


def forty(root, *names):
    for split, pair in (("train", ["000", "003"]), ("val", ["001", "002"]), ("test", ["004", "005"])):
        root.mkdir(exist_ok=True)
        (root / f"{split}.json").write_text(json.dumps([pair]))
    return touch(root, "DF40_train/empty", "DF40/empty", *names)


def test_df40_has_forty_methods_of_which_32_have_our_sources():
    assert len(df40.METHODS) == len(set(df40.METHODS)) == 40
    assert [len(kind) for kind in (df40.SWAPS, df40.REENACTMENTS, df40.SYNTHESIS, df40.EDITS)] == [10, 13, 12, 5]
    assert len(set(df40.METHODS) - set(df40.OWN_DATA)) == 32


def test_df40s_fakes_of_faceforensics_follow_its_splits(tmp_path):
    pictures = (
        "DF40_train/simswap/frames/000_003/000.png",
        "DF40_train/simswap/frames/000_003/010.png",
        "DF40_train/StyleGAN2/001/seed01.png",
        "DF40_train/e4e/ff/002/00000.jpg",
        "DF40/rddm/ff/004/1.png",
        "DF40/mcnet/ff/frames/005_004/000.png",
        "DF40/mcnet/cdf/frames/id0_id1_0000/000.png",
        f"{df40.FF_REAL}/005/000.png",
    )
    found = scan(forty(tmp_path, *pictures), "DF40-FF")
    assert facts(found, "label", "method", "source", "donor", "person", "split") == {
        "DF40_train/simswap/frames/000_003": (1, "simswap", "000", "003", "003", "train"),
        "DF40_train/StyleGAN2/001": (1, "StyleGAN2", "001", None, None, "val"),
        "DF40_train/e4e/ff/002": (1, "e4e", "002", None, "002", "val"),
        "DF40/rddm/ff/004": (1, "RDDM", "004", None, None, "test"),
        "DF40/mcnet/ff/frames/005_004": (1, "mcnet", "005", "004", "005", "test"),
        f"{df40.FF_REAL}/005": (0, REAL, "005", None, "005", "test"),
    }
    [remark] = found.remarks
    assert (
        remark.startswith("not there: fsgan, faceswap, inswap") and "simswap," not in remark and "heygen" not in remark
    )


def test_df40s_fakes_with_clips_of_two_splits_are_left_out(tmp_path):
    leaks = ("DF40_train/inswap/frames/000_005/0.png", "DF40_train/inswap/frames/999_000/0.png")
    found = scan(forty(tmp_path, *leaks, "DF40_train/inswap/frames/003_000/0.png"), "DF40-FF")
    assert set(by_name(found)) == {"DF40_train/inswap/frames/003_000"}
    assert any("2 fakes have clips of two splits or none, left out" in remark for remark in found.remarks)


def test_df40s_other_domains_are_sets_of_their_own(tmp_path):
    celeb = (
        "DF40/blendface/blendface/cdf/frames/id0_id1_0002/0.png",
        "DF40/DiT/cdf/Youtube-real/00043/458.png",
        "DF40/e4e/cdf/Celeb-real/inversions/00001.jpg",
        "Celeb-DF-v2/Celeb-real/frames/id0_0002/0.png",
    )
    own = ("DF40/stargan/stargan/fake/fake/1.jpg", "DF40/stargan/real/2.jpg", "DF40/heygen/fake/frames/x y/0.png")
    root = forty(tmp_path, *celeb, *own)
    assert facts(scan(root, "DF40-CDF"), "label", "method", "source", "donor", "person", "split") == {
        "DF40/blendface/blendface/cdf/frames/id0_id1_0002": (1, "blendface", "id0_0002", "id1", "id1", "test"),
        "DF40/DiT/cdf/Youtube-real/00043": (1, "DiT", "DF40/DiT/cdf/Youtube-real/00043", None, None, "test"),
        "DF40/e4e/cdf/Celeb-real/inversions/00001": (
            (1, "e4e", "DF40/e4e/cdf/Celeb-real/inversions/00001", None, None, "test")
        ),
        "Celeb-DF-v2/Celeb-real/frames/id0_0002": (0, REAL, "id0_0002", None, "id0", "test"),
    }
    assert facts(scan(root, "DF40-unknown"), "label", "method", "split") == {
        "DF40/stargan/stargan/fake/fake/1": (1, "stargan", "test"),
        "DF40/stargan/real/2": (0, REAL, "test"),
        "DF40/heygen/fake/frames/x y": (1, "heygen", "test"),
    }


def test_df40_needs_the_splits_of_faceforensics(tmp_path):
    with pytest.raises(ConfigError, match=r"train\.json: missing; the official splits"):
        scan(touch(tmp_path, "DF40/simswap/ff/frames/000_003/0.png"), "DF40-FF")
    with pytest.raises(ConfigError, match="no DF40-CDF here; expected DF40_train/<method>"):
        scan(forty(tmp_path), "DF40-CDF")


# OWDFA-40


def benchmark(root, count=10):
    return touch(root, *(f"data/{folder}/{i % 2}/{i:05d}.png" for folder in owdfa40.FOLDERS for i in range(count)))


def test_owdfa40_has_the_published_classes(tmp_path):
    published = json.loads((ROOT / "tests/golden/data/owdfa/cal_protocols.json").read_text())
    numbers = [int(folder.partition("_")[0]) for folder in owdfa40.FOLDERS]
    assert set(numbers) == set(published["code_to_folder_id"].values()) == set(range(41)) and len(numbers) == 42
    kinds = {"S": "Swap", "R": "Reenact", "E": "Edit", "G": "Generate"}
    kind_of = {int(folder.split("_")[0]): folder.split("_")[1] for folder in owdfa40.FOLDERS}
    assert kind_of == {n: kinds[code[0]] if n else "Real" for code, n in published["code_to_folder_id"].items()}
    videos = [source.facts for source in scan(benchmark(tmp_path, 5), "OWDFA-40").videos]
    assert len({video.method for video in videos}) == 41
    for video in videos:
        number, _, rest = video.video.partition("/")[0].partition("_")
        assert (number == "0") == (video.method == REAL) == (video.label == 0)
        assert video.method == REAL or rest.endswith(f"_{video.method}")


def test_a_fifth_of_each_folder_of_owdfa40_is_test(tmp_path):
    found = scan(benchmark(tmp_path), "OWDFA-40")
    assert Counter((s.facts.video.split("/")[0], s.facts.split) for s in found.videos) == {
        (folder, split): count for folder in owdfa40.FOLDERS for split, count in (("train", 8), ("test", 2))
    }
    assert by_name(found) == by_name(scan(tmp_path / "data", "OWDFA-40")) and found.remarks == []


def test_folders_of_owdfa40_that_lack_or_are_too_much_are_named(tmp_path):
    found = scan(touch(tmp_path, "data/0_Real_FF++/a.png", "data/41_Swap_New/a.png"), "OWDFA-40")
    assert found.remarks[0].startswith("not there: 0_Real_CelebDF, 1_Swap_Deepfakes") and "36 more" in found.remarks[0]
    assert found.remarks[1] == "1 folders are not of the benchmark, left out: 41_Swap_New"
    with pytest.raises(ConfigError, match="1_Swap_Deepfakes.zip are packed; python preprocessing/fetch_owdfa40.py"):
        scan(touch(tmp_path, "data/1_Swap_Deepfakes.zip"), "OWDFA-40")
