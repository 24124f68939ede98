"""CADDM: matching against brute force, mining and loss in closed form, released checkpoints of all three backbones."""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.contract.test_detectors import parts_of
from tests.golden.cases.caddm import check_loss
from tests.unit.media import face, needs_predictor, write_picture
from training import predict
from training.assembly import Asked, build
from training.core.config import Layers
from training.core.errors import ConfigError, ContractError, WeightsError
from training.core.paths import CONFIG
from training.core.schema import Config
from training.detectors.base import Detector
from training.loading import load_trained
from training.losses.multibox import hardest, match, multibox
from training.networks.anchors import corners, decode, encode, overlaps, prior_boxes
from training.networks.weights import load_strict

PRIORS = prior_boxes()
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "data" / "caddm" / "boxes.json").read_text())
NAN = float("nan")
TINY = ["backbone.size=tiny", "backbone.weights=random"]
BACKBONES = {
    "resnet34": [],
    "efficientnet_b3": ["backbone.name=efficientnet_b3"],
    "efficientnet_b4": ["backbone.name=efficientnet_b4", "backbone.padding=same"],
}


def config(*overrides: str) -> Config:
    return Asked(overrides=[*TINY, *overrides]).over(Layers().add_file(CONFIG / "detector" / "caddm.yaml"))


def detector(*overrides: str) -> Detector:
    torch.manual_seed(0)
    return build(config(*overrides), ["real", "fake"], [])


def boxes(count: int, seed: int = 0) -> Tensor:
    ends = torch.rand((count, 2, 2), generator=torch.Generator().manual_seed(seed)).sort(1).values
    return ends.flatten(1)


def test_overlaps_are_those_of_areas_counted_on_a_grid() -> None:
    found, grid = boxes(12), (torch.arange(200) + 0.5) / 200
    x, y = grid[None, :], grid[:, None]
    inside = [(x > b[0]) & (y > b[1]) & (x < b[2]) & (y < b[3]) for b in found]
    for (i, a), (j, b) in product(enumerate(inside), repeat=2):
        expected = float((a & b).sum() / max(int((a | b).sum()), 1))
        assert overlaps(found, found)[i, j] == pytest.approx(expected, abs=0.05)


def test_codes_turn_back_into_boxes() -> None:
    found = boxes(len(PRIORS))
    torch.testing.assert_close(decode(encode(found, PRIORS), PRIORS), found, atol=1e-5, rtol=0)


def test_a_picture_wide_box_is_the_last_two_priors() -> None:
    codes, positive = match(torch.tensor([[[0.0, 0.0, 1.0, 1.0]]]), PRIORS)
    assert positive[0].nonzero().flatten().tolist() == [166, 167]
    assert codes[0, positive[0]].abs().max() == 0


def test_boxes_are_x_y_like_the_cells_they_are_matched_to() -> None:
    # 40 high and 80 wide, about row 2 and column 4 of the first map.
    center, size = torch.tensor([4.5 * 32, 2.5 * 32]) / 224, torch.tensor([80, 40]) / 224
    box = torch.cat([center - size / 2, center + size / 2])[None, None]
    _, positive = match(box, PRIORS)
    assert positive[0].nonzero().flatten().tolist() == [2 * (2 * 7 + 4) + 1]


def test_every_box_claims_its_best_prior_and_padding_nothing() -> None:
    found = boxes(5, seed=3)
    padded = torch.cat([found, torch.full((2, 4), NAN), torch.zeros(1, 4)])
    _, positive = match(torch.stack([padded, torch.full((8, 4), NAN)]), PRIORS)
    overlap = overlaps(found, corners(PRIORS))
    expected = (overlap >= 0.5).any(0)
    expected[overlap.argmax(1)] = True
    assert torch.equal(positive[0], expected)
    assert not positive[1].any()


def test_pictures_are_matched_alone() -> None:
    found = torch.stack([boxes(3, seed) for seed in range(4)])
    together = match(found, PRIORS)
    for row in range(4):
        codes, positive = match(found[row : row + 1], PRIORS)
        assert torch.equal(codes[0], together[0][row]) and torch.equal(positive[0], together[1][row])


def test_the_hardest_priors_are_those_of_a_plain_search() -> None:
    g = torch.Generator().manual_seed(0)
    error, positive = torch.rand((3, 168), generator=g), torch.zeros(3, 168, dtype=torch.bool)
    positive[0, :3] = positive[1, 5] = True
    taken = hardest(error, positive, negatives=2, of_real=4)
    for row, count in enumerate((6, 2, 4)):
        order = [i for i in error[row].argsort(descending=True).tolist() if not positive[row, i]]
        assert sorted(order[:count]) == taken[row].nonzero().flatten().tolist()


def test_without_priors_of_reals_the_reference_is_reproduced() -> None:
    for name, figures in GOLDEN["multibox_loss"].items():
        for result in check_loss(name, figures, PRIORS, "", of_real=0):
            assert result.ok, f"{result.entry}: {result.detail}"


def test_real_faces_teach_that_there_is_nothing() -> None:
    confidence = torch.zeros(2, 168, 2, requires_grad=True)
    away, error = multibox(torch.randn(2, 168, 4), confidence, torch.zeros(2, 0, 4), PRIORS, of_real=4)
    error.backward()
    assert away == 0 and error.item() == pytest.approx(4 * math.log(2))
    assert (confidence.grad[..., 1] > 0).sum(1).tolist() == [4, 4]


