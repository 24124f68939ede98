"""Score files of others beside our runs."""

import pickle

import pytest
from sklearn.metrics import roc_auc_score

from analysis.collect import collect
from analysis.report import write_report
from analysis.tables import with_caveats
from tests.unit.fabricated import scores, write_run
from training.core.errors import DataError

HEADER = "path,label,score"


def write(path, *lines, header=HEADER):
    path.write_text("\n".join((header, *lines)) + "\n")
    return path


def test_figures_are_those_of_the_scores(tmp_path):
    table = scores(videos=6)
    lines = [
        f"{video}/{frame:04d}.png,{label},{score}"
        for video, frame, label, score in zip(table.video, table.frame, table.label, table.fake_prob, strict=True)
    ]
    (result,) = collect([write(tmp_path / "Other@Celeb-DF-v2.csv", *lines)])
    found, videos = result.sets["Celeb-DF-v2"], table.by_video()
    assert result.label == "Other"
    assert found.metrics["frame/auc"]["value"] == pytest.approx(roc_auc_score(table.label, table.fake_prob))
    assert found.metrics["video/auc"]["value"] == pytest.approx(roc_auc_score(videos.label, videos.fake_prob))
    assert found.counts["videos"] == 18
    assert set(found.scores().method) == {"real", "fake"}


def test_others_stand_beside_runs_in_tables_and_reports(tmp_path):
    run = write_run(tmp_path / "run", {"A": scores("A")})
    other = write(tmp_path / "Other@A.csv", *(f"{n}.mp4,{n % 2},{0.1 * n}" for n in range(8)))
    results = collect([run, other])
    text = with_caveats(results)
    assert "| Xception" in text
    assert "| Other" in text
    assert "scores of others, from a plain file (Other)" in text
    write_report(results, tmp_path / "report.html")
    assert "Other" in (tmp_path / "report.html").read_text()


def test_optional_columns(tmp_path):
    lines = ["a/1.png,0,0.1,v,real,X", "b/1.png,0,0.3,v,real,X", "c/1.png,1,0.9,w,Deepfakes,Y"]
    (result,) = collect([write(tmp_path / "D.csv", *lines, header=f"{HEADER},video,method,dataset")])
    table = result.sets["X"].scores()
    assert list(result.sets) == ["X", "Y"]
    assert table.video.tolist() == ["v", "v"]
    assert table.frame.tolist() == [0, 1]
    assert result.sets["Y"].scores().method.tolist() == ["Deepfakes"]


def test_windows_paths_and_files_without_a_folder(tmp_path):
    lines = [r"v\1.png,0,0", r"v\2.png,0,0", "3.png,0,0", "4.mp4,0,0"]
    (result,) = collect([write(tmp_path / "D.csv", *lines)])
    assert result.sets["D"].scores().video.tolist() == ["v", "v", "3.png", "4.mp4"]


def test_a_pickle_is_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path / "sprung").write_text, ("",)

    for name in ("results.pkl", "renamed.csv"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
        with pytest.raises(DataError, match=r"a pickle can run any program .* header path,label,score"):
            collect([tmp_path / name])
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("lines", "header", "says"),
    [
        (["a.png,2,0.5"], HEADER, r"D\.csv:2: 'label' is '2'; expected 0"),
        (["a.png,0,0.5", "b.png,1,3.2"], HEADER, r"D\.csv:3: 'score' is '3\.2'; expected a probability"),
        (["a.png,0,nan"], HEADER, r"D\.csv:2: 'score' is 'nan'; expected a number"),
        (["a.png,0,0.5"] * 2, HEADER, r"D\.csv:3: 'a\.png' is listed in line 2 already"),
        ([",0,0.5"], HEADER, r"'path' is empty"),
        (["a.png,0"], HEADER, r"D\.csv:2: expected 3 values"),
        (["a.png,0,1,2"], HEADER, r"D\.csv:2: expected 3 values"),
        (["v/1.png,0,0.5", "v/2.png,1,0.5"], HEADER, r"D\.csv:3: video 'v' is real and fake"),
        ([], HEADER, "holds no scores"),
        ([], "path,label,scor", r"'scor' is not a column of such a file; did you mean 'score'"),
        ([], "path,label", "lacks the column 'score'"),
        ([], "path,label,score,label", "named twice"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(tmp_path, lines, header, says):
    with pytest.raises(DataError, match=says):
        collect([write(tmp_path / "D.csv", *lines, header=header)])


def test_other_files_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match="expected a run folder, or a CSV file"):
        collect([tmp_path / "notes.txt"])
    run = write_run(tmp_path / "run", {"A": scores("A")})
    with pytest.raises(DataError, match="give the folder of its run"):
        collect([run / "scores" / "A.csv"])
