"""Training and prediction as they really go: frames out of an LMDB, through loaders, to the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from benchmarks import incumbent_loading as incumbent
from benchmarks.faces import faces, stored
from benchmarks.timing import with_children
from preprocessing.codecs import IN_LMDB
from preprocessing.store import Lmdb
from training.assembly import network_input, prepare_of
from training.core.schema import Config
from training.core.types import Batch, Identity
from training.data.recipe import Batches, Corpus
from training.data.recipes.frames import Frames
from training.data.transforms import Transform
from training.detectors.base import Detector
from training.engine.inference import score
from training.engine.update import Update

EPOCHS = 2


class Fed:
    """``count`` filmed faces in two LMDBs: PNG for the incumbent, ours; rates are pictures per second."""

    def __init__(self, count: int, workers: int, home: Path) -> None:
        pictures = faces(None, count)
        self.png, self.root = stored(pictures, "png", home / "png")[0], home / "png"
        self.records, self.source = stored(pictures, IN_LMDB, home / IN_LMDB)
        self.count, self.workers = count, workers

    def training(
        self, detector: Detector, update: Update, classes: list[str], cfg: Config, device: torch.device, rows: int
    ) -> float:
        """Ours: persistent workers, augmentation where ``data.augment.where: auto`` puts it."""
        put_off = device.type == "cuda" and not cfg.data.augment.erase
        transform = Transform(network_input(cfg).resolution, cfg.data.augment)
        corpus = Corpus(self.records, self.source, transform, 0, classes, training=True, put_off=put_off)
        batches, prepare = self._batches(corpus, rows, True, device), prepare_of(cfg, device)

        def epoch(number: int) -> None:
            for batch in batches(number):
                detector.training_step(prepare(batch), update)

        return self._rate(epoch, device)

    def testing(
        self,
        detector: Detector,
        precision: torch.dtype | None,
        classes: list[str],
        cfg: Config,
        device: torch.device,
        rows: int,
    ) -> float:
        """Ours: the pass of ``test.py``."""
        corpus = Corpus(self.records, self.source, Transform(network_input(cfg).resolution), 0, classes)
        batches, prepare = self._batches(corpus, rows, False, device), prepare_of(cfg, device)
        return self._rate(lambda _: score(detector, batches(), prepare, self.records, classes, precision, None), device)

    def incumbent_training(self, detector: Detector, cfg: Config, device: torch.device, rows: int) -> float:
        """Float32, eager, loader processes that start anew in every epoch."""
        detector.train()
        rule = torch.optim.Adam([p for p in detector.parameters() if p.requires_grad], 2e-4, weight_decay=5e-4)
        batches = incumbent.loader(self.png, Lmdb(self.root), rows, self.workers)

        def epoch(_: int) -> None:
            for batch in _plain(batches, cfg, device):
                rule.zero_grad()
                detector.loss(batch).total.backward()
                rule.step()

        return self._rate(epoch, device)

    def incumbent_testing(self, detector: Detector, cfg: Config, device: torch.device, rows: int) -> float:
        """Float32, eager, one set after the other in one process."""
        detector.eval()
        batches = incumbent.loader(self.png, Lmdb(self.root), rows, self.workers, augmented=False)

        def epoch(_: int) -> None:
            for batch in _plain(batches, cfg, device):
                detector.predict(batch).fake_prob.cpu()

        return self._rate(torch.no_grad()(epoch), device)

    def _batches(self, corpus: Corpus, rows: int, train: bool, device: torch.device) -> Batches:
        return Batches(Frames(corpus), rows, self.workers, train, pin=device.type == "cuda")

    def _rate(self, epoch: Callable[[int], object], device: torch.device) -> float:
        """Of some epochs after a first one: by the clock on a GPU, else by all CPU time, that of workers included."""
        epoch(0)

        def run() -> None:
            for number in range(1, 1 + EPOCHS):
                epoch(number)
            if device.type == "cuda":
                torch.cuda.synchronize(device)

        start = time.perf_counter()
        cpu = with_children(run)
        return round(EPOCHS * self.count / (time.perf_counter() - start if device.type == "cuda" else cpu), 2)


def _plain(batches: Iterable[list[torch.Tensor]], cfg: Config, device: torch.device) -> Iterable[Batch]:
    """The incumbent's batches, on the device, at the network's size."""
    side = network_input(cfg).resolution
    for image, label in batches:
        image, label = image.to(device), label.to(device)
        if image.shape[-1] != side:
            image = torch.nn.functional.interpolate(image, (side, side), mode="bilinear")
        identity = [Identity("Bench", str(row), 0) for row in range(len(label))]
        yield Batch(image, label, label, label >= 0, label, identity)
