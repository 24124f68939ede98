"""The tree of metrics.json: figures by level, intervals where there can be any, counts, switches."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.unit.fabricated import scores
from training.core.errors import ConfigError, ContractError
from training.engine.evaluate import evaluate, is_better, summarize
from training.engine.evaluators.settings import Settings
from training.metrics.ranking import METRICS


def summary(tables, **options):
    tree = summarize(tables, "xception", "runs/x", settings=Settings(**{"resamples": 30} | options))
    assert json.loads(json.dumps(tree, allow_nan=False)) == tree
    return tree


def only(table, *labels):
    return table.select(np.isin(table.label, labels))


def test_every_metric_at_both_levels():
    table = scores()
    found = evaluate(table, ["detection"])
    names = [*METRICS, "ece", "ece_mass", "brier"]
    assert found.keys() == {f"{level}/{name}" for level in ("frame", "video") for name in names}
    assert found["frame/auc"] == pytest.approx(roc_auc_score(table.label, table.fake_prob))
    mean = {v: table.fake_prob[table.video == v].mean() for v in set(table.video)}
    label = {v: int(not v.startswith("real")) for v in mean}
    assert found["video/auc"] == pytest.approx(roc_auc_score([label[v] for v in mean], list(mean.values())))


def test_the_summary_has_the_bare_figures_within_their_intervals():
    table = scores()
    figures = summary({"A": table})["sets"]["A"]["metrics"]
    assert {name: figure["value"] for name, figure in figures.items()} == evaluate(table, ["detection"])
    for name in ("frame/auc", "video/auc", "frame/acc"):
        assert figures[name]["low"] < figures[name]["value"] < figures[name]["high"], name


def test_one_class_is_undefined_with_its_reason():
    found = summary({"A": only(scores(), 0)})["sets"]["A"]
    assert found["metrics"]["video/auc"] == {"value": None, "undefined": "only real videos"}
    assert found["metrics"]["frame/eer"] == {"value": None, "undefined": "only real frames"}
    assert found["metrics"]["frame/acc"].keys() == {"value", "low", "high"}
    assert evaluate(only(scores(), 1), ["detection"])["video/auc"] is None


def test_no_rows_are_undefined_too():
    found = summary({"A": only(scores())})["sets"]["A"]
    assert found["metrics"]["video/acc"] == {"value": None, "undefined": "no videos"}
    assert found["counts"]["frames"] == found["counts"]["videos"] == 0


def test_a_single_real_video_gives_figures_without_intervals():
    table = scores(videos=5)
    few = table.select((table.label == 1) | (table.source == "000"))
    figure = summary({"A": few})["sets"]["A"]["metrics"]["frame/auc"]
    assert figure == {"value": pytest.approx(figure["value"]), "no_interval": "fewer than 2 real videos"}


def test_no_resamples_give_bare_figures():
    figures = summary({"A": scores()}, resamples=0)["sets"]["A"]["metrics"]
    assert all(figure.keys() == {"value"} for figure in figures.values())


def test_counts_and_coverage():
    tree = summarize(
        {"A": scores(videos=3, frames=2), "B": scores(videos=2)},
        "x",
        "r",
        settings=Settings(resamples=10),
        coverage={"A": {"frames_without_face": 4, "unreadable": 1}},
        notes=["twice", "once", "twice"],
    )
    assert tree["sets"]["A"]["counts"] == {
        "frames": 18,
        "real_frames": 6,
        "fake_frames": 12,
        "videos": 9,
        "real_videos": 3,
        "fake_videos": 6,
        "frames_without_face": 4,
        "unreadable": 1,
    }
    assert "unreadable" not in tree["sets"]["B"]["counts"]
    assert tree["notes"] == ["twice", "once"]


def test_clusters_of_sources_hold_a_real_video_and_its_fakes():
    found = summary({"A": scores(videos=6)}, cluster="source")["sets"]["A"]["interval"]
    assert (found["real_clusters"], found["fake_clusters"]) == (6, 6)
    found = summary({"A": scores(videos=6)})["sets"]["A"]["interval"]
    assert (found["real_clusters"], found["fake_clusters"]) == (6, 12)


def test_a_video_of_no_known_source_is_a_cluster_of_its_own():
    table = scores(videos=6)
    source = np.where(np.isin(table.source, ["000", "001"]), "", table.source)
    found = summary({"A": replace(table, source=source)}, cluster="source")["sets"]["A"]["interval"]
    assert (found["real_clusters"], found["fake_clusters"]) == (4 + 2, 4 + 4)


def test_the_switch_changes_video_figures_only_and_is_recorded():
    table = scores(methods=("De", "De2"))  # the last folders of both manipulations are equal
    path, folder = summary({"A": table}), summary({"A": table}, video_key="folder")
    assert path["compat"] == {}
    assert folder["compat"] == {"video_key": "folder"}
    ours, theirs = path["sets"]["A"], folder["sets"]["A"]
    assert ours["metrics"]["frame/auc"] == theirs["metrics"]["frame/auc"]
    assert ours["metrics"]["video/auc"] != theirs["metrics"]["video/auc"]
    assert ours["counts"] == theirs["counts"]


def test_an_unknown_task_is_refused():
    with pytest.raises(ContractError, match="did you mean 'detection'"):
        evaluate(scores(), ["detektion"])


def test_what_is_better_follows_the_metric():
    assert is_better("video/auc", 0.8, 0.7)
    assert not is_better("video/eer", 0.8, 0.7)
    assert is_better("video/eer", 0.1, None)
    assert not is_better("video/eer", None, 0.7)
    assert not is_better("video/auc", 0.7, 0.7)
    with pytest.raises(ConfigError, match=r"evaluate\.monitor.*did you mean 'video/auc'"):
        is_better("vdeo/auc", 0.1, None)
