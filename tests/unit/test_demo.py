"""The offline demo videos: layout, determinism, masks, faces, and nothing but the face to tell real from fake."""

import json

import av
import dlib
import numpy as np
import pytest

from preprocessing.demo.draw import draw
from preprocessing.demo.film import film
from preprocessing.demo.plan import CELEB, FORENSICS, FORENSICS_METHODS, SIZES, SPLITS, make_plan
from training.core.errors import ConfigError

SIZE, SEED = "tiny", 3


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    output = tmp_path_factory.mktemp("demo")
    draw(output, SIZE, SEED, workers=2)
    return output


def read(path):
    """Frames (T, H, W, 3) of a video."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def faces(demo):
    """Paths of all videos that show a face."""
    return [path for path in sorted(demo.rglob("*.mp4")) if "masks" not in path.parts]


def pairs(demo):
    return {split: json.loads((demo / FORENSICS / f"{split}.json").read_text()) for split in SPLITS}


def test_every_split_has_its_originals_its_fakes_and_their_masks(demo):
    root, expected = demo / FORENSICS, set()
    for a, b in (pair for split in pairs(demo).values() for pair in split):
        expected |= {root / f"original_sequences/youtube/c23/videos/{person}.mp4" for person in (a, b)}
        for method in FORENSICS_METHODS:
            folder = root / "manipulated_sequences" / method
            for name in (f"{a}_{b}.mp4", f"{b}_{a}.mp4"):
                expected |= {folder / "c23/videos" / name, folder / "masks/videos" / name}
    assert set(root.rglob("*.mp4")) == expected
    assert all(pairs(demo).values())


@pytest.mark.parametrize("size", SIZES)
def test_nobody_appears_in_two_splits(size):
    texts = make_plan(SIZES[size], SEED).texts
    people = [person for split in SPLITS for pair in json.loads(texts[f"{FORENSICS}/{split}.json"]) for person in pair]
    assert len(set(people)) == len(people) == 2 * sum(SIZES[size].pairs)


@pytest.mark.parametrize("size", SIZES)
def test_celebrities_of_the_test_list_are_not_seen_outside_it(size):
    plan = make_plan(SIZES[size], SEED)
    listed = {line.split()[1] for line in plan.texts[f"{CELEB}/List_of_testing_videos.txt"].splitlines()}
    people = {True: set(), False: set()}
    for footage in plan.footage:
        if footage.dataset == CELEB:
            names = {name.removeprefix(f"{CELEB}/") for name in footage.files}
            assert names <= listed or not names & listed
            people[names <= listed] |= {footage.person, *(fake.donor for fake in footage.fakes)}
    assert people[True]
    assert not people[True] & people[False]


def test_the_celeb_list_says_1_for_real_and_names_files_that_exist(demo):
    lines = (demo / CELEB / "List_of_testing_videos.txt").read_text().splitlines()
    flags = dict(reversed(line.split(" ")) for line in lines)
    assert len(flags) == len(lines)
    assert all((demo / CELEB / name).is_file() for name in flags)
    assert {name for name, flag in flags.items() if flag == "0"} == {
        n for n in flags if n.startswith("Celeb-synthesis/")
    }
    assert {name.split("/")[0] for name in flags} == {"Celeb-real", "YouTube-real", "Celeb-synthesis"}


def test_celeb_fakes_name_an_original_and_a_donor(demo):
    for path in (demo / CELEB / "Celeb-synthesis").iterdir():
        target, donor, clip = path.stem.split("_")
        assert donor != target
        assert (demo / CELEB / "Celeb-real" / f"{target}_{clip}.mp4").is_file()


def test_bytes_do_not_depend_on_the_number_of_workers(demo, tmp_path):
    draw(tmp_path, SIZE, SEED, workers=1)
    assert contents(tmp_path) == contents(demo)


def test_another_seed_draws_other_people(demo, tmp_path):
    footage = make_plan(SIZES[SIZE], SEED).footage[0]
    film(footage, tmp_path, SEED + 1)
    assert (tmp_path / footage.video).read_bytes() != (demo / footage.video).read_bytes()


def test_a_second_run_draws_only_what_is_missing(demo):
    before, times = contents(demo), {path: path.stat().st_mtime_ns for path in demo.rglob("*.mp4")}
    lost = [path for path in times if path.stem in ("000", "id0_id1_0000")]
    for path in lost:
        path.unlink()
    assert draw(demo, SIZE, SEED, workers=1) == len(lost) == 2
    assert contents(demo) == before
    assert {path for path in times if path.stat().st_mtime_ns != times[path]} == set(lost)


def test_another_demo_or_other_data_in_the_folder_are_left_alone(demo, tmp_path):
    with pytest.raises(ConfigError, match="'seed': 3.*another --output"):
        draw(demo, SIZE, SEED + 1)
    (tmp_path / FORENSICS).mkdir()
    with pytest.raises(ConfigError, match="not drawn by the demo"):
        draw(tmp_path, SIZE, SEED)


@pytest.mark.parametrize("method", FORENSICS_METHODS)
def test_masks_mark_where_a_fake_differs_from_its_original(demo, method):
    folder = demo / FORENSICS / "manipulated_sequences" / method
    for path in sorted((folder / "c23/videos").iterdir()):
        original = read(demo / FORENSICS / f"original_sequences/youtube/c23/videos/{path.stem[:3]}.mp4")
        mask = read(folder / "masks/videos" / path.name)[..., 0]
        assert np.mean((mask < 8) | (mask > 247)) > 0.999
        difference = np.abs(read(path).astype(int) - original).mean(-1)
        inside, outside = difference[mask > 127].mean(), difference[mask <= 127].mean()
        assert outside < 1.5  # what c23 alone changes, of 255
        assert inside > 3 * outside


def test_methods_change_the_same_original_in_different_ways(demo):
    name = next((demo / FORENSICS / "manipulated_sequences/Deepfakes/c23/videos").iterdir()).name
    fakes = [
        read(demo / FORENSICS / f"manipulated_sequences/{m}/c23/videos/{name}").astype(int) for m in FORENSICS_METHODS
    ]
    mask = read(demo / FORENSICS / f"manipulated_sequences/NeuralTextures/masks/videos/{name}")[..., 0] > 127
    for i, first in enumerate(fakes):
        for second in fakes[:i]:
            assert np.abs(first - second)[mask].mean() > 3


def test_dlib_finds_the_face_in_every_video(demo):
    detector = dlib.get_frontal_face_detector()
    for path in faces(demo):
        _, scores, _ = detector.run(read(path)[4], 1, 0.0)
        assert len(scores) == 1, path
        assert scores[0] > 0.3, path


def test_real_and_fake_videos_of_a_set_have_the_same_format(demo):
    formats = {FORENSICS: set(), CELEB: set()}
    for path in faces(demo):
        with av.open(str(path)) as container:
            s = container.streams.video[0]
            facts = (s.codec_context.name, s.codec_context.pix_fmt, s.width, s.height, s.average_rate, s.frames)
        formats[path.relative_to(demo).parts[0]].add(facts)
    assert [len(found) for found in formats.values()] == [1, 1]
    assert formats[FORENSICS] != formats[CELEB]


def test_fakes_are_neither_darker_nor_smoother_as_a_whole(demo):
    """The camera's noise, seen in the flat background, and the mean brightness must not tell the label."""
    for path in faces(demo / FORENSICS):
        if "manipulated_sequences" in path.parts:
            fake, real = (
                read(path),
                read(demo / FORENSICS / f"original_sequences/youtube/c23/videos/{path.stem[:3]}.mp4"),
            )
            assert abs(fake.mean() - real.mean()) < 4
            corner = (slice(None), slice(0, 20), slice(0, 20))
            assert np.allclose(fake[corner].std((1, 2)), real[corner].std((1, 2)), atol=1.0)


def test_no_half_written_file_is_left(demo):
    assert not [path for path in demo.rglob("*") if path.suffix == ".part"]
    assert {path.suffix for path in demo.rglob("*.*")} == {".mp4", ".json", ".txt"}
