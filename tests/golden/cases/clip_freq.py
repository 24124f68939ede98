"""The fixed maps of clip_freq, and GenD's losses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.golden.compare import Result, compare
from tests.golden.fill import rng, rule_input
from tests.golden.networks import batch_of
from tests.golden.registry import Golden, case, figures
from training.detectors.base import Detector
from training.losses.hypersphere import alignment, slerp, uniformity
from training.networks.frequency import edge_maps, fft_high_pass, haar_details


@case("clip_freq_fixed_maps")
def fixed_maps(golden: Golden) -> Iterator[Result]:
    """FFT high-pass, wavelet details and edges of one random picture."""
    image = torch.from_numpy(rng("clipfreq:img", golden["salt"]).random((1, 3, 224, 224)).astype(np.float32))
    edges = edge_maps(image)
    ours = {
        "fft_highpass": fft_high_pass(image),
        "dwt_18ch": haar_details(image),
        "edges_2ch_normalised": edges,
        "edges_pooled_16x16": F.adaptive_avg_pool2d(edges, 16),
        "edges_pooled_14x14": F.adaptive_avg_pool2d(edges, 14),
    }
    for name, value in ours.items():
        yield compare(name, golden[name], value, 1e-4)


@figures("gend")
def gend(detector: Detector, golden: Golden) -> dict[str, Tensor]:
    """The losses of a batch of two, and those of eight toy features."""
    losses = detector.loss(batch_of(rule_input(golden["input_shape"], golden["input_name"], golden["salt"])))
    trained = {"total(1,0.5,0.1)": losses.total, **losses.parts}
    return _section("train_losses", trained) | _section("toy_losses", _toy(golden))


def _section(name: str, values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{name}.{key}": value for key, value in values.items()}


def _toy(golden: Golden) -> dict[str, Tensor]:
    drawn = rng("gend:emb", golden["salt"]).standard_normal((8, 32)).astype(np.float32)
    z, label = F.normalize(torch.from_numpy(drawn), dim=1), torch.tensor([0, 0, 1, 1, 0, 1, 0, 1])
    mixed = slerp(z, z.roll(-1, 0), torch.full((8, 1), 0.3))
    return {
        "alignment": alignment(z, label),
        "uniformity": uniformity(z),
        "slerp_first8_row0": mixed[0, :8],
        "slerp_norms": mixed.norm(dim=1),
        "slerp_mean": mixed.mean(),
        "slerp_std": mixed.std(correction=0),
    }
