"""Augmentation on a device is that of the loader processes: the same draws make the same pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from scipy.stats import ks_2samp
from torch import Tensor

from training.assembly import Asked, batches_of, prepare_of, recipe_of
from training.core.errors import ConfigError
from training.core.schema import AugmentConfig, Config
from training.data.batched import changed
from training.data.looks import drawn
from training.data.select import class_names, select
from training.data.transforms import Transform
from training.session import configure

CPU, ALSO = torch.device("cpu"), "data.augment.enabled=true"

NOTHING = {"flip": 0.0, "rotate": 0.0, "blur": 0.0, "color": 0.0, "jpeg": 0.0}
KINDS = {
    "nothing": (NOTHING, 0.0),
    "flip": (NOTHING | {"flip": 1.0}, 0.0),
    "rotate": (NOTHING | {"flip": 0.5, "rotate": 1.0}, 0.6),
    "crop": (NOTHING | {"crop": 1.0}, 0.6),
    "blur": (NOTHING | {"blur": 1.0}, 0.1),
    "any blur": (NOTHING | {"blur": 1.0, "blur_sigma": (0.1, 4.0)}, 0.1),
    "contrast": (NOTHING | {"color": 1.0, "hue": 0.0, "saturation": 0.0, "value": 0.0}, 0.01),
    "colors": (NOTHING | {"color": 1.0}, 0.6),
    "jpeg": (NOTHING | {"jpeg": 1.0, "jpeg_quality": (10, 100)}, 0.6),
    "all": ({}, 0.8),
}
"""What is drawn, and how many gray levels pixels may be off on average."""


def faces(side: int, count: int) -> list[np.ndarray]:
    portrait = skimage.data.astronaut()
    return [np.ascontiguousarray(portrait[i : i + side, 150 + i : 150 + i + side]) for i in range(count)]


def both(side: int, augment: AugmentConfig, count: int) -> tuple[Tensor, Tensor]:
    """The same draws by OpenCV and by the batch, ``(count, 3, side, side)``."""
    transform, pictures = Transform(side, augment), faces(side, count)
    single = [transform(picture, np.random.default_rng(i)) for i, picture in enumerate(pictures)]
    put_off = [transform.deferred(picture, np.random.default_rng(i)) for i, picture in enumerate(pictures)]
    images, changes = (torch.stack(parts) for parts in zip(*put_off, strict=True))
    return torch.stack(single).float(), changed(images, changes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", [64, 90])
def test_the_same_draws_make_the_same_pictures(kind: str, side: int) -> None:
    settings, off = KINDS[kind]
    single, batch = both(side, AugmentConfig(**settings), 24)
    assert torch.equal(batch, batch.round()) and batch.min() >= 0 and batch.max() <= 255
    wrong = (single - batch).abs().mean((1, 2, 3))
    assert wrong.mean() <= off, f"{wrong.mean()} gray levels"
    assert wrong.max() <= 4 * off, f"{wrong.max()} gray levels in one picture"


def test_batch_mates_do_not_matter() -> None:
    transform = Transform(64, AugmentConfig())
    put_off = [transform.deferred(picture, np.random.default_rng(i)) for i, picture in enumerate(faces(64, 12))]
    images, changes = (torch.stack(parts) for parts in zip(*put_off, strict=True))
    alone = torch.cat([changed(image[None], change[None]) for image, change in put_off])
    assert (changed(images, changes) - alone).abs().max() <= 1  # where a sum lies between two whole numbers


def test_independent_draws_have_the_same_distribution() -> None:
    transform, [face] = Transform(64, AugmentConfig()), faces(64, 1)
    single = torch.stack([transform(face, np.random.default_rng((0, i))) for i in range(400)]).float()
    put_off = [transform.deferred(face, np.random.default_rng((1, i))) for i in range(400)]
    batch = changed(*(torch.stack(parts) for parts in zip(*put_off, strict=True)))
    for name, of in {
        "brightness": lambda x: x.mean((1, 2, 3)),
        "contrast": lambda x: x.std((1, 2, 3)),
        "color": lambda x: (x[:, 0] - x[:, 2]).mean((1, 2)),
        "saturation": lambda x: (x.amax(1) - x.amin(1)).mean((1, 2)),
        "sharpness": lambda x: x.diff(dim=3).abs().mean((1, 2, 3)),
        "side of light": lambda x: (x[..., :32] - x[..., 32:]).mean((1, 2, 3)),
    }.items():
        assert ks_2samp(of(single), of(batch)).pvalue > 0.001, name


def test_kinds_are_drawn_at_their_chances() -> None:
    looks = [drawn(AugmentConfig(blur=0.3, jpeg=0.7, color=0.4), np.random.default_rng(i)) for i in range(2000)]
    for share, found in {
        0.3: [look.kernel > 0 for look in looks],
        0.7: [40 <= look.quality <= 100 for look in looks],
        0.2: [look.recolored > 0 for look in looks],
    }.items():
        assert abs(np.mean(found) - share) < 4 * np.sqrt(share * (1 - share) / len(looks))


@pytest.mark.parametrize("recipe, name", [("frames", "xception"), ("{name: clips, length: 4}", "i3d")])
def test_a_run_may_leave_augmentation_to_its_device(recipe: str, name: str, toy: Path) -> None:
    inputs = {}
    for where in ("workers", "device"):
        cfg = configured(toy, name, f"data.augment.where={where}", f"data.recipe={recipe}", ALSO)
        records = [r for one in select(["Long"], "train", 4, cfg.data) for r in one.records]
        batches = batches_of(cfg, records, class_names(records), [], CPU, train=True)
        assert batches.recipe.corpus.put_off == (where == "device")
        inputs[where] = [prepare_of(cfg, CPU)(batch).image for batch in batches(1)]
    for single, batch in zip(inputs["workers"], inputs["device"], strict=True):
        assert batch.is_contiguous() and batch.dtype == torch.float32
        assert (single - batch).abs().mean() < 3 / 255 / 0.5  # noise, which every interpolation changes


@pytest.mark.parametrize("recipe", ["{name: frames, mask: true}", "self_blended", "{name: frames, view: true}"])
def test_recipes_that_draw_more_augment_in_the_workers(recipe: str, toy: Path) -> None:
    cfg = configured(toy, "xception", f"data.recipe={recipe}")
    records = [r for one in select(["Toy"], "train", 4, cfg.data) for r in one.records]
    assert not recipe_of(cfg, records, ["real"], [], True, device=torch.device("cuda")).corpus.put_off
    cfg.data.augment.where = "device"
    with pytest.raises(ConfigError, match="draws more than pictures; use auto or workers"):
        recipe_of(cfg, records, ["real"], [], True, device=CPU)


def test_auto_leaves_augmentation_to_a_gpu_and_never_erasing(toy: Path) -> None:
    cfg = configured(toy, "xception")
    records = select(["Toy"], "train", 4, cfg.data)[0].records

    def put_off(device: str) -> bool:
        return recipe_of(cfg, records, ["real"], [], True, device=torch.device(device)).corpus.put_off

    assert put_off("cuda") and not put_off("cpu")
    cfg.data.augment.erase = 0.5
    assert not put_off("cuda")


def configured(toy: Path, name: str, *overrides: str) -> Config:
    places = [f"data.root={toy / 'datasets'}", f"data.manifests={toy / 'manifests'}", "data.workers=0"]
    small = ["backbone.weights=random", "backbone.size=tiny", "data.batch_size=4"]
    return configure(name, None, Asked(overrides=[*places, *small, *overrides]))
