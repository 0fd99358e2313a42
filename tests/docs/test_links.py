"""Links of the pages, with their anchors, and the files that they name exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.helpers.pages import PAGES, ROOT


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ +(.+)$", text, flags=re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"\[(.+?)\]\(.+?\)", r"\1", title).lower()) for title in titles]
    return {title.strip().replace(" ", "-") for title in plain} | set(re.findall(r'id="(.+?)"', text))


def links(page: Path) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)", page.read_text(encoding="utf-8"))
    return [link for link in found if not re.match(r"\w+:", link)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    files = re.findall(r"`((?:npvf|pretrain|finetune|benchmarks|configs|tests|scripts)/[\w/]+\.\w+)`", page.read_text())
    assert not [file for file in files if not (ROOT / file).exists()]
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.resolve()), link


def in_menu(entries: list[object]) -> set[str]:
    """The pages of the site's menu."""
    pages: set[str] = set()
    for entry in entries:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        pages |= in_menu(value) if isinstance(value, list) else {str(value)}
    return pages


def test_every_page_is_in_the_menu_of_the_site() -> None:
    menu = in_menu(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"])
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert menu == pages | {"contributing.md", "api/index.md"}  # scripts/build_docs.py writes these two
