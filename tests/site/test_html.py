"""Each page holds nothing that its policy refuses, and none of the mistakes in HTML made here.

The whole specification is for the validator that `.github/workflows/test.yml` runs, which needs
Java. Here stand the kinds of mistakes that it has found, and what is cheap beside them.
"""

import re
from html.parser import HTMLParser

import pytest

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'"
)
NOTHING_AT_ALL = "default-src 'none'"  # of a page that only leads on
EMPTY = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
DATA_BLOCKS = {"application/json", "application/ld+json"}  # no scripts: nothing runs them
# What holds words and no blocks, and what is a block.
TITLES = {"h1", "h2", "h3", "h4", "h5", "h6"}
WORDS = {*TITLES, "p", "summary", "span", "label", "button", "code", "em", "strong", "pre"}
BLOCKS = {*TITLES, "p", "div", "ul", "ol", "dl", "table", "pre", "section", "figure", "details"}
HALF_A_CHARACTER = re.compile(r"&#[xX]?\w*(?![\w;])")


class Page(HTMLParser):
    """Notes what is wrong with a page."""

    def __init__(self, html):
        super().__init__()
        self.problems, self._ids, self._open, self._first = [], set(), [], True
        self.feed(html)
        self.problems += [f"<{tag}> is never closed" for tag in self._open]
        self.problems += [f"{text} is no character" for text in HALF_A_CHARACTER.findall(html)]

    def note(self, problem):
        self.problems.append(f"{problem}, line {self.getpos()[0]}")

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        values = dict(attributes)
        is_html = not {"svg", "math"} & {tag, *self._open}
        for name in names:
            if name.startswith("on"):
                self.note(f"<{tag}> has an attribute {name}")
        if len(names) != len(values):
            self.note(f"<{tag}> has an attribute twice")
        if "id" in values:
            if values["id"] in self._ids:
                self.note(f"the id {values['id']} is there twice")
            self._ids.add(values["id"])
        holder = self._open[-1] if self._open else None
        if is_html and tag in BLOCKS and holder in WORDS:
            self.note(f"<{tag}> in <{holder}>")
        if not is_html and "scriptlevel" in values and tag != "mstyle":
            self.note(f"<{tag}> has an attribute scriptlevel")
        if tag == "script" and not values.get("src") and values.get("type") not in DATA_BLOCKS:
            self.note("a script inside the page")
        if tag == "style" and is_html:
            self.note("a style inside the page")
        if (values.get("href") or "").startswith("javascript:"):
            self.note("a script as an address")
        if tag not in ("html", "head") and self._first:  # it rules only over what comes after it
            self._first = False
            is_policy = (tag, values.get("http-equiv")) == ("meta", "Content-Security-Policy")
            if not is_policy or values.get("content") not in (POLICY, NOTHING_AT_ALL):
                self.note("the policy is not the first thing")
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in EMPTY:
            self._open.pop()

    def handle_endtag(self, tag):
        if self._open[-1:] == [tag]:
            self._open.pop()
        elif tag not in EMPTY:
            self.note(f"</{tag}> closes <{self._open[-1] if self._open else ''}>")


def test_no_page_has_what_its_policy_refuses_or_what_is_not_html(pages):
    problems = {name: Page(html).problems[:5] for name, html in pages.items()}
    assert {name: found for name, found in problems.items() if found} == {}


START = f'<html><head><meta http-equiv="Content-Security-Policy" content="{POLICY}"></head><body>'
END = "</body></html>"


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        (f"{START}<p>&#x27;<br/><svg><path d='M0 0'/></svg></p>{END}", ""),
        (f"{START}<script>1</script>{END}", "a script inside the page"),
        (f"{START}<p onclick=''></p>{END}", "<p> has an attribute onclick"),
        (f"<html><body>{END}", "the policy is not the first thing"),
        (f"{START}<p id='a'></p><p id='a'></p>{END}", "the id a is there twice"),
        (f"{START}<summary><p></p></summary>{END}", "<p> in <summary>"),
        (f"{START}<b>{END}", "</body> closes <b>"),
        (f"{START}<p title='&#x2...'></p>{END}", "&#x2 is no character"),
    ],
)
def test_a_mistake_is_noticed(html, problem):
    problems = Page(html).problems
    assert problem in "".join(problems[:1])
    assert bool(problems) == bool(problem)
