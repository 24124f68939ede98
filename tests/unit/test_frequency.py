"""The filters against NumPy and PyWavelets, the sphere's losses against loops, the small layers against formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import pywt
import torch
import torch.nn.functional as F
from scipy import ndimage

from training.losses.hypersphere import alignment, same_class_slerp, slerp, uniformity
from training.networks.frequency import (
    FrequencyAdapter,
    binomial_blur,
    border_of,
    edge_maps,
    fft_high_pass,
    haar,
    haar_details,
    luma,
)
from training.networks.heads import ArcHead, IdentityDiscriminator, reverse_gradient
from training.networks.zoo import CLIP_MEAN, CLIP_STD

IMAGE = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))


def unit(rows: int, dim: int = 16) -> torch.Tensor:
    return F.normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(rows)), dim=1)


def test_high_pass_is_numpys_spectrum_times_a_sigmoid_of_the_radius():
    y, x = np.meshgrid(np.fft.fftfreq(48), np.fft.fftfreq(64), indexing="ij")
    keep = 1 / (1 + np.exp(-(np.hypot(y, x) / 0.5 - 0.25) / 0.05))
    expected = np.fft.ifft2(np.fft.fft2(IMAGE.numpy()) * keep)
    assert np.abs(expected.imag).max() < 1e-6
    np.testing.assert_allclose(fft_high_pass(IMAGE), expected.real, atol=1e-6)


def test_two_haar_levels_are_those_of_pywavelets():
    approximation, details = haar(IMAGE)
    coarse, (along_y, along_x, both) = pywt.dwt2(IMAGE.numpy(), "haar")
    np.testing.assert_allclose(approximation, coarse, atol=1e-6)
    np.testing.assert_allclose(details, np.concatenate([along_x, along_y, both], axis=1), atol=1e-6)
    _, (along_y, along_x, both) = pywt.dwt2(coarse, "haar")
    second = np.concatenate([along_x, along_y, both], axis=1).repeat(2, axis=2).repeat(2, axis=3)
    np.testing.assert_allclose(haar_details(IMAGE)[:, 9:], second, atol=1e-6)


def test_haar_keeps_the_energy():
    approximation, details = haar(IMAGE)
    assert math.isclose(
        float(approximation.square().sum() + details.square().sum()), float(IMAGE.square().sum()), rel_tol=1e-5
    )


def test_edges_are_scipys_and_ignore_contrast():
    y = luma(IMAGE)[0, 0].double().numpy()
    row = np.array([1, 4, 6, 4, 1]) / 16
    residual = np.abs(y - ndimage.convolve(y, np.outer(row, row), mode="mirror"))
    gradient = np.hypot(ndimage.sobel(y, 0, mode="mirror"), ndimage.sobel(y, 1, mode="mirror"))
    expected = np.stack([m / m.mean() for m in (residual, gradient)])
    np.testing.assert_allclose(edge_maps(IMAGE)[0], expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(edge_maps(IMAGE * 0.5), edge_maps(IMAGE), atol=1e-3, rtol=1e-3)


def adapter(branches: str = "both", boundary: bool = True) -> FrequencyAdapter:
    torch.manual_seed(0)
    return FrequencyAdapter(CLIP_MEAN, CLIP_STD, 6, branches, boundary)


def test_the_boundary_weight_has_mean_one_and_is_flat_on_a_flat_picture():
    weight = adapter()(torch.randn(3, 3, 48, 48))["weight"]
    assert weight.shape == (3, 1, 6, 6) and weight.std() > 0
    torch.testing.assert_close(weight.mean(dim=(1, 2, 3)), torch.ones(3))
    torch.testing.assert_close(adapter()(torch.full((1, 3, 48, 48), 0.25))["weight"], torch.ones(1, 1, 6, 6))


@pytest.mark.parametrize(("branches", "names"), [("fft", {"fft"}), ("dwt", {"dwt"}), ("both", {"fft", "dwt"})])
def test_only_the_branches_asked_for_exist(branches, names):
    found = adapter(branches, boundary=False)(torch.randn(2, 3, 48, 48))
    assert set(found) == {*names, "joined"} and found["joined"].shape == (2, 256)


def test_without_boundaries_every_cell_counts_alike():
    weighted, plain = adapter(), adapter(boundary=False)
    plain.load_state_dict({k: v for k, v in weighted.state_dict().items() if not k.startswith("weigh")})
    flat = torch.full((1, 3, 48, 48), 0.25)
    torch.testing.assert_close(weighted(flat)["joined"], plain(flat)["joined"])


def test_the_border_of_a_mask_is_where_it_is_half():
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 12:] = 1
    border = border_of(mask, 8)[0, 0]
    assert border[0].argmax() in (2, 3) and border[0, 0] == 0 and border[0, -1] == 0
    torch.testing.assert_close(binomial_blur(mask).sum(), mask.sum(), rtol=0.05, atol=0)


def test_alignment_and_uniformity_against_loops():
    z, label = unit(6), torch.tensor([0, 1, 1, 0, 1, 1])
    pairs = [(i, j) for i in range(6) for j in range(i)]
    same = [float((z[i] - z[j]).square().sum()) for i, j in pairs if label[i] == label[j]]
    spread = [math.exp(-2 * float((z[i] - z[j]).square().sum())) for i, j in pairs]
    assert math.isclose(float(alignment(z, label)), np.mean(same), rel_tol=1e-5)
    assert math.isclose(float(uniformity(z)), math.log(np.mean(spread)), rel_tol=1e-5)


def test_losses_over_pairs_are_zero_without_pairs():
    z = unit(2).requires_grad_()
    (alignment(z, torch.tensor([0, 1])) + uniformity(z[:1])).backward()
    assert z.grad is not None and not z.grad.any()


def test_slerp_stays_on_the_great_circle():
    a, b, t = unit(5), unit(7)[:5], torch.linspace(0, 1, 5)[:, None]
    mixed = slerp(a, b, t)
    torch.testing.assert_close(mixed.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(
        (a * mixed).sum(1).acos()[1:], (t[:, 0] * (a * b).sum(1).acos())[1:], atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(slerp(a, a, t), a, atol=1e-3, rtol=0)
    assert slerp(a, -a, t).isfinite().all()


def test_mixtures_stay_within_their_class():
    z = torch.zeros(8, 4)
    z[:4, :2], z[4:, 2:] = unit(4, 2), unit(5, 2)[:4]
    mixed = same_class_slerp(z, torch.tensor([0] * 4 + [1] * 4))
    assert not mixed[:4, 2:].any() and not mixed[4:, :2].any()
    torch.testing.assert_close(same_class_slerp(z[:1], torch.tensor([1])), z[:1])


def test_arc_head_adds_the_margin_to_the_true_angle_only():
    head, z, label = ArcHead(16, scale=16.0, margin=0.2), unit(4), torch.tensor([0, 1, 1, 0])
    plain, trained = head(z) / 16, head(z, label) / 16
    rows = torch.arange(4)
    torch.testing.assert_close(trained[rows, 1 - label], plain[rows, 1 - label])
    torch.testing.assert_close(trained[rows, label].acos(), plain[rows, label].acos() + 0.2)
    opposite = head(-F.normalize(head.weight, dim=1), torch.tensor([0, 1])).diagonal() / 16
    assert (opposite < -1).all()


def test_reversed_gradient():
    x = torch.randn(3, 4, requires_grad=True)
    (reverse_gradient(x, torch.tensor(0.3)) * torch.arange(4.0)).sum().backward()
    torch.testing.assert_close(x.grad, -0.3 * torch.arange(4.0).expand(3, 4))


def test_the_reversal_rises_from_zero_as_in_dann():
    discriminator = IdentityDiscriminator(8, 3, 0.1)
    discriminator.ramp(0.0)
    assert discriminator.reversal == 0
    discriminator.ramp(0.5)
    assert math.isclose(float(discriminator.reversal), 0.1 * math.tanh(2.5), rel_tol=1e-6)


def test_unknown_persons_count_for_nothing():
    discriminator, z = IdentityDiscriminator(16, 3, 0.1), unit(4)
    person = torch.tensor([2, -1, 0, -1])
    torch.testing.assert_close(discriminator.judge(z, person), discriminator.judge(z[[0, 2]], person[[0, 2]]))
    assert discriminator.judge(z, torch.full((4,), -1)) == (0, 0)
