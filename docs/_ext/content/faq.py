"""The pages of questions: what people ask, in their words, and where the site answers.

``{faq} shapes`` stands in ``docs/questions/shapes.md``, holds the questions in TOML, and shows them
with their answers; ``{faq-list} shapes`` shows the questions alone, as links to that page.

Each question has an ``id``, which is its address, ``ask``, ``source``, an ``answer`` of a sentence
or two if that is enough, and ``facts``: what a whole answer has to say (``fact``), the section that
says it (``at``, as ``learn/shapes#the-section``, or ``here`` for the answer itself), and ``words``
that stand there.
tests/site/test_site.py looks for the words, and for each address that a link leads to.
"""

import re
import tomllib
from pathlib import Path

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
FOLDER = Path(__file__).parents[2] / "questions"
PARTS = ("make-it-happen", "why-it-happens", "fix-it", "check-your-own-code", "read-more")
LISTS = re.compile("questions/|fix/index$")  # also those of fixes.py
PART = re.compile(rf"#({'|'.join(PARTS)})$")


def questions_of(topic):
    _, _, held = (FOLDER / f"{topic}.md").read_text("utf-8").partition(f"{{faq}} {topic}\n")
    return tomllib.loads(held.partition("\n```\n")[0])["question"]


def places_of(question):
    """Return the sections that answer a question, each once, in the order of its facts.

    Of a page about a mistake, a part that every such page has stands for the whole page.
    """
    places = (fact["at"] for fact in question["facts"] if fact["at"] != "here")
    return list(dict.fromkeys(PART.sub("", place) for place in places))


class section_link(nodes.Inline, nodes.Element):  # noqa: N801 - a node's class is its tag's name
    """A link whose words, the titles of a page and a section, are known once all is read."""


class AboutTopic(SphinxDirective):
    """A directive that shows the questions of a topic."""

    required_arguments, has_content = 1, True

    def run(self):
        (topic,) = self.arguments
        self.env.note_dependency(str(FOLDER / f"{topic}.md"))
        questions = questions_of(topic)
        asked = [self.parse_text_to_nodes(question["ask"])[0] for question in questions]
        return [self.show(topic, zip(questions, asked, strict=True))]


class Faq(AboutTopic):
    def show(self, topic, questions):
        listed = nodes.definition_list(classes=["faq"])
        for question, asked in questions:
            permalink = nodes.reference(
                "", "¶", refuri=f"#{question['id']}", classes=["headerlink"],
                reftitle="Link to this question",
            )  # fmt: skip
            term = nodes.term("", "", *asked.children, permalink, ids=[question["id"]])
            answer = self.parse_text_to_nodes(question.get("answer", ""))
            links = [section_link(at=place) for place in places_of(question)]
            if links:
                answer.append(nodes.paragraph("", "", *sentence_of(links), classes=["read"]))
            listed += nodes.definition_list_item("", term, nodes.definition("", *answer))
        return listed


class FaqList(AboutTopic):
    def show(self, topic, questions):
        listed = nodes.bullet_list()
        for question, asked in questions:
            uri = f"{topic}.html#{question['id']}"
            link = nodes.reference("", "", *asked.children, refuri=uri, internal=True)
            listed += nodes.list_item("", nodes.paragraph("", "", link))
        return listed


def sentence_of(links):
    parts = [nodes.Text("Read ")]
    for link in links:
        parts += [link, nodes.Text(", ")]
    return [*parts[:-1], nodes.Text(".")]


class LinkSections(SphinxPostTransform):
    default_priority = 5

    def run(self, **kwargs):
        for place in list(self.document.findall(section_link)):
            page, _, section = place["at"].partition("#")
            if page not in self.env.titles:
                logger.warning("a question is answered at %r, which is no page", place["at"])
                place.replace_self(nodes.Text(place["at"]))
                continue
            here = self.env.current_document.docname
            uri = self.app.builder.get_relative_uri(here, page) + (f"#{section}" if section else "")
            link = nodes.reference("", "", refuri=uri, internal=True)
            link += [node.deepcopy() for node in self.env.titles[page].children]
            for entry in self.env.tocs[page].findall(nodes.reference):
                if section and entry["anchorname"] == f"#{section}":
                    link += [nodes.Text(": "), *(node.deepcopy() for node in entry.children)]
            place.replace_self(link)


def setup(app):
    app.add_node(section_link)
    app.add_directive("faq", Faq)
    app.add_directive("faq-list", FaqList)
    app.add_post_transform(LinkSections)
    # Lists are written in each build that reads a page: they show what front matter and titles say.
    read = []
    app.connect("env-before-read-docs", lambda app, env, docnames: read.extend(docnames))
    app.connect("env-updated", lambda app, env: filter(LISTS.match, env.found_docs) if read else [])
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
