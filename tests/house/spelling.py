"""Each word is spelled as in the dictionary, or as in docs/_words.txt, the course's own words.

Read are the prose of pages and questions, docstrings, comments, messages, the names of tests, and
what the scripts of the site say. Code, formulas and addresses are passed over. A list of frequent
slips, which other programs have, was tried on thirty: it found 17, and a dictionary 29.
"""

import io
import re
import tokenize
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = "docs/_words.txt"
PATTERNS = (
    "*.md",
    "dev.py",
    "docs/**/*.md",
    "docs/_static/**/*.js",
    "docs/_web/**/*.js",
)
PATTERNS += ("examples/**/*.rst",)
PATTERNS += tuple(f"{folder}/**/*.py" for folder in ("charseq", "docs", "examples", "tests"))
WRITTEN_BY_A_BUILD = ("docs/gallery/", "docs/api/backreferences/")

FENCE = re.compile(r"^( *)(`{3,}) *([^`\n]*)\n((?:.*\n)*?)\1\2 *$", re.M)
OPTION = re.compile(r"^ *:?(?!alt|caption|symptom|message)[\w-]+:(?: .*)?$", re.M)  # of a directive
CODE = re.compile(  # the first alternative is a parameter and its type, in a docstring
    r"""^\ +[\w*,\ ]+\ :\ .*$
    | (`+)(?s:.+?)\1 | \$\$(?s:.+?)\$\$ | \$[^$\n]+(?:\n[^$\n]+)?\$ | \]\([^)\n]*\)
    | <[^>\n]+> | <\w[^>\n]*\Z | &\w+; | \\\w+ | \{[^{}\n]*\} | \#\ noqa.*""",
    re.M | re.X,
)
TITLE = re.compile(r"\}`([^`<]+) <[^`>]*>`")  # the words of {doc}`words <page>`
WORD = re.compile(r"(?<![\w./\\@=%'’-])[A-Za-z][a-z]{2,}(?:['’][a-z]+)?(?![\w(=\[/\\]|[.'’-]?\w)")
SAID_IN_JS = re.compile(r"""(?<![:"'`])//.*|/\*(?s:.*?)\*/|"[^"\n]*"|`(?s:[^`]*)`""")
SAID_IN_TOML = re.compile(r'\b(?:ask|answer|fact|words) = "(.*?)"(?: \}|,|$)', re.M)


def words_of(text, kind):
    """Yield each word that a text of this kind says, and its line."""
    for line, said in PARTS[kind](text):
        said = CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), TITLE.sub(r"} \1 ", said))
        for match in WORD.finditer(said):
            yield line + said.count("\n", 0, match.start()), match[0].replace("’", "'")


def of_markdown(text):
    def pass_over(match):
        blocks.append((text.count("\n", 0, match.start(4)) + 1, match[3], match[4]))
        return re.sub(r"[^\n]", "", match[0])

    blocks = []
    yield 1, OPTION.sub("", FENCE.sub(pass_over, text))
    for line, info, body in blocks:
        if info.startswith(("{code-cell}", "python")):
            options = re.match(r"(?:---\n(?s:.*?)^---\n)?", body, re.M)[0]
            yield line, OPTION.sub("", options)
            yield from shifted(line + options.count("\n"), of_python(body[len(options) :]))
        elif info.startswith("{faq}"):
            yield from shifted(line, of_toml(body))
        elif info.startswith("{") and not re.match(r"\{(toctree|eval-rst|code-of|play)", info):
            yield from shifted(line, of_markdown(body))


def shifted(first, parts):
    return ((first - 1 + line, said) for line, said in parts)


def of_python(text, strings=True):
    """Comments, docstrings, names of tests and, if wanted, strings that are more than a word."""
    before = None
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            kind, said = tokenize.tok_name[token.type], token.string
            if before == "def" and said.startswith("test_"):
                yield token.start[0], said.replace("_", " ")
            elif kind == "COMMENT":
                yield token.start[0], said
            elif kind in ("STRING", "FSTRING_MIDDLE") and (strings or '"""' in said[:4]):
                yield token.start[0], re.sub(r"\\n", "  ", said) if " " in said else ""
            before = said
    except (tokenize.TokenError, IndentationError):
        pass  # code on a page that is not whole


def of_test(text):
    return of_python(text, strings=False)


def of_javascript(text):
    for match in SAID_IN_JS.finditer(text):
        if " " in match[0]:
            yield text.count("\n", 0, match.start()) + 1, match[0].strip("`")


def of_toml(text):
    for match in SAID_IN_TOML.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[1]


PARTS = {".md": of_markdown, ".py": of_python, ".js": of_javascript}
PARTS |= {".rst": lambda text: [(1, text)], "test": of_test}


@cache
def own_words():
    """Words of the course, and stems in the spelling that it uses and in the one that it avoids."""
    lines = [
        line for line in (ROOT / LIST).read_text("utf-8").splitlines() if not line.startswith("#")
    ]
    stems = [line.partition("/")[::2] for line in lines if "/" in line]
    return [line for line in lines if "/" not in line], stems


def is_known(word):
    own, stems = own_words()
    word = word.lower().removesuffix("'s")
    used, avoided = (tuple(column) for column in zip(*stems, strict=True))
    if word.startswith(avoided):
        return False
    return word.startswith(used) or word in own or word in dictionary()


@cache
def dictionary():
    from spellchecker import SpellChecker

    return SpellChecker()


def right(word):
    for used, avoided in own_words()[1]:
        if word.startswith(avoided):
            return used + word.removeprefix(avoided)
    return dictionary().correction(word)


def slips(files):
    """Yield the file, line and words about each word that is not known, from names and texts."""
    said = {}
    for name, text in files:
        kind = "test" if name.startswith("tests/") else Path(name).suffix
        for line, word in words_of(text, kind):
            said.setdefault(word.lower(), (name, line))
    for word, place in said.items():
        if not is_known(word):
            advice = f"perhaps {right(word)!r}, or a word for {LIST}"
            yield *place, f"{word!r} is not in the dictionary; {advice}"
    own, _ = own_words()
    for before, word in zip(["", *own], own, strict=False):
        problem = (
            "is not in its place" if word <= before
            else "is said nowhere" if word not in said and f"{word}'s" not in said
            else "is in the dictionary" if word in dictionary() else ""
        )  # fmt: skip
        if problem:
            yield LIST, 1, f"{word!r} {problem}"
