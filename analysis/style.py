"""How names, numbers and lines look in every table and figure."""

from __future__ import annotations

from typing import Any

from matplotlib.colors import hsv_to_rgb

METRICS = {
    "auc": "AUC",
    "ap": "AP",
    "eer": "EER",
    "acc": "ACC",
    "tnr@tpr95": "TNR@TPR95",
    "tnr@tpr99": "TNR@TPR99",
    "tnr@source": "TNR@source",
    "fpr@source": "FPR@source",
    "tpr@source": "TPR@source",
    "acc@source": "ACC@source",
    "bacc@source": "BACC@source",
    "gap": "gap to best",
    "ece": "ECE",
    "ece_mass": "ECE (equal mass)",
    "brier": "Brier",
    "ece@scaled": "ECE scaled",
    "ece_mass@scaled": "ECE (equal mass) scaled",
    "brier@scaled": "Brier scaled",
}
"""Display names in the order of columns; an unknown metric keeps its own and comes last.

``source``: at the threshold of the source's validation data; ``scaled``: by its temperature.
"""

ATTRIBUTION = {
    "all_acc": "ACC all",
    "known_acc": "ACC known",
    "novel_acc": "ACC novel",
    "strict_all_acc": "strict ACC all",
    "strict_novel_acc": "strict ACC novel",
    "open_set_auroc": "open-set AUROC",
    "all_nmi": "NMI all",
    "all_ari": "ARI all",
    "known_nmi": "NMI known",
    "known_ari": "ARI known",
    "novel_nmi": "NMI novel",
    "novel_ari": "ARI novel",
}
"""Likewise of the figures that say who made a picture."""

CLASS_COUNTS = {
    "known_methods": "known methods",
    "methods": "true K",
    "outputs": "outputs",
    "outputs_used": "outputs used",
}
"""Counts that belong beside them: methods in the test set, and outputs that the detector has and gives."""

LOWER_IS_BETTER = {"eer", "fpr@source", "gap"} | {
    f"{name}{scaled}" for name in ("ece", "ece_mass", "brier") for scaled in ("", "@scaled")
}

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
    "cal": "CAL",
    "caddm": "CADDM",
    "capsule_net": "Capsule-Forensics",
    "cdal": "CDAL",
    "clip": "CLIP",
    "clip_freq": "CLIP-Freq",
    "core": "CORE",
    "cpl": "CPL",
    "efficientnetb4": "EfficientNet-B4",
    "effort": "Effort",
    "f3net": "F3-Net",
    "facexray": "Face X-ray",
    "ffd": "FFD",
    "fixmatch": "FixMatch",
    "flexmatch": "FlexMatch",
    "forensics_adapter": "Forensics Adapter",
    "freematch": "FreeMatch",
    "ftcn": "FTCN",
    "fwa": "DSP-FWA",
    "gend": "GenD",
    "i3d": "I3D",
    "iid": "IID",
    "kmeans": "k-means",
    "lrl": "LRL",
    "lsda": "LSDA",
    "maxmatch": "MaxMatch",
    "meso4": "MesoNet-4",
    "meso4Inception": "MesoInception-4",
    "mpsl": "MPSL",
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
    "supervised": "Supervised",
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
KNOWN_COLOR, NOVEL_COLOR = "#009E73", "#CC79A7"
GOLDEN = 0.618034
"""Turning by this share of a circle again and again comes near no earlier hue for long."""

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
    return f"{level} {(METRICS | ATTRIBUTION).get(metric, metric)}".lstrip()


def metric_order(name: str) -> tuple[bool, int, str]:
    """Sorting key of metrics named as in ``metrics.json``: a task's usual level first, then in the order of its names.

    The usual level is that of videos, and of frames where makers are told.
    """
    level, _, metric = name.rpartition("/")
    known = [*METRICS, *ATTRIBUTION]
    usual = "frame" if metric in ATTRIBUTION else "video"
    return level != usual, known.index(metric) if metric in known else len(known), name


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


def class_color(index: int, count: int) -> Any:
    """Color of the ``index``-th of ``count`` classes; of many classes, colors of neighbors in number lie far apart."""
    if count <= len(COLORS):
        return COLORS[index]
    return hsv_to_rgb((index * GOLDEN % 1, 0.85, (0.85, 0.6)[index % 2]))
