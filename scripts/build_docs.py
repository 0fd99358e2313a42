"""Build the documentation site: `python scripts/build_docs.py`, or `make docs`. The result is build/site.

The source of the site is written to build/pages first: the pages of docs/, CONTRIBUTING.md, and the API reference.
Formulas become MathML, which browsers draw without a script. A warning, such as a dead link, is an error. Nothing is
loaded from elsewhere. Pages can be opened from disk, but browsers allow the search only from a server:
`python -m http.server -d build/site`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from latex2mathml.converter import convert

ROOT = Path(__file__).resolve().parents[1]
PAGES, SITE = ROOT / "build/pages", ROOT / "build/site"
_CODE = re.compile(r"(^ *```.*?^ *```|`[^`\n]*`)", flags=re.DOTALL | re.MULTILINE)
_FORMULA = re.compile(r"\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$", flags=re.DOTALL)


def mathml(text: str) -> str:
    """Replace $...$ and $$...$$ outside of code by MathML."""

    def formula(found: re.Match[str]) -> str:
        if found["block"]:
            return convert(found["block"].strip(), display="block")
        return convert(found["inline"])

    parts = _CODE.split(text)
    return "".join(part if _CODE.fullmatch(part) else _FORMULA.sub(formula, part) for part in parts)


def stage() -> None:
    """Write the source of the site to build/pages."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(ROOT / "docs", PAGES)
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (PAGES / "contributing.md").write_text(contributing.replace("](docs/", "]("), encoding="utf-8")
    for page in PAGES.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        up = "../" * (len(page.relative_to(PAGES).parts) - 1)
        text = re.sub(r"\]\((?:\.\./)+CONTRIBUTING\.md", f"]({up}contributing.md", text)
        for folder in ("configs", "notebooks"):  # files that pages link to
            for link in re.findall(rf"\]\((?:\.\./)+({folder}/[^)]+)\)", text):
                (PAGES / link).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / link, PAGES / link)
            text = re.sub(rf"\]\((?:\.\./)+{folder}/", f"]({up}{folder}/", text)
        page.write_text(mathml(text), encoding="utf-8")


def build() -> int:
    """Write the site to build/site. Returns the exit status of Zensical."""
    api = [sys.executable, str(ROOT / "scripts/api_reference.py"), str(PAGES / "api")]
    subprocess.run(api, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    stage()
    sys.exit(build())
