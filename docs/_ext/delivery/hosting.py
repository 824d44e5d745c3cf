"""What search engines, previews and language models read of the site.

Every page says in a sentence or two what it is about. The home page describes the course as data,
and a page of questions its answers. ``llms.txt`` lists all pages.
With the site's full address (``html_baseurl``), each page also has a canonical link, a preview
(sphinxext-opengraph) and its place in the site, and there are ``sitemap.xml`` and ``robots.txt``.
All of these need the address, so without it there are none.

The sitemap is ours: sphinx-sitemap 2.9 lists only the pages that a build writes, in the order in
which its processes end. After a change of one page, it would name one page.
"""

import json
import re
from html import escape, unescape
from pathlib import Path
from urllib.parse import urljoin

from docutils import nodes
from sphinx.errors import ConfigError

import menu
from exercises import reading_order

LONGEST = 200  # characters; search engines show about 160 of them
PREPARATIONS = ("You need ", "Builds on ", "About ")  # not what a page is about
WORKLOAD = "PT18H"  # twelve lessons of ninety minutes, docs/teachers.md
FORMULA = "\0"  # stands for one that has more than a letter
SENTENCE = re.compile(r"(?<=[.?!])\s+")
DESCRIPTION = re.compile(r'<meta name="description"[^>]*content="([^"]*)"')


def check_address(app, config):
    if not re.match(r"https?://[^/]|/(?!/)|$", config.html_baseurl):
        raise ConfigError(
            "the address of the site begins with https://, or is a path that begins with /; "
            f"got {config.html_baseurl!r}"
        )


def address_of(config, uri=""):
    """Return the full address of the site, a page or a file, or "" if the site's is not known."""
    if "://" not in config.html_baseurl:
        return ""
    # The first page of a folder has the address of the folder.
    return urljoin(config.html_baseurl, re.sub(r"(^|/)index\.html$", r"\1", uri))


# -- What a page is about --------------------------------------------------------------------------


def text_of(node):
    """Return the words of a node, without formulas and links to itself."""
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, nodes.math):
        return node.astext() if re.fullmatch(r"\w+", node.astext()) else FORMULA
    if "headerlink" in node["classes"]:
        return ""
    return "".join(map(text_of, node.children))


def description(doctree):
    """Return the first sentences of the page that say what it is about."""
    said = ""
    for paragraph in doctree.findall(nodes.paragraph):
        of_page = isinstance(paragraph.parent, nodes.section) or (
            type(paragraph.parent) is nodes.container and "cell" not in paragraph.parent["classes"]
        )
        text = " ".join(text_of(paragraph).split())
        if not of_page or text.startswith(PREPARATIONS):
            continue
        for sentence in SENTENCE.split(text):
            if not said and (FORMULA in sentence or len(sentence) > LONGEST):
                start = sentence.partition(FORMULA)[0][:LONGEST]
                return start[: start.rfind(" ")] + " …"
            longer = f"{said} {sentence}".strip()
            # A sentence that ends in a colon announces what does not follow here.
            if FORMULA in sentence or len(longer) > LONGEST or sentence.endswith(":"):
                return said
            said = longer
    return said


# -- Data about a page, schema.org -----------------------------------------------------------------


def data(kind, **about):
    """Return structured data, which browsers do not run."""
    about = {"@context": "https://schema.org", "@type": kind} | about
    text = json.dumps(about, ensure_ascii=False, separators=(",", ":")).replace("</", r"<\/")
    return f'<script type="application/ld+json">{text}</script>\n'


def course(app, says):
    titles = app.env.titles
    chapters = [name for name in reading_order(app.env) if re.match("learn/(?!index)", name)]
    parts = [
        {"@type": "LearningResource", "name": titles[name].astext()}
        | ({"url": url} if (url := address_of(app.config, f"{name}.html")) else {})
        for name in chapters
    ]
    return data(
        "Course",
        name=titles[app.config.root_doc].astext(),
        description=says,
        provider={"@type": "Organization", "name": app.config.author},
        inLanguage=app.config.language,
        isAccessibleForFree=True,
        offers={"@type": "Offer", "category": "Free"},
        license="https://spdx.org/licenses/MIT",
        hasCourseInstance={
            "@type": "CourseInstance", "courseMode": "Online", "courseWorkload": WORKLOAD,
        },
        hasPart=parts,
    )  # fmt: skip


