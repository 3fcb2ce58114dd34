"""The straight line: imports go one way, public names exist and are documented."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import eegkd
from eegkd.criteria import CRITERIA
from eegkd.methods import METHODS

PACKAGE = Path(eegkd.__file__).parent
# A module imports only from modules above it.
LINE = [
    "_checks",
    "_docs",
    "_hashing",
    "_torchaudio",
    "data",
    "montage",
    "view",
    "decoders",
    "samplers",
    "teachers",
    "criteria",
    "weightings",
    "distillation",
    "methods",
    "estimators",
    "baselines",
    "persistence",
    "evaluation",
    "report",
    "benchmark",
    "api",
    "cli",
]


def modules():
    """Return every module file of the package with the step that it belongs to."""
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        if parts != ("__init__",):
            yield file, parts[0]


def imported_steps(file):
    """Return the steps that a file imports at run time, at any depth of the code."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("eegkd"):
            names = node.module.split(".")[1:2] or [alias.name for alias in node.names]
            yield from names
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("eegkd."):
                    yield alias.name.split(".")[1]


def test_every_module_has_its_place():
    assert {step for _, step in modules()} == set(LINE)


def test_the_page_on_the_design_lists_the_steps_in_order():
    text = (PACKAGE.parent / "docs" / "design.md").read_text(encoding="utf-8")
    table = text.split("| step | module |")[1].split("\n\n")[0]
    named = [row.split("|")[2] for row in table.splitlines() if "`" in row]
    assert re.findall(r"`(\w+)`", " ".join(named)) == LINE


@pytest.mark.parametrize(("file", "step"), list(modules()), ids=lambda v: Path(v).stem)
def test_no_module_imports_from_below(file, step):
    if step == "cli":  # the command calls the public names
        return
    wrong = [
        other
        for other in imported_steps(file)
        if other in LINE and LINE.index(other) > LINE.index(step)
    ]
    assert not wrong, f"{file.name} imports {wrong}"


def test_every_public_name_exists_and_is_documented():
    for name in eegkd.__all__:
        value = getattr(eegkd, name)
        if callable(value):
            assert inspect.getdoc(value), name
    assert set(eegkd.__all__) <= set(dir(eegkd))


def resolved(name):
    """Return what a dotted name stands for: what a module holds, or a module."""
    parts = ["eegkd", *name.split(".")]
    for n in range(len(parts) - 1, 0, -1):
        with contextlib.suppress(ModuleNotFoundError, AttributeError):
            module = importlib.import_module(".".join(parts[:n]))
            return functools.reduce(getattr, parts[n:], module)
    return importlib.import_module(".".join(parts))


def rooms():
    """Return every module that says which of its names are for users."""
    for found in pkgutil.walk_packages(eegkd.__path__, "eegkd."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            module = importlib.import_module(found.name)
            if hasattr(module, "__all__"):
                yield module


def test_every_room_says_what_is_for_users():
    said = {module.__name__.split(".")[1] for module in rooms()}
    assert said == {step for step in LINE if not step.startswith("_")} - {"cli"}


def test_the_api_page_lists_exactly_what_is_for_users():
    text = (PACKAGE.parent / "docs" / "api.md").read_text(encoding="utf-8")
    names = re.findall(r"^   ([\w.]+)$", text, re.MULTILINE)
    listed = {id(value): name for name in names for value in [resolved(name)]}
    public = {
        id(value): f"{module.__name__}.{name}"
        for module in [eegkd, *rooms()]
        for name in module.__all__
        for value in [getattr(module, name)]
        if name != "__version__" and METHODS.get(name) is not value
    }
    assert len(names) == len(set(names))
    assert {public[key] for key in public.keys() - listed.keys()} == set()
    assert {listed[key] for key in listed.keys() - public.keys()} == set()


def test_names_that_texts_mention_exist():
    root, mention = (
        PACKAGE.parent,
        re.compile(r"(?<![\w./-])eegkd((?:\.[A-Za-z_]\w*)+)"),
    )
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    for file in [*pages, *PACKAGE.rglob("*.py"), *(root / "examples").glob("*.py")]:
        for name in set(mention.findall(file.read_text(encoding="utf-8"))):
            resolved(name[1:])


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'eegkd' has no attribute 'fits'"):
        eegkd.fits  # noqa: B018


@pytest.mark.parametrize("registry", [METHODS, CRITERIA])
def test_registries_are_plain_dicts_of_documented_callables(registry):
    assert type(registry) is dict
    for name, entry in registry.items():
        assert callable(entry), name
        assert inspect.getdoc(entry), name


def test_every_method_has_a_file_of_its_name():
    for name, method in METHODS.items():
        module = importlib.import_module(f"eegkd.methods.{name}")
        assert getattr(module, name) is method


def test_import_is_light():
    """`import eegkd` and the montages need none of the heavy packages."""
    code = (
        "import sys, eegkd; heavy = {'torch', 'mne', 'moabb', 'braindecode', "
        "'sklearn', 'pandas', 'matplotlib', 'scipy'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
