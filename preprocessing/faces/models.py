"""What finds faces, as settings or a data set's facts name it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from preprocessing.faces.align import Crop
from preprocessing.faces.detect import WHOLE, HogDetector, build_detectors, described
from preprocessing.faces.find import BoxFinder, ChainFinder, ExactFinder, FastFinder, Finder, WholePicture
from preprocessing.faces.landmarks import LandmarkPredictor
from training.core.config import At, Spec
from training.core.errors import ConfigError
from training.core.paths import WEIGHTS

Detection = Literal["fast", "exact", "boxes"]
LANDMARKS = WEIGHTS / "shape_predictor_68_face_landmarks.dat"


@dataclass(frozen=True)
class Models:
    """A finder and what it was made of."""

    find: Finder
    crop: Crop
    detector: dict[str, Any]
    """Name and options."""
    detection: Detection | None
    """None where nothing is detected."""
    predict: LandmarkPredictor | None

    def facts(self) -> dict[str, Any]:
        """What decides how faces come out, by the names of the settings."""
        facts: dict[str, Any] = {"detector": self.detector, "size": self.crop.size}
        if self.detection is not None:
            facts |= {"detection": self.detection, "scale": self.crop.scale, "margin": self.crop.margin}
        if self.predict is not None:
            facts["predictor"] = self.predict.facts
        return facts


def build_models(spec: Spec, detection: Detection, landmarks: Path | None, forehead: bool, crop: Crop) -> Models:
    """The finder that ``spec``, a detector's name, and ``detection`` choose; all but ``fast`` have their own detector.

    Raises:
        ConfigError: detector unknown, its options wrong, or no landmarks where faces must be aligned by them.
        WeightsError: a model is not there.
    """
    predict = None if landmarks is None else LandmarkPredictor(landmarks, forehead)
    if spec.name == WHOLE:
        return Models(WholePicture(predict, crop), crop, {"name": WHOLE}, None, predict)
    if detection == "boxes":
        detect = HogDetector(upsample=0, min_score=0.0)
        return Models(BoxFinder(detect, predict, crop), crop, described({"hog": detect}), detection, predict)
    if predict is None:
        raise ConfigError(f"'landmarks' is empty; only pictures that are crops (detector: {WHOLE}) can do without")
    if detection == "exact":
        detect = HogDetector(upsample=1, min_score=0.0)
        return Models(ExactFinder(detect, predict, crop), crop, described({"hog": detect}), detection, predict)
    detectors = build_detectors(spec)
    finders: list[Finder] = [FastFinder(detect, predict, crop) for detect in detectors.values()]
    find = finders[0] if len(finders) == 1 else ChainFinder(finders)
    return Models(find, crop, described(detectors), detection, predict)


def models_like(facts: dict[str, Any]) -> Models:
    """Those that cut a data set's faces, by its manifest's ``facts``; Assay's defaults where these are silent.

    Raises:
        WeightsError: a model that they name is not in ``weights/``.
    """
    used = facts.get("settings") or {}
    options = dict(used.get("detector") or {"name": "hog"})
    spec = Spec(name=options.pop("name"), params=options, at=At("detector"))
    predictor = used.get("predictor") or ({} if spec.name == WHOLE else {"file": LANDMARKS.name})
    landmarks = WEIGHTS / predictor["file"] if predictor else None
    crop = Crop(**{name: used[name] for name in ("size", "scale", "margin") if name in used})
    return build_models(spec, used.get("detection", "fast"), landmarks, "forehead" in predictor, crop)
