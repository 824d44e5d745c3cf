"""Keep sphinx-codeautolink to names that are imported or built in, and out of the gallery.

It links the names in the code of a page to the reference. It also follows what is assigned, and
would link a variable to the class that the called function seems to return; no setting says
otherwise. tests/site/test_code_links.py looks up what each linked name holds.

Of the names that it has found, it remembers those of .rst files alone, so a page that is written
anew although its source is old would lose its links: here Sphinx's environment remembers the rest.
"""

from pathlib import Path

from sphinx.ext.intersphinx import InventoryAdapter
from sphinx_codeautolink.extension import resolve

GUESSED = {"()", "<>"}  # on the path to a name: what a call returns, what a loop takes
known = {}  # as the last build left them, by page
# It would import what torch names for type checkers, which takes a second and changes no link.
resolve.populate_type_checking = lambda module: None


def leave_the_gallery_alone(app, docname, source):
    """sphinx-gallery already links the names in its examples, to the same places."""
    if Path(app.env.doc2path(docname)).with_suffix(".py").exists():  # the example, copied here
        source[0] = f".. autolink-skip:: file\n\n{source[0]}"


def drop_guesses(app, doctree):
    found, docname = app.env.sphinx_codeautolink_transforms, app.env.current_document.docname
    for block in found[docname]:
        block.names = [name for name in block.names if GUESSED.isdisjoint(name.import_components)]
    if not any(block.names for block in found[docname]):
        found[docname] = []  # nothing to link, so the page need not be parsed


def remember(app):
    known.update(getattr(app.env, "sphinx_codeautolink_transforms", {}))


def restore(app, env):
    """Add the pages that were not read, once those that were have their addresses."""
    inventories = InventoryAdapter(env).main_inventory
    documented = {*env.domains.python_domain.objects}.union(
        *(names for kind, names in inventories.items() if kind.startswith("py:"))
    )
    for docname in known.keys() & env.found_docs - env.sphinx_codeautolink_transforms.keys():
        for block in known[docname]:
            block.names = [name for name in block.names if name.resolved_location in documented]
        env.sphinx_codeautolink_transforms[docname] = known[docname]


def setup(app):
    # sphinx-codeautolink's own turns come at 490 when a page is read, and else at 500.
    app.connect("builder-inited", remember, priority=400)
    app.connect("source-read", leave_the_gallery_alone)
    app.connect("doctree-read", drop_guesses, priority=495)
    app.connect("env-updated", restore, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
