"""The semi-supervised rules over four steps."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from tests.golden.cases.owdfa_losses import normal
from tests.golden.compare import Result, compare
from tests.golden.fill import rng
from tests.golden.networks import NOT_RETURNED
from tests.golden.registry import Golden, case
from training.losses.pseudo_labels import Adaptive, Confident, Curriculum, Every, pseudo_label_loss

CLASSES, PICTURES, LABELLED = 6, 40, 4
RULES = {
    "MaxHook_eta0.5": (0.5, lambda: Every()),
    "FixMatch_default_eta0.5": (0.5, lambda: Confident()),
    "FixMatch_0.6": (1.0, lambda: Confident(0.6)),
    "FlexMatch_0.6_warmup": (0.5, lambda: Curriculum(CLASSES, 0.6, pictures=PICTURES)),
    "FlexMatch_0.6_nowarmup": (1.0, lambda: Curriculum(CLASSES, 0.6, warmup=False, pictures=PICTURES)),
    "FreeMatch_default_eta0.5": (0.5, lambda: Adaptive(CLASSES)),
    "FreeMatch_m0.5": (1.0, lambda: Adaptive(CLASSES, 0.5)),
}


@case("owdfa/pseudo_hooks")
def pseudo_hooks(golden: Golden) -> Iterator[Result]:
    """Mask, loss and state after each step; the reference takes one view for both."""
    for name, (weight, make) in RULES.items():
        rule = make()
        for step, expected in enumerate(golden["hooks"][name]):
            logits = normal(f"owdfa/hook/logits{step}", (16, CLASSES), 2.5)[LABELLED:]
            index = torch.from_numpy(rng(f"owdfa/hook/idx{step}").permutation(PICTURES)[:12].copy())
            trusted, at = rule(logits, index), f"{name}.{step}"
            yield compare(f"{at}.mask", expected["mask"], trusted.float().tolist(), 0)
            yield compare(f"{at}.loss", expected["loss"], weight * pseudo_label_loss(logits, logits, trusted))
            if isinstance(rule, Curriculum):
                yield compare(f"{at}.classwise_acc", expected["classwise_acc"], rule.status)
                yield compare(f"{at}.selected_label", expected["selected_label"], rule.chosen[:PICTURES], 0)
            if isinstance(rule, Adaptive):
                yield compare(f"{at}.time_p", expected["time_p"], rule.level)
                yield compare(f"{at}.p_model", expected["p_model"], rule.mean)
                # Kept for FreeMatch's fairness term, which the reference's loss leaves out.
                yield Result(f"{at}.label_hist", None, NOT_RETURNED)
