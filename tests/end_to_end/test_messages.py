"""Foreseeable mistakes: one line that names the culprit, what would be right, and the right exit code."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from preprocessing import manifest
from training import test as test_entry
from training import train as train_entry
from training.core.errors import BenchError

TINY = ["--set", "backbone.size=tiny", "--set", "backbone.weights=random", "--set", "data.workers=0"]
XCEPTION = ["--detector_path", "xception", "--train_dataset", "Toy"]

MISTAKES = {
    "no detector": ([], "--detector_path is missing", 2),
    "unknown yaml": (["--detector_path", "config/detector/xceptoin.yaml"], "did you mean 'xception'", 2),
    "unknown detector": (
        [*XCEPTION, "--set", "detector.name=xceptoin"], "unknown detector 'xceptoin'; did you mean 'xception'", 2,
    ),
    "unknown set": (["--detector_path", "xception", "--train_dataset", "Tyo"], "did you mean 'Toy'", 2),
    "unknown test set": ([*XCEPTION, "--test_dataset", "Otter"], "did you mean 'Other'", 2),
    "nothing to train on": (["--detector_path", "xception"], "--train_dataset", 2),
    "unknown key": (
        [*XCEPTION, "--set", "data.resolutoin=3"], "'data.resolutoin' is not a known key; did you mean 'resolution'", 2,
    ),
    "unknown section": ([*XCEPTION, "--set", "optm.rule=adamw"], "did you mean 'optim'", 2),
    "wrong type": ([*XCEPTION, "--set", "epochs=ten"], "--set epochs=ten: 'epochs' is 'ten'; expected int", 2),
    "no value": ([*XCEPTION, "--set", "epochs"], "expected key=value", 2),
    "unknown parameter": ([*XCEPTION, "--set", "optim.rule.rho=0.1"], "'optim.rule.rho' is not a parameter of adam", 2),
    "unknown rule": ([*XCEPTION, "--set", "optim.rule={name: sma, lr: 1}"], "did you mean 'sam'", 2),
    "unknown schedule": ([*XCEPTION, "--set", "optim.schedule=cosin"], "did you mean 'cosine'", 2),
    "unknown group": ([*XCEPTION, "--set", "optim.groups.mian.lr=1"], "did you mean 'main'", 2),
    "unknown recipe": ([*XCEPTION, "--set", "data.recipe=fraems"], "did you mean 'frames'", 2),
    "recipe parameter": ([*XCEPTION, "--set", "data.recipe={name: pairs, match: sauce}"], "did you mean 'source'", 2),
    "unknown backbone": ([*XCEPTION, "--set", "backbone.name=xceptoin"], "did you mean 'xception'", 2),
    "unknown monitor": ([*XCEPTION, "--set", "evaluate.monitor=video/acu"], "did you mean 'video/auc'", 2),
    "validation on a test set": (
        [*XCEPTION, "--test_dataset", "Other", "--set", "data.val=[Other]"], "must not be chosen on it", 2,
    ),
    "no such device": ([*XCEPTION, "--device", "cuda:99"], "device 'cuda:99' is not here", 2),
    "compression": ([*XCEPTION, "--set", "data.compression=c40"], "with compression 'c40'; its manifest has c23", 2),
    "resume nothing": (["--resume", "nowhere"], "no run there", 2),
    "bad start weights": ([*XCEPTION, "--weights_path", "nowhere.pth"], "no weights file nowhere.pth", 2),
}  # fmt: skip


def fails(main: Callable[[list[str]], object], argv: list[str]) -> BenchError:
    with pytest.raises(BenchError) as caught:
        main(argv)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("mistake", MISTAKES)
def test_training_names_the_culprit(mistake: str, data_flags: list[str], tmp_path: Path) -> None:
    argv, says, code = MISTAKES[mistake]
    tiny = TINY if "--detector_path" in argv and "yaml" not in mistake else []
    runs = ["--set", f"run_dir={tmp_path}"] if argv else []
    error = fails(train_entry.main, [*argv[:2], *tiny, *data_flags, *runs, *argv[2:]])
    assert says in str(error), str(error)
    assert error.exit_code == code


def test_a_missing_frame_stops_training_with_its_key(toy: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(toy, broken)
    victim = next((broken / "datasets/rgb/Toy/frames/real/c23/000").glob("*.png"))
    victim.unlink()
    error = fails(
        train_entry.main, [*XCEPTION, *TINY, *flags_for(broken), "--set", f"run_dir={tmp_path}", "--set", "epochs=1"]
    )
    assert "Toy/real/c23/000/00" in str(error) and "has no image frames/real/c23/000" in str(error)
    assert error.exit_code == 1


def test_testing_leaves_unreadable_frames_out_and_counts_them(toy: Path, tmp_path: Path) -> None:
    import json

    broken = tmp_path / "broken"
    shutil.copytree(toy, broken)
    frames = sorted((broken / "datasets/rgb/Other/frames/real/c23/005").glob("*.png"))
    frames[0].unlink()
    frames[1].write_bytes(b"no picture")
    run = tmp_path / "run"
    train_entry.main(
        [*XCEPTION, "--test_dataset", "Other", *TINY, *flags_for(broken), "--output", str(run), "--set", "max_steps=2"]
    )
    counts = json.loads((run / "metrics.json").read_text())["sets"]["Other"]["counts"]
    assert counts["unreadable"] == 2 and counts["frames"] == 2 * 3 * 4 - 2
    listed = json.loads((run / "scores/Other.unreadable.json").read_text())
    assert len(listed) == 2 and "00001.png is no readable picture" in " ".join(listed)


def flags_for(root: Path) -> list[str]:
    return ["--set", f"data.root={root / 'datasets'}", "--set", f"data.manifests={root / 'manifests'}"]


def test_an_empty_split_is_named(toy: Path, tmp_path: Path) -> None:
    only_train = tmp_path / "manifests"
    full = manifest.read(toy / "manifests/Toy.json")
    kept = [entry for entry in full.entries if entry[0].split == "train"]
    manifest.Manifest("Toy", kept, full.facts).write(only_train / "Toy.json")
    flags = ["--set", f"data.root={toy / 'datasets'}", "--set", f"data.manifests={only_train}"]
    error = fails(train_entry.main, [*XCEPTION, "--test_dataset", "Toy", *TINY, *flags])
    assert "no faces in split 'test'; its manifest has train" in str(error)


def test_testing_names_the_culprit(toy: Path, data_flags: list[str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    train_entry.main([*XCEPTION, *TINY, *data_flags, "--output", str(run), "--set", "max_steps=1", "--set", "epochs=1"])
    best = str(run / "best.safetensors")
    assert "--weights_path is missing" in str(fails(test_entry.main, []))
    assert "nothing to test on" in str(fails(test_entry.main, ["--weights_path", best]))
    other = ["--weights_path", best, "--test_dataset", "Other", *data_flags]
    assert "holds 'xception', but --detector_path asks for 'meso4'" in str(
        fails(test_entry.main, [*other, "--detector_path", "meso4"])
    )
    (tmp_path / "junk.pth").write_bytes(b"not weights")
    junk = ["--weights_path", str(tmp_path / "junk.pth"), *other[2:]]
    assert "--detector_path" in str(fails(test_entry.main, junk))
    assert "not a safe weights file" in str(fails(test_entry.main, [*junk, "--detector_path", "meso4"]))
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(Path(best).read_bytes()[:200])
    assert "cut.safetensors" in str(fails(test_entry.main, ["--weights_path", str(cut), *other[2:]]))
    with pytest.raises(BenchError, match=r"'data.frames_tset' is not a known key; did you mean 'frames_test'"):
        test_entry.main([*other, "--set", "data.frames_tset=3"])