@pytest.mark.parametrize("name", BACKBONES)
def test_a_released_checkpoint_of_any_backbone_loads(name: str, tmp_path: Path) -> None:
    ours = detector(*BACKBONES[name]).eval()
    theirs = {"network": released(ours, name), "opt_state": {"state": {}, "param_groups": [{"lr": 1e-4}]}, "epoch": 3}
    path = tmp_path / "epoch_3.pkl"
    torch.save(theirs, path)
    # Nobody asks for random weights: the checkpoint has them all, so that no others are looked for.
    trained = load_trained(path, "caddm", Asked(overrides=["backbone.size=tiny", *BACKBONES[name]]))
    image = torch.rand(2, 3, 224, 224) * 255
    with torch.no_grad():
        assert torch.equal(trained.detector.eval().outputs(image)["logits"], ours.outputs(image)["logits"])


def released(ours: Detector, name: str) -> dict[str, Tensor]:
    """Our weights under the reference's names, for BGR, with its unused classifier."""
    theirs = {}
    for key, value in ours.state_dict().items():
        if key.endswith(("net.conv1.weight", "backbone.conv_stem.weight")):
            value = value.flip(1)
        theirs[_their_key(key, name)] = value
    dead = "base_model.fc" if name == "resnet34" else "base_model._fc"
    return {**theirs, f"{dead}.weight": torch.zeros(1000, 8), f"{dead}.bias": torch.zeros(1000)}


def _their_key(key: str, name: str) -> str:
    part, _, rest = key.partition(".")
    if part == "artifacts":
        kind, number, *names = rest.split(".")
        if kind == "layers":
            return ".".join(["adm.adm_extra_layers", number, *(["0"] if number < "3" else []), *names])
        kind = {"location": "ms_dets", "confidence": "ms_cls"}[kind]
        return ".".join(["adm.multi_scale_detection_module", kind, number, *names])
    if part == "head":
        return f"fc.{rest}"
    return f"base_model.{rest.removeprefix('net.')}" if name == "resnet34" else f"base_model.{_lukemelas(rest, name)}"


def _lukemelas(key: str, name: str) -> str:
    """efficientnet_pytorch's name of timm's; written the other way round than what it tests."""
    outside = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
    part, *rest = key.split(".")
    if part != "blocks":
        return ".".join([outside[part], *rest])
    stage, index, *rest = rest
    repeats = {"efficientnet_b3": (2, 3, 3, 5, 5, 6, 2), "efficientnet_b4": (2, 4, 4, 6, 6, 8, 2)}[name]
    number = sum(repeats[: int(stage)]) + int(index)
    first = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    other = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1"}
    names = first if stage == "0" else {**other, "conv_pwl": "_project_conv", "bn3": "_bn2"}
    inner = "_" + rest[1].replace("conv", "se") if rest[0] == "se" else names[rest[0]]
    return ".".join(["_blocks", str(number), inner, *(rest[2:] if rest[0] == "se" else rest[1:])])


def test_a_checkpoint_of_another_backbone_is_refused(tmp_path: Path) -> None:
    torch.save({"network": released(detector(), "resnet34")}, tmp_path / "x.pkl")
    with pytest.raises(WeightsError, match="does not fit"):
        load_trained(tmp_path / "x.pkl", "caddm", Asked(overrides=[*TINY, *BACKBONES["efficientnet_b3"]]))
    with pytest.raises(WeightsError, match="1 unknown keys"):
        load_strict(detector(), type(detector()).from_released({"neck.weight": torch.zeros(1)}), "x")


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["data.resolution=256"], "data.resolution is 256; caddm's priors are for 224"),
        (["backbone.name=efficientnet_b4"], "padding: same"),
        (["backbone.name=efficientnet_b3", "backbone.padding=fixed"], "'backbone.padding' is 'fixed'"),
    ],
)
def test_what_does_not_fit_is_refused(overrides: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        detector(*overrides)


def test_a_batch_without_boxes_is_refused(toy: Path) -> None:
    _, ours, batch = parts_of("caddm", toy)
    batch.boxes = None
    with pytest.raises(ContractError, match="data.recipe: mfs"):
        ours.loss(batch)


def test_pixels_reach_the_network_as_they_are(toy: Path) -> None:
    _, _, batch = parts_of("caddm", toy)
    assert batch.image.max() > 200
    torch.testing.assert_close(batch.image, batch.image.round(), atol=1e-3, rtol=0)


def test_the_dropout_belongs_to_the_backbones_feature() -> None:
    ours = detector("detector.dropout=0.5").eval()
    image = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        maps = ours.outputs(image)["maps"]
        ours.dropout.train()
        ours.dropout.p = 1.0
        assert torch.equal(ours.outputs(image)["embedding"], maps[-1].flatten(1))


def test_resolution_of_the_yaml_holds_for_all_backbones() -> None:
    for overrides in BACKBONES.values():
        assert detector(*overrides).eval().outputs(torch.zeros(1, 3, 224, 224))["location"].shape == (1, 168, 4)


@needs_predictor
def test_faces_of_single_files_are_cut_anew(tmp_path: Path) -> None:
    path = tmp_path / "released.pkl"
    torch.save({"network": released(detector(), "resnet34")}, path)
    words = ["--weights_path", str(path), "--detector_path", "caddm", "--output", str(tmp_path / "out")]
    picture = write_picture(tmp_path / "face.png", face())
    assert predict.main([*words, *[w for item in TINY for w in ("--set", item)], str(picture)]) == 0
    [found] = json.loads((tmp_path / "out" / "predictions.json").read_text())["files"]
    assert len(found["faces"]) == 1 and 0 <= found["fake_prob"] <= 1
