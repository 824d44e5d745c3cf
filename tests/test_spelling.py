"""Each word is spelled as in the dictionary, or as in docs/_words.txt, the course's own words.

Read are the prose of pages and questions, docstrings, comments, messages, the names of tests, and
what the scripts of the site say. Code, formulas and addresses are passed over.
"""

import io
import re
import tokenize
from pathlib import Path

import pytest
from spellchecker import SpellChecker

ROOT = Path(__file__).resolve().parents[1]
LIST = "docs/_words.txt"
PATTERNS = ("*.md", "dev.py", "docs/**/*.md", "docs/_questions/*.toml", "docs/_static/**/*.js")
PATTERNS += ("examples/**/*.rst",)
PATTERNS += tuple(f"{folder}/**/*.py" for folder in ("charseq", "docs", "examples", "tests"))
# What a build writes, and the lists of words as people type them.
PASSED_OVER = ("docs/gallery/", "docs/api/backreferences/", "docs/_ext/delivery/search_index.py")
FILES = sorted(
    path
    for pattern in PATTERNS
    for path in ROOT.glob(pattern)
    if not path.relative_to(ROOT).as_posix().startswith(PASSED_OVER)
)

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


PARTS = {".md": of_markdown, ".py": of_python, ".js": of_javascript, ".toml": of_toml}
PARTS |= {".rst": lambda text: [(1, text)], "test": of_test}


# --- the words ------------------------------------------------------------------------------------


def own_words():
    """Words of the course, and stems in the spelling that it uses and in the one that it avoids."""
    lines = [
        line for line in (ROOT / LIST).read_text("utf-8").splitlines() if not line.startswith("#")
    ]
    stems = [line.partition("/")[::2] for line in lines if "/" in line]
    return [line for line in lines if "/" not in line], stems


def is_known(word, dictionary, own, stems):
    word = word.lower().removesuffix("'s")
    used, avoided = (tuple(column) for column in zip(*stems, strict=True))
    if word.startswith(used):
        return True
    return not word.startswith(avoided) and (word in own or word in dictionary)


@pytest.fixture(scope="module")
def dictionary():
    return SpellChecker()


@pytest.fixture(scope="module")
def said():
    """Return each word in lower case, with the first place that uses it."""
    found = {}
    for path in FILES:
        kind = "test" if ROOT / "tests" in path.parents else path.suffix
        for line, word in words_of(path.read_text("utf-8"), kind):
            found.setdefault(word.lower(), f"{path.relative_to(ROOT).as_posix()}:{line}")
    return found


def test_each_word_is_spelled_right(said, dictionary):
    own, stems = own_words()
    wrong = [
        f"{place}: {word!r}, perhaps {right(word, dictionary, stems)!r}"
        for word, place in said.items()
        if not is_known(word, dictionary, set(own), stems)
    ]
    advice = f"Fix them, or add words of the course to {LIST}:"
    assert not wrong, "\n".join([advice, *sorted(wrong)])


def right(word, dictionary, stems):
    for used, avoided in stems:
        if word.startswith(avoided):
            return used + word.removeprefix(avoided)
    return dictionary.correction(word)


def test_the_list_of_words_is_in_order_and_holds_none_that_nobody_says(said, dictionary):
    own, _ = own_words()
    assert own == sorted(set(own))
    assert [word for word in own if word not in said and f"{word}'s" not in said] == []
    assert [word for word in own if word in dictionary] == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (".md", "Right `kode` $wrogn$\n\n\nA wrogn word."),
        (".md", "```{note}\n:kode: kode\n\nThe [wrogn](wrogn.md) word.\n```"),
        (".md", "See\n\n\n{doc}`a wrogn word <kode>`."),
        (".md", "```{code-cell} python\n---\nalt: >-\n  The wrogn word.\n---\nkode = 1\n```"),
        (".md", "```{code-cell} python\nkode = 1\n\nkode  # the wrogn word\n```"),
        (".py", "import kode\n\n\nraise ValueError(f'the wrogn {kode}')"),
        (".py", 'def kode():\n    """Right.\n\n    Wrogn.\n    """'),
        (".js", "kode();\n\n\nsay(`the wrogn ${kode}`);"),
        (".toml", '[[kode]]\nid = "kode-wrogn"\nfacts = [\n{ at = "kode", words = "the wrogn" },'),
        ("test", "def kode():\n    'kode ' 'wrogn kode'\n\ndef test_the_wrogn_fact(): pass"),
    ],
)
def test_a_slip_is_noticed_in_prose_and_in_what_code_says(kind, text, dictionary):
    own, stems = own_words()
    slips = [
        (line, word.lower())
        for line, word in words_of(text, kind)
        if not is_known(word, dictionary, set(own), stems)
    ]
    assert slips == [(4, "wrogn")]


def test_the_other_spelling_of_a_word_is_refused(dictionary):
    own, stems = own_words()
    for word, known in {"coloured": True, "colored": False, "Neighbor's": False}.items():
        assert is_known(word, dictionary, set(own), stems) == known
    assert right("neighboring", dictionary, stems) == "neighbouring"
