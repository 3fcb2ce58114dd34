"""Collect the papers that docstrings cite into one list, so that none is forgotten."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
PACKAGE = HERE.parent.parent / "eegkd"
PAGE = "generated/references.md"  # below the folder of the pages
GROUPS = {
    "Classical decoders": ("baselines",),
    "Simulation, datasets, paradigms": ("data", "montage"),
    "Scores and statistics": ("evaluation", "report", "benchmark"),
}
OTHERS = "Distillation and training"
SECTION = re.compile(r"\nReferences\n-+\n(.*?)(?:\n\w[\w ]*\n-{3,}|\Z)", re.DOTALL)
ENTRY = re.compile(r"^\.\. \[\w+\] (.*?)(?=^\.\. \[|\Z)", re.DOTALL | re.MULTILINE)
ARXIV = re.compile(r"\barXiv:(\d{4}\.\d{4,5})")
TITLE = re.compile(r"\(\d{4}[a-z]?\)\. (.+?)[.?!] ")


def cited(file: Path) -> Iterator[str]:
    """Yield every citation of a module's docstrings, on one line."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for section in SECTION.findall(ast.get_docstring(node) or ""):
                for entry in ENTRY.findall(section):
                    yield " ".join(entry.split())


def key(citation: str) -> str:
    """Return what two spellings of one citation share: the title's letters."""
    title = TITLE.search(citation)
    return letters(title.group(1) if title else citation)


def with_doi(citation: str, dois: dict[str, str]) -> str:
    """Return a citation with links to its DOI and to arXiv, where they are known."""
    text = ARXIV.sub(r"[\g<0>](https://arxiv.org/abs/\1)", citation)
    own = key(citation)
    found = [doi for title, doi in dois.items() if own.startswith(letters(title))]
    return text + "".join(f" [doi:{doi}](<https://doi.org/{doi}>)" for doi in found[:1])


def letters(text: str) -> str:
    """Return a text without blanks, punctuation and case."""
    return re.sub(r"\W", "", text).lower()


def group_of(module: str) -> str:
    """Return the heading under which a module's papers are listed."""
    return next((g for g, names in GROUPS.items() if module in names), OTHERS)


def collect() -> dict[str, dict[str, str]]:
    """Return for each heading the longest spelling of each citation, by key."""
    spellings: dict[str, set[str]] = defaultdict(set)
    headings: dict[str, list[str]] = defaultdict(list)
    for file in sorted(PACKAGE.rglob("*.py")):
        module = file.relative_to(PACKAGE).with_suffix("").parts[0]
        for citation in cited(file):
            spellings[key(citation)].add(citation)
            headings[key(citation)].append(group_of(module))
    lists: dict[str, dict[str, str]] = {name: {} for name in (OTHERS, *GROUPS)}
    for name, texts in spellings.items():
        lists[headings[name][0]][name] = max(sorted(texts), key=len)
    return lists


def write_page(app: Sphinx) -> None:
    """Write the lists; unchanged text keeps its date."""
    dois = tomllib.loads((HERE / "dois.toml").read_text("utf-8"))
    parts = []
    for heading, citations in collect().items():
        lines = [f"- {with_doi(text, dois)}" for text in citations.values()]
        parts += [f"## {heading}", "", *sorted(lines, key=str.lower), ""]
    page, text = Path(app.srcdir, PAGE), "\n".join(parts)
    page.parent.mkdir(exist_ok=True)
    if not page.is_file() or page.read_text("utf-8") != text:
        page.write_text(text, "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write before the sources are read."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
