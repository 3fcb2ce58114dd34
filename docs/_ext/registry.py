"""List what a registry holds: each name with the first line about it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def about(value: object) -> str:
    """Return one line about an entry: what it says, or how its docstring begins."""
    words = (getattr(value, word, None) for word in ("about", "title", "text"))
    said = next(filter(None, words), None)
    if isinstance(taps := getattr(value, "taps", None), Mapping):
        said = f"taps {', '.join(taps)}"
    return str(said or (inspect.getdoc(value) or "").split("\n")[0]).strip()


class Registry(SphinxDirective):
    """``.. registry:: eegkd.METHODS``: a list of what the dict holds."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the list; nothing for data of another kind."""
        module, name = self.arguments[0].rsplit(".", 1)
        registry = getattr(import_module(module), name)
        if not isinstance(registry, dict):
            return []
        lines = [f"- ``{key}``: {about(value)}" for key, value in registry.items()]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("registry", Registry)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
