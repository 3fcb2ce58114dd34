"""Validate the docstrings of the public names; the checks are in pyproject.toml.

Public is what a module names in its ``__all__``, and what the API page lists.
"""

import importlib
import inspect
import pkgutil
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpydoc.validate import validate

import eegkd

PROJECT = Path(__file__).resolve().parent.parent
# Of classes with the constructor of torch.nn.Module or of a protocol.
INHERITED = {
    "Parameters {'*args', '**kwargs'} not documented",
    "Parameters {'**kwargs', '*args'} not documented",
}


def public_objects() -> Iterator[Any]:
    """Yield what the modules offer and what the API page lists."""
    for module in pkgutil.walk_packages(eegkd.__path__, "eegkd."):
        if module.name.endswith("__main__"):  # runs the command
            continue
        content = importlib.import_module(module.name)
        for name in getattr(content, "__all__", ()):
            yield getattr(content, name)
    page = (PROJECT / "docs" / "api.md").read_text("utf-8")
    listed = re.findall(r"^   ([A-Za-z_][\w.]*)$", page, re.MULTILINE)
    for name in [*eegkd.__all__, *listed]:
        module, _, last = f"eegkd.{name}".rpartition(".")
        try:
            yield getattr(importlib.import_module(module), last)
        except ModuleNotFoundError:  # a member, checked with its class
            continue


def public_members(value: type) -> Iterator[str]:
    """Yield the methods and properties that a class has of its own."""
    for name, content in vars(value).items():
        described = inspect.isroutine(content) or isinstance(content, property)
        foreign = name.endswith("_request")  # scikit-learn adds these
        # A line may say how a member differs from that of the class it derives from.
        known = any(hasattr(base, name) for base in value.__bases__)
        brief = known and "\nParameters\n" not in (inspect.getdoc(content) or "")
        if described and not (foreign or brief or name.startswith("_")):
            yield name


def public_names() -> Iterator[str]:
    """Yield where each public function and class is, and the members of the classes."""
    for value in public_objects():
        where = getattr(value, "__module__", None) or ""
        if not callable(value) or not where.startswith("eegkd."):
            continue
        path = f"{where}.{value.__qualname__}"
        yield path
        if inspect.isclass(value):
            yield from (f"{path}.{member}" for member in public_members(value))


def main() -> int:
    """Print the findings and return how many there are."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    checks = set(settings["tool"]["numpydoc_validation"]["checks"])
    names = sorted(set(public_names()))
    findings = [
        f"{name}: {code} {message}"
        for name in names
        for code, message in validate(name)["errors"]
        if code in checks and message not in INHERITED
    ]
    print(*findings, f"{len(findings)} findings in {len(names)} docstrings", sep="\n")
    return len(findings)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
