"""Every address that the site has had: docs/_addresses.txt. `python3 dev.py addresses` extends it.

A line names a page and the parts of it that have an address. Nothing is ever taken from the list.
A page that has gone needs a line in docs/_redirects.toml, and a part a target beside what it says
now: CONTRIBUTING.md, Keep addresses.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = ROOT / "docs" / "_addresses.txt"
MADE_BY_SPHINX = ("genindex", "py-modindex", "search")  # pages of names, which come and go
COUNTED = re.compile(r"id\d+")  # the back links of citations
LEADS_ON = re.compile(r'<meta http-equiv="refresh" content="0; url=[^"#]*#?([^"]*)')
NO_PARTS = {"g", "article"}  # of drawings; the whole
NO_PARTS |= {"input", "button", "select", "textarea", "output"}  # controls


class Parts(HTMLParser):
    """The addresses in the text of a page."""

    def __init__(self, html):
        super().__init__()
        self.ids = set()
        text = re.search("<(article|main).*</\\1>", html, re.DOTALL)
        self.feed(text[0] if text else "")

    def handle_starttag(self, tag, attrs):
        place = dict(attrs).get("id")
        if place and tag not in NO_PARTS and not COUNTED.fullmatch(place):
            self.ids.add(place)


def addresses_of(pages):
    """Return the addresses of each page, of which the text is given by the page's file."""
    names = {file.removesuffix(".html"): html for file, html in pages.items()}
    return {name: Parts(names[name]).ids for name in names if name not in MADE_BY_SPHINX}


def addresses_that_lead_on(pages):
    """Return the part of each page that has moved that is there where the page leads."""
    names = {file.removesuffix(".html"): html for file, html in pages.items()}
    return {name: {*LEADS_ON.findall(names[name])} for name in names}


def read(path=LIST):
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {line.split()[0]: set(line.split()[1:]) for line in lines}


def write(addresses, path=LIST):
    lines = [" ".join([name, *sorted(addresses[name])]) for name in sorted(addresses)]
    path.write_text("\n".join([*lines, ""]), "utf-8", newline="\n")


def lacking(some, others):
    """Return the addresses among some that are not among others."""
    pages = [name for name in some if name not in others]
    parts = [
        f"{name}#{part}" for name in some for part in sorted(some[name] - others.get(name, set()))
    ]
    return sorted(pages + [part for part in parts if part.partition("#")[0] not in pages])


def main():
    site = ROOT / "_build" / "html"
    files = {path.relative_to(site).as_posix(): path for path in site.rglob("*.html")}
    if not files:
        sys.exit("there is no site in _build/html: first run python3 dev.py docs")
    today = addresses_of({file: path.read_text("utf-8") for file, path in files.items()})
    known = read()
    leading = addresses_that_lead_on({f: path.read_text("utf-8") for f, path in files.items()})
    there = {name: today[name] | leading[name] for name in today}
    new, lost = lacking(today, known), lacking(known, there)
    write({name: known.get(name, set()) | today.get(name, set()) for name in known | today})
    print(f"{len(new)} new addresses", *new, sep="\n  ")
    if lost:
        print("Say where these are now (CONTRIBUTING.md, Keep addresses):", *lost, sep="\n  ")
    return bool(lost)


if __name__ == "__main__":
    sys.exit(main())
