"""Power spectra of face crops per method: what both figures of spectra show."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from scipy.signal.windows import hann

from analysis import style
from analysis.command import Main, picture, show
from preprocessing import dfb
from preprocessing.manifest import REAL, SPLITS, Record
from preprocessing.names import subset
from preprocessing.store import open_store
from training.core.cli import add_debug
from training.core.errors import ConfigError, DataError
from training.core.paths import DATASETS, MANIFESTS

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of R, G, B in gray (ITU-R BT.601)."""
FLOOR = 1e-12
"""Power of nothing, so that its logarithm is a number."""


@dataclass(frozen=True)
class Spectrum:
    """The mean power spectrum of the pictures of one method."""

    method: str
    pictures: int
    power: np.ndarray
    """``(n, n)`` float64, frequency 0 in the middle; a sinusoid of amplitude A has A^2 / 4 at its two frequencies."""

    @property
    def decibel(self) -> np.ndarray:
        """``(n, n)`` ten times the logarithm of the power."""
        return 10 * np.log10(self.power + FLOOR)

    def radial(self) -> np.ndarray:
        """``(n // 2,)`` decibel of the mean power at each distance from frequency 0, in cycles per picture."""
        side = len(self.power)
        axis = np.arange(side) - side // 2
        distance = np.rint(np.hypot(*np.meshgrid(axis, axis))).astype(int).ravel()
        total, count = np.bincount(distance, self.power.ravel()), np.bincount(distance)
        return 10 * np.log10((total / count)[: side // 2] + FLOOR)


def power_spectrum(image: np.ndarray) -> np.ndarray:
    """Power of the gray values (0 to 255) of an ``(n, n, 3)`` picture, without their mean, under a Hann window.

    The window keeps the picture's borders from showing as a cross; its sum is divided out.
    """
    gray = image @ LUMA
    window = np.outer(hann(len(gray), sym=False), hann(len(gray), sym=False))
    flat = gray - (gray * window).sum() / window.sum()
    return np.abs(np.fft.fftshift(np.fft.fft2(flat * window)) / window.sum()) ** 2


def spectra(images: Iterable[tuple[str, np.ndarray]]) -> list[Spectrum]:
    """The spectrum of each method, real first, from pairs of method and ``(n, n, 3)`` picture.

    Raises:
        DataError: pictures differ in size, or are not square; resizing them would change what is measured.
    """
    sums: dict[str, np.ndarray] = {}
    counts: dict[str, int] = {}
    side = None
    for method, image in images:
        side = side or image.shape[0]
        if image.shape[:2] != (side, side):
            found = "x".join(map(str, image.shape[:2]))
            raise DataError(f"a face of {method} is {found} pixels; spectra need all to be {side}x{side}")
        sums[method] = sums.get(method, 0) + power_spectrum(image)
        counts[method] = counts.get(method, 0) + 1
    order = sorted(sums, key=lambda method: (method != REAL, method))
    return [Spectrum(method, counts[method], sums[method] / counts[method]) for method in order]


def faces(
    name: str, split: str, compression: str, most: int, root: Path, manifests: Path
) -> Iterator[tuple[str, np.ndarray]]:
    """Method and picture of at most ``most`` faces of each method, drawn at random with a fixed seed.

    Raises:
        ManifestError: the data set has no manifest or no faces. ConfigError: none of this split and compression.
    """
    wanted = subset(name)
    records = dfb.read(dfb.find(manifests, name)).records(split, wanted.compression or compression)
    by_method: dict[str, list[Record]] = {}
    for record in records:
        if wanted.methods is None or record.method in wanted.methods:
            by_method.setdefault(record.method, []).append(record)
    if not by_method:
        raise ConfigError(f"{name}: no faces in split '{split}', compression {compression}")
    rng, store = np.random.default_rng(0), open_store(root, wanted.dataset)
    chosen = (rng.permutation(len(found))[:most] for found in by_method.values())
    picked = chain.from_iterable(
        [found[i] for i in rows] for found, rows in zip(by_method.values(), chosen, strict=True)
    )
    return ((record.method, store.image(record)) for record in picked)


def spectra_command(figure: Callable[[list[Spectrum], str, Path], Path]) -> Main:
    """The entry of a figure of spectra: ``python -m analysis.figures.<name> DATASET [DATASET ...]``."""

    def main(argv: list[str]) -> None:
        parser = argparse.ArgumentParser(
            prog=f"python -m analysis.figures.{figure.__name__}", description="Draw the spectra of a data set's faces."
        )
        parser.add_argument("datasets", nargs="+", metavar="DATASET", help="names as in training: FF-DF, Celeb-DF-v2")
        parser.add_argument("--split", choices=SPLITS, default="test", help="(test)")
        parser.add_argument("--compression", default="c23", help="of sets that come in several (c23)")
        parser.add_argument("--pictures", type=int, default=500, metavar="N", help="at most N of each method (500)")
        parser.add_argument("--root", type=Path, default=DATASETS, help="where rgb/<set> and lmdb/<set>_lmdb lie")
        parser.add_argument("--manifests", type=Path, default=MANIFESTS, help="where <set>.json lies")
        parser.add_argument("--output", type=Path, default=Path("figures"), metavar="FOLDER", help="(figures)")
        add_debug(parser)
        args = parser.parse_args(argv)
        where = (args.split, args.compression, args.pictures, args.root, args.manifests)
        show(
            figure(spectra(faces(name, *where)), style.dataset_name(name), picture(args.output, figure.__name__, name))
            for name in args.datasets
        )

    return main
