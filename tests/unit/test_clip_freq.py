"""What clip_freq promises: GenD with everything off, harmless at the start, and parts that do what they say."""

from __future__ import annotations

import math

import pytest
import torch

from training.core.config import Layers, Spec
from training.core.errors import ConfigError, ContractError
from training.core.paths import CONFIG
from training.core.schema import Config
from training.core.types import Batch, Identity
from training.detectors.base import Progress
from training.detectors.clip_freq import ClipFreq
from training.detectors.gend import GenD
from training.engine.update import Update
from training.networks.zoo import maker

OFF = {"branches": "none", "slerp": "off", "identity": 0.0}
PERSONS = 5


SMALL = {"resolution": 32, "patch": 8, "width": 32, "layers": 2, "heads": 2}


def trunk(name: str = "clip_vit_l14", **shape: int):
    return maker(Spec(name=name, params={"weights": "random", "tune": "layernorm", **shape}))


def clip_freq(seed: int = 0, **options) -> ClipFreq:
    torch.manual_seed(seed)
    return ClipFreq(trunk(**SMALL), **{"num_persons": PERSONS, **options})


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    label = torch.tensor([0, 1, 0, 1, 1, 0])
    return Batch(
        image=torch.randn(6, 3, 32, 32, generator=generator),
        label=label,
        method=label,
        labelled=label >= 0,
        person=torch.tensor([0, 1, 2, 3, -1, 4]),
        identity=[Identity("x", str(i), 0) for i in range(6)],
    )


def step(detector: ClipFreq, batch: Batch) -> dict[str, torch.Tensor]:
    detector.train()
    params = [p for p in detector.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, 1e-2, weight_decay=0.0)
    losses = detector.loss(batch)
    losses.total.backward()
    optimizer.step()
    return losses.parts


