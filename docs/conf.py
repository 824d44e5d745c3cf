"""Sphinx configuration: every setting that is not a default says why."""

import atexit
import gc
import os
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

gc.disable()  # looking for cycles among millions of nodes is a quarter of Sphinx's time
atexit.register(gc.freeze)  # Python would look for them once more at its end

HERE = Path(__file__).parent
BUILD = HERE.parent / "_build"
sys.path[:0] = [
    str(HERE / "_ext" / folder) for folder in ("execution", "content", "live", "delivery")
]
# Before anything imports torch, NumPy or matplotlib; other processes inherit it. One thread: nets
# of this size are slower with two, and no sum depends on the cores. No GPU: same numbers for all.
os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
)
os.environ.update(CUDA_VISIBLE_DEVICES="", PYTHONHASHSEED="0")
os.environ.pop("MPLBACKEND", None)  # pages would obey it, and lose every figure without a word

import workers  # noqa: E402
from cache_key import cache_key  # noqa: E402

workers.start(HERE, BUILD / "ran", cache_key(HERE.parent))

import charseq  # noqa: E402
from inventories import write  # noqa: E402

# -- Project ---------------------------------------------------------------------------------------
project = "charseq"
author = "The charseq developers"
copyright = "2026, the charseq developers"  # a fixed year: the same bytes next year
version = release = charseq.__version__
language = "en"  # also says so to screen readers

extensions = [
    # Sphinx's own
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    # content and execution
    "myst_nb",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.bibtex",
    "sphinx_reredirects",
    # ours, docs/_ext
    "mathml",
    "figures",
    "gallery",
    "own",
    "run_ahead",
    "inlined",
    "bundles",
    "unused_assets",
    "page_checks",
    "search_index",
    "html_fixes",
    "equations",
    "widgets",
    "hero",
    "records",
    "exercises",
    "glossary_links",
    "fixes",
    "faq",
    "menu",
    "course_pages",
    "notebooks",
]
exclude_patterns = [
    "_*",
    "api/backreferences",
    # myst_nb would claim these, which sphinx-gallery writes beside each example's page.
    *(f"gallery/**.{kind}" for kind in ("ipynb", "py", "zip", "json")),
]
templates_path = ["_templates"]
nitpicky = True  # a reference that leads nowhere is a warning
show_warning_types = True
numfig = True  # {numref} can point at figures

# -- Content: MyST pages and their execution -------------------------------------------------------
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_dmath_double_inline = True  # $$…$$ within a paragraph is display math, too
nb_execution_mode = "off"  # _ext/execution/run_ahead.py brings the outputs
nb_merge_streams = True  # prints of one cell in one block, whatever the timing
nb_output_stderr = "warn"  # a stray warning in a cell fails the build
nb_render_error_lexer = "text"  # a message is no code: no colors for its "for" and "with"

# -- Gallery ---------------------------------------------------------------------------------------
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",  # every script runs, whatever its name
    "copyfile_regex": r".+\.(txt|csv|tsv)$",  # samples
    "subsection_order": [
        "../examples/own",
        "../examples/cell",
        "../examples/training",
        "../examples/scratch",
        "../examples/limits",
        "../examples/texts",
        "../examples/tasks",
    ],
    "within_subsection_order": "gallery.ReadingOrder",
    "only_warn_on_example_error": True,  # an error with -W, and `live` goes on
    "image_scrapers": ("figures.scraper",),
    "reset_modules": ("gallery.start_afresh",),
    "reset_argv": "own.reset_argv",
    "doc_module": ("charseq",),
    "css": ["sg_gallery"],  # not those for tables, Binder and HTML that no example has
    "backreferences_dir": "api/backreferences",
    "inspect_global_variables": False,  # link what a script names, not all that it holds
    "remove_config_comments": True,
    "show_signature": False,
    "show_memory": False,
    # Times differ from build to build.
    "min_reported_time": 1e9,
    "write_computation_times": False,
    "download_all_examples": False,
}

