"""An address, and a visible link to it, for each part of a page that has none by itself.

Sections, named figures, numbered equations and definitions have theirs from Sphinx, and questions
from faq.py. The others get theirs here and in exercises.py: exercises, equations without a number,
figures without a name, and entries, which are paragraphs that begin with a sentence in bold, as
under *What goes wrong here*.

An address is made of the first words of the part, not of its place, so it stays when the page
grows. Two parts of a page with one address are a warning. redirects.py leads on from old addresses.
"""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

import html_only

logger = logging.getLogger(__name__)
LONGEST = 40  # characters of an address, before its last word is cut off
SENTENCE = re.compile(r"[.:?!][\"”’)]*$")
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


def bold_sentence(node):
    """Return the sentence in bold with which a paragraph begins, if it is an entry."""
    if isinstance(node, nodes.paragraph) and isinstance(node.parent, nodes.section):
        first = next((child for child in node if child.astext()), None)
        if isinstance(first, nodes.strong) and SENTENCE.search(first.astext()):
            return first
    return None


def is_counted(node):
    """Whether docutils could only count a section: its title is on the page twice, or a number."""
    return isinstance(node, nodes.section) and re.fullmatch(r"id\d+", node["ids"][0])


def titles_down_to(section):
    """Return the titles of the sections that hold it, without the page's, and its own."""
    above = [node for node in ancestors(section) if isinstance(node, nodes.section)][:-1]
    return [node.next_node(nodes.title).astext() for node in (*reversed(above), section)]


def is_bare_equation(node):
    return isinstance(node, nodes.math_block) and not node["ids"]


def is_bare_figure(node):
    if not isinstance(node, nodes.image) or "_thumb." in node["uri"] or not node.get("alt"):
        return False
    return not node["ids"] and not any(isinstance(n, FRAMES) for n in ancestors(node))


def ancestors(node):
    while node := node.parent:
        yield node


def give_addresses(app, doctree):
    for node in list(doctree.findall(nodes.Element)):
        if bold := bold_sentence(node):
            node += give_address(node, address_of(bold.astext()), "entry")
        elif is_counted(node):
            node["ids"].insert(0, nodes.make_id(" ".join(["part", *titles_down_to(node)])))
        elif is_bare_equation(node):
            node["address"] = address_of(LATEX.sub(" ", node.astext()), "equation-")
        elif is_bare_figure(node):
            sign = give_address(node, address_of(node["alt"], "figure-"), "figure")
            node.parent.insert(node.parent.index(node) + 1, sign)
    complain_of_equal(doctree)


class AddressEquations(SphinxPostTransform):
    """Give equations their addresses late: Sphinx numbers each that has one before.

    mathml.py puts the sign where numbers stand.
    """

    default_priority = 400  # before Furo wraps each equation and copies its address

    def run(self, **kwargs):
        for node in self.document.findall(nodes.math_block):
            if "address" in node:
                node["ids"].append(node["address"])


def complain_of_equal(doctree):
    seen = {}
    for node in doctree.findall(nodes.Element):
        for address in [*node["ids"], *filter(None, [node.get("address")])]:
            if seen.setdefault(address, node) is not node:
                logger.warning(
                    "two parts of this page have the address %r; begin one of them otherwise",
                    address, location=node, type="address",
                )  # fmt: skip


def visit_permalink(translator, node):
    translator.body.append(
        f'<a class="headerlink" href="#{node["target"]}" title="{node["title"]}">¶</a>'
    )
    raise nodes.SkipNode


def setup(app):
    html_only.add_node(app, permalink, visit_permalink)
    app.add_post_transform(AddressEquations)
    app.connect("doctree-read", give_addresses, priority=550)  # after exercises.py
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
