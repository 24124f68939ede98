"""What mkdocs shows beside the files in docs/: the repository's own texts, and a page per method, recipe and YAML.

All of it is read when the site is built, so that no page says other than the code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.core.paths import CONFIG, ROOT
from training.core.registry import DETECTORS, RECIPES, Registry
from training.listing import HEADER, rows

TEXTS = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "MIGRATING.md": "migrating.md",
    "CHANGELOG.md": "changelog.md",
    "datasets/README.md": "datasets.md",
    "weights/README.md": "weights.md",
}
"""File of the repository -> page."""
TITLES = {
    "Start": {"index.md": "Assay", "container.md": "Container", "migrating.md": "From DeepfakeBench"},
    "Reference": {
        "methods.md": "Methods",
        "recipes.md": "Recipes",
        "configuration.md": "Configuration",
        "datasets.md": "Data sets",
        "weights.md": "Weights",
        "scaling.md": "Scaling",
    },
    "Using it": {
        "responsible_use.md": "Responsible use",
        "model_cards.md": "Model cards",
        "citation.md": "Citation",
    },
    "Project": {"contributing.md": "Contributing", "changelog.md": "Changelog"},
}
GOLDEN = (
    "`golden`: whether the figures of its reference, on weights and inputs made by rule, are reproduced "
    "(`tests/golden`); `tests/golden/differences.yaml` explains what differs on purpose."
)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """The order of pages; those that are not there are left out."""
    made = {*TEXTS.values(), *generated()}
    config.nav = [
        {part: [{title: page} for page, title in pages.items() if page in made or (ROOT / "docs" / page).is_file()]}
        for part, pages in TITLES.items()
    ]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add what is made from the repository to the pages in docs/."""
    from mkdocs.structure.files import File

    texts = {page: in_site(ROOT / name) for name, page in TEXTS.items()}
    for page, text in {**texts, **generated()}.items():
        files.append(File.generated(config, page, content=text))
    return files


def in_site(path: Path) -> str:
    """The Markdown file ``path`` with its links between files turned into links between pages; other files keep their
    names only.
    """

    def link(found: re.Match) -> str:
        picture, words, target, place = found.groups(default="")
        if "://" in target or not target:
            return found[0]
        file = (path.parent / target).resolve()
        name = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else ""
        page = TEXTS.get(name) or (name.removeprefix("docs/") if name.startswith("docs/") else None)
        return f"{picture}[{words}]({page}{place})" if page else words

    text = LINK.sub(link, path.read_text(encoding="utf-8"))
    return text.replace('src="docs/', 'src="')


def generated() -> dict[str, str]:
    """Page -> text."""
    table = [dict(zip(HEADER, row, strict=True)) for row in rows()]
    pages = {f"methods/{row['detector']}.md": method_page(row) for row in table}
    return {**pages, "methods.md": methods_page(table), "recipes.md": recipes_page(), "configuration.md": config_page()}


def methods_page(table: list[dict[str, str]]) -> str:
    """All methods, by family."""
    shown = ("year", "backbone", "recipe", "parameters", "golden", "what it is")
    lines = ["# Methods", "", GOLDEN, ""]
    for family in sorted({row["family"] for row in table}):
        lines += [f"## {family}", "", f"| method | {' | '.join(shown)} |", "|---" * (len(shown) + 1) + "|"]
        for row in (row for row in table if row["family"] == family):
            name = row["detector"]
            lines.append(f"| [{name}](methods/{name}.md) | {' | '.join(row[key] for key in shown)} |")
        lines.append("")
    return "\n".join(lines)


def method_page(row: dict[str, str]) -> str:
    """What a method's file and YAML say."""
    name = row["detector"]
    module = module_of(DETECTORS, name)
    facts = "\n".join(f"- {key}: {row[key]}" for key in HEADER[1:7])
    parts = [f"# {name}", plain(ast.get_docstring(module) or ""), facts]
    parts += [f"## {node.name}\n\n{plain(ast.get_docstring(node) or '')}" for node in registered(module)]
    yaml = CONFIG / "detector" / f"{name}.yaml"
    if yaml.is_file():
        parts.append(f"## training/config/detector/{name}.yaml\n\n```yaml\n{yaml.read_text(encoding='utf-8')}```")
    return "\n\n".join(parts) + "\n"


def recipes_page() -> str:
    """What each recipe draws, and what a YAML may say of it."""
    parts = ["# Recipes", "A recipe decides which samples appear together: `data: {recipe: {name: ..., ...}}`."]
    for name in RECIPES.names():
        module = module_of(RECIPES, name)
        parts += [f"## {name}", plain(ast.get_docstring(module) or "")]
        parts += [plain(ast.get_docstring(node) or "") for node in registered(module)]
    return "\n\n".join(parts) + "\n"


def config_page() -> str:
    """The files of defaults, comments included."""
    files = ("training/config/train_config.yaml", "training/config/test_config.yaml", "preprocessing/config.yaml")
    parts = ["# Configuration", "Every key with its default. A detector's YAML overrides these, `--protocol` both, and "
             "`--set key=value` all."]  # fmt: skip
    parts += [f"## {name}\n\n```yaml\n{(ROOT / name).read_text(encoding='utf-8')}```" for name in files]
    return "\n\n".join(parts) + "\n"


def module_of(registry: Registry, name: str) -> ast.Module:
    """A plug-in's file, read and not imported."""
    return ast.parse((ROOT / registry.package.replace(".", "/") / f"{name}.py").read_text(encoding="utf-8"))


def registered(module: ast.Module) -> Iterator[ast.ClassDef]:
    """The classes that a decorator registers."""
    return (node for node in module.body if isinstance(node, ast.ClassDef) and node.decorator_list)


def plain(docstring: str) -> str:
    """A docstring as Markdown."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", docstring)
    text = re.sub(r"^(Args|Raises|Returns):$", r"**\1**\n", text, flags=re.MULTILINE)
    return re.sub(r"^    (\w+): ", r"- `\1`: ", text, flags=re.MULTILINE)
