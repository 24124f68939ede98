"""CLIP's trunk under three sets of names, and what each kind of tuning releases."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.core.config import Spec
from training.core.errors import ConfigError, WeightsError
from training.networks import tuning
from training.networks.clip import ClipVit, TokensFirst, from_hf
from training.networks.weights import load_strict
from training.networks.zoo import BACKBONES, maker, wanted_input

SMALL = {"resolution": 32, "patch": 8, "width": 32, "layers": 2, "heads": 2}
HF = {
    "class_embedding": "embeddings.class_embedding",
    "positional_embedding": "embeddings.position_embedding.weight",
    "conv1.weight": "embeddings.patch_embedding.weight",
}


def to_hf(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What transformers would have saved, text tower and projection included."""
    theirs = {
        "text_model.x": torch.zeros(1),
        "visual_projection.weight": torch.zeros(1),
        "logit_scale": torch.zeros(()),
    }
    theirs["vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    for name, value in state.items():
        key = HF.get(name, name).replace("transformer.resblocks.", "encoder.layers.")
        for ours, hf in (("ln_pre", "pre_layrnorm"), ("ln_post", "post_layernorm"), ("ln_1", "layer_norm1")):
            key = key.replace(f"{ours}.", f"{hf}.")
        key = key.replace("ln_2.", "layer_norm2.").replace("c_fc.", "fc1.").replace("c_proj.", "fc2.")
        key = key.replace("attn.", "self_attn.")
        if "in_proj_" in key:
            for part, piece in zip("qkv", value.chunk(3), strict=True):
                theirs["vision_model." + key.replace("in_proj_", f"{part}_proj.")] = piece
        else:
            theirs[f"vision_model.{key}"] = value
    return theirs


@pytest.fixture
def network() -> ClipVit:
    torch.manual_seed(0)
    return ClipVit(**SMALL).eval()


def openai(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    text = {"positional_embedding": torch.zeros(1), "transformer.resblocks.0.ln_1.weight": torch.zeros(1)}
    text |= {"visual.proj": torch.zeros(1), "logit_scale": torch.zeros(()), "token_embedding.weight": torch.zeros(1)}
    return {f"visual.{k}": v for k, v in state.items()} | text


@pytest.mark.parametrize("names", [to_hf, openai, dict])
def test_published_names_load_with_identical_outputs(network, names):
    image, other = torch.randn(2, 3, 32, 32), ClipVit(**SMALL).eval()
    load_strict(other, other.convert(names(network.state_dict())), "a file")
    assert torch.equal(other(image), network(image))


def test_unknown_keys_and_halves_are_named(network):
    state = to_hf(network.state_dict())
    with pytest.raises(WeightsError, match="strange"):
        load_strict(network, network.convert({**state, "vision_model.strange": torch.zeros(1)}), "a file")
    del state["vision_model.encoder.layers.0.self_attn.k_proj.weight"]
    with pytest.raises(WeightsError, match="needs q, k and v"):
        from_hf(state, "vision_model.")


def test_offline_says_what_to_put_where(monkeypatch):
    def offline() -> None:
        raise OSError("no network")

    monkeypatch.setattr("training.networks.clip.hub_b16", offline)
    with pytest.raises(WeightsError, match=r"weights/clip_vit_b16.*random"):
        maker(Spec(name="clip_vit_b16", params={}))()


TRUNKS = [n for n, e in BACKBONES.items() if e.build in ("clip:ClipVit", "timm_vit:TimmVit")]


@pytest.mark.parametrize("name", TRUNKS)
def test_every_trunk_gives_features_and_patches(name):
    spec = Spec(name=name, params={"size": "tiny", "weights": "random"})
    network, side = maker(spec)().eval(), wanted_input(spec).resolution
    image = torch.randn(2, 3, side, side)
    feature, patches = network.tokens(image)
    assert feature.shape == (2, network.dim) and patches.shape == (2, network.grid**2, network.dim)
    assert torch.equal(network(image), feature)
    assert network.convert(network.state_dict()).keys() == network.state_dict().keys()


@pytest.mark.parametrize("name", TRUNKS)
@pytest.mark.parametrize("kind", ["svd", "lora", "adapter"])
def test_what_tuning_adds_starts_without_effect_and_learns(name, kind):
    spec = {"size": "tiny", "weights": "random"}
    torch.manual_seed(0)
    plain = maker(Spec(name=name, params=spec))().eval()
    torch.manual_seed(0)
    tuned = maker(Spec(name=name, params={**spec, "tune": kind, "rank": 2}))().eval()
    side = wanted_input(Spec(name=name, params=spec)).resolution
    image = torch.randn(2, 3, side, side)
    torch.testing.assert_close(tuned(image), plain(image), atol=1e-4, rtol=1e-4)
    tuned(image).square().sum().backward()
    learning = {n for n, p in tuned.named_parameters() if p.requires_grad}
    assert learning and all(".original" not in n for n in learning)
    assert (
        sum(p.numel() for p in tuned.parameters() if p.requires_grad) < sum(p.numel() for p in plain.parameters()) / 2
    )


def test_svd_keeps_the_rest_and_its_constraints_hold_at_the_start():
    torch.manual_seed(0)
    weight = torch.randn(24, 8)
    residual = tuning.SvdResidual(weight, rank=2, parts=3)
    main = residual.right_inverse(weight)
    torch.testing.assert_close(residual(main), weight)
    assert [int(torch.linalg.matrix_rank(m, rtol=1e-4)) for m in main.chunk(3)] == [6, 6, 6]
    assert residual.orthogonality().max() < 5e-3 and residual.energy_change(main).max() < 1e-3


def test_svd_orthogonality_is_that_of_all_bases():
    torch.manual_seed(0)
    weight = torch.randn(8, 8)
    residual = tuning.SvdResidual(weight, rank=2, parts=1)
    left, _, right = torch.linalg.svd(weight)
    with torch.no_grad():
        residual.left += 0.1 * torch.randn(1, 8, 2)
        residual.right += 0.1 * torch.randn(1, 2, 8)
    rows = torch.cat([right[:-2], residual.right[0]])
    columns = torch.cat([left[:, :-2], residual.left[0]], dim=1)
    expected = 0.5 * ((columns.T @ columns - torch.eye(8)).norm() + (rows @ rows.T - torch.eye(8)).norm())
    torch.testing.assert_close(residual.orthogonality()[0], expected, atol=1e-4, rtol=1e-3)


def test_unknown_or_empty_tuning_is_refused(network):
    with pytest.raises(ConfigError, match="did you mean 'lora'"):
        tuning.apply(network, "loro")
    with pytest.raises(ConfigError, match="nothing to train"):
        tuning.apply(torch.nn.Linear(2, 2), "layernorm")


def test_attention_is_pytorchs():
    """Tokens, weights and gradients of the projections, frozen or not; the weights are the same tensors."""
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    ours = TokensFirst.like(theirs)
    assert ours.in_proj_weight.data_ptr() == theirs.in_proj_weight.data_ptr()
    tokens = torch.randn(3, 5, 8, requires_grad=True)
    for frozen in (False, True):
        for attention in (theirs, ours):
            attention.in_proj_weight.requires_grad_(not frozen)
        found = []
        for attention in (theirs, ours):
            output, weights = attention(tokens, tokens, tokens, need_weights=True)
            found.append((output, weights, torch.autograd.grad(output.square().sum(), tokens)[0]))
        for expected, value in zip(*found, strict=True):
            torch.testing.assert_close(value, expected)
