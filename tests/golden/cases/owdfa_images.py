"""From a picture to the network's input: the face box of open-world attribution, and its test transform."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch

from preprocessing.faces.align import enlarged
from tests.golden.compare import Result, compare
from tests.golden.fill import rng
from tests.golden.registry import Golden, case
from training.core.types import Batch, Identity
from training.data.transforms import resize, to_tensor
from training.engine.prepare import Prepare
from training.networks.zoo import IMAGENET_MEAN, IMAGENET_STD

SIDE = 256
CAL = "Pillow's resize with antialiasing; faces here are stored at the size they are needed, and not resized again"


def blocks(height: int, width: int) -> np.ndarray:
    """Blocks of 8 x 8 equal pixels."""
    cells = rng(f"owdfa/image/{height}x{width}").integers(0, 256, (height // 8 + 1, width // 8 + 1, 3)).astype(np.uint8)
    return np.kron(cells, np.ones((8, 8, 1), np.uint8))[:height, :width]


@case("owdfa/face_box_and_transforms")
def face_box_and_transforms(golden: Golden) -> Iterator[Result]:
    """Boxes enlarged within the picture; pictures resized and normalized."""
    for number, expected in enumerate(golden["boxes"]):
        box = enlarged(tuple(expected["det_ltrb"]), expected["margin"], *expected["image_hw"])
        yield compare(f"boxes.{number}", expected["crop_x0y0x1y1"], list(box), 0)
    prepare = Prepare(IMAGENET_MEAN, IMAGENET_STD, torch.device("cpu"))
    for size, expected in golden["test_transform_of_block_images"].items():
        image = to_tensor(resize(blocks(*map(int, size.split("x"))), SIDE, cv2.INTER_LINEAR))
        one = torch.zeros(1, dtype=torch.int64)
        ours = prepare(Batch(image[None], one, one, one > 0, one, [Identity("", "", 0)])).image[0]
        yield compare(f"{size}.cpl_test", expected["cpl_test"], ours)
        yield compare(f"{size}.cpl_px_100_100", expected["cpl_px_100_100"], ours[:, 100, 100])
        if size == f"{SIDE}x{SIDE}":
            yield compare(f"{size}.cal_test", expected["cal_test"], ours)
        else:
            yield Result(f"{size}.cal_test", None, CAL)