# -- API -------------------------------------------------------------------------------------------
autodoc_default_options = {"members": True}
autodoc_typehints = "none"  # numpydoc's sections say the types, and link them
numpydoc_show_class_members = False  # else nn.Module's sixty methods
numpydoc_xref_param_type = True
numpydoc_xref_ignore = {
    "default",
    "of",
    "optional",
    "or",
    "shape",
    "to",
    "color",
    "iterator",
    "gH",
    *"BTSVEHLDKF",
}
numpydoc_xref_aliases = {name: f"charseq.{name}" for name in charseq.__all__} | {
    "RunFolderError": "charseq.checkpoint.RunFolderError",
    "ScoredLine": "charseq.scoring.ScoredLine",
    "CleanedText": "charseq.texts.CleanedText",
    "ndarray": "numpy.ndarray",
    "array_like": "numpy.typing.ArrayLike",
    "Tensor": "torch.Tensor",
    "Parameter": "torch.nn.parameter.Parameter",
    "dtype": "torch.dtype",
}

# -- Links -----------------------------------------------------------------------------------------
# An inventory given as a file is not fetched.
intersphinx_mapping = {
    name: (url, write(HERE / "_inventories.txt", name, BUILD / "inv"))
    for name, url in {
        "python": "https://docs.python.org/3",
        "numpy": "https://numpy.org/doc/stable",
        "matplotlib": "https://matplotlib.org/stable",
        "torch": "https://docs.pytorch.org/docs/stable",
    }.items()
}
redirects = tomllib.loads((HERE / "_redirects.toml").read_text("utf-8"))
redirect_html_template_file = "_templates/redirect.html"  # no script, and a link
linkcheck_ignore = ["(?!https?://)"]  # tests follow the links inside the site, where they are built
linkcheck_anchors_ignore_for_url = ["https://github.com/"]  # its scripts make the anchors
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
copybutton_exclude = ".linenos, .gp, .go"  # copy what is typed: no prompts, no results
copybutton_selector = ":not(.output) > div.highlight pre"

# -- Theme -----------------------------------------------------------------------------------------
html_theme = "furo"
html_title = "charseq"  # less the version, which Sphinx would add
html_math_renderer = "mathml"
html_static_path = ["_static"]
if all((BUILD / "books" / f"charseq.{kind}").exists() for kind in ("epub", "pdf")):
    html_static_path.append("../_build/books")  # what `dev.py books` has made
    tags.add("books")  # noqa: F821 - Sphinx's; index.md offers them then
html_favicon = "_static/favicon.svg"
html_css_files = [("literata.css", {"priority": 100}), ("growth.css", {"priority": 550})]
html_css_files += ["custom.css", "math.css"]
html_scaled_image_link = False  # figures have sizes, and nothing larger to link to
html_copy_source = False  # the sources are in the repository
html_show_sourcelink = False
html_additional_pages = {"search": "search.html"}  # ours; not Sphinx's search
# OWNER/NAME on GitHub and the branch that holds the built site. Colab reads from there.
notebook_repository = os.environ.get("DOCS_REPOSITORY", "")
notebook_branch = os.environ.get("DOCS_BRANCH", "gh-pages")
html_sidebars = {  # Furo's, less what it shows on Read the Docs alone
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}

# -- Where the site will live, or at least the path there ------------------------------------------
address = os.environ.get("READTHEDOCS_CANONICAL_URL") or os.environ.get("DOCS_URL", "")
if address:
    address = address.rstrip("/") + "/"
    extensions.append("notfound.extension")  # a host shows 404.html at any depth
    notfound_template = "404.html"
    notfound_urls_prefix = urlsplit(address).path
else:
    html_additional_pages["404"] = "404.html"
if "://" in address:
    html_baseurl = address  # canonical links begin with it
    extensions.append("sphinxext.opengraph")
    ogp_site_url = address
    ogp_image = "_static/social-card.png"
    ogp_image_alt = (
        "Recurrent networks, line by line: an RNN learns to spell “learned deep learning”."
    )
    ogp_custom_meta_tags = ('<meta name="twitter:card" content="summary_large_image">',)
