"""Nodes that only HTML shows: other writers pass over them."""

from docutils import nodes


def add_node(app, node, visit):
    """Register a node; `visit` writes it as HTML."""
    others = dict.fromkeys(("latex", "text", "man", "texinfo"), (skip, None))
    app.add_node(node, html=(visit, None), **others)


def skip(translator, node):
    raise nodes.SkipNode
