"""How Sphinx builds the pages; needs no network."""

from importlib.metadata import version as installed_version

project = "eegkd"
author = "the eegkd developers"
copyright = f"2026, {author}"
version = release = installed_version("eegkd")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build", "results/*.md"]  # the latter are included by pages
templates_path = ["_templates"]
default_role = "py:obj"

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the docstrings say more than the annotations
numpydoc_show_class_members = False  # the template of a class lists its own members

html_theme = "pydata_sphinx_theme"
html_theme_options = {"navigation_with_keys": False, "show_toc_level": 2}
html_show_sourcelink = False
# Pages without pages below them need no navigation at their left.
html_sidebars = {
    page: []
    for page in (
        "installation straight_line montages evaluation methods comparison baselines "
        "moabb contributing changelog"
    ).split()
}


def skip_member(app, what, name, value, skip, options):
    """Leave out the methods that scikit-learn makes for its metadata routing."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def setup(app):
    """Connect the function above."""
    app.connect("autodoc-skip-member", skip_member)
