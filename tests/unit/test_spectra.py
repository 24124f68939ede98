"""Spectra of faces against closed forms, from a face store on disk."""

import csv
from importlib import import_module

import cv2
import numpy as np
import pytest

from analysis.figures.spectra_2d import spectra_2d
from analysis.figures.spectra_radial import spectra_radial
from analysis.spectra import power_spectrum, spectra
from preprocessing.manifest import Frame, Manifest, Video
from training.core.errors import ConfigError, DataError, ManifestError

SIDE = 64


def wave(across, down, amplitude=40.0, side=SIDE):
    y, x = np.mgrid[:side, :side] / side
    gray = 128 + amplitude * np.cos(2 * np.pi * (across * x + down * y))
    return np.repeat(gray[..., None], 3, axis=2)


def noise(sigma, seed=0, side=SIDE):
    gray = np.random.default_rng(seed).normal(128, sigma, (side, side))
    return np.repeat(gray[..., None], 3, axis=2)


def test_a_sinusoid_has_its_power_at_its_two_frequencies():
    power, middle = power_spectrum(wave(9, 4)), SIDE // 2
    assert power[middle + 4, middle + 9] == pytest.approx(40**2 / 4, rel=1e-6)
    assert power[middle - 4, middle - 9] == pytest.approx(40**2 / 4, rel=1e-6)
    assert power[middle + 4, middle + 10] == pytest.approx(40**2 / 4 / 4, rel=1e-6), "a Hann window spreads by one"
    power[middle + 3 : middle + 6, middle + 8 : middle + 11] = 0
    power[middle - 5 : middle - 2, middle - 10 : middle - 7] = 0
    assert power.max() < 1e-6


def test_white_noise_is_flat_with_the_power_of_its_variance():
    (found,) = spectra([("real", noise(10, seed)) for seed in range(80)])
    window = np.hanning(SIDE + 1)[:-1]
    expected = 10 * np.log10(100 * ((window**2).sum() / window.sum() ** 2) ** 2)
    assert found.radial()[5:] == pytest.approx(np.full(SIDE // 2 - 5, expected), abs=0.5)


def test_the_radial_mean_peaks_at_the_distance_of_the_frequency():
    (found,) = spectra([("x", wave(6, 8))])
    assert found.radial().argmax() == 10


def test_real_comes_first_and_pictures_are_averaged():
    found = spectra([("B", wave(3, 0)), ("real", wave(5, 0)), ("B", wave(0, 3)), ("A", wave(1, 1))])
    assert [(one.method, one.pictures) for one in found] == [("real", 1), ("A", 1), ("B", 2)]
    assert found[2].power == pytest.approx((power_spectrum(wave(3, 0)) + power_spectrum(wave(0, 3))) / 2)


def test_pictures_are_never_resized():
    with pytest.raises(DataError, match=r"32x32 pixels; spectra need all to be 64x64"):
        spectra([("A", wave(1, 1)), ("B", wave(1, 1, side=32))])


def lines(path):
    with path.with_suffix(".csv").open() as file:
        return list(csv.DictReader(file))


def test_figures_hold_their_numbers(tmp_path):
    found = spectra([("real", noise(10)), ("A", wave(6, 8))])
    rows = [row for row in lines(spectra_2d(found, "x", tmp_path / "2d.png")) if row["method"] == "A"]
    assert len(rows) == SIDE * SIDE // 2
    top = max(rows, key=lambda row: float(row["decibel"]))
    assert (top["cycles_across"], top["cycles_down"]) == ("6", "8")
    rows = [row for row in lines(spectra_radial(found, "x", tmp_path / "r.png")) if row["method"] == "A"]
    assert float(max(rows, key=lambda row: float(row["decibel"]))["cycles_per_pixel"]) == 10 / SIDE
    assert lines(spectra_2d(found[1:], "without real", tmp_path / "a.png"))


@pytest.fixture
def store(tmp_path):
    """Three faces of each of two methods on disk."""
    entries = []
    for method, pattern in (("real", wave(2, 2)), ("StyleGAN", wave(20, 20))):
        frames = []
        for n in range(3):
            image = f"frames/{method}/{n:03d}.png"
            file = tmp_path / "rgb" / "faces" / image
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), pattern.round().astype(np.uint8))
            frames.append(Frame(frame=n, face_found=True, image=image))
        video = Video("faces", f"{method}/0", int(method != "real"), method, "0", "test")
        entries.append((video, frames))
    Manifest("faces", entries).write(tmp_path / "faces.json")
    return tmp_path


def options(store):
    return ["--root", str(store), "--manifests", str(store), "--output", str(store / "out")]


@pytest.mark.parametrize("name", ["spectra_2d", "spectra_radial"])
def test_spectra_of_a_data_set_from_the_command_line(store, name, capsys):
    import_module(f"analysis.figures.{name}").main(["faces", "--pictures", "2", *options(store)])
    assert f"{name}_faces.png" in capsys.readouterr().out
    rows = lines(store / "out" / f"{name}_faces.png")
    assert {row["method"] for row in rows} == {"real", "StyleGAN"}


def test_what_is_missing_is_named(store):
    main = import_module("analysis.figures.spectra_radial").main
    with pytest.raises(ConfigError, match="faces: no faces in split 'train', compression c23"):
        main(["faces", "--split", "train", *options(store)])
    with pytest.raises(ManifestError):
        main(["nowhere", *options(store)])
