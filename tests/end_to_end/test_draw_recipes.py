"""Contact sheets: one row per draw, for every recipe, and mistakes named."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from training import draw_recipes
from training.core.errors import BenchError
from training.data.sheet import GAP, SIDE

TILES = {
    "self_blended": 3,
    "face_warp": 3,
    "face_xray": 3,
    "inconsistency": 3,
    "pairs": 2,
    "mfs": 1,
    "aligned": 1,
    "frames": 1,
    "clips": 4,
}
"""Pictures per draw: a real, a fake, its mask; frames of a clip."""


@pytest.mark.parametrize("name", TILES)
def test_a_row_per_draw(name: str, data_flags: list[str], tmp_path: Path) -> None:
    sheet = tmp_path / "new" / "sheet.png"
    shorter = ["--set", "data.recipe.length=4"] if name == "clips" else []
    flags = ["--dataset", "Toy", "--count", "3", "--output", str(sheet), *data_flags, *shorter]
    draw_recipes.main(["--recipe", name, *flags])
    height, width = cv2.imread(str(sheet)).shape[:2]
    assert height == 3 * (SIDE + GAP) - GAP
    assert width == TILES[name] * (SIDE + GAP) - GAP
    assert [p.name for p in sheet.parent.iterdir()] == ["sheet.png"]


def test_as_a_detector_sees_it(data_flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--detector_path", "core", "--dataset", "Toy", "Other", "--count", "100", *data_flags]
    draw_recipes.main([*words, "--output", str(tmp_path / "views.png")])
    assert capsys.readouterr().out.startswith("96 of 96 draws")
    assert cv2.imread(str(tmp_path / "views.png")).shape[1] == 2 * (SIDE + GAP) - GAP


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--recipe", "self_blend"], "did you mean 'self_blended'"),
        (["--detector_path", "sbj"], "did you mean 'sbi'"),
        (["--recipe", "frames", "--count", "0"], "--count is 0"),
        (["--recipe", "frames", "--set", "data.recipe.maks=true"], "did you mean 'mask'"),
    ],
)
def test_mistakes_are_named(words: list[str], says: str, data_flags: list[str], tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=says):
        draw_recipes.main([*words, "--dataset", "Toy", "--output", str(tmp_path / "x.png"), *data_flags])
    assert not list(tmp_path.iterdir())
