"""What the built site promises: the same bytes twice, no broken link, nothing from outside.

Of the specification of HTML, here are the mistakes that were made, and what is cheap beside them.
The whole of it is for the validator that `.github/workflows/test.yml` runs, which needs Java.
"""

import ast
import functools
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import address_list
import pytest
from clean_build import build, copy_sources
from downloads import command_for

import faq

ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """The links, resources, ids and formula characters of a page."""

    def __init__(self, html):
        super().__init__()
        self.links, self.resources, self.ids = [], [], set()
        self.math = []  # (text, attributes of the innermost element, its tag)
        self._open = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        if tag == "a" and "href" in attrs:
            self.links.append(attrs["href"])
        elif tag == "link" and attrs.get("rel") in (
            "stylesheet",
            "icon",
            "shortcut icon",
            "preload",
        ):
            self.resources.append(attrs["href"])
        elif tag in ("script", "img", "iframe", "source", "video", "audio", "object", "embed"):
            self.resources += [attrs[name] for name in ("src", "srcset", "data") if attrs.get(name)]
        if tag == "math" or self._open:
            self._open.append((tag, attrs))

    def handle_endtag(self, tag):
        if self._open:
            self._open.pop()

    def handle_data(self, data):
        if self._open and data.strip():
            self.math.append((data.strip(), *self._open[-1]))


@pytest.fixture(scope="session")
def parsed(pages):
    return {name: Page(html) for name, html in pages.items()}


def outside(url):
    return bool(urlsplit(url).scheme or urlsplit(url).netloc) and not url.startswith("data:")


def local(site, page, url):
    return (site / page).parent / unquote(urlsplit(url).path)


@pytest.mark.world
def test_two_clean_builds_are_the_same_byte_for_byte(tmp_path):
    elsewhere = {"jobs": 2, "TZ": "Asia/Kolkata", "LANGUAGE": "de", "LC_ALL": "C"}
    built = []
    for name, how in (("one", {}), ("another", elsewhere)):
        copy_sources(tmp_path / name)
        assert build(tmp_path / name, **how) == ""
        site = tmp_path / name / "_build" / "html"
        built.append(
            {
                path.relative_to(site).as_posix(): path.read_bytes()
                for path in site.rglob("*")
                if path.is_file()
            }
        )
    one, two = built
    assert sorted(one) == sorted(two)
    assert [name for name in one if one[name] != two[name]] == []
    assert build(tmp_path / "one") == ""  # what is built can be built again


def test_no_file_knows_where_it_was_built(site):
    # The folders of this build, of this checkout, and of this Python.
    places = [str(site.parents[1]).encode(), str(ROOT).encode(), sys.prefix.encode()]
    found = [
        path.relative_to(site).as_posix()
        for path in site.rglob("*")
        if path.is_file() and any(place in path.read_bytes() for place in places)
    ]
    assert found == []


def test_each_page_has_a_title_of_its_own_and_names_no_address(pages):
    # What has moved has a page that only leads on.
    pages = {name: html for name, html in pages.items() if "<article" in html}
    titles = {name: re.search("<title>(.*?)</title>", html)[1] for name, html in pages.items()}
    assert [name for name, title in titles.items() if list(titles.values()).count(title) > 1] == []
    assert not any('rel="canonical"' in html or 'property="og:' in html for html in pages.values())


def test_every_internal_link_leads_somewhere(site, parsed):
    broken = []
    for name, page in parsed.items():
        for url in page.links:
            if outside(url):
                continue
            target = local(site, name, url) if urlsplit(url).path else site / name
            target = target.resolve()
            if not target.is_file():
                broken.append((name, url))
                continue
            fragment = unquote(urlsplit(url).fragment)
            if target.name == "playground.html" and "=" in fragment:
                continue  # settings of a run: browser/test_play.py opens them
            if fragment and target.suffix == ".html":
                ids = parsed[target.relative_to(site.resolve()).as_posix()].ids
                broken += [(name, url)] if fragment not in ids else []
    assert broken == []


EMPTY = ("img", "br", "hr", "wbr", "col", "input", "meta", "link")


class Sections(HTMLParser):
    """The text of each element that has an id, and of the whole page under no name."""

    def __init__(self, html):
        super().__init__()
        self.text, self._open = {"": []}, []
        self.feed(re.search("<article.*</article>", html, re.DOTALL)[0])
        self.plain_text = functools.cache(lambda place: plain("".join(self.text.get(place, ""))))

    def handle_starttag(self, tag, attrs):
        if tag not in EMPTY:
            self._open.append((tag, dict(attrs).get("id")))
            self.text.setdefault(self._open[-1][1], [])

    def handle_endtag(self, tag):
        while tag not in EMPTY and self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        for place in {"", *(place for _, place in self._open if place)}:
            self.text[place].append(data)

    def says(self, words, place=""):
        return plain(words) in self.plain_text(place)


