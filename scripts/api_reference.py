"""Write the API reference from the docstrings: `python scripts/api_reference.py FOLDER`, a page for each sub-package.

A page shows the names in `__all__`, and lists the modules. Zensical could run mkdocstrings, which brings ten packages;
our docstrings need only the few rules below.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import npvf

_SECTIONS = ("Args", "Returns", "Yields", "Raises", "Attributes", "Examples", "Shapes", "Shape", "Note", "Notes")


def markdown(docstring: str) -> str:
    """Return a docstring as Markdown: sections become bold lines, their entries lists, examples code."""
    lines, section, code = [], "", False
    for line in inspect.cleandoc(docstring).splitlines():
        if code and not line.strip():
            lines.append("```")
            code = False
        if found := re.fullmatch(rf"({'|'.join(_SECTIONS)}):", line):
            section = found[1]
            lines += ["", f"**{section}**", ""]
        elif line.lstrip().startswith(">>>") and not code:
            code = True
            lines += ["", "```pycon", line.strip()]
        elif code:
            lines.append(line.strip())
        elif section and (entry := re.match(r"    ([*\w, .`]+): (.*)", line)):
            lines.append(f"- `{entry[1].strip('`')}`: {escaped(entry[2])}")
        elif section and line.startswith("    "):
            lines.append(f"  {escaped(line.strip())}")
        elif line.startswith("    "):  # a drawing or a table
            lines.append(line)
        else:
            section = section if not line.strip() else ""
            lines.append(escaped(line))
    return "\n".join([*lines, "```"] if code else lines)


def escaped(text: str) -> str:
    """Keep `<`, `_` and brackets of the prose as they are; text in backticks is not changed."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([<_\[\]])", r"\\\1", part) for part in parts)


def signature(name: str, thing: Any) -> str:
    """Return the call of a function or class, one argument a line if it is long; "" if there is none."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    text = f"{name}{plain(str(found))}"
    if len(text) <= 88:
        return text
    arguments = "".join(f"    {plain(str(argument))},\n" for argument in found.parameters.values())
    returned = text[text.rindex(")") :] if ")" in text else ")"
    return f"{name}(\n{arguments}{returned}"


def plain(call: str) -> str:
    """Remove the quotes around annotations, and defaults that have no literal."""
    call = re.sub(r"(: \**|-> )'([^']*)'", r"\1\2", call)
    return re.sub(r"<factory>|<[^<>]* object at 0x[0-9a-f]+>", "...", call)


def entry(name: str, thing: Any, level: int = 2) -> list[str]:
    """Return the lines of one public name: its call, docstring, and for a class its documented methods."""
    lines = [f"{'#' * level} `{name}`", ""]
    if inspect.ismodule(thing):
        return [*lines, markdown(thing.__doc__ or ""), ""]
    if not callable(thing):
        return [*lines, "```python", f"{name} = {shown(thing)}", "```", ""]
    if call := signature(name, thing):
        lines += ["```python", call, "```", ""]
    lines += [markdown(thing.__doc__ or ""), ""]
    if inspect.isclass(thing):
        for method, found in vars(thing).items():
            function = getattr(found, "__func__", found)
            if not method.startswith("_") and inspect.isfunction(function) and function.__doc__:
                lines += entry(f"{name}.{method}", function, level + 1)
    return lines


def shown(value: Any) -> str:
    """Return a constant as text, shortened."""
    text = repr(value)
    return text if len(text) < 80 and " at 0x" not in text else "..."


def modules(package: ModuleType) -> list[str]:
    """Return a table of the modules of a package, with the first sentence of their docstrings."""
    rows = ["| module | content |", "|---|---|"]
    for found in pkgutil.iter_modules(package.__path__):
        file = Path(str(package.__path__[0])) / (f"{found.name}/__init__.py" if found.ispkg else f"{found.name}.py")
        doc = re.match(r'"""(.+?)(?:\n\n|""")', file.read_text(encoding="utf-8"), flags=re.DOTALL)
        if doc:
            rows.append(
                f"| `{package.__name__}.{found.name}` | {escaped(' '.join(doc[1].split())).replace('|', '/')} |"
            )
    return rows


def page(package: ModuleType) -> str:
    """Return the page of one package."""
    lines = [f"# {package.__name__}", "", markdown(package.__doc__ or ""), ""]
    for name in package.__all__:
        if not name.startswith("__"):
            lines += entry(name, getattr(package, name))
    if package is not npvf:
        lines += ["## Modules", "", *modules(package), ""]
    return "\n".join(lines)


def main(folder: Path) -> None:
    """Write a page for npvf and for each sub-package, and index.md, which lists them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ["npvf", *(f"npvf.{found.name}" for found in pkgutil.iter_modules(npvf.__path__) if found.ispkg)]
    rows = [
        "# Python",
        "",
        "Written from the docstrings. `import npvf` has the names of most use; the other packages can",
    ]
    rows += ["be imported on their own.", "", "| package | content |", "|---|---|"]
    for name in names:
        package = import_module(name)
        (folder / f"{name}.md").write_text(page(package), encoding="utf-8")
        first = (package.__doc__ or "").strip().split("\n\n")[0]
        rows.append(f"| [{name}]({name}.md) | {escaped(' '.join(first.split()))} |")
    (folder / "index.md").write_text("\n".join([*rows, ""]), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
