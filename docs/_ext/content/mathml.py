"""Render math as MathML Core at build time: no script, no font service, and a typo is a warning.

It is a Sphinx math renderer like any other, so ``:math:``, ``$…$``, ``$$…$$ (label)`` and ``:eq:``
work unchanged, with Sphinx's own equation numbers.
"""

import re
from html import escape, unescape
from xml.etree import ElementTree

import math_core
from docutils import nodes
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)
# MathML 3, and so a validator, knows these attributes for few elements, and <mstyle> for any other.
FOR_ANY = {"displaystyle": ("math", "mstyle", "mtable"), "scriptlevel": ("mstyle",)}


# The LaTeX is kept inside the formula, for copying and for screen readers.
CONVERTER = math_core.LatexToMathML(annotation=True, fancy_error=False)


def to_mathml(translator, node, *, display):
    latex = node.astext().strip()
    if display and r"\\" in latex and r"\begin{" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"  # as Sphinx's own renderers do
    try:
        return with_mstyle(CONVERTER.convert_with_local_state(latex, displaystyle=display))
    except math_core.LatexError as error:
        logger.warning("bad math %r: %s", latex, error, location=node, type="math")
        return f"<code>{escape(latex)}</code>"


def with_mstyle(formula):
    """Return a formula with attributes only where validators accept them."""
    if not re.search(r"(?:<m[^a][^>]* displaystyle|scriptlevel)=", formula):
        return formula
    named = re.compile(r"&(?!amp;|lt;|gt;|quot;)\w+;")  # XML knows only these names
    root = ElementTree.fromstring(named.sub(lambda match: unescape(match[0]), formula))
    for parent in [*root.iter()]:
        for place, child in enumerate(parent):
            moved = {
                name: child.attrib.pop(name)
                for name, tags in FOR_ANY.items()
                if name in child.attrib and child.tag not in tags
            }
            if moved:
                parent[place] = ElementTree.Element("mstyle", moved)
                parent[place].append(child)
    return ElementTree.tostring(root, "unicode", short_empty_elements=False)


def visit_inline(translator, node):
    formula = to_mathml(translator, node, display=False)
    translator.body.append(f'<span class="math notranslate">{formula}</span>')
    raise nodes.SkipNode


def visit_display(translator, node):
    formula = to_mathml(translator, node, display=True)
    # Furo wraps it in an element with the same ids, and an id may be there only once.
    named = {} if node["ids"] == node.parent["ids"] else node
    translator.body.append(translator.starttag(named, "div", CLASS="math notranslate"))
    translator.body.append(f'<div class="formula">{formula}</div>')
    if node["ids"]:
        number = f"({get_node_equation_number(translator, node)})" if node["number"] else ""
        translator.body.append(f'<span class="eqno">{number}')
        translator.add_permalink_ref(node, _("Link to this equation"))
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
