"""What sphinx-codeautolink does not do by itself: be quick, and leave the gallery alone.

It links the names in the code of a page to the reference. To do so it parses each whole page, one
after the other, when the build is over. What it has to see is only the blocks of code, and the
pages do not depend on each other: so its calls are noted, and finish.py has them done side by side.
"""

import re
import tempfile
from pathlib import Path

import sphinx_codeautolink.extension as codeautolink
from sphinx_codeautolink.extension import resolve

BLOCK = re.compile(
    r'<div class="(?:highlight-\w|doctest )[^>]*>\s*'
    r'<div class="highlight">.*?</pre></div>\s*</div>',
    re.DOTALL,
)
CUT = "\n<!-- next block -->\n"
calls = {}  # of its link_html: the arguments, by the name of the page


def note_call(document, out_dir, *args, **options):
    calls[document] = args, options


# It has no setting for either, up to 0.19. The second imports whatever torch names for type
# checkers, a second of work that none of our links depends on.
link_html, codeautolink.link_html = codeautolink.link_html, note_call
assert resolve.populate_type_checking, "codeautolink does this elsewhere"
resolve.populate_type_checking = lambda module: None


def link_code(name, html):
    """Link the names in a page's code, unless that has been done."""
    if name not in calls or "sphinx-codeautolink-a" in html:
        return html
    args, options = calls[name]
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, f"{name}.html")
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(CUT.join(BLOCK.findall(html)), "utf-8")
        link_html(name, folder, *args, **options)
        blocks = iter(page.read_text("utf-8").split(CUT))
    return BLOCK.sub(lambda _: next(blocks), html)


def leave_the_gallery_alone(app, doctree):
    """sphinx-gallery links its own code; did codeautolink, too, each second build would warn."""
    docname = app.env.current_document.docname
    if docname.startswith("gallery/"):
        app.env.sphinx_codeautolink_transforms.pop(docname, None)


def setup(app):
    app.connect("doctree-read", leave_the_gallery_alone, priority=495)  # codeautolink has 490
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
