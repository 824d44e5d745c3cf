"""Link the first use of each term of the glossary on a chapter or a page of docs/fix to its entry.

The entries of a ``{glossary}`` are linked by their headwords, or by the words that a comment in the
entry lists, ``% links: word, other word``; regular plurals are found, too. ``% except: words``
names what stays as it is. A comment that lists nothing makes an entry without links. The pages that
an entry refers to explain the term: there it is not linked. Linked is running text only: no
heading, code, formula, caption or other link. Scripts give each link its entry as a title.

The links are made when a page is written. So a change of the glossary reads no chapter again.
"""

import re
from typing import NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import docname_join, logging

from bundles import write_data
from widgets import play

logger = logging.getLogger(__name__)
CHAPTERS = re.compile(r"(?:learn|before|fix)/(?!index$)")
NOT_RUNNING = (
    *(nodes.title, nodes.rubric, nodes.thead, nodes.caption, nodes.citation, nodes.comment),
    *(nodes.literal, nodes.literal_block, nodes.doctest_block, nodes.math, nodes.math_block),
    *(nodes.raw, nodes.reference, addnodes.pending_xref, play),
)


class Entry(NamedTuple):
    page: str
    place: str  # id on that page
    says: str
    words: tuple[str, ...]
    exceptions: tuple[str, ...]
    explained: tuple[str, ...]  # pages


def collect(app, doctree):
    """Remember the entries of a glossary."""
    docname = app.env.current_document.docname
    items = [
        item
        for glossary in doctree.findall(addnodes.glossary)
        for item in glossary.findall(nodes.definition_list_item)
    ]
    if items:
        app.env.metadata[docname]["glossary"] = [entry_of(docname, item) for item in items]


def entry_of(docname, item):
    terms = list(item.findall(nodes.term))
    listed = {"links": tuple(term.astext() for term in terms), "except": ()}
    lines = [line for node in item.findall(nodes.comment) for line in node.astext().split("\n")]
    for line in lines:
        key, _, words = line.partition(":")
        listed[key.strip()] = tuple(word.strip() for word in words.split(",") if word.strip())
    says = item.next_node(nodes.paragraph).astext().partition("\nSee ")[0].replace("\n", " ")
    links = (node for node in item.findall(addnodes.pending_xref) if node["reftype"] == "doc")
    explained = tuple(docname_join(docname, link["reftarget"]) for link in links)
    place, words, exceptions = terms[0]["ids"][0], listed["links"], listed["except"]
    return Entry(docname, place, says, words, exceptions, explained)


def running_text(node):
    """Yield the pieces of text below a node that may become links."""
    for child in node.children:
        if isinstance(child, nodes.Text):
            yield child
        elif not isinstance(child, NOT_RUNNING):
            yield from running_text(child)


def plural(word):
    if re.search("[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh")) else f"{word}s"


def spellings(word):
    """Return a word and its plural, within a sentence and at the beginning of one."""
    return {form[0].upper() + form[1:] for form in (word, plural(word))} | {word, plural(word)}


def owners(entries):
    """Return the entry of each spelling, and the words that a second entry lists.

    A spelling that is an exception has None for its entry.
    """
    owner, listed_twice = {}, []
    for entry in entries:
        for word in entry.words:
            if any(owner.get(form, entry) != entry for form in spellings(word)):
                listed_twice.append(word)
            owner |= dict.fromkeys(spellings(word), entry)
    owner |= {word: None for entry in entries for word in entry.exceptions}
    return owner, listed_twice


def pattern(owner):
    longest_first = sorted(owner, key=lambda word: (-len(word), word))
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")


def judge(app, env):
    """Warn about the glossary, and name the pages to write anew if it has changed."""
    entries = all_entries(env)
    for word in owners(entries)[1]:
        logger.warning("two entries of the glossary list %r", word, type="glossary")
    if entries and app.builder.format == "html":
        sentences = {entry.place: entry.says for entry in entries if entry.words}
        write_data(app, "glossary.js", sentences)
    before = getattr(env, "charseq_linked", entries)
    env.charseq_linked = entries
    return sorted(filter(CHAPTERS.match, env.found_docs)) if before != entries else []


class LinkFirstUses(SphinxPostTransform):
    default_priority = 20  # after Sphinx has resolved references: their words are no running text
    formats = ("html",)

    def run(self, **kwargs):
        docname, entries = self.env.current_document.docname, all_entries(self.env)
        if not entries or not CHAPTERS.match(docname):
            return
        owner, _ = owners(entries)
        words = pattern(owner)
        done = {None, *(entry for entry in entries if docname in entry.explained)}
        for text in list(running_text(self.document)):
            pieces, end = [], 0
            for match in words.finditer(text):
                entry = owner[match[0]]
                if entry not in done:
                    done.add(entry)
                    pieces += [nodes.Text(text[end : match.start()]), self.link(entry, match[0])]
                    end = match.end()
            if pieces:
                text.parent.replace(text, [*pieces, nodes.Text(text[end:])])

    def link(self, entry, word):
        here = self.env.current_document.docname
        uri = f"{self.app.builder.get_relative_uri(here, entry.page)}#{entry.place}"
        return nodes.reference("", word, refuri=uri, internal=True, classes=["term"])


def all_entries(env):
    return [
        entry for name in sorted(env.metadata) for entry in env.metadata[name].get("glossary", ())
    ]


def setup(app):
    app.add_post_transform(LinkFirstUses)
    app.connect("doctree-read", collect)
    app.connect("env-updated", judge)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
