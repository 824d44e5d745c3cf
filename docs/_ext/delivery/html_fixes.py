"""Write, or leave out, what other packages put into the HTML of pages and offer no setting for.

Axe, a validator or a page's weight told of each of these. tests/site/test_extensions.py looks
for them in finished pages, so a release that writes something else is noticed.
"""

import re
from html import escape, unescape

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode

# Names, punctuation and blanks have the color of the code around them, in both of the theme's
# styles, so they need no mark of their own. Such marks were a twentieth of what a page weighs.
PLAIN = re.compile(r'<span class="[npw]">([^<]*)</span>')
# Of a formula in a line and the sign behind it, a browser may put the sign on the next line.
FORMULA_AND_SIGN = re.compile(
    r'<span class="math notranslate"><math>(?:(?!</math>).)*</math></span>[.,;:!?)’”…]+', re.S
)
SIGNS = (nodes.math, nodes.literal)
# A name as long as a line of a telephone breaks at its signs, and not before the dot behind it.
LONG = re.compile(r'(?<=<span class="pre">)[^<]{28,}(?=</span>)|(?<=>)doi:[^<]+(?=</a>)')
SIGN = re.compile(r"([._/=(])(?!$)")
WORDS, SENTENCE = 12, 36  # characters in a cell; a column of single words can hardly be read
# Code and formulas are of no language, which Sphinx says by a class that not every browser heeds.
# The list of contents has the links to sections, so a key need not stop at the sign of each.
PIECES = {
    '<span class="sig-paren">(</span>': '<span class="sig-paren">(</span><wbr>',
    ' notranslate"': '" translate="no"',
    '<dt class="sig ': '<dt translate="no" class="sig ',
    'class="headerlink"': 'class="headerlink" tabindex="-1"',
}
# What code printed. On a telephone a table of up to 56 columns is set as small as it has to be, and
# sentences are broken: custom.css.
PRINTED = re.compile(
    r'(<div class="(?:output (?!text_html)|highlight-(?:console|text))[^>]*>'
    r'<div class="highlight"><pre)(>.*?</pre>)',
    re.S,
)
COLUMNS = 56
# In the sources that sphinx-gallery 0.22.1 writes. HTML has no attribute `tooltip`, and one that
# shows the same words. A place for tags is there once for each group, and no example has tags. A
# script and a notebook are offered, and not both once more in a zip with the time of day.
GALLERY = {
    'class="sphx-glr-thumbcontainer" tooltip=': 'class="sphx-glr-thumbcontainer" title=',
    r"\.\. raw:: html\n\n  <div id='sg-tag-list' class='sphx-glr-tag-list'></div>": "",
    r"\n *\.\. container:: .*sphx-glr-download-zip\n\n.*\n": "",
}


def visit_folded_cell(translator, node):
    """Write the labels of a folded cell as spans, since a summary may not hold paragraphs.

    MyST-NB 1.4.0 also calls every folded cell "Toggle hidden content", whatever its label says.
    """
    classes = " ".join(node["classes"])
    labels = {"collapsed": node["prompt_show"], "expanded": node["prompt_hide"]}
    spans = "".join(
        f'<span class="{state} admonition-title">{escape(label)}</span>\n'
        for state, label in labels.items()
    )
    translator.body.append(
        f'<details class="admonition hide {classes}">\n<summary>\n{spans}</summary>\n'
    )


def depart_folded_cell(translator, node):
    translator.body.append("</details>\n")


def visit_citation(translator, node):
    """Write an entry of the references without roles: ARIA 1.3 deprecates those of docutils."""
    if not isinstance(node.previous_sibling(), nodes.citation):
        translator.body.append('<div class="citation-list">\n')
    translator.body.append(translator.starttag(node, "div", CLASS="citation"))


def fix_gallery(app, docname, source):
    if docname.startswith("gallery/"):
        for wrong, right in GALLERY.items():
            source[0] = re.sub(wrong, right, source[0])


def drop_marks(app, pagename, templatename, context, doctree):
    if doctree:
        body = PRINTED.sub(fit_output, context["body"])
        body = PLAIN.sub(r"\1", body)
        body = LONG.sub(lambda name: SIGN.sub(r"\1<wbr>", name[0]), body)
        body = FORMULA_AND_SIGN.sub(r'<span class="formula-and-sign">\g<0></span>', body)
        for wrong, right in PIECES.items():
            body = body.replace(wrong, right)
        # A browser loads the pictures, all but the first, when the reader comes near.
        before, first, rest = body.partition("<img ")
        context["body"] = before + first + rest.replace("<img ", '<img loading="lazy" ')


def fit_output(match):
    lines = unescape(re.sub(r"<[^>]*>", "", match[2][1:])).splitlines()
    columns = max(map(len, lines), default=0)
    if columns <= COLUMNS:
        return f'{match[1]} style="--columns:{columns}"{match[2]}'
    aligned = sum(bool(re.search(r"\S {2,}\S", line)) for line in lines)
    return match[0] if 2 * aligned > len(lines) else f'{match[1]} class="sentences"{match[2]}'


def mark_wide_cells(app, doctree, docname):
    """Give cells of a table that hold words or sentences a class: custom.css keeps them wide."""
    for entry in doctree.findall(nodes.entry):
        words = [text for text in entry.findall(nodes.Text) if not isinstance(text.parent, SIGNS)]
        length = len("".join(words))
        if length > WORDS:
            entry["classes"].append("sentence" if length > SENTENCE else "words")


def name_cells(app, doctree, docname):
    """Say before each cell of a wide table what its column holds: on a phone a row is a list."""
    for table in doctree.findall(nodes.table):
        head, *rows = table.findall(nodes.row) if "wide" in table["classes"] else [()]
        for row in rows:
            for of, cell in [*zip(head, row, strict=True)][1:]:  # the first is the row's own name
                if cell.astext():
                    cell[0].insert(0, nodes.inline("", f"{of.astext()} ", classes=["cell-name"]))


def setup(app):
    app.add_node(HideCodeCellNode, True, html=(visit_folded_cell, depart_folded_cell))
    app.add_node(nodes.citation, True, html=(visit_citation, None))
    app.connect("source-read", fix_gallery)
    app.connect("doctree-resolved", mark_wide_cells)
    app.connect("doctree-resolved", name_cells, priority=501)  # names are no words of a cell
    app.connect("html-page-context", drop_marks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
