"""An address, and a visible link to it, for each equation and figure that has none by itself.

Sections, named figures, numbered equations and definitions have theirs from Sphinx, questions from
faq.py and exercises from exercises.py. Equations without a number and figures without a name get
theirs here, made of their first words, so it stays when the page grows.
"""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

LONGEST = 40  # characters of an address, before its last word is cut off
# What says in LaTeX how an equation looks, and not what it is about.
LATEX = re.compile(
    r"\\(?:(?:begin|end)\{\w+\}"
    r"|(?:[dt]?frac|mathcal|text|left|right|quad|qquad|cdot|dots|[lr][vV]ert|underbrace)\b)"
)
FRAMES = (nodes.figure, nodes.reference)  # what is in a named figure, or is itself a link


class permalink(nodes.Inline, nodes.Element):  # noqa: N801 - a node's class is its tag's name
    """The sign that links to the part in which, or behind which, it stands."""


def address_of(words, kind=""):
    """Make an address of the first words of a part."""
    whole = nodes.make_id(kind + re.sub("['’]", "", words))
    return whole if len(whole) <= LONGEST else whole[: LONGEST + 1].rpartition("-")[0]


def give_address(node, address, kind):
    """Give a part its address, and return the sign that links to it."""
    node["ids"].append(address)
    return permalink(target=address, title=f"Link to this {kind}")


def is_bare_equation(node):
    return isinstance(node, nodes.math_block) and not node["ids"]


def is_bare_figure(node):
    if not isinstance(node, nodes.image) or "_thumb." in node["uri"] or not node.get("alt"):
        return False
    return not node["ids"] and not any(isinstance(above, FRAMES) for above in ancestors(node))


def ancestors(node):
    while node := node.parent:
        yield node


def give_addresses(app, doctree):
    for node in list(doctree.findall(nodes.Element)):
        if is_bare_equation(node):
            node["address"] = address_of(LATEX.sub(" ", node.astext()), "equation-")
        elif is_bare_figure(node):
            sign = give_address(node, address_of(node["alt"], "figure-"), "figure")
            node.parent.insert(node.parent.index(node) + 1, sign)


class AddressEquations(SphinxPostTransform):
    """Give equations their addresses late: Sphinx numbers each that has one before.

    mathml.py puts the sign where numbers stand.
    """

    default_priority = 400  # before Furo wraps each equation and copies its address

    def run(self, **kwargs):
        for node in self.document.findall(nodes.math_block):
            if "address" in node:
                node["ids"].append(node["address"])


def visit_permalink(translator, node):
    translator.body.append(
        f'<a class="headerlink" href="#{node["target"]}" title="{node["title"]}">¶</a>'
    )
    raise nodes.SkipNode


def setup(app):
    app.add_node(permalink, html=(visit_permalink, None))
    app.add_post_transform(AddressEquations)
    app.connect("doctree-read", give_addresses, priority=550)  # after exercises.py
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
