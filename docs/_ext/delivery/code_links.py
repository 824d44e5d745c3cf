"""Make sphinx-codeautolink exact and quick, and keep it out of the gallery.

It links the names in the code of a page to the reference. It also follows what is assigned, and
would link a variable to the class that the called function seems to return. Here only names that
are imported or built in are links. tests/test_code_links.py looks up what each of them holds.

It looks up all names of the site in each build, for which it imports torch, and parses each whole
page, one after the other, when the build is over. What it has to see is only the blocks of code of
the pages that were written, and the pages do not depend on each other: so its calls are noted, and
postprocess.py has them done side by side. It would pass over a page that is written anew although
its own source is old, for example when the glossary has changed.
"""

import re
import tempfile
from pathlib import Path

import sphinx_codeautolink.extension as codeautolink
from sphinx_codeautolink.extension import resolve
from sphinx_codeautolink.extension.cache import DataCache
from sphinx_codeautolink.parse import ImportTrackerVisitor, NameBreak

import monkeypatches

BLOCK = re.compile(
    r'<div class="(?:highlight-\w|doctest )[^>]*>\s*'
    r'<div class="highlight">.*?</pre></div>\s*</div>',
    re.DOTALL,
)
CUT = "\n<!-- next block -->\n"
EXPECTED = {
    "sphinx-codeautolink-a": "no code on any page links to the reference: does codeautolink still "
    "call its links `sphinx-codeautolink-a` (0.19.0, extension/block.py)?",
}
RELEASE = "sphinx-codeautolink 0.19.0"  # which has no setting for any of this
calls = {}  # of its link_html: the arguments, by the name of the page
linker = None  # the extension's only object


def forget_what_is_assigned(assign):
    return lambda self, target, value: assign(self, target, None)


monkeypatches.replace(
    ImportTrackerVisitor, "resolve_single_assign_target", forget_what_is_assigned, RELEASE
)


def is_guessed(name):
    """Say whether a name holds what a call returns, or an element of it."""
    return NameBreak.call in name.import_components or NameBreak.for_iter in name.import_components


def note_call(document, out_dir, transforms, *args, **options):
    for transform in transforms:
        transform.names = [name for name in transform.names if not is_guessed(name)]
    if any(transform.names for transform in transforms):
        calls[document] = (transforms, *args), options


link_html = monkeypatches.replace(
    codeautolink, "link_html", lambda original: note_call, RELEASE, in_main_process=True
)


class EveryPage:
    def __contains__(self, page):
        return True


def consider_every_page(build_inited):
    def build_inited_and_consider(self, app):
        global linker
        linker = self
        known = getattr(app.env, "sphinx_codeautolink_transforms", {})  # when last built
        # Sphinx 9 says only once that new settings make all pages outdated: it must ask itself.
        app.builder.get_outdated_docs = list
        build_inited(self, app)
        del app.builder.get_outdated_docs
        if self.cache is not None:
            self.cache.transforms |= known  # its own file would give back those of .rst files only
            self.outdated_docs = EveryPage()  # link_code knows which of them are done

    return build_inited_and_consider


monkeypatches.replace(
    codeautolink.SphinxCodeAutoLink,
    "build_inited",
    consider_every_page,
    RELEASE,
    in_main_process=True,
)


def list_what_can_be_linked_to(create_references):
    def list_it(self, app, env):
        self.inventory = self.make_inventory(app)

    return list_it


monkeypatches.replace(
    codeautolink.SphinxCodeAutoLink,
    "create_references",
    list_what_can_be_linked_to,
    RELEASE,
    in_main_process=True,
)
# It writes a file for the next build, with what that build finds in Sphinx's environment as well.
monkeypatches.replace(DataCache, "write", lambda original: lambda self: None, RELEASE)
# It imports whatever torch names for type checkers, which takes a second and changes no link.
monkeypatches.replace(
    resolve, "populate_type_checking", lambda original: lambda module: None, RELEASE
)


def link_code(name, html):
    """Link the names in a page's code, unless that has been done."""
    if name not in calls or "sphinx-codeautolink-a" in html:
        return html
    args, options = calls[name]
    linker.filter_and_resolve(args[0], set(), name)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, f"{name}.html")
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(CUT.join(BLOCK.findall(html)), "utf-8")
        link_html(name, folder, *args, **options)
        blocks = iter(page.read_text("utf-8").split(CUT))
    return BLOCK.sub(lambda _: next(blocks), html)


def leave_the_gallery_alone(app, docname, source):
    """sphinx-gallery already links the names in its examples, to the same places."""
    if Path(app.env.doc2path(docname)).with_suffix(".py").exists():  # the example, copied here
        source[0] = f".. autolink-skip:: file\n\n{source[0]}"


def setup(app):
    app.connect("source-read", leave_the_gallery_alone)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
