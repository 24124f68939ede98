"""Heat map of training against test sets, and the study of how many frames are needed."""

import csv
from importlib import import_module

import pytest
import yaml
from sklearn.metrics import roc_auc_score

from analysis.collect import collect
from analysis.figures.frame_count import evenly_spaced, frame_count, frame_counts
from analysis.figures.train_test import row_names, train_test
from tests.unit.fabricated import scores, write_run
from training.data.select import evenly
from training.engine.results import CONFIG


def lines(path):
    with path.with_suffix(".csv").open() as file:
        return list(csv.DictReader(file))


def trained(folder, name, sets, **rest):
    run = write_run(folder, sets, **rest)
    config = yaml.safe_load((run / CONFIG).read_text())
    config["data"]["train"] = [name]
    (run / CONFIG).write_text(yaml.safe_dump(config))
    return run


def test_the_heat_map_holds_each_run_on_each_set(tmp_path):
    trained(tmp_path / "a", "A", {"A": scores("A"), "B": scores("B", seed=1)})
    trained(tmp_path / "b", "B", {"B": scores("B", seed=2)})
    results = collect([tmp_path])
    found = {
        (row["trained_on"], row["test_set"]): row["video/auc"]
        for row in lines(train_test(results, "", tmp_path / "x.png"))
    }
    assert found.pop(("B", "A")) == ""
    for (learned, tested), value in found.items():
        run = next(result for result in results if result.trained_on == [learned])
        assert float(value) == run.sets[tested].metrics["video/auc"]["value"]
    assert row_names(results) == ["A", "B"]


def test_rows_of_the_heat_map_are_told_apart(tmp_path):
    trained(tmp_path / "a", "A", {"A": scores("A")})
    trained(tmp_path / "b", "A", {"A": scores("A")}, detector="clip")
    assert row_names(collect([tmp_path])) == ["Xception: A", "CLIP: A"]
    trained(tmp_path / "c", "A", {"A": scores("A")})
    assert row_names(collect([tmp_path])) == ["Xception (a): A", "CLIP: A", "Xception (c): A"]


def test_frames_are_chosen_as_in_testing():
    table = scores(videos=3, frames=11)
    for count in (1, 2, 3, 7, 11, 20):
        found = evenly_spaced(table, count)
        for video in set(table.video):
            frames = sorted(table.frame[table.video == video].tolist())
            assert sorted(found.frame[found.video == video].tolist()) == evenly(frames, count)


def test_the_auc_per_number_of_frames(tmp_path):
    table = scores(videos=10, frames=12, separation=0.3)
    found = lines(frame_count({"one": table}, "A", tmp_path / "x.png", resamples=40))
    assert [int(row["frames"]) for row in found] == [1, 2, 4, 8, 12] == frame_counts(table)
    for row in found:
        videos = evenly_spaced(table, int(row["frames"])).by_video()
        assert float(row["auc"]) == pytest.approx(roc_auc_score(videos.label, videos.fake_prob))
        assert float(row["low"]) <= float(row["auc"]) <= float(row["high"])


def test_one_frame_each_is_one_point(tmp_path):
    table = scores(frames=1)
    assert len(lines(frame_count({"one": table}, "A", tmp_path / "x.png", resamples=2))) == 1
    assert frame_count({"one": table.select(table.label == 0)}, "A", tmp_path / "y.png") is None


@pytest.mark.parametrize(("name", "file"), [("frame_count", "frame_count_A.png"), ("train_test", "train_test.png")])
def test_the_command_line(tmp_path, name, file):
    run = write_run(tmp_path / "run", {"A": scores("A")})
    import_module(f"analysis.figures.{name}").main([str(run), "--output", str(tmp_path / "out")])
    assert (tmp_path / "out" / file).stat().st_size > 1000
