"""Figures of cost and of ablations against the files behind them; operations against their formula."""

import csv

import numpy as np
import pytest
import torch
from torch import nn

from analysis.ablation import read_variants
from analysis.figures import ablation as ablation_figure
from analysis.figures import cost as cost_figure
from tests.unit.fabricated import scores, write_run
from training import test as test_entry
from training import train
from training.assembly import Asked
from training.core.errors import DataError
from training.cost import operations
from training.engine.results import COST, PLAN, write_json
from training.loading import load_trained

MEASURED = {
    "parameters": 2_000_000,
    "learning": 50_000,
    "flops_per_frame": 3.5e9,
    "frames_per_second": 99.6,
    "batch": 4,
    "device": "cpu (here)",
}


def lines(path):
    with path.with_suffix(".csv").open() as file:
        return list(csv.DictReader(file))


class Known(nn.Module):
    """A convolution, attention and a linear layer, of which the operations are known."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Linear(16, 2)

    def predict(self, image):
        tokens = self.convolution(image).flatten(2).transpose(1, 2)
        return self.head(self.attention(tokens, tokens, tokens)[0])


def test_operations_are_those_of_the_formula():
    tokens, rows = 8 * 8, 5
    convolution = 2 * 3 * 9 * 16 * tokens
    projections = 2 * tokens * 16 * (3 * 16 + 16)
    attention = 2 * 2 * tokens * tokens * 16
    head = 2 * tokens * 16 * 2
    found = operations(Known().eval(), torch.zeros(rows, 3, 8, 8))
    assert found == rows * (convolution + projections + attention + head)
    assert torch.backends.mha.get_fastpath_enabled()


def test_costs_are_those_of_the_files(tmp_path, capsys):
    for name in ("clip", "meso4"):
        write_run(tmp_path / name, {"A": scores()}, detector=name)
        write_json(tmp_path / name / COST, MEASURED if name == "clip" else {**MEASURED, "parameters": 10})
    cost_figure.main([str(tmp_path), "--output", str(tmp_path / "out")])
    assert "cost.png" in capsys.readouterr().out
    found = lines(tmp_path / "out" / "cost.png")
    assert [row["run"] for row in found] == ["CLIP", "MesoNet-4"]
    assert found[0] == {"run": "CLIP"} | {key: str(value) for key, value in MEASURED.items()}


def test_testing_measures_costs_on_request(toy, data_flags, tmp_path):
    run, words = tmp_path / "run", [*data_flags, "--set", "data.workers=0"]
    train.main(
        ["--detector_path", "meso4", "--train_dataset", "Toy", *words, "--set", "max_steps=1", "--output", str(run)]
    )
    weights = ["--weights_path", str(run / "best.safetensors"), "--set", "data.batch_size_test=2"]
    test_entry.main([*weights, "--test_dataset", "Toy", *words, "--cost", "--set", "evaluate.resamples=0"])
    cost_figure.main([str(run), "--output", str(tmp_path / "out")])
    [found] = lines(tmp_path / "out" / "cost.png")
    detector = load_trained(run / "best.safetensors", None, Asked()).detector
    size = sum(p.numel() for p in detector.parameters())
    assert (int(found["parameters"]), int(found["learning"]), found["batch"]) == (size, size, "2")
    # The first convolution alone: 8 filters of 3 x 3 x 3 over 256 x 256 places, a product and a sum each.
    assert float(found["flops_per_frame"]) > 2 * 8 * 27 * 256**2
    assert float(found["frames_per_second"]) > 0


def test_a_run_without_costs(tmp_path):
    write_run(tmp_path / "a", {"A": scores()})
    with pytest.raises(DataError, match="nothing to draw"):
        cost_figure.main([str(tmp_path / "a"), "--output", str(tmp_path / "out")])
    found = {"old": {key: value for key, value in MEASURED.items() if key != "flops_per_frame"}, "new": MEASURED}
    assert [row["parameters"] for row in lines(cost_figure.cost(found, "", tmp_path / "x.png"))] == ["2000000"] * 2


def test_an_ablation_is_drawn_beside_its_table(tmp_path, capsys):
    plan = [{"name": f"part {n}", "folder": n, "settings": []} for n in "ab"]
    write_json(tmp_path / PLAN, {"variants": plan})
    for folder, seed in (("a", 1), ("a", 2), ("b", 1)):
        run = write_run(tmp_path / folder / f"seed_{seed}", {s: scores(s, seed=seed) for s in ("A", "B")})
        write_json(run / COST, MEASURED)
    ablation_figure.main([str(tmp_path)])
    assert "ablation.png" in capsys.readouterr().out
    found, variants = lines(tmp_path / "ablation.png"), read_variants(tmp_path)
    assert [(row["variant"], row["test_set"], row["seeds"]) for row in found[:3]] == [
        ("part a", "A", "2"),
        ("part a", "B", "2"),
        ("part b", "A", "1"),
    ]
    expected = variants[0].figures["A"]["video/auc"]
    assert {key: float(found[0][key]) for key in expected} == expected
    assert np.isnan(float(found[2]["spread"])), "one seed has no spread"
    assert ablation_figure.ablation(variants, "", tmp_path / "x.png", "video/none") is None
