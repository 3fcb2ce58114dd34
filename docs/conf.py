"""How Sphinx builds the pages and the gallery; needs no network.

``make docs`` runs the examples, ``make docs-quick`` shows them without their output.
"""

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
os.environ.setdefault("TQDM_DISABLE", "1")  # no progress bars among the messages

project = "eegkd"
author = "the eegkd developers"
copyright = f"2026, {author}"
version = release = installed_version("eegkd")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "gallery",  # this one and the following are in _ext
    "mathml",
    "montage_heads",
    "paradigm_table",
    "references",
    "registry",
]
exclude_patterns = [
    "_build",
    "_templates",
    "generated/backreferences",
    "generated/montages",
    "generated/paradigms.md",
    "generated/references.md",
    "results/*.md",  # included by pages, like those above
]
templates_path = ["_templates"]
default_role = "py:obj"

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the docstrings say more than the annotations
numpydoc_show_class_members = False  # the template of a class lists its own members
html_math_renderer = "mathml"

# Prompts and output are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "_build/examples",  # a copy of ../examples, where they may write
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("gallery.show_figures", "matplotlib"),
    "ignore_repr_types": r"matplotlib|'list'|'tuple'",  # what plotting returns
    "notebook_extensions": set(),  # the examples read a command line
    "reset_modules": ("matplotlib", "gallery.start_afresh"),
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("eegkd",),
    "min_reported_time": 1e6,  # seconds; pages do not say how long it took here
    "write_computation_times": False,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "footer_end": [],
    "footer_start": ["copyright"],
    "header_links_before_dropdown": 5,
    "navbar_align": "left",
    "navigation_with_keys": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "show_nav_level": 1,
    "show_prev_next": True,
    "show_toc_level": 2,
}
html_title = "eegkd"
html_static_path = ["_static"]
html_css_files = ["eegkd.css"]
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {"index": []}


def skip_member(app, what, name, value, skip, options):
    """Leave out the methods that scikit-learn makes for its metadata routing."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def setup(app):
    """Connect the function above."""
    app.connect("autodoc-skip-member", skip_member)
