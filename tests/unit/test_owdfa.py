"""OW-DFA: its draws as published, its release tree, and building that from the raw sets."""

from __future__ import annotations

import csv
import json
import zlib
from collections import Counter

import cv2
import numpy as np
import pytest

from preprocessing import build_owdfa
from preprocessing.layouts import _owdfa
from preprocessing.layouts._owdfa import CELEB, CLASSES, DFFD, FF, NET, NIR
from preprocessing.manifest import REAL, Manifest, Video, read
from preprocessing.owdfa_sources import NET_NUMBERS, SIZES, Size
from tests.unit.media import numbered, write_video
from tests.unit.trees import facts, scan, touch
from training.core.errors import ConfigError
from training.core.paths import ROOT

GOLDEN = ROOT / "tests" / "golden" / "data" / "owdfa" / "cpl_protocols.json"


# OW-DFA: draws


COUNTS = {each: SIZES["large"].wanted(each) for each in CLASSES}
ROWS = (
    *((method, FF) for method in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "Real")),
    ("Real", CELEB),
    *((method, NET) for method in NET_NUMBERS.values()),
    *((method, DFFD) for method in ("FaceAPP", "PGGAN", "StyleGAN", "StarGAN")),
    *((method, NIR) for method in ("CycleGAN", "PGGAN", "StyleGAN", "StyleGAN2")),
)
"""Groups of the golden figures' table in the order of its rows, with those that make no class."""


def test_the_classes_of_owdfa_are_numbered_and_tagged_as_published():
    published = json.loads(GOLDEN.read_text())
    tags = _owdfa.draw_tags(COUNTS, SIZES["large"].celeb_kept)
    for protocol, classes in (("protocol2", CLASSES), ("protocol1", [c for c in CLASSES if c.method != "Real"])):
        numbers = _owdfa.labels({each: (tags[each].count(1), tags[each].count(2)) for each in classes})
        ours = {
            number: (each.method, each.source, each.category, *(tags[each].count(tag) for tag in (1, 2, 0)))
            for each, number in numbers.items()
        }
        keys = ("method", "image_source", "category", "labelled_tag1", "unlabelled_tag2", "dropped_tag0")
        assert ours == {row["label"]: tuple(row[key] for key in keys) for row in published[protocol]}
    known = {(row["method"], row["image_source"]) for row in published["protocol2"] if row["labelled_tag1"]}
    assert known == {(each.method, each.source) for each in CLASSES if each.known}


@pytest.mark.parametrize("protocol", ["protocol1", "protocol2"])
def test_owdfa_is_cut_into_training_and_test_as_published(protocol):
    published = json.loads(GOLDEN.read_text())
    tags = _owdfa.draw_tags(COUNTS, SIZES["large"].celeb_kept)
    by_class, start = {(each.method, each.source): each for each in CLASSES}, 0
    rows, groups = {}, {}
    for group in ROWS:
        each = by_class.get(group)
        drawn = tags[each] if each else [0] * 10_000
        rows |= {start + at: tag for at, tag in enumerate(drawn) if tag}
        groups[group] = [start + at for at, tag in enumerate(drawn) if tag]
        start += len(drawn)
    order = sorted(published[protocol], key=lambda row: (row["image_source"], row["label"]))
    used = [groups[row["method"], row["image_source"]] for row in order]
    expected = published[f"split_{protocol}"]
    train = _owdfa.training_rows(used, expected["seed"])
    test = sorted({row for group in used for row in group} - set(train))
    for name, part in (("train", train), ("test", test)):
        assert len(part) == expected[name]
        assert sum(rows[row] == 1 for row in part) == expected[f"{name}_labelled"]
        joined = "\n".join(f"p{row}" for row in part)
        assert zlib.crc32(joined.encode()) == expected[f"{name}_crc32_of_joined_img_path"]


# OW-DFA: the tree

HEAD = ",".join(_owdfa.COLUMNS)
NAMES = {
    FF: "c23-{0:03d}_{1:03d}-00007.png",
    CELEB: "Celeb-real-id{0}_000{0}-00010.png",
    NET: "1-a{0}-b-frame00001.jpg",
    DFFD: "F_{0}.png",
    NIR: "N_{0}.png",
}
LARGE = "Protocol2_openset_real_fake_large_merge_meta.csv"


