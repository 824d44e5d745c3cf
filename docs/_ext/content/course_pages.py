"""The course on pages: its map, its chapters as lists and in the menu, and the head of a chapter.

``{course-map}`` shows a row for each part, in which each chapter has its drawing of map.svg,
``{course-list} Real text`` the chapters of a part with their questions, ``{course-list} paths`` the
ways through all, and ``{course-pages}`` names the pages to Sphinx. Below the question of a chapter
stands a line: its number, what it builds on, and how long it takes.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from course_table import DOCS, chapters, table, typeset

DRAWINGS = Path(__file__).with_name("map.svg")


class FromTable(SphinxDirective):
    """A directive that shows what the table, or a chapter of it, says."""

    def run(self):
        for path in (DOCS / "_chapters.toml", DRAWINGS, *(DOCS / f"{p}.md" for p in chapters())):
            self.env.note_dependency(str(path))
        return self.show()


class CourseMap(FromTable):
    def show(self):
        here, builder = self.env.current_document.docname, self.env.app.builder
        html = map_html(lambda page: builder.get_relative_uri(here, page))
        return [nodes.raw("", html, format="html")]


class CoursePages(FromTable):
    """The pages for Sphinx: the chapters have numbers, and those before them have none."""

    def show(self):
        found = []
        for numbered in (0, 1):
            pages = [c for c in chapters().values() if bool(c.number) == bool(numbered)]
            entries = "\n".join(f"{typeset(c.label)} </{c.page}>" for c in pages)
            options = ":hidden:\n" + ":numbered: 1\n" * numbered
            found += self.parse_text_to_nodes(f"```{{toctree}}\n{options}\n{entries}\n```")
        return found


class CourseList(FromTable):
    """The chapters of a part, ``{course-list} Real text``, or the ways through all of them."""

    required_arguments = 1
    final_argument_whitespace = True

    def show(self):
        parts, paths = table()
        if self.arguments == ["paths"]:
            return self.parse_text_to_nodes("\n\n".join(map(path_entry, paths)))
        listed = [c for p in parts if p["title"] == self.arguments[0] for c in p["chapters"]]
        marks = (f"{c.number}." if c.number else "-" for c in listed)
        entries = [
            f"{mark} {{doc}}`/{c.page}`\\\n   *{c.question}*"
            for mark, c in zip(marks, listed, strict=True)
        ]
        return self.parse_text_to_nodes("\n".join(entries))


def path_entry(path):
    links = ", ".join(stop.link for stop in path["stops"])
    hours = round(sum(stop.takes for stop in path["stops"]) / 60)
    time = f"about {hours} hours" if hours > 1 else "an hour"
    return f"{path['title']}, {time}\n: {path['says']}: {links}."


def begin_chapter(app, doctree):
    """Put below the question of a chapter its number, what it builds on, and its minutes."""
    env = app.env
    docname = env.current_document.docname
    chapter, question = chapters().get(docname), doctree.next_node(nodes.paragraph)
    if not chapter or question is None:
        return
    env.note_dependency(str(DOCS / "_chapters.toml"))
    line = nodes.paragraph(classes=["builds-on"])
    last = max(other.number for other in chapters().values())
    line += nodes.Text(
        f"Chapter {chapter.number} of {last}" if chapter.number else "Before you start"
    )
    for at, page in enumerate(chapter.needs):
        line += nodes.Text(", " if at else " · builds on ")
        other = chapters()[page]
        name = str(other.number or other.label)
        line += addnodes.pending_xref(
            "", nodes.inline("", name), reftype="doc", refdomain="std",
            reftarget=f"/{page}", refdoc=docname, refexplicit=True, refwarn=True,
        )  # fmt: skip
    line += nodes.Text(f" · {chapter.minutes} min, exercises {chapter.exercises} min")
    question.parent.insert(question.parent.index(question) + 1, line)


def map_html(uri_of):
    """Return the map as HTML."""
    drawn = dict(re.findall(r'^<g id="([\w-]+)">(.*)</g>$', DRAWINGS.read_text("utf-8"), re.M))

    def place(chapter):
        number = f"<b>{chapter.number}</b> " if chapter.number else ""
        svg = f'<svg viewBox="-56 -36 112 72">{drawn[chapter.place]}</svg>' if number else ""
        question = re.sub("`([^`]+)`", r"<code>\1</code>", escape(chapter.question, quote=False))
        return (
            f'<li><a class="map-place" data-page="{chapter.page}" href="{uri_of(chapter.page)}">'
            f"{svg}{number}<span>{typeset(chapter.label)}</span></a>"
            f'<p class="map-question">{question}</p></li>'
        )

    rows = "".join(
        f'<p class="map-part">{part["title"]}</p><ol class="thread-{part.get("thread", "m")}">'
        f"{''.join(map(place, part['chapters']))}</ol>"
        for part in table()[0]
    )
    return (
        '<nav class="map-frame wide on-screen" aria-label="Map of the course">'
        f'<div class="map">{rows}</div></nav>\n'
    )


def setup(app):
    app.add_directive("course-map", CourseMap)
    app.add_directive("course-list", CourseList)
    app.add_directive("course-pages", CoursePages)
    app.connect("doctree-read", begin_chapter)
    app.add_css_file("bundles/map.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
