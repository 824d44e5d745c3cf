"""Exercises: an address for each, the form that answers, the page of all, and the list for scripts.

An exercise is an admonition of the class ``exercise`` with a title such as "Exercise 3 (by hand):
one step back". The questions that follow it come from the cells (questions.py). Their scripts are
in docs/_web/exercises; a page loads them, as one bundle, only if it has something to do for them.
"""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import docname_join, logging
from sphinx.util.docutils import SphinxDirective

import bundles
from menu import below

logger = logging.getLogger(__name__)
QUESTION = '<div class="question" hidden'
MEMORY = '<div class="exercise-memory" data-exercise-memory></div>\n'
LIST = f"{bundles.FOLDER}/exercise-list.js"


LONGEST = 40  # characters of an address, before its last word is cut off


class permalink(nodes.Inline, nodes.Element):  # noqa: N801 - docutils names visitors after it
    """The sign that links to the exercise in whose title it stands."""


def address_of(words):
    """Make an address of the first words of an exercise, so it stays when the page grows."""
    whole = nodes.make_id("exercise-" + re.sub("['’]", "", words))
    return whole if len(whole) <= LONGEST else whole[: LONGEST + 1].rpartition("-")[0]


class all_exercises(nodes.General, nodes.Element):  # noqa: N801 - docutils names visitors after it
    pass


class Memory(SphinxDirective):
    """``{exercise-memory}``: here the scripts say what is solved, beside each link of the page."""

    def run(self):
        return [nodes.raw("", MEMORY, format="html")]


class AllExercises(SphinxDirective):
    """``{all-exercises}``: every exercise of every chapter, with a link to its place."""

    def run(self):
        self.env.metadata[self.env.current_document.docname]["all-exercises"] = True
        return [all_exercises()]


def is_exercise(node):
    return isinstance(node, nodes.admonition) and "exercise" in node["classes"]


def is_question(node):
    return isinstance(node, nodes.raw) and QUESTION in node.astext()


def collect(app, doctree):
    """Give each exercise its address and each question its name, and remember them."""
    docname, found = app.env.current_document.docname, []
    for node in doctree.findall(lambda node: is_exercise(node) or is_question(node)):
        if is_exercise(node):
            title = node.next_node(nodes.title)
            place = f"exercise-{len(found) + 1}"
            found.append([place, title.astext(), 0])
            node["ids"].insert(0, place)
            words = title.astext().partition("): ")[2]
            node["ids"].append(address_of(words))
            title += permalink(target=node["ids"][-1])
        elif not found:
            logger.warning(
                "a question without an exercise before it", location=node, type="exercise"
            )
        else:
            place, _, count = found[-1]
            found[-1][2] += 1
            name = f"{docname}#{place}" + (f".{count + 1}" if count else "")
            html = node.astext().replace(QUESTION, f'{QUESTION} data-id="{name}"', 1)
            node.children[:] = [nodes.Text(html)]
    if found:
        app.env.metadata[docname]["exercises"] = found


def chapters(env):
    """Return name, title and exercises of each page that has some, in the order of reading.

    An exercise is its place, its title, and the number of its questions.
    """
    found = {name: env.metadata[name].get("exercises") for name in below(env, env.config.root_doc)}
    return [(name, env.titles[name].astext(), listed) for name, listed in found.items() if listed]


def write_list(app, env):
    """Write the list of all exercises. Of "Exercise 2 (by hand): words", it has only the words.

    The pages that show all exercises are written anew whenever a chapter is.
    """
    if app.builder.format == "html":
        listed = [
            [page, title, [[name.partition("): ")[2], count] for _, name, count in exercises]]
            for page, title, exercises in chapters(env)
        ]
        bundles.write_data(app, LIST, listed)
    return [name for name, about in env.metadata.items() if "all-exercises" in about]


class ShowAll(SphinxPostTransform):
    """Copies the exercises of all chapters, before Sphinx resolves the references in them."""

    default_priority = 5

    def run(self, **kwargs):
        for place in list(self.document.findall(all_exercises)):
            place.replace_self([self.show(*chapter) for chapter in chapters(self.env)])

    def show(self, docname, title, listed):
        here, doctree = self.env.current_document.docname, self.env.get_doctree(docname)
        section = nodes.section("", nodes.title("", title), ids=[nodes.make_id(docname)])
        for (place, _, _), exercise in zip(listed, doctree.findall(is_exercise), strict=True):
            copy = exercise.deepcopy()
            for node in list(copy.findall(nodes.Element)):
                node["ids"] = []
                node.attributes.pop("address", None)
                if isinstance(node, permalink):
                    node.parent.remove(node)
            for node in copy.findall(addnodes.pending_xref):  # as seen from this page
                if node["reftype"] == "doc":
                    node["reftarget"] = "/" + docname_join(docname, node["reftarget"])
                node["refdoc"] = here
            uri = self.app.builder.get_relative_uri(here, docname)
            link = nodes.reference("", "Go to this exercise", refuri=f"{uri}#{place}")
            copy += nodes.paragraph("", "", link)
            section += copy
        return section


class Card(SphinxPostTransform):
    """Puts an exercise and all that follows, up to the next or a heading, into one box."""

    default_priority = 6  # after the copies
    formats = ("html",)

    def run(self, **kwargs):
        for exercise in list(self.document.findall(is_exercise)):
            section, start = exercise.parent, exercise.parent.index(exercise)
            ends = (isinstance(n, nodes.section) or is_exercise(n) for n in section[start + 1 :])
            parts = section[start : start + 1 + [*ends, True].index(True)]
            card = nodes.container("", *parts, classes=["exercise-card"])
            section[start : start + len(parts)] = [card]


def visit_permalink(translator, node):
    sign = '<a class="headerlink" href="#{}" title="Link to this exercise">¶</a>'
    translator.body.append(sign.format(node["target"]))
    raise nodes.SkipNode


def setup(app):
    app.add_node(permalink, html=(visit_permalink, None))
    app.add_node(all_exercises)
    app.add_directive("exercise-memory", Memory)
    app.add_directive("all-exercises", AllExercises)
    app.add_post_transform(ShowAll)
    app.add_post_transform(Card)
    app.connect("doctree-read", collect)
    app.connect("env-updated", write_list)
    app.add_css_file(f"{bundles.FOLDER}/exercises.css", priority=550)  # after sphinx-design
    app.add_js_file(f"{bundles.FOLDER}/exercises.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
