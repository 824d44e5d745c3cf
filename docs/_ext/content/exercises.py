"""Exercises: an address for each, the form that answers, the page of all, and the list for scripts.

An exercise is an admonition of the class ``exercise`` with a title such as "Exercise 3 (by hand):
one step back". The questions that follow it come from the cells (questions.py). Their scripts are
in _static/exercises; a page loads them, as one file, only if it has something to do for them.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import docname_join, logging
from sphinx.util.docutils import SphinxDirective

import html_only
from anchors import address_of, give_address, permalink
from widgets import ANSWER, SOURCE, lean

logger = logging.getLogger(__name__)
QUESTION = '<div class="question" hidden'
FOLDER = Path(__file__).parents[2] / "_static" / "exercises"
SCRIPTS = (
    *(SOURCE / f"{name}.js" for name in ("make-element", *ANSWER)),
    *(FOLDER / f"{name}.js" for name in ("progress", "start")),
)


class memory(nodes.General, nodes.Element):  # noqa: N801 - docutils names visitors after it
    pass


class all_exercises(nodes.General, nodes.Element):  # noqa: N801
    pass


class Memory(SphinxDirective):
    """``{exercise-memory}``: here the scripts say what is solved, beside each link of the page."""

    def run(self):
        return [memory()]


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
            title += give_address(node, address_of(words, "exercise-"), "exercise")
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
        exercises_of(app.env)[docname] = found


def exercises_of(env):
    """Return the exercises of each page: [place, title, number of questions]."""
    return vars(env).setdefault("charseq_exercises", {})


def purge(app, env, docname):
    exercises_of(env).pop(docname, None)


def merge(app, env, docnames, other):
    exercises_of(env).update(exercises_of(other))


def chapters(env):
    """Return the pages with exercises, in the order of reading, each with its title."""
    order = [name for name in reading_order(env) if name in exercises_of(env)]
    return [(name, env.titles[name].astext(), exercises_of(env)[name]) for name in order]


def reading_order(env):
    def below(name):
        yield name
        for child in env.toctree_includes.get(name, []):
            yield from below(child)

    return dict.fromkeys(below(env.config.root_doc))


def whole_script(chapters):
    """Return all scripts in one, which know these chapters and their exercises."""
    # One line per chapter. Of "Exercise 2 (by hand): words", it has only the words.
    lines = []
    for page, title, exercises in chapters:
        names = [name.partition("): ")[2] for _, name, _ in exercises]
        counts = "".join(str(count) for *_, count in exercises)
        lines.append("|".join([page, title, counts, *names]))
    listed = json.dumps("\n".join(lines), ensure_ascii=False)
    scripts = "".join(path.read_text("utf-8") for path in SCRIPTS)
    # In a block, the names are not those of the playground's scripts on the same page.
    return lean(f'"use strict";\n{{\nconst charseqExercises = {listed};\n{scripts}}}\n')


def write_scripts(app, env):
    """Write the scripts before any page, since a page names their checksum.

    The pages that show all exercises are written anew whenever a chapter is.
    """
    if app.builder.format == "html":
        target = Path(app.outdir, "_static", "exercises", "exercises.js")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(whole_script(chapters(env)), "utf-8", newline="\n")
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


def add_files(app, pagename, templatename, context, doctree):
    has_memory = doctree and any(True for _ in doctree.findall(memory))
    if pagename in exercises_of(app.env) or has_memory:
        app.add_css_file("exercises/exercises.css")
        app.add_js_file("exercises/exercises.js", loading_method="defer")


def visit_memory(translator, node):
    translator.body.append('<div class="exercise-memory" data-exercise-memory></div>\n')
    raise nodes.SkipNode


def thin_out(app, exception):
    """Of the parts of the one script, only what the playground loads needs a place on the site."""
    if not exception and app.builder.format == "html":
        folder = Path(app.outdir, "_static", "exercises")
        for path in folder.glob("*.js"):
            if f"../exercises/{path.stem}" in ANSWER:
                path.write_text(lean(path.read_text("utf-8")), "utf-8", newline="\n")
            elif path.name != "exercises.js":
                path.unlink()


def setup(app):
    html_only.add_node(app, memory, visit_memory)
    app.add_node(all_exercises)
    app.add_directive("exercise-memory", Memory)
    app.add_directive("all-exercises", AllExercises)
    app.add_post_transform(ShowAll)
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", write_scripts)
    app.connect("html-page-context", add_files)
    app.connect("build-finished", thin_out)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
