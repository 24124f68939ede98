"""Ablations: the shipped variants are what they are called, wrong files are named, figures over seeds add up."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.ablation import over_seeds, write_table
from tests.unit.fabricated import scores, write_run
from tests.unit.test_attribution import scores as attributed
from training.ablating import cells, read_variants
from training.assembly import Asked, build
from training.core.config import Layers
from training.core.errors import ConfigError
from training.core.paths import CONFIG
from training.core.schema import Config
from training.detectors.base import Detector
from training.engine.evaluate import evaluate, summarize
from training.engine.evaluators.settings import Settings
from training.engine.results import COST, METRICS, PLAN, write_json

CLASSES, PERSONS = ["real", "a", "b"], ["x", "y", "z"]
TINY = Asked(overrides=["backbone.size=tiny", "backbone.weights=random", "data.train=[A]", "data.test=[B]"])


def built(cfg: Config) -> Detector:
    torch.manual_seed(0)
    return build(cfg, CLASSES, PERSONS)


def learning(detector: Detector) -> set[str]:
    return {name.split(".")[0] for name, p in detector.named_parameters() if p.requires_grad}


@pytest.fixture(scope="module")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Detector]:
    _, runs = cells("clip_freq", TINY, [1], None, None, tmp_path_factory.mktemp("ablation"))
    return {cell.variant: built(cell.cfg) for cell in runs}


def test_each_part_of_clip_freq_comes_by_itself(detectors):
    names = list(detectors)
    head = lambda name: detectors[name].head.weight.numel()  # noqa: E731
    count = {name: sum(p.numel() for p in d.parameters() if p.requires_grad) for name, d in detectors.items()}
    assert type(detectors[names[0]]).__name__ == "Xception"
    assert learning(detectors["linear CLIP"]) == {"head"}
    assert count["linear CLIP"] == head("linear CLIP") + 2
    tuned, gend, fft, dwt, both, edges, identity, whole, arc = names[2:]
    norms = [m for m in detectors[tuned].backbone.modules() if isinstance(m, torch.nn.LayerNorm)]
    assert count[tuned] - count["linear CLIP"] == sum(m.weight.numel() + m.bias.numel() for m in norms)
    assert [detectors[n].weights["uniformity"] for n in (tuned, gend)] == [0, 0.5] and count[gend] == count[tuned]
    assert learning(detectors[fft]) - learning(detectors[gend]) == {"adapter", "project"}
    assert (count[fft], count[dwt]) < (count[both], count[both]) and learning(detectors[both]) >= {"probes"}
    assert count[edges] > count[both]
    assert learning(detectors[identity]) - learning(detectors[edges]) == {"discriminator"}
    assert [detectors[n].slerp for n in (identity, whole)] == ["off", "append"]
    assert type(detectors[arc].head).__name__ == "ArcHead" and count[arc] == count[whole] - 2, "no bias"


def test_with_every_part_it_is_the_method_as_its_yaml_has_it(detectors):
    layers = Layers().add_file(CONFIG / "train_config.yaml").add_file(CONFIG / "detector/clip_freq.yaml")
    published, whole = built(TINY.over(layers)), detectors["+ slerp (whole, linear head)"]
    assert all(torch.equal(a, b) for a, b in zip(published.parameters(), whole.parameters(), strict=True))
    plain = lambda d: {k: v for k, v in vars(d).items() if not k.startswith("_")}  # noqa: E731
    assert plain(published) == plain(whole)


@pytest.mark.parametrize("path", sorted((CONFIG / "ablation").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_file_reads(path, tmp_path):
    of_one = (CONFIG / "detector" / path.name).is_file()
    known = [] if of_one else ["data.recipe.known=[real, a]", "data.recipe.name=open_world"]
    asked = replace(TINY, overrides=[*TINY.overrides, *known])
    _, runs = cells(path.stem if of_one else "supervised", asked, [1, 2], None, str(path), tmp_path)
    assert [cell.seed for cell in runs] == [1] * (len(runs) // 2) + [2] * (len(runs) // 2)
    assert len({cell.folder for cell in runs}) == len(runs)
    assert len({str(cell.cfg) for cell in runs}) == len(runs), "no two runs are the same"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("variants: [{name: a}, {name: A }]", "two variants are called 'A'"),
        ("variants: [{name: a, after: b}, {name: b}]", "'a' comes after 'b', which is not above"),
        ("variants: [{name: a, sett: {}}]", "did you mean 'set'"),
        ("variant: []", "did you mean 'variants'"),
    ],
)
def test_a_wrong_file_is_named(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_variants(tmp_path / "x.yaml")


def test_what_cannot_run_is_said_before_anything_does(tmp_path, monkeypatch):
    def ask(words: Asked = TINY, wanted: list[str] | None = None, file: str | None = None) -> None:
        cells("clip_freq", words, [1], wanted, file, tmp_path / "new")

    with pytest.raises(ConfigError, match=r"has no '\+ FFF'; did you mean '\+ FFT'"):
        ask(wanted=["+ FFF"])
    with pytest.raises(ConfigError, match="nothing to test on"):
        ask(Asked(overrides=["backbone.size=tiny"]))
    with pytest.raises(ConfigError, match="did you mean 'clip_freq'"):
        ask(file="clip_frq")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("variants: [{name: one, set: {detector: {branch: fft}}}, {name: two, set: {optim: {rul: sgd}}}]")
    with pytest.raises(ConfigError, match=r"wrong.yaml: 'two': 'optim.rul' is not a known key; did you mean 'rule'"):
        ask(file=str(wrong))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="start one per GPU"):
        ask()
    assert not (tmp_path / "new").exists()


def test_figures_over_seeds_are_means_with_their_spread():
    three = [{"value": v, "low": v - 0.1, "high": v + 0.2} for v in (0.5, 0.6, 0.7)]
    assert over_seeds(three) == pytest.approx({"value": 0.6, "spread": 0.1, "low": 0.5, "high": 0.8})
    assert over_seeds(three[:1])["spread"] is None
    assert over_seeds([three[0], {"value": 0.7}]).keys() == {"value", "spread"}, "no bounds where one has none"
    undefined = {"value": None, "undefined": "only real videos"}
    assert over_seeds([three[0], undefined]) == undefined


def test_the_table_has_a_row_per_variant_with_seeds_costs_and_caveats(tmp_path):
    cost = {"parameters": 12345, "learning": 45, "frames_per_second": 99.6, "batch": 4, "device": "cpu (here)"}
    plan = [{"name": name, "folder": name[-1], "settings": []} for name in ("part a", "part b", "part c")]
    write_json(tmp_path / PLAN, {"variants": plan})
    aucs = []
    for folder, seed in (("a", 1), ("a", 2), ("b", 1)):
        sets = {"DFDCP": scores("DFDCP", seed=seed)}
        write_run(tmp_path / folder / f"seed_{seed}", sets, detector="clip_freq")
        write_json(tmp_path / folder / f"seed_{seed}" / COST, cost)
        aucs.append(evaluate(sets["DFDCP"], ["detection"])["video/auc"])
    write_run(tmp_path / "c/seed_1")  # no cost: not done yet
    lines = write_table(tmp_path).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert cells[0] == ["video AUC", "seeds", "parameters", "learning", "frames/s", "DFDC-P"]
    assert cells[2][:5] == ["part a", "2", "12,345", "45", "100"] and cells[3][:2] == ["part b", "1"]
    assert cells[2][5].startswith(f"{np.mean(aucs[:2]):.3f} [") and cells[2][5].endswith(
        f"± {np.std(aucs[:2], ddof=1):.3f}"
    )
    assert cells[3][5].startswith(f"{aucs[2]:.3f} [") and "±" not in cells[3][5]
    assert cells[5][0] == "frame AUC" and "part c" not in "".join(lines)
    notes = [line for line in lines if line.startswith("- note: ")]
    assert any("fewer than 3 seeds" in note and "(all)" in note for note in notes)
    assert any("cpu (here)" in note for note in notes) and any("randomly initialized" in note for note in notes)
    assert sum("DFDC-P, DFDC-P" in note for note in notes) == 0
    with (tmp_path / "table.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if (row["level"], row["metric"]) == ("video", "auc")]
    assert [float(row["value"]) for row in rows] == pytest.approx([np.mean(aucs[:2]), aucs[2]])
    assert [row["seeds"] for row in json.loads((tmp_path / "table.json").read_text())] == [[7, 7], [7]]


def test_methods_of_attribution_stand_against_metrics(tmp_path):
    plan = [{"name": name, "folder": name, "settings": []} for name in ("cpl", "cal")]
    write_json(tmp_path / PLAN, {"variants": plan})
    found = {}
    for folder, seeds in (("cpl", (1, 2)), ("cal", (1,))):
        for seed in seeds:
            run, table = tmp_path / folder / f"seed_{seed}", attributed(seed=seed)
            write_run(run, {"Faces": table}, detector=folder)
            summary = summarize({"Faces": table}, folder, str(run), ["attribution"], Settings(resamples=20))
            write_json(run / METRICS, summary)
            write_json(run / COST, {})
            found.setdefault(folder, []).append(evaluate(table, ["attribution"]))
    lines = write_table(tmp_path).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    assert cells[0][:2] == ["Faces", "seeds"] and cells[0][5:8] == [
        "frame ACC all",
        "frame ACC known",
        "frame ACC novel",
    ]
    assert [row[:2] for row in cells[2:]] == [["cpl", "2"], ["cal", "1"]], "no table of detection"
    mean = np.mean([figures["frame/novel_acc"] for figures in found["cpl"]])
    assert cells[2][7].startswith(f"{mean:.3f} [") and "±" in cells[2][7] and "±" not in cells[3][7]
    assert cells[0][-1] == "outputs used" and cells[2][-1] == "5"
