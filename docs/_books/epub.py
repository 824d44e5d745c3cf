"""Pack a book as an EPUB 3, whose bytes depend on nothing but the book."""

import re
import uuid
import zipfile
from base64 import b64decode
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
CONTAINER = """\
<?xml version="1.0" encoding="utf-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles>
<rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/>
</rootfiles>
</container>
"""
PAGE = """\
<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"
 lang="en" xml:lang="en">
<head>
<title>{title}</title>
<link rel="stylesheet" href="book.css"/>
</head>
<body>
{body}
</body>
</html>
"""
PACKAGE = """\
<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" xml:lang="en" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{id}</dc:identifier>
<dc:title>{title}</dc:title>
<dc:creator>{author}</dc:creator>
<dc:language>en</dc:language>
<dc:rights>{rights}</dc:rights>
<meta property="dcterms:modified">{date}T00:00:00Z</meta>
<meta property="schema:accessMode">textual</meta>
<meta property="schema:accessMode">visual</meta>
<meta property="schema:accessModeSufficient">textual</meta>
<meta property="schema:accessibilityFeature">alternativeText</meta>
<meta property="schema:accessibilityFeature">MathML</meta>
<meta property="schema:accessibilityFeature">readingOrder</meta>
<meta property="schema:accessibilityFeature">structuralNavigation</meta>
<meta property="schema:accessibilityFeature">tableOfContents</meta>
<meta property="schema:accessibilityHazard">none</meta>
<meta property="schema:accessibilitySummary">Formulas are MathML, figures have words.</meta>
</metadata>
<manifest>
{manifest}
</manifest>
<spine>
{spine}
</spine>
</package>
"""
LINK = re.compile(r'(<a\b[^>]*? href=")#([^"]+)')
KINDS = {
    ".xhtml": "application/xhtml+xml",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


def write(book, about, path):
    """Write the book; `about` has its title, author, rights, version and date."""
    places = book.places()
    files = {f"{chapter.name}.xhtml": page_of(chapter, places) for chapter in book.chapters}
    files = {"title.xhtml": title_page(about), "contents.xhtml": contents(book)} | files
    spine = list(files)
    files["book.css"], files["math.woff2"] = styles(book.site)
    files["cover.svg"] = (HERE / "cover.svg").read_bytes()
    files |= dict(sorted(book.images.items()))
    values = {name: escape(value) for name, value in about.items()} | {
        "id": uuid.uuid5(uuid.NAMESPACE_URL, f"charseq {about['version']}"),
        "manifest": "\n".join(item(name, data) for name, data in files.items()),
        "spine": "\n".join(f'<itemref idref="{id_of(name)}"/>' for name in spine),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        put(archive, "mimetype", "application/epub+zip", zipfile.ZIP_STORED)  # first, as it is
        put(archive, "META-INF/container.xml", CONTAINER)
        put(archive, "book/package.opf", PACKAGE.format(**values))
        for name, data in files.items():
            put(archive, f"book/{name}", data)


def put(archive, name, data, method=zipfile.ZIP_DEFLATED):
    about = zipfile.ZipInfo(name)  # dated 1980: the same bytes in each build
    about.external_attr, about.compress_type = 0o644 << 16, method
    archive.writestr(about, data)


def id_of(name):
    return "f-" + re.sub(r"\W", "-", name)


def item(name, data):
    has = {
        "nav": name == "contents.xhtml",
        "cover-image": name == "cover.svg",
        "mathml": name.endswith(".xhtml") and "<math" in data,
        "svg": name.endswith(".xhtml") and "<svg" in data,
    }
    marks = " ".join(mark for mark, there in has.items() if there)
    properties = f' properties="{marks}"' if marks else ""
    kind = KINDS[Path(name).suffix]
    return f'<item id="{id_of(name)}" href="{name}" media-type="{kind}"{properties}/>'


def title_page(about):
    words = f"<h1>{escape(about['title'])}</h1><p>{escape(about['author'])}</p>"
    body = f'<section epub:type="titlepage" class="titlepage">{words}</section>'
    return PAGE.format(title=escape(about["title"]), body=body)


def contents(book):
    def link(chapter):
        return f'<a href="{chapter.name}.xhtml">{escape(chapter.title)}</a>'

    html = f'<nav epub:type="toc"><h1>Contents</h1>{listed(book, link)}</nav>'
    return PAGE.format(title="Contents", body=html)


def listed(book, link):
    """Return the table of contents as a list: the chapters of a part below the part."""
    entries, level = [], 0
    for chapter in book.chapters:
        if chapter.level > level:
            entries.append("<ol>")
        else:
            entries.append("</li></ol></li>" if chapter.level < level else "</li>")
        level = chapter.level
        entries.append(f"<li>{link(chapter)}")
    return "".join([*entries, "</li></ol>" * level])


def page_of(chapter, places):
    html = LINK.sub(
        lambda match: f"{match[1]}{places[match[2]].name}.xhtml#{match[2]}",
        chapter.body.decode(formatter="minimal"),
    )
    return PAGE.format(title=escape(chapter.title), body=html)


def styles(site):
    """Return the book's style sheet, with the site's rules for code and formulas, and the font."""
    code = Path(site, "_static", "pygments.css").read_text("utf-8").partition("@media")[0]
    math = Path(site, "_static", "math.css").read_text("utf-8")
    font = re.search(r"data:font/woff2;base64,([^)]+)", math)
    own = (HERE / "book.css").read_text("utf-8")
    return code + math.replace(font[0], "math.woff2") + own, b64decode(font[1])
