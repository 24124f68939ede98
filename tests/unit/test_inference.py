"""What is said of several runs and test sets, against scikit-learn, SciPy and tables made for the purpose."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import wasserstein_distance
from sklearn.metrics import roc_auc_score

from analysis.breakdown import broken_down
from analysis.collect import collect
from analysis.groups import groups_of, read_groups
from analysis.pairs import compare_all
from analysis.seeds import repeats, spread
from analysis.statistics import SECTIONS, main, sections
from analysis.tested import load, measured
from analysis.transfer import across, drift, pooled, pools
from analysis.uncovered import completed, covered
from tests.unit.fabricated import scores, write_run
from training.core.coverage import Faceless, faceless_path, read_faceless, write_faceless
from training.core.errors import DataError
from training.engine.evaluators.calibration import fitted
from training.engine.evaluators.settings import Settings
from training.engine.results import CONFIG, merge, scores_path
from training.metrics.comparison import holm
from training.metrics.drift import resampled_wasserstein
from training.metrics.statistics import draw, strata

QUICK = Settings(resamples=60)


def at(table, level="frame", run="x", settings=QUICK, **more):
    rows = table if level == "frame" else table.by_video()
    return replace(measured(run, table.dataset[0], level, rows, settings), **more)


def auc(rows):
    return pytest.approx(roc_auc_score(rows.label, rows.fake_prob))


def test_cross_auc_takes_reals_of_one_set_and_fakes_of_another():
    sets = {"A": scores("A", seed=1), "B": scores("B", separation=0.3, seed=2)}
    lines = across(pools([at(table) for table in sets.values()]))
    assert [(line["reals"], line["fakes"]) for line in lines] == [("A", "A"), ("A", "B"), ("B", "A"), ("B", "B")]
    for line in lines:
        reals, fakes = sets[line["reals"]], sets[line["fakes"]]
        both = merge([reals.select(reals.label == 0), fakes.select(fakes.label == 1)])
        assert line["value"] == auc(both)
        assert line["low"] < line["value"] < line["high"]


def test_a_set_without_a_class_has_its_reason_and_takes_part_in_the_others():
    first, second = scores("A"), scores("B")
    lines = across(pools([at(first), at(second.select(second.label == 1))]))
    notes = {(line["reals"], line["fakes"]): line["note"] for line in lines}
    assert notes == {("A", "A"): None, ("A", "B"): None, ("B", "A"): "only fake frames", ("B", "B"): "only fake frames"}


def test_pooling_counts_rows_that_sets_share_once():
    whole = scores("A", methods=("Deepfakes", "FaceSwap"))
    parts = [whole.select(np.isin(whole.method, ("real", method))) for method in ("Deepfakes", "FaceSwap")]
    [line] = pooled(pools([at(part) for part in parts]))
    assert line["value"] == auc(whole)
    assert line["mean_of_own"] == pytest.approx(np.mean([roc_auc_score(p.label, p.fake_prob) for p in parts]))


def test_shifted_scores_lower_the_pooled_auc_and_drift():
    first = scores("A", separation=2.0)
    second = replace(first, dataset=np.full(len(first), "B"), fake_prob=0.3 * first.fake_prob)
    both = [at(first, "video"), at(second, "video")]
    [line] = pooled(pools(both))
    assert line["value"] < line["mean_of_own"] - 0.03
    for line, label in zip(drift(both), (0, 1), strict=True):
        own = [one.rows.fake_prob[one.rows.label == label] for one in both]
        assert line["value"] == pytest.approx(wasserstein_distance(*own))
        assert line["low"] <= line["value"] <= line["high"]


def test_resampled_distances_are_scipys_of_copied_clusters():
    rng = np.random.default_rng(0)
    first, second = np.round(rng.random(30), 1), rng.random(20)
    clusters = np.arange(30) % 7, np.arange(20) % 5
    found = resampled_wasserstein(first, second, clusters, 10, seed=3)
    side, joined = np.repeat([0, 1], [30, 20]), np.concatenate([clusters[0], clusters[1] + 7])
    again, groups = np.random.default_rng(3), strata(side, joined)
    for value in found:
        times = draw(groups, again)
        weights = times[clusters[0]], times[clusters[1] + 7]
        assert value == pytest.approx(wasserstein_distance(first, second, *weights))


def test_each_method_is_told_from_all_reals_and_the_worst_from_the_best():
    table = scores("A", videos=25, methods=("Deepfakes", "FaceSwap"))
    harder = np.where(table.method == "FaceSwap", 0.4 * table.fake_prob, table.fake_prob)
    one = at(replace(table, fake_prob=harder))
    lines = {(line["part"], line["figure"]): line for line in broken_down([one])}
    for method in ("Deepfakes", "FaceSwap"):
        rows = one.rows.select(np.isin(one.rows.method, ("real", method)))
        assert lines[method, "auc"]["value"] == auc(rows)
        assert lines[method, "tpr"]["value"] == pytest.approx((rows.fake_prob[rows.label == 1] > 0.5).mean())
        assert lines[method, "auc"]["fake_videos"] == 25 and lines[method, "auc"]["note"] is None
    gap = lines["gap: Deepfakes - FaceSwap", "auc"]
    assert gap["value"] == pytest.approx(lines["Deepfakes", "auc"]["value"] - lines["FaceSwap", "auc"]["value"])
    assert 0 < gap["low"] < gap["high"] and gap["p"] < 0.001


def test_small_groups_are_marked_and_in_no_gap(tmp_path):
    (tmp_path / "g.csv").write_text(
        "source,gender\n" + "".join(f"{n:03d},{'fm'[n % 2]}\n" for n in range(41)) + "041,x\n"
    )
    key, groups = read_groups(tmp_path / "g.csv")
    table = scores("A", videos=42)
    lines = broken_down([at(table)], key, groups)
    assert {line["part"] for line in lines if line["by"] == "gender"} - {"f", "m", "x"} == {
        line["part"] for line in lines if line["by"] == "gender" and line["part"].startswith("gap")
    }
    notes = {line["part"]: line.get("note") for line in lines if line["by"] == "gender" and line["figure"] == "fpr"}
    assert notes["f"] is None and "x" not in notes, "one cluster has no error"
    [few] = [line for line in lines if line["part"] == "x" and line["figure"] == "auc"]
    assert few["value"] is None and few["note"] == "fewer than 2 real videos"
    assert not any("x" in line["part"] for line in lines if line["part"].startswith("gap"))
    some = broken_down([at(scores("A", videos=10))])
    assert {line["note"] for line in some} == {"fewer than 20 real videos and fake videos: in no gap"}
    assert (groups_of(table, key, groups["gender"]) == "").sum() == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gender\nf\n", "g.csv:1: expected the column 'video' or 'source'"),
        ("video\nv\n", "and one attribute or more"),
        ("video,gender\nv\n", "g.csv:2: expected 2 values"),
        ("video,gender\nv,f\nv,m\n", "g.csv:3: video 'v' has another gender above"),
    ],
)
def test_a_damaged_groups_file_is_named(tmp_path, text, says):
    (tmp_path / "g.csv").write_text(text)
    with pytest.raises(DataError) as error:
        read_groups(tmp_path / "g.csv")
    assert says in str(error.value)


def video(table, name, with_face, without_face):
    row = int(np.flatnonzero(table.video == name)[0]) if name in table.video else None
    label = 0 if row is None else int(table.label[row])
    return Faceless("A", name, label, "real" if label == 0 else "Deepfakes", "new", "c23", with_face, without_face)


def test_frames_without_a_face_are_added_by_their_share_and_bound_what_they_could_score():
    table = scores("A", videos=8, frames=4)
    fake = "Deepfakes/c23/001_De"
    missing = [video(table, "nothing/c23/9", 0, 50), video(table, fake, 8, 4)]
    rows, added = completed(table, missing)
    assert added.sum() == 4 + 2, "as many rows as others have, and half as many as 4 scored ones"
    assert (rows.video[added] == fake).sum() == 2
    lines = {(line["faceless"], line["level"]): line for line in covered([at(table, faceless=missing)])}
    assert lines["left out", "frame"]["value"] == auc(table)
    assert lines["left out", "video"]["value"] == auc(table.by_video())
    rng = np.random.default_rng(0)
    for level in ("frame", "video"):
        low, high = (lines[f"{case} case", level]["value"] for case in ("worst", "best"))
        for prob in [np.zeros(6), np.ones(6), *rng.random((20, 6))]:
            scored = rows.fake_prob.copy()
            scored[added] = prob
            tried = replace(rows, fake_prob=scored)
            own = tried if level == "frame" else tried.by_video()
            assert low - 1e-9 <= roc_auc_score(own.label, own.fake_prob) <= high + 1e-9
    assert lines["counted as real", "frame"]["value"] == auc(rows), "added rows score 0"
    assert (lines["worst case", "frame"]["real_frames"], lines["worst case", "frame"]["videos_without_any"]) == (4, 1)


def test_a_list_of_faceless_videos_is_read_as_it_was_written(tmp_path):
    given = [Faceless("A", 'v,"1', 1, "Deepfakes", "001", "", 3, 5)]
    write_faceless(faceless_path(tmp_path / "A.csv"), given)
    assert read_faceless(tmp_path / "A.faceless.csv") == given
    (tmp_path / "A.faceless.csv").write_text("dataset,video\nA,v\n")
    with pytest.raises(DataError, match=r"A\.faceless\.csv: not a list"):
        read_faceless(tmp_path / "A.faceless.csv")


def test_runs_are_compared_on_the_rows_that_both_have():
    whole = scores("A", videos=20)
    better = replace(whole, fake_prob=np.clip(whole.fake_prob + 0.25 * whole.label, 0, 1))
    part = better.select(whole.source != "003")
    lines = compare_all([at(part, run="better"), at(whole, run="other")])
    common = whole.select(whole.source != "003")
    for line in lines:
        assert line["rows"] == len(common)
        if line["metric"] == "auc":
            wanted = roc_auc_score(part.label, part.fake_prob) - roc_auc_score(common.label, common.fake_prob)
            assert line["value"] == pytest.approx(wanted)
            assert line["low"] > 0 and line["p"] < 0.05
    assert [line["test"] for line in lines] == ["DeLong"] + 6 * ["bootstrap"]
    assert (
        compare_all([at(scores("A"), run="a"), at(replace(scores("A"), video=scores("A").video + "x"), run="b")]) == []
    )
    flipped = replace(whole, label=1 - whole.label)
    with pytest.raises(DataError, match=r"a and b on A: A/real/c23/000_re/0 is real for one and fake for the other"):
        compare_all([at(whole, run="a"), at(flipped, run="b")])


def test_each_family_of_tests_is_corrected_for_its_number():
    every = [at(scores("A", separation=s, seed=n), "video", run=str(n)) for n, s in enumerate((0.2, 0.5, 1.0, 1.1))]
    lines = compare_all(every)
    for test in ("DeLong", "bootstrap"):
        family = [line for line in lines if line["metric"] == "auc" and line["test"] == test]
        assert len(family) == 6
        assert [line["p_holm"] for line in family] == holm([line["p"] for line in family])


def seed_run(folder, seed, epochs=4):
    run = write_run(folder, {"A": scores("A", seed=seed)})
    (run / CONFIG).write_text(
        (run / CONFIG).read_text().replace("seed: 7", f"seed: {seed}").replace("epochs: 4", f"epochs: {epochs}")
    )
    return run


def test_runs_that_differ_in_their_seed_only_are_put_together(tmp_path):
    for seed in (1, 2, 3):
        seed_run(tmp_path / f"s{seed}", seed)
    seed_run(tmp_path / "longer", 4, epochs=9)
    results = collect([tmp_path])
    assert [[run.folder.name for run in runs] for runs in repeats(results)] == [["s1", "s2", "s3"]]
    every = load(results, QUICK)
    [line] = [x for x in spread(results, every) if (x["level"], x["metric"]) == ("video", "auc")]
    values = [one.figures["auc"]["value"] for one in every if one.level == "video" and "longer" not in one.run]
    assert line["value"] == pytest.approx(np.mean(values)) and line["sd"] == pytest.approx(np.std(values, ddof=1))
    assert line["seed_low"] < line["value"] < line["seed_high"] and line["low"] < line["value"] < line["high"]
    assert line["seeds"] == 3


def test_the_command_writes_every_section_from_the_files_alone(tmp_path, capsys):
    tree = fitted({"val": scores("A", seed=8)}, Settings())
    for number, name in enumerate(("xception", "clip")):
        sets = {s: scores(s, videos=22, separation=0.5 + number / 2, seed=k) for k, s in enumerate(("A", "B"))}
        run = write_run(tmp_path / name, sets, detector=name)
        metrics = json.loads((run / "metrics.json").read_text())
        (run / "metrics.json").write_text(json.dumps(metrics | {"calibration": tree}))
        write_faceless(faceless_path(scores_path(run, "A")), [video(sets["A"], "new/1", 0, 3)])
    (tmp_path / "g.csv").write_text("source,gender\n" + "".join(f"{n:03d},{'fm'[n % 2]}\n" for n in range(22)))
    words = [str(tmp_path), "--resamples", "30", "--cluster", "source", "--groups", str(tmp_path / "g.csv")]
    main([*words, "--output", str(tmp_path / "out")])
    written = json.loads((tmp_path / "out/statistics.json").read_text())
    assert written.keys() == {"notes", *SECTIONS} - {"seeds"}
    for name in written.keys() - {"notes"}:
        with (tmp_path / "out" / f"{name}.csv").open() as file:
            assert len(list(csv.DictReader(file))) == len(written[name])
    text = (tmp_path / "out/statistics.md").read_text()
    assert all(SECTIONS[name][0] in text for name in written.keys() - {"notes", "reliability"})
    [line] = [
        x
        for x in written["carried"]
        if (x["run"], x["test_set"], x["level"], x["metric"]) == ("CLIP", "B", "video", "tnr@source")
    ]
    rows = scores("B", videos=22, separation=1.0, seed=1).by_video()
    assert line["value"] == pytest.approx((rows.fake_prob[rows.label == 0] <= tree["video"]["threshold"]).mean())
    assert str(tmp_path / "out/pairs.csv") in capsys.readouterr().out


def test_one_run_of_one_set_has_no_pairs_and_no_other_sets(tmp_path):
    write_run(tmp_path, {"A": scores("A")})
    found = {section.name for section in sections(collect([tmp_path]), QUICK) if section.lines}
    assert found == {"figures", "carried", "breakdown", "reliability"}
