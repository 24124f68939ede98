"""CDAL: its losses, and its network on top of CPL's and MPSL's."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tests.golden.cases.owdfa_encoders import loaded, outputs_of, parameters, resnet_shapes
from tests.golden.cases.owdfa_losses import batch_of, feature, noise_of, normal
from tests.golden.compare import Result, compare
from tests.golden.fill import rng
from tests.golden.registry import Golden, case
from training.detectors.cdal import Cdal
from training.networks.counterfactual import Choice, half_size, pooled, strength
from training.networks.perspectives import Several, Single

HIDDEN = [2, 9, 12, 9, 15, 4, 12, 20, 15, 0, 20, 7, 9, 12]
"""Classes of the unlabelled rows; the file leaves them to those of CPL and MPSL."""
LOGITS = {"raw": "y_raw", "aux": "y_aux", "raw_again": "y_aug_raw", "aux_again": "y_aug_aux"}


@torch.no_grad()
def decoupled(cdal: Cdal, early: Tensor, counterfactual: bool) -> dict[str, Tensor]:
    """What attention gives with the strongest maps chosen and rule-made noise; batch norms stay in eval mode."""
    fact = cdal.fact(early)
    counter = cdal.counter(early) if counterfactual else torch.ones_like(fact)
    noise = normal("owdfa/cdal/noise", tuple(half_size(early).shape))
    choice = Choice(strength(fact).argmax(1), strength(counter).argmax(1), noise)
    cdal.training = counterfactual  # of this module alone: it decides which attention stands against the factual one
    cdal.dropout.eval()
    return {"chosen": choice.fact, **cdal.decoupled(early, fact, counter, choice)}


@case("owdfa/encoders_cdal")
def encoders_cdal(golden: Golden) -> Iterator[Result]:
    """Both classes, without and with counterfactual attention."""
    for name, perspectives in (
        ("CDAL_CPLClassifier", "single"),
        ("CDAL_MPSLClassifier_with_M_repaired", "several"),
    ):
        expected = golden[name]
        resnet = {k: v for k, v in resnet_shapes("backbone.").items() if ".fc." not in k}
        shapes = resnet | expected["state_keys"]
        cdal = loaded("cdal", shapes["fc2.weight"][0], shapes, expected["constants"], perspectives=perspectives)
        yield Result(f"{name}.n_params", parameters(expected["n_params"], cdal).ok)
        ours = outputs_of(cdal)
        early = ours["early"]
        with torch.no_grad():
            fact, counter = cdal.fact(early), cdal.counter(early)
        for key, value in (
            ("res1", early),
            ("res4", ours["feature"]),
            ("factual_attention", fact),
            ("factual_attention_channel_sums_image0", fact[0].sum((1, 2))),
            ("counterfactual_attention_train", counter),
            ("feature_matrix", pooled(fact, early)),
            ("counterfactual_matrix_eval", pooled(torch.ones_like(fact), early)),
        ):
            yield compare(f"{name}.{key}", expected[key], value, 1e-3)
        for mode, counterfactual in (("eval", False), ("counterfactual_on", True)):
            at, figures = f"{name}.{mode}", expected[mode]
            found = decoupled(cdal, early, counterfactual)
            for key, theirs in LOGITS.items():
                yield compare(f"{at}.{theirs}", figures[theirs], found[key], 1e-3)
            yield compare(f"{at}.match_loss", figures["match_loss"], found["match"], 1e-3)
            yield compare(f"{at}.chosen_factual_channel", figures["chosen_factual_channel"], found["chosen"], 0)
            yield compare(f"{at}.logits", figures["logits"], ours["logits"], 1e-3)
            yield compare(f"{at}.f_g", figures["f_g"], ours["embedding"], 1e-3)


def learner(algorithm: str) -> Cdal:
    """The published weights of the loss, and only what the objective asks for."""
    cdal = Cdal.__new__(Cdal)
    torch.nn.Module.__init__(cdal)
    cdal.looks = Single(64) if algorithm == "CPL" else Several(64, gate=False)
    cdal.weights = {"pairs": 0.5, "pseudo": 0.5, "entropy": -1.0, "counterfactual": 0.5, "match": 0.2}
    return cdal


def local_vectors(algorithm: str, targets: list[int], weight: float) -> dict[str, Tensor]:
    if algorithm == "CPL":
        return {"parts": feature("cpl/fp", (64, 9), targets, weight)}
    bands = {f"band{n + 1}": feature(f"mpsl/freq{n}", (64, 16), targets, weight) for n in range(3)}
    return bands | {f"part{q}": feature(f"mpsl/part{q}", (64, q * q), targets, weight) for q in Several.GRIDS}


@case("owdfa/cdal_losses")
def cdal_losses(golden: Golden) -> Iterator[Result]:
    """Every part on top of CPL and MPSL, and the gradients of what is added."""
    batch = batch_of(golden)
    for expected in golden["cases"]:
        algorithm, at = expected["algorithm"], f"{expected['algorithm']}_w{expected['w']}"
        tag, cdal = algorithm.lower(), learner(algorithm)
        targets = golden["labelled_target"] + HIDDEN
        logits = [
            normal(f"owdfa/cdal/{name}", (golden["B"], golden["C"]), 1.5).requires_grad_()
            for name in ("raw", "aux", "augraw", "augaux")
        ]
        outputs = {
            "logits": normal(f"owdfa/{tag}/logits", (golden["B"], golden["C"]), 2),
            "embedding": feature(f"{tag}/fg", (64,), targets, expected["w"]),
            "match": torch.tensor(rng("owdfa/cdal/match").random(), dtype=torch.float32),
            **dict(zip(LOGITS, logits, strict=True)),
            **local_vectors(algorithm, targets, expected["w"]),
        }
        losses = cdal.objective(outputs, batch, noise_of(tag, golden))
        base = {"ce_loss": "cls", "en_loss": "entropy", "aux_loss": "counterfactual", "match_loss": "match"}
        base |= {"glv_loss": "pairs", "csp_loss": "pseudo", "mpv_loss": "pairs", "fcp_loss": "pseudo"}
        for theirs, figure in expected["losses"].items():
            yield compare(
                f"{at}.{theirs}", figure, losses.total if theirs == "total_loss" else losses.parts[base[theirs]]
            )
        gradients = torch.autograd.grad(losses.total, logits)
        pairs = zip(expected.get("grad_raw_aux_augraw_augaux", []), gradients, strict=False)
        for number, (figure, gradient) in enumerate(pairs):
            yield compare(f"{at}.grad{number}", figure, gradient)
