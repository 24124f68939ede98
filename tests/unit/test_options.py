"""What one changed option does: runs are named by it, bars and rays hold their figures."""

import csv
from importlib import import_module

import pytest
import yaml

from analysis.collect import collect
from analysis.differences import run_names
from analysis.figures.option_bars import option_bars
from analysis.figures.option_radar import option_radar
from tests.unit.fabricated import scores, write_run
from training.engine.results import CONFIG


def run(folder, change=None, sets="ABC"):
    write_run(folder, {name: scores(name, seed=number) for number, name in enumerate(sets)})
    config = yaml.safe_load((folder / CONFIG).read_text())
    for key, value in (change or {}).items():
        section, _, name = key.rpartition(".")
        (config.setdefault(section, {}) if section else config)[name] = value
    (folder / CONFIG).write_text(yaml.safe_dump(config))
    return folder


def lines(path):
    with path.with_suffix(".csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ([{"data.augment": {"jpeg": 0}}, {"data.augment": {"jpeg": 0.5}}], ["augment.jpeg=0", "augment.jpeg=0.5"]),
        ([{"backbone.weights": "random"}, {"backbone.weights": "x"}], ["weights=random", "weights=x"]),
        ([{"run_dir": "a", "seed": 1}, {"run_dir": "b", "seed": 2}], ["seed=1", "seed=2"]),
        ([{"data.name": "a", "optim.name": "b"}, {}], ["data.name=a, optim.name=b", "data.name=none, optim.name=none"]),
        ([{}, {}], ["Xception (0)", "Xception (1)"]),
        ([{f"data.x{n}": n for n in range(4)}, {}], ["Xception (0)", "Xception (1)"]),
    ],
)
def test_runs_are_named_by_what_differs(tmp_path, changes, names):
    results = collect([run(tmp_path / str(number), change) for number, change in enumerate(changes)])
    assert run_names(results) == names


def test_three_runs_of_which_two_agree_keep_their_labels(tmp_path):
    changes = ({"epochs": 1}, {"epochs": 2}, {"epochs": 1})
    results = collect([run(tmp_path / str(number), change) for number, change in enumerate(changes)])
    assert run_names(results) == ["Xception (0)", "Xception (1)", "Xception (2)"]


@pytest.mark.parametrize("figure", [option_bars, option_radar])
def test_figures_hold_their_numbers(tmp_path, figure):
    results = collect([run(tmp_path / "a", {"epochs": 1}), run(tmp_path / "b", {"epochs": 2})])
    found = lines(figure(results, "x", tmp_path / "x.png"))
    assert [row["run"] for row in found] == ["epochs=1"] * 3 + ["epochs=2"] * 3
    for row in found[:3]:
        expected = results[0].sets[row["test_set"]].metrics["video/auc"]
        assert [float(row[key]) for key in ("value", "low", "high")] == [expected[k] for k in ("value", "low", "high")]


def test_test_sets_that_a_run_lacks(tmp_path):
    results = collect([run(tmp_path / "a", {"epochs": 1}), run(tmp_path / "b", {"epochs": 2}, sets="AB")])
    assert [row["value"] for row in lines(option_bars(results, "x", tmp_path / "x.png"))][-1] == "nan"
    assert option_radar(results, "x", tmp_path / "y.png") is None, "two common test sets make no area"


@pytest.mark.parametrize("name", ["option_bars", "option_radar"])
def test_the_command_line(tmp_path, name):
    run(tmp_path / "a", {"epochs": 1})
    import_module(f"analysis.figures.{name}").main([str(tmp_path / "a"), "--output", str(tmp_path / "out")])
    assert (tmp_path / "out" / f"{name}.png").stat().st_size > 1000
