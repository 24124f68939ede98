"""How names, numbers and lines look in every table and figure."""

from __future__ import annotations

from typing import Any

METRICS = {
    "auc": "AUC",
    "ap": "AP",
    "eer": "EER",
    "acc": "ACC",
    "tnr@tpr95": "TNR@TPR95",
    "tnr@tpr99": "TNR@TPR99",
}
"""Display names in the order of columns; an unknown metric keeps its own and comes last."""

LOWER_IS_BETTER = {"eer"}

DATASETS = {
    "FaceForensics++": "FF++",
    "FF-DF": "FF++ Deepfakes",
    "FF-F2F": "FF++ Face2Face",
    "FF-FS": "FF++ FaceSwap",
    "FF-NT": "FF++ NeuralTextures",
    "FF-FH": "FF++ FaceShifter",
    "FaceShifter": "FaceShifter",
    "DeepFakeDetection": "DFD",
    "DeeperForensics-1.0": "DeeperForensics",
    "Celeb-DF-v1": "Celeb-DF v1",
    "Celeb-DF-v2": "Celeb-DF v2",
    "DFDCP": "DFDC-P",
}

DETECTORS = {
    "altfreezing": "AltFreezing",
    "caddm": "CADDM",
    "capsule_net": "Capsule-Forensics",
    "clip": "CLIP",
    "clip_freq": "CLIP-Freq",
    "core": "CORE",
    "efficientnetb4": "EfficientNet-B4",
    "effort": "Effort",
    "f3net": "F3-Net",
    "facexray": "Face X-ray",
    "ffd": "FFD",
    "ftcn": "FTCN",
    "fwa": "DSP-FWA",
    "gend": "GenD",
    "i3d": "I3D",
    "iid": "IID",
    "lrl": "LRL",
    "lsda": "LSDA",
    "meso4": "MesoNet-4",
    "meso4Inception": "MesoInception-4",
    "multi_attention": "Multi-attention",
    "pcl_xception": "PCL (Xception)",
    "recce": "RECCE",
    "resnet34": "ResNet-34",
    "rfm": "RFM",
    "sbi": "SBI",
    "sladd": "SLADD",
    "spsl": "SPSL",
    "srm": "SRM",
    "stil": "STIL",
    "tall": "TALL",
    "timesformer": "TimeSformer",
    "ucf": "UCF",
    "uia_vit": "UIA-ViT",
    "videomae": "VideoMAE",
    "xception": "Xception",
    "xclip": "X-CLIP",
}

# Okabe and Ito's palette: told apart by color-blind readers; with DASHES also in gray print.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 1)))
REAL_COLOR, FAKE_COLOR = "#0072B2", "#D55E00"

FIGURE_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "grid.color": "#e5e5e5",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    "savefig.dpi": 160,
    "savefig.bbox": "tight",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
}


def detector_name(name: str) -> str:
    """Display name of a detector."""
    return DETECTORS.get(name, name)


def dataset_name(name: str) -> str:
    """Display name of a data set; a compression suffix is kept: ``FaceForensics++_c40`` is ``FF++ (c40)``."""
    base, _, suffix = name.rpartition("_")
    if base in DATASETS:
        return f"{DATASETS[base]} ({suffix})"
    return DATASETS.get(name, name)


def metric_name(name: str) -> str:
    """Display name of ``auc``, or of ``video/auc`` with its level: ``video AUC``."""
    level, _, metric = name.rpartition("/")
    return f"{level} {METRICS.get(metric, metric)}".lstrip()


def metric_order(name: str) -> tuple[bool, int, str]:
    """Sorting key of metrics named as in ``metrics.json``: video level first, then in the order of METRICS."""
    level, _, metric = name.rpartition("/")
    known = list(METRICS)
    return level != "video", known.index(metric) if metric in known else len(known), name


def figure_text(figure: dict[str, Any] | None) -> str:
    """A figure with its interval, ``0.912 [0.880, 0.941]``, or why there is none."""
    if figure is None:
        return "-"
    if figure["value"] is None:
        return f"undefined: {figure['undefined']}"
    text = f"{figure['value']:.3f}"
    return f"{text} [{figure['low']:.3f}, {figure['high']:.3f}]" if "low" in figure else text


def line(index: int) -> dict[str, Any]:
    """Color and dash of the ``index``-th curve of a figure."""
    return {"color": COLORS[index % len(COLORS)], "linestyle": DASHES[index % len(DASHES)]}
