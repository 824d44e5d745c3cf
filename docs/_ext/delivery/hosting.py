"""What search engines, previews, language models and hosts read, right at any address.

Every page says in a sentence or two what it is about. The home page describes the course as data,
and a page of questions its answers. ``llms.txt`` lists all pages.
With the site's full address (``html_baseurl``), each page also has a canonical link, a preview and
its place in the site, and there are ``sitemap.xml`` and ``robots.txt``. All of these need the
address, so without it there are none.
A host shows ``404.html`` at any depth, so its links begin with the address, or with the path.
"""

import json
import re
from html import escape, unescape
from pathlib import Path
from urllib.parse import urljoin

from docutils import nodes
from sphinx.errors import ConfigError

import monkeypatches
from exercises import reading_order

CARD = "_static/social-card.png"
CARD_SAYS = "Recurrent networks, line by line: an RNN learns to spell “learned deep learning”."
LONGEST = 200  # characters; search engines show about 160 of them
PREPARATIONS = ("You need ", "The page takes ", "Reading takes ")  # not what a page is about
WORKLOAD = "PT18H"  # twelve lessons of ninety minutes, docs/teachers.md
FORMULA = "\0"  # stands for one that has more than a letter
SENTENCE = re.compile(r"(?<=[.?!])\s+")
DESCRIPTION = re.compile(r'<meta name="description"[^>]*content="([^"]*)"')
RELATIVE = re.compile(r'\b(href|src|action|data-content_root)="(?![#/]|[a-z]+:)')


def check_address(app, config):
    if not re.match(r"https?://[^/]|/(?!/)|$", config.html_baseurl):
        raise ConfigError(
            "the address of the site begins with https://, or is a path that begins with /; "
            f"got {config.html_baseurl!r}"
        )
    if config.html_baseurl:
        config.html_baseurl = config.html_baseurl.rstrip("/") + "/"


def address_of(config, uri=""):
    """Return the full address of the site, a page or a file, or "" if the site's is not known."""
    if "://" not in config.html_baseurl:
        return ""
    # The first page of a folder has the address of the folder.
    return f"{config.html_baseurl.rstrip('/')}/" + re.sub(r"(^|/)index\.html$", r"\1", uri)


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


def meta(content, **names):
    named = " ".join(f'{kind}="{name}"' for kind, name in names.items())
    return f'<meta {named} content="{escape(content)}">'


def data(kind, **about):
    """Return structured data, which browsers do not run."""
    about = {"@context": "https://schema.org", "@type": kind} | about
    said = json.dumps(about, ensure_ascii=False, separators=(",", ":")).replace("</", r"<\/")
    return f'<script type="application/ld+json">{said}</script>'


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
    """Return each question of the page that has an answer there, and the answer."""
    answers = {
        term: " ".join(part.astext() for part in definition if "read" not in part["classes"])
        for listed in doctree.findall(nodes.definition_list)
        if "faq" in listed["classes"]
        for term, definition in listed
    }
    return [
        {"@type": "Question", "name": term.astext().removesuffix("¶")}
        | {"acceptedAnswer": {"@type": "Answer", "text": answer}}
        for term, answer in answers.items()
        if answer
    ]


def place(context, here):
    """Return the pages that lead here from the home page, and this one."""
    listed = [(page["title"], urljoin(here, page["link"])) for page in context["parents"]]
    listed.append((context["title"], here))
    return [
        {"@type": "ListItem", "position": number, "name": plain(name)}
        | {"item": re.sub(r"/index\.html$", "/", url)}
        for number, (name, url) in enumerate(listed, 1)
    ]


def plain(html):
    return unescape(re.sub("<[^>]*>", "", html))


def describe(app, pagename, templatename, context, doctree):
    context["pageurl"] = None  # Sphinx would name index.html, and pages that only lead to others
    if doctree is None:
        context["metatags"] = context.get("metatags", "") + meta("noindex", name="robots")
        return
    here = context["pageurl"] = address_of(app.config, f"{pagename}.html")
    says = description(doctree)
    tags = []
    if says:  # one element for search engines and previews
        names = {"property": "og:description"} if here else {}
        tags.append(meta(says, name="description", **names))
    if here:
        tags += [
            meta(plain(context["title"]), property="og:title"),
            meta("website" if pagename == app.config.root_doc else "article", property="og:type"),
            meta(here, property="og:url"),
            meta(app.config.project, property="og:site_name"),
            meta(address_of(app.config, CARD), property="og:image"),
            meta(CARD_SAYS, property="og:image:alt"),
            meta("summary_large_image", name="twitter:card"),
        ]
        if context["parents"]:
            tags.append(data("BreadcrumbList", itemListElement=place(context, here)))
    if pagename == app.config.root_doc:
        tags.append(course(app, says))
    if asked := questions(doctree):
        tags.append(data("FAQPage", mainEntity=asked))
    context["metatags"] += "\n".join(tags)


# -- Files of the whole site -----------------------------------------------------------------------


def write_files(app, exception):
    if exception or app.builder.format != "html":
        return
    files = {"llms.txt": list_of_pages(app), "sitemap.xml": None, "robots.txt": None}
    if sitemap := address_of(app.config, "sitemap.xml"):
        pages = [address_of(app.config, f"{name}.html") for name in sorted(app.env.found_docs)]
        urls = "".join(f"<url><loc>{page}</loc></url>\n" for page in pages)
        files["sitemap.xml"] = (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n'
        )
        files["robots.txt"] = f"User-agent: *\nAllow: /\nSitemap: {sitemap}\n"
    for name, text in files.items():
        if text is None:
            Path(app.outdir, name).unlink(missing_ok=True)  # of a build that knew the address
        else:
            Path(app.outdir, name).write_text(text, "utf-8", newline="\n")


def list_of_pages(app):
    """Return the pages in the order of reading, as llmstxt.org says."""
    env, root = app.env, app.config.root_doc

    def entry(name):
        (says,) = DESCRIPTION.findall(Path(app.outdir, f"{name}.html").read_text("utf-8")) or [""]
        url = address_of(app.config, f"{name}.html") or f"{name}.html"
        return f"- [{env.titles[name].astext()}]({url})" + (f": {unescape(says)}" if says else "")

    def below(name):
        for child in env.toctree_includes.get(name, []):
            yield child
            yield from below(child)

    lines = [f"# {app.config.project}", "", f"> {entry(root).partition('): ')[2]}"]
    alone = []
    for part in env.toctree_includes.get(root, []):
        if pages := [entry(page) for page in below(part)]:
            lines += ["", f"## {env.titles[part].astext()}", "", entry(part), *pages]
        else:
            alone.append(entry(part))
    return "\n".join([*lines, "", "## More", "", *alone, ""])


def place_links_of_404(app, exception):
    """Begin each link of the page with the site's address or path, since its own place varies."""
    base = app.config.html_baseurl
    if exception or app.builder.format != "html" or not base:
        return
    path = Path(app.outdir, "404.html")
    html, count = RELATIVE.subn(rf'\1="{base}', path.read_text("utf-8"))
    path.write_text(html, "utf-8", newline="\n")
    if not count:
        monkeypatches.complain("404.html has no relative link, as it had with Furo 2025.12.19")


def setup(app):
    app.connect("config-inited", check_address)
    app.connect("html-page-context", describe)
    app.connect("build-finished", place_links_of_404)
    app.connect("build-finished", write_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
