"""Render math as MathML Core at build time: no script, no font service, and a typo is a warning.

It is a Sphinx math renderer like any other, so ``:math:``, ``$…$``, ``$$…$$ (label)`` and ``:eq:``
work unchanged, with Sphinx's own equation numbers.
"""

from functools import cache
from html import escape

import math_core
from docutils import nodes
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)


@cache
def converter(macros):
    # annotation=True keeps the LaTeX inside the formula, for copying and for screen readers.
    return math_core.LatexToMathML(macros=dict(macros), annotation=True, fancy_error=False)


def to_mathml(translator, node, *, display):
    latex = node.astext().strip()
    if display and r"\\" in latex and r"\begin{" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"  # as Sphinx's own renderers do
    try:
        macros = tuple(translator.config.mathml_macros.items())
        return converter(macros).convert_with_local_state(latex, displaystyle=display)
    except math_core.LatexError as error:
        logger.warning("bad math %r: %s", latex, error, location=node, type="math")
        return f"<code>{escape(latex)}</code>"


def visit_inline(translator, node):
    formula = to_mathml(translator, node, display=False)
    translator.body.append(f'<span class="math notranslate">{formula}</span>')
    raise nodes.SkipNode


def visit_display(translator, node):
    formula = to_mathml(translator, node, display=True)
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate"))
    translator.body.append(f'<div class="formula">{formula}</div>')
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, _("Link to this equation"))
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app):
    app.add_config_value("mathml_macros", {}, "env", types=frozenset({dict}))
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