def test_with_everything_off_it_is_gend(batch):
    ours = clip_freq(**OFF)
    gend = GenD(trunk(**SMALL))
    gend.load_state_dict(ours.state_dict())
    for name, value in gend.outputs(batch.image).items():
        torch.testing.assert_close(ours.outputs(batch.image)[name], value, rtol=0, atol=0)
    for detector in (ours, gend):
        step(detector, batch)
    torch.testing.assert_close(ours.state_dict(), gend.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("options", [{}, {"branches": "fft"}, {"branches": "dwt"}, {"boundary": False}])
def test_additions_change_nothing_until_the_first_step(batch, options):
    plain, full = clip_freq(**OFF), clip_freq(**options)
    full.load_state_dict(plain.state_dict(), strict=False)
    before = plain.eval().predict(batch).fake_prob
    torch.testing.assert_close(full.eval().predict(batch).fake_prob, before, rtol=0, atol=0)
    step(full, batch)
    found = full.adapter(batch.image)["joined"]
    assert full.project(found).abs().min() > 0, "the adapter now speaks"


@pytest.mark.parametrize(
    ("name", "tuned", "dim", "additions"),
    [("clip_vit_l14", 102_400, 1024, 521_413), ("clip_vit_b16", 39_936, 768, 455_621)],
)
def test_number_of_weights(name, tuned, dim, additions):
    with torch.device("meta"):
        detector = ClipFreq(trunk(name), num_persons=720)
    learning = {n: p.numel() for n, p in detector.named_parameters() if p.requires_grad}
    assert sum(v for n, v in learning.items() if n.startswith("backbone.")) == tuned
    assert sum(v for n, v in learning.items() if n.startswith("head.")) == 2 * dim + 2
    assert sum(v for n, v in learning.items() if n.startswith(("adapter.", "project.", "probes."))) == additions
    if dim == 1024:
        assert sum(v for n, v in learning.items() if n.startswith("discriminator.")) == 447_440
        stems = {k: sum(p.numel() for p in stem.parameters()) for k, stem in detector.adapter.stems.items()}
        assert stems == {"fft": 93_696, "dwt": 98_016}
        assert sum(p.numel() for p in detector.adapter.join.parameters()) == 65_792
        assert sum(p.numel() for p in detector.adapter.weigh.parameters()) == 225
        assert sum(p.numel() for p in detector.project.parameters()) == 263_168


def test_a_step_moves_every_learning_weight_and_no_other(batch):
    detector = clip_freq()
    detector.on_epoch_start(Progress(1, 2))
    before = {k: v.clone() for k, v in detector.state_dict().items()}
    step(detector, batch)  # the projection starts at zero: only from the second step on does the adapter get gradients
    step(detector, batch)
    learning = {n for n, p in detector.named_parameters() if p.requires_grad}
    changed = {k for k, v in detector.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == learning
    assert {n for n in learning if n.startswith("backbone.")} == {n for n in before if ".ln_" in n}


def test_the_identity_loss_reaches_the_layer_norms_reversed(batch):
    detector = clip_freq()
    detector.on_epoch_start(Progress(0, 4))
    norm = detector.backbone.ln_post.weight

    def gradient() -> torch.Tensor:
        out = detector.outputs(batch.image)["feature"]
        return torch.autograd.grad(detector.discriminator.judge(out, batch.person)[0], norm)[0]

    assert not gradient().any(), "the first epoch only teaches the discriminator"
    detector.on_epoch_start(Progress(2, 4))
    feature = detector.outputs(batch.image)["feature"]
    known = batch.person >= 0
    plain = torch.nn.functional.cross_entropy(detector.discriminator.layers(feature[known]), batch.person[known])
    strength = 0.1 * math.tanh(2.5)
    torch.testing.assert_close(gradient(), -strength * torch.autograd.grad(plain, norm)[0])


def test_the_discriminators_accuracy_is_that_on_known_identities(batch):
    detector = clip_freq()
    named = detector.discriminator.layers(detector.outputs(batch.image)["feature"]).argmax(1)
    batch.person = torch.where(torch.arange(6) < 3, named, (named + 1) % PERSONS)
    batch.person[[0, 5]] = -1
    assert detector.loss(batch).parts["identity_accuracy"] == 2 / 4
    batch.person[:] = -1
    assert detector.loss(batch).parts["identity_accuracy"] == 0


@pytest.mark.parametrize("options", [{}, {"branches": "none"}])
def test_weight_decay_is_that_of_its_yaml_and_spares_head_and_norms(batch, options):
    config = Layers().add_file(CONFIG / "detector" / "clip_freq.yaml").read(Config)
    detector = clip_freq(**options)
    update = Update(detector, config.optim, "clip_freq")
    decay = {id(p): g["weight_decay"] for o in update.optimizers.values() for g in o.param_groups for p in g["params"]}
    for name, parameter in detector.named_parameters():
        if parameter.requires_grad:
            spared = parameter.ndim < 2 or name.startswith("head.")
            assert decay[id(parameter)] == (0 if spared else 1e-4), name
    before = {k: v.clone() for k, v in detector.named_parameters()}
    detector.training_step(batch, update)
    assert not torch.equal(before["head.weight"], detector.head.weight), "both groups step"
    assert not torch.equal(before["backbone.ln_post.weight"], detector.backbone.ln_post.weight)


def test_slerp_only_while_training(batch):
    for mode, rows in (("append", 12), ("replace", 6), ("off", 6)):
        detector = clip_freq(slerp=mode).train()
        z = detector.outputs(batch.image)["l2_feature"]
        mixed, label = detector._mixed(z, batch.label)
        assert mixed.shape[0] == label.shape[0] == rows
        torch.testing.assert_close(mixed.norm(dim=1), torch.ones(rows))
        assert torch.equal(detector.eval()._mixed(z, batch.label)[0], z)
    assert clip_freq(slerp_rounds=7).train()._mixed(z, batch.label)[0].shape[0] == 48


def test_the_total_is_the_weighted_sum_of_its_parts(batch):
    batch.mask = torch.zeros(6, 1, 32, 32)
    batch.mask[..., 10:24, 10:24] = 1
    detector = clip_freq(supervision=0.1)
    parts = (losses := detector.loss(batch)).parts
    weights = {"cls": 1, "uniformity": 0.5, "alignment": 0.1, "consistency": 0.1, "identity": 1, "boundary": 0.1}
    assert set(parts) == {*weights, "identity_accuracy"}
    torch.testing.assert_close(losses.total, sum(v * parts[k] for k, v in weights.items()))


def test_boundary_supervision_pulls_the_map_to_the_masks_border(batch):
    batch.mask = torch.zeros(6, 1, 32, 32)
    batch.mask[..., 10:24, 10:24] = 1
    detector = clip_freq(supervision=100.0, identity=0.0)
    first = step(detector, batch)["boundary"]
    for _ in range(5):
        last = step(detector, batch)["boundary"]
    assert last < first


def test_the_arc_head_has_no_margin_at_test(batch):
    detector = clip_freq(head="arc", slerp="off").eval()
    logits = detector.outputs(batch.image)["logits"]
    assert logits.abs().max() <= 16
    assert detector.loss(batch).parts["cls"] > torch.nn.functional.cross_entropy(logits, batch.label)


def test_no_identities_no_discriminator(batch):
    assert clip_freq(num_persons=0).discriminator is None
    assert "identity" not in clip_freq(num_persons=0).loss(batch).parts


def test_supervision_needs_a_map_and_masks(batch):
    with pytest.raises(ConfigError, match="supervision"):
        clip_freq(supervision=0.1, boundary=False)
    with pytest.raises(ContractError, match="masks"):
        clip_freq(supervision=0.1).loss(batch)


@pytest.mark.parametrize("options", [{"head": "arc"}, {"branches": "fft"}, {"consistency": 0.0}, {"uniformity": 0.0}])
def test_every_option_trains(batch, options):
    detector = clip_freq(**options)
    detector.on_epoch_start(Progress(1, 2))
    detector.train().loss(batch).total.backward()
    assert [n for n, p in detector.named_parameters() if p.requires_grad and p.grad is None] == []


def test_bf16_leaves_the_fixed_maps_in_float32(batch):
    detector = clip_freq().eval()
    with torch.autocast("cpu", torch.bfloat16):
        out = detector.outputs(batch.image)
    assert out["weight"].dtype == out["l2_feature"].dtype == torch.float32
    torch.testing.assert_close(out["l2_feature"], detector.outputs(batch.image)["l2_feature"], atol=0.05, rtol=0.05)
