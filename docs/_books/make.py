"""Make the books of the course from the built site: _build/books/charseq.epub and charseq.pdf.

    python docs/_books/make.py

`python3 dev.py books` builds the site first.
"""

import re
import sys
from pathlib import Path

import chapters
import epub
import pdf

ROOT = Path(__file__).resolve().parents[2]
SITE, BOOKS = ROOT / "_build" / "html", ROOT / "_build" / "books"


def about():
    """Return what the books say about themselves."""
    cited = (ROOT / "CITATION.cff").read_text("utf-8")
    facts = dict(re.findall(r"^([a-z-]+): ([^\n]+)$", cited, re.M))
    return {
        "title": "Recurrent networks, line by line",
        "author": "The charseq developers",
        "rights": f"{facts['license']} License",
        "version": facts["version"],
        "date": facts["date-released"],
    }


def main():
    book = chapters.make(SITE)
    BOOKS.mkdir(parents=True, exist_ok=True)
    epub.write(book, about(), BOOKS / "charseq.epub")
    with pdf.chromium() as page:
        pages = pdf.write(book, about(), BOOKS / "charseq.pdf", page)
    print(f"The books are in {BOOKS.as_uri()}: charseq.epub, charseq.pdf ({pages} pages)")


if __name__ == "__main__":
    sys.exit(main())
