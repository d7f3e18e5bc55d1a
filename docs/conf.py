"""Sphinx's configuration: `./run docs` builds the pages, and a warning is an error."""

from pathlib import Path

from bootstrap.release import version_of

INNER_TYPES = (
    *("Subtests", "Inspected", "Attachment", "ContainerState", "Excerpt", "Search"),
    *("NetworkRef", "Target", "Resolution", "_NoKeywords"),
)

project = "pytest-foodtrucks"
author = "The pytest-foodtrucks developers"
copyright = author  # noqa: A001 - the name that Sphinx reads
version = release = version_of(Path(__file__).parents[1])

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore_regex = [
    # Links into other projects' documentation need their inventories, which come from the internet.
    (r"py:.*", r"(?!pytest_foodtrucks).*"),
    # What public methods are annotated with, and only the package itself uses.
    *((r"py:class", rf"pytest_foodtrucks\..*\.{name}") for name in INNER_TYPES),
]
default_role = "code"  # docstrings write names as `name`

myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = f"pytest-foodtrucks {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_copyright = False
html_copy_source = False

linkcheck_timeout = 20