def questions(doctree):
    """Yield each question of the page that has an answer there, and the answer."""
    for listed in doctree.findall(nodes.definition_list):
        for term, definition in listed if "faq" in listed["classes"] else ():
            answer = " ".join(p.astext() for p in definition if "read" not in p["classes"])
            if answer:
                yield {
                    "@type": "Question", "name": term.astext().removesuffix("¶"),
                    "acceptedAnswer": {"@type": "Answer", "text": answer},
                }  # fmt: skip


def place(context, here):
    """Return the pages that lead here from the home page, and this one."""
    listed = [(page["title"], urljoin(here, page["link"])) for page in context["parents"]]
    return [
        {"@type": "ListItem", "position": number, "name": unescape(re.sub("<[^>]*>", "", name))}
        | {"item": re.sub(r"/index\.html$", "/", url)}
        for number, (name, url) in enumerate([*listed, (context["title"], here)], 1)
    ]


def describe(app, pagename, templatename, context, doctree):
    context["pageurl"] = None  # Sphinx would name index.html, and pages that only lead to others
    if doctree is None:
        context["metatags"] = context.get("metatags", "") + '<meta name="robots" content="noindex">'
        return
    here = context["pageurl"] = address_of(app.config, f"{pagename}.html")
    says, is_home = description(doctree), pagename == app.config.root_doc
    # What sphinxext-opengraph reads: its own description would cut off words, and begin with the
    # small print.
    context["meta"] = {**(context["meta"] or {}), "og:url": here, "og:description": escape(says)}
    context["meta"]["og:type"] = "website" if is_home else "article"
    tags = f'<meta name="description" content="{escape(says)}">\n' if says else ""
    if here and context["parents"]:
        tags += data("BreadcrumbList", itemListElement=place(context, here))
    if is_home:
        tags += course(app, says)
    if asked := [*questions(doctree)]:
        tags += data("FAQPage", mainEntity=asked)
    context["metatags"] += tags


# -- Files of the whole site -----------------------------------------------------------------------


def write_files(app, exception):
    if exception or app.builder.name != "html":
        return
    files = {"llms.txt": list_of_pages(app), "sitemap.xml": "", "robots.txt": ""}
    if sitemap := address_of(app.config, "sitemap.xml"):
        pages = [address_of(app.config, f"{name}.html") for name in sorted(app.env.found_docs)]
        urls = "".join(f"<url><loc>{page}</loc></url>\n" for page in pages)
        files["sitemap.xml"] = (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n'
        )
        files["robots.txt"] = f"User-agent: *\nAllow: /\nSitemap: {sitemap}\n"
    for name, text in files.items():
        path = Path(app.outdir, name)
        if text:
            path.write_text(text, "utf-8", newline="\n")
        else:
            path.unlink(missing_ok=True)  # of a build that knew the address


def list_of_pages(app):
    """Return the pages in the order of reading, as llmstxt.org says."""
    env, root = app.env, app.config.root_doc

    def entry(name):
        (says,) = DESCRIPTION.findall(Path(app.outdir, f"{name}.html").read_text("utf-8")) or [""]
        url = address_of(app.config, f"{name}.html") or f"{name}.html"
        return f"- [{env.titles[name].astext()}]({url})" + (f": {unescape(says)}" if says else "")

    lines = [f"# {app.config.project}", "", f"> {entry(root).partition('): ')[2]}"]
    for caption, entries in menu.doors(env):
        pages = [entry(page) for name in entries for page in menu.below(env, name)]
        lines += ["", f"## {caption or 'Pages'}", "", *pages]
    return "\n".join([*lines, ""])


def setup(app):
    app.connect("config-inited", check_address)
    app.connect("html-page-context", describe, priority=400)  # before sphinxext-opengraph
    app.connect("build-finished", write_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