def plain(text):
    for curly, straight in zip("“”‘’", "\"\"''", strict=True):  # as the theme has set them
        text = text.replace(curly, straight)
    return " ".join(text.replace("`", "").split()).lower()


QUESTIONS = {path.stem: faq.questions_of(path.stem) for path in sorted(faq.FOLDER.glob("[!i]*.md"))}


@pytest.fixture(scope="session")
def sections_of(pages):
    return functools.cache(lambda page: Sections(pages[f"{page}.html"]))


@pytest.mark.parametrize("topic", QUESTIONS)
def test_each_fact_of_an_answer_stands_where_the_list_of_questions_says(topic, sections_of):
    missing = []
    for question in QUESTIONS[topic]:
        for fact in question["facts"]:
            page, _, place = fact["at"].partition("#")
            if fact["at"] == "here":
                stands = plain(fact["words"]) in plain(question["answer"])
            else:
                stands = sections_of(page).says(fact["words"], place)
            missing += [] if stands else [(question["id"], fact["at"], fact["words"])]
    assert missing == []


def test_two_hundred_questions_have_an_address_and_a_source_each(parsed):
    questions = [(topic, question) for topic, of in QUESTIONS.items() for question in of]
    assert len(questions) >= 200
    assert len({question["id"] for _, question in questions}) == len(questions)
    for topic, question in questions:
        assert question["id"] in parsed[f"questions/{topic}.html"].ids
        assert f"{topic}.html#{question['id']}" in parsed["questions/index.html"].links
        assert question["source"]
        assert question["facts"]
        assert question.get("answer") or faq.places_of(question), question["id"]


def test_every_variable_of_a_style_sheet_is_defined_somewhere(site, pages):
    paths = [path for pattern in ("*.css", "*.js") for path in site.rglob(pattern)]
    texts = {path.name: path.read_text("utf-8") for path in paths} | pages
    named = [re.findall(r"(--[\w-]+)[\"'`]?\s*[:,]", text) for text in texts.values()]
    theme = texts.pop("furo.css")  # uses two that it does not define
    used = [re.findall(r"var\((--[\w-]*\w)\)", text) for text in texts.values()]
    assert set().union(*used) - set().union(*named) == set()
    assert "--color-foreground-primary" in theme


def test_every_resource_of_a_page_is_there_and_none_is_outside(site, parsed):
    missing = [
        (name, url)
        for name, page in parsed.items()
        for url in page.resources
        if not url.startswith("data:") and (outside(url) or not local(site, name, url).is_file())
    ]
    assert missing == []


def test_only_the_first_picture_of_a_page_loads_before_the_reader_comes_near(pages):
    for name, html in pages.items():
        pictures = re.findall(r"<img (?![^>]*toggler)[^>]*>", html)  # but that of the module index
        waits = ['loading="lazy"' in picture for picture in pictures]
        assert waits == [k > 0 for k in range(len(pictures))], name
        assert all(re.search('width="[0-9]+"', picture) for picture in pictures), name


def test_every_character_of_a_formula_is_in_the_math_font(site, parsed):
    from fontTools.ttLib import TTFont

    css = (site / "_static" / "math.css").read_text("utf-8")
    font = TTFont(io.BytesIO(b64decode(re.search(r"base64,([^)]+)", css)[1])))
    drawn = set(font.getBestCmap())
    missing = set()
    for name, page in parsed.items():
        for text, tag, attrs in page.math:
            if tag == "annotation" or (tag == "mtext" and text.isascii()):
                continue  # the LaTeX source, which is not drawn; plain words
            if tag == "mi" and len(text) == 1 and attrs.get("mathvariant") != "normal":
                text = italic(text)
            # Function application, variation selectors and their kind are not drawn.
            shown = (char for char in text if unicodedata.category(char) not in ("Cf", "Mn", "Cc"))
            missing |= {(name, char) for char in shown if ord(char) not in drawn}
    assert missing == set()


def italic(char):
    """The character that a browser draws for a single letter in <mi>."""
    if char == "h":
        return "ℎ"
    kind = "SMALL" if char.islower() else "CAPITAL"
    name = unicodedata.name(char, "")
    letter = re.fullmatch(rf"(?:LATIN|GREEK) {kind} LETTER (\w+)", name)
    # Unicode spells lamda and the final sigma its own way, in both alphabets.
    return unicodedata.lookup(f"MATHEMATICAL ITALIC {kind} {letter[1]}") if letter else char


