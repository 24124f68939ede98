"""From a recorded row to a verdict: is all there that it needs, what does it give here, does that agree?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.claims import Comparison, compare
from analysis.collect import Result, collect
from preprocessing import dfb
from preprocessing.cards import where_from
from preprocessing.checks.overlaps import overlaps
from preprocessing.store import open_store
from training.assembly import Asked
from training.core.conditions import differences
from training.core.errors import BenchError, ManifestError
from training.core.paths import ROOT, RUNS, shown
from training.core.schema import Config
from training.data.select import located, select
from training.engine.results import CONFIG, METRICS
from training.loading import load_trained
from training.networks import weights, zoo
from training.recorded import Row
from training.released import read_index
from training.session import Places, configure, train
from training.testing import evaluate_checkpoint

HOME = RUNS / "reproduce"


@dataclass(frozen=True)
class Attempt:
    """A row that is to be reproduced."""

    row: Row
    asked: Asked
    """What the command line says beside the row."""
    weights: Path | None = None
    """A checkpoint to score, instead of training one."""
    output: Path | None = None

    @property
    def folder(self) -> Path:
        """Where the run goes."""
        return self.output or HOME / re.sub(r"[^A-Za-z0-9_+.-]+", "_", self.row.name)

    def config(self) -> Config:
        """The configuration of a new run.

        Raises:
            ConfigError: a file or key is wrong.
        """
        return configure(self.row.detector, None, self._asked())

    def run(self) -> Result:
        """Train and test, or only test; go on with what was stopped. What is done is not done again.

        Raises:
            BenchError: what training or testing says.
        """
        if not (self.folder / METRICS).is_file():
            if self.weights is not None:
                trained = load_trained(self.weights, self.row.detector, self._asked())
                evaluate_checkpoint(trained, self.weights, self.folder)
            else:
                begun = (self.folder / CONFIG).is_file()
                train(self.config(), Places(resume=self.folder) if begun else Places(output=self.folder))
        return collect([self.folder])[0]

    def _asked(self) -> Asked:
        own = {f"row {self.row.name}": self.row.settings, "its test sets": {"data": {"test": self.row.test_sets}}}
        return Asked(self.row.protocol, own | self.asked.flags, self.asked.overrides)


def lacking(cfg: Config, scoring: bool) -> Iterator[str]:
    """One sentence per data set and network that is not there, with where to get it.

    ``scoring``: nothing is trained, so that only the test sets are needed.
    """
    data, alike = cfg.data, {}
    wanted = [("test", name) for name in data.test]
    if not scoring:
        wanted = [("train", name) for name in data.train] + [("val", name) for name in data.val] + wanted
    for split, name in wanted:
        try:
            (chosen,) = select([name], split, 1, data)
            open_store(located(data.root), chosen.records[0].dataset, data.store)
        except BenchError as error:
            alike.setdefault((str(error), _data_from(name, data.root)), []).append(f"{name} ({split})")
    for (problem, advice), names in alike.items():
        yield f"{', '.join(names)}: {problem}\n    {advice}"
    if not scoring:
        yield from _networks(cfg)


def _data_from(name: str, root: Path) -> str:
    demo = located(root).resolve() == (ROOT / "datasets" / "demo").resolve()
    return "draw the demo's data: make demo-data" if demo else where_from(name)


def _networks(cfg: Config) -> Iterator[str]:
    own = [value for value in cfg.detector.params.values() if isinstance(value, dict)]
    specs = [{"name": cfg.backbone.name, **cfg.backbone.params}] if cfg.backbone else []
    index = read_index()
    for spec in (spec for spec in specs + own if spec.get("name") in zoo.BACKBONES):
        if spec.get("weights", "pretrained") == "pretrained" and not weights.file_of(spec["name"]):
            known = spec["name"] in index
            how = f"python -m training.weights fetch {spec['name']}" if known else "see weights/README.md"
            if zoo.find(spec["name"]).hub is None or known:
                yield f"weights of {spec['name']}: not in weights/\n    {how}"


def check(attempt: Attempt) -> list[str]:
    """See that all is there that the row needs; what its manifests list in two splits at once, one sentence each.

    The files themselves are looked at by preprocessing/check.py.

    Raises:
        ManifestError: it is not; all that is missing, and where to get it.
    """
    cfg = attempt.config()
    if missing := list(lacking(cfg, scoring=attempt.weights is not None)):
        lines = "\n".join(f"  - {sentence}" for sentence in missing)
        raise ManifestError(f"{attempt.row.name} cannot be run here yet; missing:\n{lines}")
    folder = located(cfg.data.manifests)
    manifests = dict.fromkeys(dfb.find(folder, name) for name in (*cfg.data.train, *cfg.data.val, *cfg.data.test))
    listed = {path.stem: dfb.read(path) for path in manifests if path.is_file()}
    return [f"{name}: {leak}" for name, manifest in listed.items() for leak in overlaps(manifest).leaks]


def compared(row: Row, result: Result) -> list[Comparison]:
    """The row's figures beside the measured ones.

    Raises:
        ManifestError: the run has none of the row's figures.
    """
    if row.literature is not None:
        table, name = row.literature
        found = [one for one in compare([result], [table]) if one.row == name]
    else:
        found = list(_recorded(row, result))
    if not found:
        raise ManifestError(f"{shown(result.folder)}: holds no figure of {row.name}; test {', '.join(row.test_sets)}")
    return found


def _recorded(row: Row, result: Result) -> Iterator[Comparison]:
    for figure in row.figures:
        tested = result.sets.get(figure.test_set)
        measured = tested.metrics.get(figure.metric) if tested else None
        if not measured or measured["value"] is None:
            continue
        theirs, differ = row.conditions.get(figure.protocol or "", {}), []
        if figure.protocol is not None and figure.protocol != tested.protocol:
            differ = differences(tested.conditions, theirs) or [f"{tested.protocol}, theirs {figure.protocol}"]
        yield Comparison(
            table=row.name.partition("/")[0],
            row=row.name,
            run=result.label,
            test_set=figure.test_set,
            metric=figure.metric,
            claimed=figure.value,
            measured=measured,
            differences=differ,
        )
