"""Score pictures and videos: ``python training/predict.py --weights_path RUN/best.safetensors FILE_OR_FOLDER ...``.

Writes predictions.json (its form: training/config/predictions.schema.json) and a timeline picture per file; of
attribution methods, who most probably made each face. A high score is evidence, not proof.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from training.core.cli import add_run_options, run_entry

if TYPE_CHECKING:
    import torch

    from training.loading import Trained
    from training.verdicts import FileVerdict


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="predict.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("files", nargs="+", type=Path, metavar="FILE_OR_FOLDER", help="pictures, videos, folders of them")
    p.add_argument("--weights_path", metavar="FILE", help="a checkpoint of Assay's or of a method's authors")
    p.add_argument("--detector_path", metavar="YAML", help="the method; needed for published checkpoints only")
    p.add_argument("--protocol", metavar="YAML", help="its known methods; needed for published attribution checkpoints")
    p.add_argument("--frames", type=int, default=32, metavar="N", help="frames per video, evenly spread; 0: all (32)")
    p.add_argument("--picture-limit", type=float, default=50, metavar="MP", help="megapixels; larger is refused (50)")
    p.add_argument("--video-limit", type=int, default=200_000, metavar="N", help="frames; longer is refused (200000)")
    p.add_argument("--output", type=Path, metavar="FOLDER", help="where results go (default: predictions/<time>)")
    p.add_argument("--explain", action="store_true", help="draw where in each face the verdict comes from")
    add_run_options(p)
    return p


def main(argv: list[str]) -> int:
    """Parse, load, judge every file, write; 1 when a file could not be read."""
    args = parser().parse_args(argv)
    # Only now: importing torch takes seconds that --help should not cost.
    from tqdm import tqdm

    from preprocessing.faces.models import models_like
    from preprocessing.faces.video import Limits
    from training.core.errors import ConfigError
    from training.core.paths import shown
    from training.engine.results import write_json
    from training.explain import explain_file
    from training.prediction import find_files, judge, tells_fakes
    from training.verdicts import CROPS, EVIDENCE, NO_REAL, as_tree, judged_by, table

    if args.weights_path is None:
        raise ConfigError("--weights_path is missing: the checkpoint to predict with")
    files, (trained, device) = find_files(args.files), _load(args)
    models = models_like(next(iter(trained.card.facts.values()), {}))
    output = args.output or Path("predictions") / time.strftime("%Y-%m-%d_%H-%M-%S")
    notes = [*trained.card.notes, *([] if tells_fakes(trained) else [NO_REAL]), *judged_by(trained.card.calibration)]
    notes += [] if models.detection else [CROPS]
    verdicts, limits = [], Limits(args.picture_limit, args.video_limit)
    for file in tqdm(files, unit="file", disable=len(files) == 1):
        verdict = judge(file, trained, models, args.frames, device, limits)
        verdicts.append(verdict)
        if verdict.faces:
            verdict.timeline = _draw(verdict, output / f"{len(verdicts):04d}_{file.stem}.png")
        if args.explain and verdict.faces:
            verdict.heat_map = f"{len(verdicts):04d}_{file.stem}_heat.png"
            explain_file(verdict, trained, device, output / verdict.heat_map)
        # All verdicts so far: an interrupted run keeps what it has.
        write_json(output / "predictions.json", as_tree(verdicts, args.weights_path, notes))
    print(table(verdicts))
    print(*(f"note: {note}" for note in notes), EVIDENCE, sep="\n")
    print(f"results: {shown(output)}")
    return 1 if any(verdict.failed for verdict in verdicts) else 0


def _load(args: argparse.Namespace) -> tuple[Trained, torch.device]:
    """The detector that is asked for, on its device."""
    from training.assembly import Asked
    from training.engine.prepare import pick_device
    from training.explain import check_explainable
    from training.loading import load_trained

    flags = {"--device": {"device": args.device}} if args.device else {}
    trained = load_trained(Path(args.weights_path), args.detector_path, Asked(args.protocol, flags, args.overrides))
    if args.explain:
        check_explainable(trained)
    device = pick_device(trained.cfg.device)
    trained.detector.to(device)
    return trained, device


def _draw(verdict: FileVerdict, path: Path) -> str:
    """Draw a file's faces and their scores over time; the picture's name."""
    from analysis.figures.timeline import FaceCurve, timeline

    curves = []
    for number, face in enumerate(verdict.faces, start=1):
        crops = {cut.index: cut.crop for cut in face.track.cuts}
        pictures = [crops[f] for f in face.frames]
        if face.maker:
            told = f"face {number}, {face.maker.name}", face.maker.confidence, face.frames, face.maker.frames
        else:
            told = f"face {number}", face.fake_prob, face.frames, face.scores
        curves.append(FaceCurve(*told, pictures))
    what = "maker" if verdict.names_makers else "fake"
    threshold = verdict.calibration.threshold if verdict.calibration else 0.5
    return timeline(curves, verdict.path.name, path, what, threshold).name


if __name__ == "__main__":
    run_entry(main)
