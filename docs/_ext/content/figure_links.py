"""Offer each figure for download: a link to its drawing, at the end of the caption or below it."""

import re

WORDS = "Save as SVG, MIT license"
LINK = f'<a class="save-figure on-screen" href="{{}}" download aria-label="{WORDS}">SVG</a>'
IMAGE = r'<img [^>]*src="([^"]+\.svg)"[^>]*>'
CAPTIONED = re.compile(
    rf'{IMAGE}\s*<figcaption>\s*<p>(?:(?!</p>).)*?(?=<a class="headerlink)', re.DOTALL
)
OF_AN_EXAMPLE = re.compile(rf'(?=<img [^>]*class="sphx-glr-[^"]+-img"){IMAGE}')


def add_links(app, pagename, templatename, context, doctree):
    if doctree:
        body = CAPTIONED.sub(
            lambda figure: f"{figure[0]} {LINK.format(figure[1])}", context["body"]
        )
        context["body"] = OF_AN_EXAMPLE.sub(
            lambda figure: f"{figure[0]}<p>{LINK.format(figure[1])}</p>", body
        )


def setup(app):
    app.connect("html-page-context", add_links)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