def release(root, count=10, stem=LARGE, change=lambda row: row, classes=CLASSES):
    """``count`` pictures of each class; of known ones three quarters are labelled, the last of novel ones is unused."""
    rows = []
    for number, each in enumerate(classes):
        for i in range(count):
            name = (
                NAMES[each.source].format(i, i + 1)
                if each.method != "Real" or each.source != FF
                else f"c23-{i:03d}-1.png"
            )
            tag = (1 if i < 0.75 * count else 2) if each.known else (0 if i == count - 1 else 2)
            path = f"D:\\there\\data\\release\\{each.folder}/{name}".replace("/", "\\")
            row = [
                name,
                number,
                each.method,
                each.category,
                0,
                int(each.method == "Real"),
                tag,
                "",
                each.source,
                path,
                "",
                "",
            ]
            rows.append(change(dict(zip(_owdfa.COLUMNS, row, strict=True))))
            touch(root, f"{each.folder}/{name}")
    path = root / "meta_data" / stem
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, _owdfa.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return root


def class_of(video: Video) -> str:
    """What the docstring of the layout tells a protocol to take for the class."""
    return f"{video.method}@{video.video.partition('/')[0]}" if video.method == REAL else video.method


def test_owdfa_keeps_class_source_tag_and_cut(tmp_path):
    found = scan(release(tmp_path), "OW-DFA")
    videos = [source.facts for source in found.videos]
    classes = {f"{REAL if each.method == 'Real' else each.method}@{each.source}": each for each in CLASSES}
    assert {class_of(video) for video in videos} == set(classes) and len(classes) == 22
    for name, each in classes.items():
        own = [video for video in videos if class_of(video) == name]
        assert {video.label for video in own} == {int(each.method != "Real")}
        assert len(own) == (10 if each.known else 9)
        assert sum(video.labelled for video in own) == (8 if each.known else 0)
        assert Counter(video.split for video in own) == (
            {"train": 8, "test": 2} if each.known else {"train": 7, "test": 2}
        )
    assert found.remarks == [f"13 pictures of {LARGE} are tagged 0, unused, and left out"]


def test_owdfa_tells_what_names_say_of_people(tmp_path):
    found = facts(scan(release(tmp_path), "OW-DFA"), "source", "donor", "person")
    assert found[f"{FF}/Deepfakes/c23-003_004-00007"] == (f"{FF}/003", f"{FF}/004", None)
    assert found[f"{FF}/Real/c23-003-1"] == (f"{FF}/003", None, None)
    assert found[f"{CELEB}/Real/Celeb-real-id3_0003-00010"] == (f"{CELEB}/id3_0003", None, f"{CELEB}/id3")
    assert found[f"{DFFD}/FaceAPP/F_3"] == (f"{DFFD}/F_3", None, None)


def test_protocols_without_real_faces_have_the_same_cut(tmp_path):
    fakes = [each for each in CLASSES if each.method != "Real"]
    one = scan(release(tmp_path / "1", stem="Protocol1_openset_fake_large_merge_meta.csv", classes=fakes), "OW-DFA")
    assert any("no real faces: no list openset_real_fake_large" in remark for remark in one.remarks)
    assert "not there: RealFace" in one.remarks
    two = facts(scan(release(tmp_path / "2"), "OW-DFA"), "split", "labelled", "label")
    assert facts(one, "split", "labelled") == {name: two[name][:2] for name in two if two[name][2]}


def test_owdfa_is_found_below_and_its_other_lists_are_sets_of_their_own(tmp_path):
    root = tmp_path / "data/release"
    root.mkdir(parents=True)
    release(root, 4)
    release(root, 8, "Protocol4_openset_real_fake_aigc_large_merge_meta.csv")
    assert len(scan(tmp_path, "OW-DFA").videos) == 22 * 4 - 13
    assert len(scan(tmp_path, "OW-DFA++").videos) == 22 * 8 - 13
    with pytest.raises(
        ConfigError, match=r"meta_data: no list \*openset_real_fake_val\*\.csv; get it from CPL's authors"
    ):
        scan(tmp_path, "OW-DFA-small")


def test_listed_pictures_that_are_not_there_do_not_move_the_cut(tmp_path):
    before = facts(scan(release(tmp_path), "OW-DFA"), "split")
    gone = f"{CLASSES[0].folder}/{NAMES[FF].format(2, 3)}"
    (tmp_path / gone).unlink()
    found = scan(tmp_path, "OW-DFA")
    del before[f"{FF}/Deepfakes/c23-002_003-00007"]
    assert facts(found, "split") == before
    assert f"1 of {22 * 10 - 13} listed pictures are not there: {gone}" in found.remarks


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("tag", "3", "tag is '3'"),
        ("face_type", "real", "face_type 'real'"),
        ("label", "x", "label 'x'"),
        ("image_source", "", "'image_source' is empty"),
        ("img_path", "a/Deepfakes/faceforensics/c23-000_001-00007.png", "is listed twice"),
    ],
)
def test_owdfas_lists_are_checked_line_by_line(tmp_path, key, value, says):
    def change(row):
        return row | {key: value} if row["img_name"] == NAMES[FF].format(1, 2) else row

    with pytest.raises(ConfigError) as error:
        scan(release(tmp_path, change=change), "OW-DFA")
    assert f"{LARGE}:3: " in str(error.value) and says in str(error.value)


