"""The pages behind Error messages: one per mistake, and lists of them by message and by symptom.

A page in docs/fix names in its front matter its ``group``, what a reader sees (``symptom``) and, if
PyTorch or Python prints one, the ``message``, and if releases differ, what a ``newer`` one prints.
``{fixes} messages`` lists all messages, and ``{fixes} shapes`` the symptoms of a group.
"""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
FOLDER = "fix/"
INDEX = f"{FOLDER}index"


class fixes(nodes.General, nodes.Element):  # noqa: N801 - a node's class is the name of its tag
    """Place for the list of all messages, or of the symptoms of a group."""


class Fixes(SphinxDirective):
    required_arguments = 1

    def run(self):
        return [fixes(group=self.arguments[0])]


def pages(env):
    """Return what the front matter of each page says, by the page's name."""
    names = sorted(name for name in env.found_docs if name.startswith(FOLDER) and name != INDEX)
    return {name: env.metadata[name] for name in names}


def bare(message):
    """Return a message without the name of its error, as people search for it."""
    return re.sub(r"^[\w.]+: ", "", message)


def messages_of(about):
    """Return the messages that a page is about, as its front matter gives them."""
    return [about[key] for key in ("message", "newer") if key in about]


def entries(group, about):
    """Yield what a list says of a page, and the key by which it is sorted."""
    if group == "messages":
        for message in messages_of(about):
            yield bare(message).lower(), nodes.literal("", message, classes=["message"])
    elif group == about.get("group"):
        yield about["symptom"].replace("`", "").lower(), words_of(about["symptom"])


def words_of(symptom):
    """Return a symptom with the code in it, which stands in backticks, as code."""
    pieces = [
        nodes.literal("", piece) if place % 2 else nodes.Text(piece)
        for place, piece in enumerate(symptom.split("`"))
    ]
    return nodes.inline("", "", *pieces)


class List(SphinxPostTransform):
    default_priority = 5

    def run(self, **kwargs):
        for place in list(self.document.findall(fixes)):
            place.replace_self(self.items(place["group"]))

    def items(self, group):
        here = self.env.current_document.docname
        items, listed = [], set()
        for name, about in pages(self.env).items():
            uri = self.app.builder.get_relative_uri(here, name)
            for key, words in entries(group, about):
                link = nodes.reference("", "", words, refuri=uri, internal=True)
                if key in listed:  # by another page; what one sees tells them apart
                    link += [nodes.Text(": "), words_of(about["symptom"])]
                listed.add(key)
                items.append((key, nodes.list_item("", nodes.paragraph("", "", link))))
        items = [item for _, item in sorted(items, key=lambda entry: entry[0])]
        if not items:
            message = "no page in docs/fix belongs to %r"
            logger.warning(message, group, location=here, type="page")
        return nodes.bullet_list("", *items)


class AskField(SphinxDirective):
    """A field that finds messages and questions; on the pages of lists, tabs to both."""

    def run(self):
        html = field_html(self.env.current_document.docname, self.env.app.builder)
        return [nodes.raw("", html, format="html")]


TABS = {INDEX: "Error messages", "questions/index": "Questions"}
FIELD = """\
<form class="ask on-screen{waits}" role="search" action="{action}">
<label for="ask">Paste your error message, or ask in your own words</label>
<div><input id="ask" name="q" type="search" autocomplete="off" spellcheck="false"
placeholder="index out of range in self"><button>Find</button></div></form>
"""


def field_html(here, builder):
    # Without scripts the field filters nothing, but from elsewhere it leads to the lists.
    action = builder.get_relative_uri(here, INDEX) or "#"
    html = FIELD.format(action=action, waits=" waits" if here in TABS else "")
    html += '<div class="ask-found" role="status"></div>\n'
    links = "".join(
        f'<a href="{builder.get_relative_uri(here, page) or "#"}"'
        f"{' aria-current=' + chr(34) + 'page' + chr(34) if page == here else ''}>{title}</a>"
        for page, title in TABS.items()
    )
    if here in TABS:
        html += f'<nav class="tabs on-screen" aria-label="Lists">{links}</nav>\n'
    return html


def setup(app):
    app.add_node(fixes)
    app.add_directive("fixes", Fixes)
    app.add_directive("ask-field", AskField)
    app.add_css_file("bundles/ask.css")
    app.add_js_file("bundles/ask.js", loading_method="defer")
    app.add_post_transform(List)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
