"""Which function checks which golden file; a file in ``cases/`` registers its own by being there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from tests.golden import cases
from tests.golden.compare import Result
from training.detectors.base import Detector

Golden = dict[str, Any]
Case = Callable[[Golden], Iterator[Result]]
Extras = Callable[[Golden], dict[str, Tensor]]
Figures = Callable[[Detector, Golden], dict[str, Any]]

CASES: dict[str, Case] = {}
EXTRAS: dict[str, Extras] = {}
FIGURES: dict[str, Figures] = {}


def case(name: str) -> Callable[[Case], Case]:
    """Register a function that checks the file ``<folder>/<stem>`` and yields a Result per entry.

    Files are found by their stem, so that the same set drawn with another salt may lie in another folder.
    """
    return lambda function: CASES.setdefault(name.rpartition("/")[2], function)


def extras(name: str) -> Callable[[Extras], Extras]:
    """Register what the network file ``name`` passes to ``outputs`` beside the image."""
    return lambda function: EXTRAS.setdefault(name, function)


def figures(*names: str) -> Callable[[Figures], Figures]:
    """Register a function that computes ``train_losses.*`` and other sections of network files.

    It gets the loaded detector in eval mode and the golden file. Without one, ``detector.loss`` on the rule-made input
    and labels [0, 1] gives ``train_losses.overall`` and a figure per part. A string in place of a figure is the reason
    why that is not compared.
    """
    return lambda function: [FIGURES.setdefault(name, function) for name in names][0]


def discover() -> None:
    """Import every module of ``cases``."""
    for module in pkgutil.iter_modules(cases.__path__):
        importlib.import_module(f"{cases.__name__}.{module.name}")