def test_an_empty_root_is_no_owdfa(tmp_path):
    with pytest.raises(ConfigError, match="no OW-DFA here; expected RealFace"):
        scan(tmp_path, "OW-DFA")


def test_a_manifest_keeps_who_is_labelled(tmp_path):
    entries = [(video.facts, []) for video in scan(release(tmp_path), "OW-DFA").videos]
    Manifest("OW-DFA", entries).write(tmp_path / "OW-DFA.json")
    assert read(tmp_path / "OW-DFA.json").entries == sorted(entries, key=lambda entry: entry[0].video)


# OW-DFA: building it

GANS = ("cyclegan", "progan", "stylegan", "stylegan2")
GENERATORS = {"faceapp": 6, "pggan_v2": 4, "stargan": 5, "stylegan_ffhq": 5}


def forgery_net(root, lines):
    touch(root / "Training/image", *(line.split()[0] for line in lines))
    (root / "Training/image_list.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """The five sets in miniature: three videos of each kind, four pictures of each class and more."""
    root = tmp_path_factory.mktemp("raw")
    for folder in ("original_sequences/youtube", *(f"manipulated_sequences/{m}" for m in _owdfa._DRAWN[FF][1:])):
        for i in range(3):
            stem = f"{i:03d}" if "youtube" in folder else f"{i:03d}_{i + 3:03d}"
            write_video(root / f"ff/{folder}/c23/videos/{stem}.mp4", numbered(25))
    write_video(root / "celeb/Celeb-real/id1_0002.mp4", numbered(15))
    lines = [f"train_release/9/{i}/b/f{n}.jpg 1 1 {n}" for n in range(1, 16) for i in range(4)]
    forgery_net(root / "net", lines)
    for generator, count in GENERATORS.items():
        touch(root / "dffd", *(f"{generator}/train/{generator}{i}.png" for i in range(count)))
        touch(root / "dffd", *(f"{generator}/test/{generator}{i}.png" for i in range(count, count + 3)))
    touch(root / "nir", *(f"ForgeryNIR-mix/{g}/{g}{i}.png" for g in GANS for i in range(9)))
    return root


def arguments(raw, output):
    roots = {"faceforensics": "ff", "celebdf": "celeb", "forgerynet": "net", "dffd": "dffd", "forgerynir": "nir"}
    return ["--output", str(output), "--workers", "0", *(x for k, v in roots.items() for x in (f"--{k}", str(raw / v)))]


@pytest.fixture(scope="module")
def built(raw, tmp_path_factory):
    output = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, "small", Size(fakes=5, fake_frames=2, real_frames=4, celeb_frames=6, celeb_kept=4))
        assert build_owdfa.main([*arguments(raw, output), "--size", "small"]) == 0
    return output


def test_what_is_built_is_what_the_layout_reads(built):
    found = scan(built, "OW-DFA-small")
    per_class = Counter(class_of(source.facts) for source in found.videos)
    # Six frames of three videos; three quarters of novel fakes, four of Celeb-DF's real faces.
    assert per_class == {
        "real@FaceForensics++": 12,
        "real@CelebDF": 4,
        **{f"{m}@{FF}": 6 for m in ("Deepfakes", "Face2Face")},
        **{f"{m}@{FF}": 5 for m in ("FaceSwap", "NeuralTextures")},
        **{f"{m}@{NET}": 4 for m in ("DeepFaceLab", "FOMM", "MaskGAN")},
        **{f"{m}@{NET}": 3 for m in set(NET_NUMBERS.values()) - {"DeepFaceLab", "FOMM", "MaskGAN"}},
        **{f"{m}@{DFFD}": 5 for m in ("FaceAPP", "StyleGAN")},
        **{f"{m}@{DFFD}": 4 for m in ("PGGAN", "StarGAN")},
        f"CycleGAN@{NIR}": 5,
        f"StyleGAN2@{NIR}": 4,
    }
    assert all("not there" not in remark for remark in found.remarks)
    fakes = scan_list(built, "Protocol1_openset_fake_val_merge_meta.csv")
    both = scan_list(built, "Protocol2_openset_real_fake_val_merge_meta.csv")
    assert [row["img_path"] for row in fakes] == [row["img_path"] for row in both if row["face_type"] == "0"]
    for rows, known in ((fakes, 8), (both, 9)):
        tagged = {int(row["label"]) for row in rows if row["tag"] == "1"}
        assert tagged == set(range(known))


def scan_list(built, name):
    with (built / "meta_data" / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_frames_and_pictures_are_taken_where_and_as_told(built, raw):
    frames = sorted(path.name for path in (built / "IdentitySwap/Deepfakes/faceforensics").iterdir())
    assert frames == [f"c23-00{i}_00{i + 3}-{frame:05d}.png" for i in range(3) for frame in (0, 24)]
    image = cv2.imread(str(built / "IdentitySwap/Deepfakes/faceforensics" / frames[1]))
    assert abs(np.median(image) - 3 * 24) <= 3
    celeb = sorted(path.name for path in (built / "RealFace/Real/CelebDF").iterdir())
    assert celeb == [f"Celeb-real-id1_0002-{frame:05d}.png" for frame in (0, 2, 5, 8, 11, 14)]
    net = {path.name for path in (built / "ExpressionTransfer/ATVG-Net/ForgeryNet").iterdir()}
    assert net == {f"9-{i}-b-f8.jpg" for i in range(4)}  # by the last number of a line, as CPL does
    pggan = {path.name for path in (built / "EntireFaceSyncthesis/PGGAN/DFFD").iterdir()}
    assert {f"pggan_v2{i}.png" for i in range(4)} < pggan and len(pggan) == 5  # the training part, topped up
    assert not (built / "EntireFaceSyncthesis/PGGAN/ForgeryNIR").exists()


def test_a_build_that_was_stopped_goes_on(built, raw, tmp_path, capsys):
    arguments = ["--output", str(tmp_path), "--workers", "0", "--celebdf", str(raw / "celeb"), "--size", "small"]
    assert build_owdfa.main(arguments) == 1  # the other sets were not given
    pictures = sorted((tmp_path / "RealFace/Real/CelebDF").iterdir())
    times = [path.stat().st_mtime_ns for path in pictures]
    pictures[3].rename(pictures[3].with_name(f".{pictures[3].name}.1.part"))
    build_owdfa.main(arguments)
    assert sorted((tmp_path / "RealFace/Real/CelebDF").iterdir()) == pictures
    again = [path.stat().st_mtime_ns for path in pictures]
    assert [old == new for old, new in zip(times, again, strict=True)] == [i != 3 for i in range(len(pictures))]
    assert "CelebDF          Real                    10 pictures, 5890 missing" in capsys.readouterr().out


def test_what_cannot_be_taken_is_counted(raw, tmp_path, capsys):
    touch(tmp_path / "celeb", "Celeb-real/id0_0000.mp4")
    (tmp_path / "celeb/Celeb-real/id1_0001.mp4").symlink_to(raw / "celeb/Celeb-real/id1_0002.mp4")
    forgery_net(tmp_path / "net", ["train_release/1/a/b/f.jpg 1 2 8", "train_release/8/a/b/f.jpg 1 1 1"])
    (tmp_path / "net/Training/image/train_release/8/a/b/f.jpg").unlink()
    roots = ["--celebdf", str(tmp_path / "celeb"), "--forgerynet", str(tmp_path / "net")]
    assert build_owdfa.main(["--output", str(tmp_path / "o"), "--workers", "0", *roots]) == 1
    told = capsys.readouterr()
    assert "2 files could not be taken" in told.out
    assert "id0_0000.mp4: cannot be opened as a video (empty file)" in told.err and "not there" in told.err
    assert len(scan(tmp_path / "o", "OW-DFA").videos) == 15 + 1


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([], "nothing to build from: give --faceforensics ROOT, --celebdf ROOT"),
        (["--celebdf", "."], "nothing of CelebDF here that OW-DFA takes"),
        (["--dffd", "."], "no DFFD here; expected ffhq"),
        (["--forgerynet", "."], "Training/image_list.txt: missing"),
    ],
)
def test_roots_that_are_none_are_refused(tmp_path, flags, says, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        build_owdfa.main(["--output", str(tmp_path / "o"), *flags])
    assert says in str(error.value) and not (tmp_path / "o").exists()
