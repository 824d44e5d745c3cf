"""The menu: the pages that the home page names, each a door.

What is below an entry is in the menu only behind its own door, and of more than forty pages only
the one that is open. Previous and next stay behind their door.
"""

from docutils import nodes
from sphinx.environment.adapters.toctree import global_toctree_for_doc

MANY = 40


def below(env, name):
    """Yield a page, and all the pages below it."""
    yield name
    for child in env.toctree_includes.get(name, ()):
        yield from below(env, child)


def door_of_each(env):
    """Return the door behind which a page is, by the page's name."""
    doors = env.toctree_includes.get(env.config.root_doc, ())
    return {page: door for door in reversed(doors) for page in below(env, door)}


def shorten(app, pagename, templatename, context, doctree):
    env, builder, door = app.env, app.builder, door_of_each(app.env)
    here = door.get(pagename)
    _, *related = builder.relations.get(pagename, (None, None, None))
    for way, other in zip(("prev", "next"), related, strict=True):
        if other and door.get(other) != here:
            context[way] = None

    entries = {builder.get_relative_uri(pagename, entry): entry for entry in {*door.values()}}

    def shorter(**options):
        tree = global_toctree_for_doc(env, pagename, builder, tags=app.tags, **options)
        for item in tree.findall(nodes.list_item):
            if entries.get(item.next_node(nodes.reference)["refuri"], here) != here:
                item[1:] = []  # after the link, the list of what is below it
            for listed in item[1:]:
                if len(listed) > MANY:
                    listed[:] = [child for child in listed if "current" in child["classes"]]
            item[1:] = [listed for listed in item[1:] if len(listed)]
        return builder.render_partial(tree)["fragment"]

    if entries:
        context["toctree"] = shorter


def setup(app):
    app.connect("html-page-context", shorten, priority=400)  # before Furo asks for it
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
