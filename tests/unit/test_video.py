"""What the video detectors promise beyond the contract: who learns when, what mixes with what, which clips fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from training.core.config import Spec
from training.core.errors import ContractError
from training.core.schema import OptimConfig
from training.core.types import Batch, Identity
from training.detectors.altfreezing import AltFreezing
from training.detectors.sta import Sta
from training.detectors.tall import Tall
from training.engine.update import Update
from training.networks.ftcn import Ftcn
from training.networks.i3d import I3D, spatial_weights, temporal_weights
from training.networks.stil import Stil, TemporalInconsistency, TimeShift
from training.networks.tall import Tall as TallNetwork
from training.networks.video_vit import TimeSformer, VideoMae, XClip, sinusoids
from training.networks.zoo import maker

SMALL = {"resolution": 32, "patch": 8, "width": 32, "layers": 2, "heads": 2}


def clips(count: int, frames: int, size: int = 32) -> torch.Tensor:
    return torch.randn(count, frames, 3, size, size, generator=torch.Generator().manual_seed(frames))


def batch_of(image: torch.Tensor) -> Batch:
    label = torch.arange(len(image)) % 2
    who = [Identity("x", str(i), 0) for i in range(len(image))]
    return Batch(image, label, label, label >= 0, label, who)


def trunk(name: str):
    return maker(Spec(name=name, params={"size": "tiny", "weights": "random"}))


def test_i3d_has_the_published_groups():
    with torch.device("meta"):
        network = I3D()
    assert sum(w.numel() for w in temporal_weights(network)) == 5_517_312
    assert sum(w.numel() for w in spatial_weights(network)) == 11_317_248
    assert (len(temporal_weights(network)), len(spatial_weights(network))) == (9, 16)


def test_a_checkpoint_of_pyslowfasts_holds_the_weights_beside_its_optimizer(tmp_path):
    network, file = trunk("i3d_r50")(), tmp_path / "i3d.pth"
    torch.save({"epoch": 1, "model_state": network.state_dict(), "cfg": "text"}, file)
    loaded = maker(Spec(name="i3d_r50", params={"size": "tiny", "weights": str(file)}))()
    assert all(torch.equal(v, network.state_dict()[k]) for k, v in loaded.state_dict().items())


def test_altfreezing_really_alternates():
    detector = AltFreezing(trunk("i3d_r50"), every=2).train()
    with torch.no_grad():
        for weight in detector.parameters():
            weight.add_(0.01)  # the last norm of each block starts at zero and would hold back all gradients
    # Momentum and weight decay would move weights that are only left out of the gradient.
    rule = Spec(name="sgd", params={"lr": 1e-3, "momentum": 0.9, "weight_decay": 0.1})
    update = Update(detector, OptimConfig(rule=rule), "altfreezing")
    batch, moved = batch_of(clips(2, 8)), []
    for step in range(6):
        update.begin(step, steps=6, epoch=6, rows=2)
        before = [[w.clone() for w in group(detector)] for group in (spatial_weights, temporal_weights)]
        detector.training_step(batch, update)
        after = [group(detector) for group in (spatial_weights, temporal_weights)]
        moved.append(tuple(not all(map(torch.equal, b, a)) for b, a in zip(before, after, strict=True)))
    assert moved == [(True, False), (False, True), (False, True)] * 2


def test_ftcn_sees_one_place_at_a_time():
    network = I3D(4, spatial=False, stages=3).eval()
    clip = clips(1, 8, 64)
    kernels = {m.kernel_size[1:] for m in network.modules() if isinstance(m, torch.nn.Conv3d)}
    assert kernels == {(1, 1)}
    assert network.feature_map(clip).shape[2] == 8, "no frame is pooled away"


@pytest.mark.parametrize(
    ("network", "frames"),
    [
        (Ftcn(8, 4, 4), 8),
        (TimeSformer(frames=8, **SMALL), 8),
        (VideoMae(frames=8, **SMALL), 8),
        (XClip(frames=8, **SMALL), 8),
        (TallNetwork(64, 16, (1, 1, 1, 1), (1, 2, 2, 4), 4), 4),
    ],
    ids=lambda v: type(v).__name__,
)
def test_another_number_of_frames_is_refused_by_name(network, frames):
    size = 64 if frames == 4 else 32
    assert network(clips(2, frames, size)).shape == (2, network.dim)
    with pytest.raises(ContractError, match=r"data\.recipe\.length"):
        network(clips(1, frames + 1, size))
    with pytest.raises(ContractError, match=r"data\.recipe\.length"):
        network(clips(1, frames, size)[0])


@pytest.mark.parametrize(
    ("name", "file", "base"),
    [
        ("timesformer_b16", "timesformer", "timesformer."),
        ("videomae_b16", "videomae", "videomae."),
        ("xclip_b32", "xclip", ""),
    ],
)
def test_hugging_faces_files_have_every_weight_of_the_network(name, file, base):
    published = json.loads((Path(__file__).parents[1] / "golden" / "data" / "v1" / f"{file}.json").read_text())["state"]
    shapes = {
        k.replace("backbone.", base): torch.empty(v, device="meta") for k, v in published.items() if "backbone." in k
    }
    with torch.device("meta"):
        network = maker(Spec(name=name, params={"weights": "random"}))()
        converted = network.convert({**shapes, "classifier.weight": torch.empty(2, 2)})
    own = network.state_dict()
    assert {k: v.shape for k, v in converted.items()} == {k: v.shape for k, v in own.items()}


def test_order_of_frames_matters_to_attention_over_time():
    for network in (TimeSformer(frames=8, **SMALL), VideoMae(frames=8, **SMALL)):
        torch.nn.init.normal_(getattr(network, "times", torch.empty(1)))
        clip = clips(1, 8)
        assert not torch.allclose(network(clip), network(clip.flip(1)), atol=1e-4)


def test_xclips_messages_stay_in_their_group():
    network = XClip(frames=4, **SMALL).eval()
    clip = clips(1, 8)
    whole, halves = network(clip), torch.cat([clip[:, :4], clip[:, 4:]])
    network.pooled_norm = torch.nn.Identity()
    torch.testing.assert_close(network(clip)[0], network(halves).mean(0), atol=1e-5, rtol=1e-4)
    assert whole.shape == (1, 32)


def test_sinusoids_are_sines_and_cosines_of_the_place():
    table = sinusoids(5, 6)[0]
    torch.testing.assert_close(table[:, 0], torch.arange(5.0).sin())
    torch.testing.assert_close(table[:, 3], (torch.arange(5.0) / 10000 ** (2 / 6)).cos())


def test_talls_thumbnail_has_the_frames_in_reading_order():
    network = TallNetwork(64, 16, (1, 1, 1, 1), (1, 2, 2, 4), 4)
    clip = torch.arange(1.0, 5).view(1, 4, 1, 1, 1).expand(1, 4, 3, 64, 64)
    picture = network.thumbnail(clip)[0, 0]
    assert [float(picture[y, x]) for y, x in ((8, 8), (8, 56), (56, 8), (56, 56))] == [1, 2, 3, 4]


def test_talls_hole_is_the_same_in_all_frames_and_only_while_training():
    detector = Tall(trunk("tall_swin_b"), cutout=16)
    holed = detector._blanked(torch.ones(3, 4, 3, 64, 64))
    assert torch.equal(holed[:, :1].expand_as(holed), holed)
    missing = (holed[:, 0, 0] == 0).sum((1, 2))
    assert ((missing > 0) & (missing <= 16 * 16)).all()
    batch = batch_of(clips(2, 4, 64))
    assert torch.equal(detector.eval().loss(batch).total, detector.loss(batch).total)


def test_sta_trains_adapters_and_starts_as_clip():
    torch.manual_seed(0)
    detector = Sta(trunk("sta_clip_l14")).eval()
    learning = {n.split(".")[1] for n, p in detector.named_parameters() if p.requires_grad}
    assert learning == {"adapters", "temporal_embedding", "ln_post", "1"}
    clip = clips(2, 8)
    plain = super(type(detector.backbone), detector.backbone).forward(clip.flatten(0, 1))
    torch.testing.assert_close(detector.backbone.by_frame(clip).flatten(0, 1), plain, atol=1e-5, rtol=1e-4)
    assert all(p.requires_grad for p in Sta(trunk("sta_clip_l14"), train_clip=True).parameters())


def test_sta_does_not_mix_the_clips_of_a_batch():
    detector = Sta(trunk("sta_clip_l14")).eval()
    with torch.no_grad():
        for adapter in detector.backbone.adapters:
            adapter.up.weight.normal_(std=0.1)
    clip = clips(3, 8)
    torch.testing.assert_close(
        detector.outputs(clip)["logits"][:1], detector.outputs(clip[:1])["logits"], atol=1e-5, rtol=1e-4
    )


def test_stils_time_shift_starts_by_moving_channels_between_frames():
    clip = torch.arange(1.0, 5).view(4, 1, 1, 1).expand(4, 16, 2, 2)  # one clip of four frames
    moved = TimeShift(16)(clip, 4)[:, :, 0, 0]
    assert moved[:, 0].tolist() == [2, 3, 4, 0] and moved[:, 2].tolist() == [0, 1, 2, 3]
    assert moved[:, 4].tolist() == [1, 2, 3, 4]


def test_stil_compares_each_frame_with_the_next_of_its_own_clip():
    module = TemporalInconsistency(16).eval()
    frames = torch.randn(6, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    changed = frames.clone()
    changed[3] += 1  # the first frame of the second clip of three
    moved = (module(frames, 3) != module(changed, 3)).flatten(1).any(1)
    assert moved.tolist() == [False, False, False, True, False, False]
    changed[4] += 1
    moved = (module(frames, 3) != module(changed, 3)).flatten(1).any(1)
    assert moved.tolist() == [False, False, False, True, True, False]


def test_stil_takes_scnets_weights_and_draws_the_rest():
    network = Stil(16, (1, 1, 1, 1))
    own = network.state_dict()
    added = {k for k in own if any(part in k for part in (".tim.", ".shift.", ".ism.", ".scconv.f_"))}
    scnet = {k: torch.zeros_like(v) for k, v in own.items() if k not in added}
    k2 = {"layer1.0.scconv.k2.1.weight": torch.zeros(8, 8, 3, 3), "fc.weight": torch.zeros(1000, 512)}
    converted = network.convert({**scnet, **k2})
    assert converted.keys() == own.keys()
    assert all(torch.equal(v, own[k]) == (k in added) for k, v in converted.items() if v.any() or own[k].any())
