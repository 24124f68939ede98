"""What image detectors do beyond the contract and their golden figures."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import timm
import torch
from sklearn.covariance import LedoitWolf

from tests.golden.check import DIFFERENCES, check_file
from tests.golden.networks import batch_of
from tests.golden.test_golden import DATA
from training.core.errors import ContractError, WeightsError
from training.core.registry import DETECTORS
from training.detectors import sia
from training.detectors.base import Progress
from training.networks import zoo
from training.networks.attention_maps import AttentionBlur
from training.networks.gaussians import RunningGaussian
from training.networks.synthesizer import Choice
from training.networks.vision_transformer import Vit
from training.networks.xception import Xception

TINY = {name: zoo.BACKBONES[name].tiny for name in ("xception", "efficientnet_b4")}


def tiny_xception() -> Xception:
    return Xception(TINY["xception"]["widths"])


def picture(rows: int, size: int = 64) -> torch.Tensor:
    return torch.rand(rows, 3, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_xception_computes_what_timm_does():
    theirs = timm.create_model("legacy_xception").eval()
    ours = Xception().eval()
    ours.load_state_dict(Xception.convert(theirs.state_dict()))
    with torch.inference_mode():
        torch.testing.assert_close(ours.feature_map(picture(1)), theirs.forward_features(picture(1)))


def test_sia_with_the_reference_s_batch_means_reproduces_its_figures(monkeypatch):
    monkeypatch.setattr(sia, "picture_mean", lambda x: x.mean())
    outputs = [r for r in check_file(DATA / "v1" / "sia.json").results if r.entry.startswith(("output", "train"))]
    assert len(outputs) == 4 and all(r.ok for r in outputs)


def test_every_difference_is_of_a_golden_file_and_says_why():
    stems = {p.stem for p in DATA.rglob("*.json")}
    assert all(d["file"] in stems and d["reason"] and d["source"] for d in DIFFERENCES)


@pytest.mark.parametrize("name", ["xception", "efficientnetb4", "meso4Inception", "ucf", "srm"])
def test_a_foreign_key_is_named(name):
    with pytest.raises(WeightsError, match=r"1 unknown keys \(stranger\.weight\)"):
        DETECTORS.get(name).from_released({"stranger.weight": torch.zeros(1)})


def test_running_gaussian_is_ledoit_and_wolf_s():
    x = np.random.default_rng(0).normal(size=(60, 12)) @ np.random.default_rng(1).normal(size=(12, 12)) + 3
    ours, theirs = RunningGaussian(12), LedoitWolf().fit(x)
    for part in np.array_split(x, 5):
        ours.add(torch.from_numpy(part))
    ours.fit()
    np.testing.assert_allclose(ours.mean, theirs.location_, rtol=1e-5)
    np.testing.assert_allclose(ours.precision, theirs.precision_, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.distance(torch.from_numpy(x).float()) ** 2, theirs.mahalanobis(x), rtol=1e-3)
    before = ours.precision.clone()
    ours.fit()
    assert torch.equal(ours.precision, before)


def test_uia_vit_s_gaussians_are_of_four_whole_reals_and_the_middles_of_four_fakes_per_batch():
    small = partial(Vit, 224, width=12, layers=2, heads=2)
    detector = DETECTORS.get("uia_vit")(small, resolution=224)
    label = torch.tensor([0, 1] * 5)
    torch.manual_seed(0)
    batches = torch.randn(2, 10, 14, 14, 12) @ torch.rand(12, 12) + 3
    for feature in batches:
        detector.gather(feature, label)
    detector.on_epoch_end(Progress(0, 1))
    seen = batches[:, :8]  # the fifth real and the fifth fake come too late
    for gaussian, patches in ((detector.real, seen[:, ::2]), (detector.fake, seen[:, 1::2, 3:11, 3:11])):
        theirs = LedoitWolf().fit(patches.reshape(-1, 12).double().numpy())
        np.testing.assert_allclose(gaussian.mean, theirs.location_, rtol=1e-5)
        np.testing.assert_allclose(gaussian.precision, theirs.precision_, rtol=1e-3, atol=1e-4)


class TestRfm:
    @pytest.fixture
    def detector(self):
        torch.manual_seed(0)
        return DETECTORS.get("rfm")(tiny_xception, blocks=2, side=9).train()

    def test_erases_small_blocks_where_the_network_looks_and_nothing_else(self, detector):
        image = picture(3)
        erased = detector.erased(image)
        changed = (erased != image).any(1)
        top = detector.attention(image).flatten(1).argmax(1)
        assert changed.flatten(1)[torch.arange(3), top].all()
        assert changed.sum((1, 2)).max() <= 2 * 9 * 9
        assert erased.abs().max() <= 1

    def test_stays_in_training_mode_and_leaves_no_gradient(self, detector):
        detector.erased(picture(2))
        assert all(m.training for m in detector.modules())
        assert all(p.grad is None for p in detector.parameters())


def test_attention_blur_changes_only_what_the_map_shows():
    torch.manual_seed(0)
    maps = torch.zeros(1, 4, 8, 8)
    maps[:, :, :4] = 1.0
    image = picture(1)
    blurred = AttentionBlur()(image, maps)
    assert (blurred[:, :, :24] - image[:, :, :24]).abs().mean() > 0.1
    torch.testing.assert_close(blurred[:, :, 48:], image[:, :, 48:], atol=0.02, rtol=0)


class TestSladd:
    @pytest.fixture
    def detector(self):
        torch.manual_seed(0)
        return DETECTORS.get("sladd")(tiny_xception)

    @pytest.fixture
    def pairs(self):
        points = torch.tensor([[[20 + i % 25, 20 + i // 3] for i in range(68)]], dtype=torch.float32).repeat(4, 1, 1)
        points[:, [36, 39, 42, 45]] = torch.tensor([[18.0, 26], [26, 26], [38, 26], [46, 26]])
        points[:, [33, 48, 54]] = torch.tensor([[32.0, 38], [24, 46], [40, 46]])
        return batch_of(picture(4), mask=torch.zeros(4, 1, 64, 64), landmarks=points)

    @pytest.mark.parametrize("kind", range(3))
    def test_reals_become_labelled_fakes_inside_the_mask_only(self, kind, pairs):
        from training.detectors._forged import forged_by

        choice = Choice(torch.tensor([4, 9]), torch.tensor([kind, kind]), torch.tensor([0.5, 0.5]))
        forged = forged_by(choice, pairs, torch.tensor([0, 2]))
        assert forged.label.tolist() == [1] * 4 and forged.kind.tolist() == [kind] * 4
        outside = forged.mask[:2, 0] == 0
        off = (forged.image[:2] - pairs.image[[0, 2]]).abs().amax(1)
        assert off[outside].max() < 2 / 127.5 and off[~outside].max() > 0.05
        assert torch.equal(forged.image[2:], forged.image[:2].flip(-1))

    def test_fakes_and_reals_left_alone_keep_their_label(self, pairs):
        from training.detectors._forged import GENUINE, NOTHING, forged_by

        choice = Choice(torch.tensor([4, 4]), torch.tensor([NOTHING, 0]), torch.tensor([0.5, 0.5]))
        forged = forged_by(choice, pairs, torch.tensor([0, 3]))
        assert forged.label.tolist()[:2] == [0, 1] and forged.kind.tolist()[:2] == [NOTHING, GENUINE]
        assert torch.equal(forged.image[:2], pairs.image[[0, 3]])

    def test_the_synthesizer_prefers_what_was_hard(self, detector, pairs):
        pair = torch.cat([pairs.image[:2], pairs.image[2:]], 1)
        choice = Choice(torch.tensor([1, 1]), torch.tensor([2, 2]), torch.zeros(2))
        synthesizer = detector.synthesizer.eval()
        optimizer = torch.optim.SGD(synthesizer.parameters(), 0.05)
        before = synthesizer(pair)[1].softmax(1)[:, 2]
        synthesizer.policy_loss(pair, choice, torch.tensor(3.0), 1e-5).backward()
        optimizer.step()
        assert (synthesizer(pair)[1].softmax(1)[:, 2] > before).all()

    def test_needs_pairs(self, detector, pairs):
        with pytest.raises(ContractError, match="pairs"):
            detector.loss(replace(pairs, landmarks=None))


@pytest.mark.parametrize("name", ["core", "ffd", "facexray", "lrl", "pcl_xception"])
def test_what_a_recipe_has_to_give_is_named(name):
    backbones = {"facexray": ("hrnet_w48", {}), "lrl": ("efficientnet_b4", {"resolution": 128})}
    network, options = backbones.get(name, ("xception", {}))
    entry = zoo.BACKBONES[network]
    params = {k: v for k, v in entry.tiny.items() if k != "resolution"}
    detector = DETECTORS.get(name)(partial(zoo._resolve(entry.build), **params), **options)
    with pytest.raises(ContractError, match=r"data\.recipe"):
        detector.loss(batch_of(picture(2, 128)))
