"""The report as a browser shows it, on a screen as narrow as a phone's: needs headless Chromium."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from analysis.collect import collect
from analysis.report import write_report
from tests.unit.fabricated import scores, write_attribution_run, write_run
from tests.unit.test_report_parts import write_full_run

pytestmark = pytest.mark.browser
PHONE = 390
SMALLEST = 12
"""Pixels of the smallest text that can be read."""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--dump-dom",
)
PROBE = """<script>
addEventListener("load", () => {
  const said = {width: innerWidth, scrolls: document.documentElement.scrollWidth};
  said.images = [...document.images].map((image) => image.complete && image.naturalWidth > 0);
  said.tables = [...document.querySelectorAll("table")].map((table) => {
    const heads = [...table.tHead.rows[0].cells];
    const values = (column) => [...table.tBodies[0].rows].map((row) =>
      row.cells[column].dataset.value ?? row.cells[column].textContent.trim());
    return heads.map((head, column) => {
      const button = head.querySelector("button");
      button.click(); const down = values(column), once = head.getAttribute("aria-sort");
      button.click(); return {down, up: values(column), once, twice: head.getAttribute("aria-sort")};
    });
  });
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), sizes = [];
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (texts.currentNode.textContent.trim() && element.getClientRects().length)
      sizes.push(parseFloat(getComputedStyle(element).fontSize));
  }
  said.smallest = Math.min(...sizes);
  const probe = document.createElement("pre");
  probe.id = "probe"; probe.textContent = JSON.stringify(said); parent.document.body.append(probe);
});
</script></body>"""
FRAME = """<!DOCTYPE html><html><body><iframe style="width: {width}px; height: 800px; border: 0" srcdoc="{page}">
</iframe></body></html>"""
"""A browser's window cannot be made as narrow as a phone, a frame in it can."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with every section, and names that are no good names."""
    root = tmp_path_factory.mktemp("report")
    write_full_run(root / "t1")
    write_run(root / "t2", {"Celeb-DF-v2": scores("Celeb-DF-v2", videos=25, seed=4), "<b>x</b>" * 9: scores("y")})
    write_run(root / "t3", {"R": scores("R").select(slice(0, 4))}, detector="a" * 60)
    write_attribution_run(root / "t4")
    write_report(collect([root]), root / "report.html")
    return (root / "report.html").read_text()


def browse(page: str, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """What the probe says of a page, and what the console shows."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium: apt-get install chromium")
    path = folder / "page.html"
    path.write_text(FRAME.format(width=PHONE, page=html.escape(page.replace("</body>", PROBE))))
    words = [browser, *FLAGS, f"--user-data-dir={folder / 'profile'}", path.as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=180, check=True)
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, "the probe did not run"
    return json.loads(html.unescape(found[1])), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_the_page_loads_whole_is_readable_on_a_phone_and_its_tables_sort(report: str, tmp_path: Path) -> None:
    said, console = browse(report, tmp_path)
    assert console == []
    assert len(said["images"]) > 10 and all(said["images"])
    assert said["width"] == PHONE and said["scrolls"] <= PHONE, "nothing but tables scrolls sideways"
    assert said["smallest"] >= SMALLEST
    assert len(said["tables"]) > 10
    for column in (column for table in said["tables"] for column in table):
        assert (column["once"], column["twice"]) == ("descending", "ascending")
        assert sorted(column["down"]) == sorted(column["up"])
        numbers = [[float(v) for v in column[way] if v and is_number(v)] for way in ("down", "up")]
        if len(numbers[0]) == len([v for v in column["down"] if v]):
            assert numbers == [sorted(numbers[0], reverse=True), sorted(numbers[0])]
        blank = [[value == "" for value in column[way]] for way in ("down", "up")]
        assert blank == [sorted(blank[0])] * 2, "undefined figures stay last"


def is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text) is not None


def test_the_probe_sees_what_is_wrong(tmp_path: Path) -> None:
    """A page with one of each fault: or the test above would say nothing."""
    faults = (
        '<img src="data:image/png;base64,AAAA"><p style="width:900px;font-size:5px">x</p><script>nothing()</script>'
    )
    said, console = browse(f"<!DOCTYPE html><html><body>{faults}</body></html>", tmp_path)
    assert said["images"] == [False] and said["scrolls"] > PHONE and said["smallest"] == 5
    assert any("nothing is not defined" in line for line in console)
