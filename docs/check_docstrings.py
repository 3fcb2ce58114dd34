"""Validate the docstrings of the public names; the checks are in pyproject.toml."""

import inspect
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from numpydoc.validate import validate

import eegkd

PROJECT = Path(__file__).resolve().parent.parent


def public_names() -> Iterator[str]:
    """Yield the functions and classes of ``eegkd`` and the classes' own members."""
    for name in eegkd.__all__:
        value = getattr(eegkd, name)
        if not inspect.isclass(value) and not inspect.isroutine(value):
            continue
        yield f"eegkd.{name}"
        for member, content in vars(value).items() if inspect.isclass(value) else ():
            described = inspect.isroutine(content) or isinstance(content, property)
            foreign = member.endswith("_request")  # scikit-learn adds these
            if described and not foreign and not member.startswith("_"):
                yield f"eegkd.{name}.{member}"


def main() -> int:
    """Print the findings and return how many there are."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    checks = set(settings["tool"]["numpydoc_validation"]["checks"])
    findings = [
        f"{name}: {code} {message}"
        for name in public_names()
        for code, message in validate(name)["errors"]
        if code in checks
    ]
    print("\n".join(findings) or "docstrings of the public names: no findings")
    return len(findings)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