EXAMPLES = sorted(path.stem for path in (ROOT / "examples").rglob("*.py"))


def test_each_example_is_offered_as_script_and_as_notebook_with_the_same_statements(site):
    offered = {
        kind: {path.stem: path for path in (site / "_downloads").rglob(f"*.{kind}")}
        for kind in ("py", "ipynb")
    }
    assert sorted(offered["py"]) == sorted(offered["ipynb"]) == EXAMPLES
    for name, notebook in offered["ipynb"].items():
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        assert not any(cell.get("outputs") for cell in cells), name
        install, *code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
        assert "%pip install" in install
        text, *statements = ast.parse(offered["py"][name].read_text("utf-8")).body
        assert isinstance(text.value, ast.Constant)
        assert ast.dump(ast.parse("\n".join(code))) == ast.dump(ast.Module(statements, []))


@pytest.mark.parametrize("kind", ["py", "ipynb"])
def test_a_download_runs_in_a_process_or_a_kernel_of_its_own(kind, site, tmp_path):
    (download,) = (site / "_downloads").rglob(f"{EXAMPLES[0]}.{kind}")
    env = os.environ | {"MPLBACKEND": "agg", "IPYTHONDIR": str(tmp_path / "ipython")}
    done = subprocess.run(
        [sys.executable, *command_for(download)],
        cwd=tmp_path, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_site_offers_the_package_as_a_wheel(site, pages):
    (wheel,) = (site / "_static").glob("charseq-*.whl")
    assert any(wheel.name in html for html in pages.values()), "no page links to it"


# --- addresses ------------------------------------------------------------------------------------


def test_no_address_has_vanished(pages):
    there, leading = (
        of(pages) for of in (address_list.addresses_of, address_list.addresses_that_lead_on)
    )
    there = {name: parts | leading[name] for name, parts in there.items()}
    lost = address_list.lacking(address_list.read(), there)
    assert lost == [], "say where these are now: CONTRIBUTING.md, Keep addresses"


def test_every_address_is_on_the_list(pages):
    new = address_list.lacking(address_list.addresses_of(pages), address_list.read())
    assert new == [], "python3 dev.py docs && python3 dev.py addresses"


TAGS = {
    "figure": "<figure [^>]*>",
    "exercise": '<div class="exercise admonition[^>]*>',
}


def test_each_part_that_a_reader_may_point_at_has_an_address(pages):
    counts, bare = dict.fromkeys(TAGS, 0), []
    for name in pages.keys() - {"exercises.html"}:  # whose parts are copies
        for kind, pattern in TAGS.items():
            tags = re.findall(pattern, pages[name])
            counts[kind] += len(tags)
            bare += [(name, tag) for tag in tags if ' id="' not in tag]
    assert bare == []
    assert min(counts.values()) > 20, counts


def test_no_sign_links_to_an_address_that_only_counts(pages):
    for name in pages.keys() - {"changelog.html"}:  # where headings repeat
        html = pages[name]
        signs = re.findall(r'<a class="headerlink[^>]* href="#([^"]+)"', html)
        assert not [sign for sign in signs if re.fullmatch(r"id\d+|exercise-\d+", sign)], name


# --- HTML, and the policy -------------------------------------------------------------------------


POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'"
)
A_WORKER = "; worker-src blob:"  # on the page that trains in one
NOTHING_AT_ALL = "default-src 'none'"  # of a page that only leads on
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
DATA_BLOCKS = {"application/json", "application/ld+json"}  # no scripts: nothing runs them
# What holds words and no blocks, and what is a block.
TITLES = {"h1", "h2", "h3", "h4", "h5", "h6"}
WORDS = {*TITLES, "p", "summary", "span", "label", "button", "code", "em", "strong", "pre"}
BLOCKS = {*TITLES, "p", "div", "ul", "ol", "dl", "table", "pre", "section", "figure", "details"}
HALF_A_CHARACTER = re.compile(r"&#[xX]?\w*(?![\w;])")


class Markup(HTMLParser):
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
            if not is_policy or values.get("content", "").removesuffix(A_WORKER) not in (
                POLICY,
                NOTHING_AT_ALL,
            ):
                self.note("the policy is not the first thing")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        if self._open[-1:] == [tag]:
            self._open.pop()
        elif tag not in VOID:
            self.note(f"</{tag}> closes <{self._open[-1] if self._open else ''}>")


def test_no_page_has_what_its_policy_refuses_or_what_is_not_html(pages):
    problems = {name: Markup(html).problems[:5] for name, html in pages.items()}
    assert {name: found for name, found in problems.items() if found} == {}
