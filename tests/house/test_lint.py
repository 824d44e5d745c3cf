"""Each rule of lint.py sees what it is for, and where, and nothing in what is right."""

import re
import shutil

import lint
import numpydoc.validate
import pytest
import spelling
from lint import ROOT, File


def said(check, name, text):
    assert lint.is_for(lint.RULES[check], name), f"{check.__name__} is not for {name}"
    return [f"{line}: {words}" for line, words in check(File(name, text))]


NAMES = {
    "chapter": "docs/learn/gru.md",
    "fix": "docs/fix/expected-hidden-size.md",
    "example": "examples/cell/last_hidden.py",
    "glossary": "docs/glossary.md",
    "test": "tests/test_x.py",
    "questions": "docs/questions/two.md",
}
TEXTS = {name: (ROOT / name).read_text("utf-8") for name in [*NAMES.values()][:4]} | {
    "tests/test_x.py": "x = 1\n",
    "docs/questions/two.md": (
        '[[question]]\nask = "`cuda:0`?"\nanswer = "Yes. (We have no graphics card here.)"\n\n'
        '[[question]]\nask = "A CPU?"\nanswer = "No."\n'
    ),
}
# A rule, a file that it finds right, and changes: what becomes what, and what is said then.
SAMPLES = r"""
no_clock, test:
    1 → time.sleep(1) ⇒ LINE: sleep( reads a clock
    1 → 'wait_for_timeout(1)' ⇒ LINE: wait_for_timeout
gives_a_name_once, test:
    \Ax → def f(): pass\ndef f(): pass\nx ⇒ 2: f is defined above, too
no_clock, chapter:
    ^import numpy → import time ⇒ LINE: import time
no_color_of_its_own, chapter:
    BLUE → "#0000ff" ⇒ LINE: "#0000ff" is
code_fits_its_column, chapter:
    ^import mat → import of.a.package.with.a.name.of.seventy.characters.and.more. ⇒ LINE: 84 ch
ends_with_checks, chapter:
    ^# What the prose → # What prose ⇒ LINE: the
ends_with_checks, fix:
    ^# What.*(\n.*)* → gone ⇒ last c
no_prompts, chapter:
    ^## What goes wrong here$ → >>> 1 ⇒ LINE: write a code cell
has_the_parts_of_a_chapter_in_order, chapter:
    ^## What goes wrong here$ → ## Wrong ⇒ 1: there is no 'What goes wrong here'
    \A → \n## Exercises\n ⇒ 2: 'Exercises' comes before 'What to remember'
keeps_to_its_lesson, chapter:
    ^## What goes wrong here$ → A seed decides. ⇒ LINE: a seed in the prose
has_exercises_of_every_kind, chapter:
    Exercise 2 \( → Exercise 3 ( ⇒ LINE: the title is not of the form
    \(warm-up\) → (cold) ⇒ 1: kinds of exercises that are missing or unknown: ['co
    (?s)^:+\{admonition\} Exercise 3.*\ntags: \[remove-cell\] → gone ⇒ 1: 2 exercises, where
exercises_have_answers, chapter:
    Show the solution$ → Show it ⇒ an exercise without `{dropdown} Show the solution`
    (?s)\{\n    ["f].*?\n\} → {} ⇒ its questions foresee fewer than two mistakes
checkers_refuse_wrong_solutions, chapter:
    (?s)^refuses\(.*?^\) → refuses(check_most_units, x) ⇒ does not call refuses(check_m
has_the_parts_of_a_fix_in_order, fix:
    ^symptom: → symptoms: ⇒ 1: keys of the front matter that are missing or unknown
    ^group: .* → group: nothing ⇒ 1: docs/fix/index.md lists no group nothing
    ^## Fix it → ## Mend it ⇒ 1: the parts are ['Make it happen', 'Why it happens', 'M
marks_what_did_not_run_here, fix:
    ^## Why it happens → `CUDA out of memory` ⇒ LINE: CUDA: say that we have no
marks_what_did_not_run_here, questions:
    (?<=answer = ")No → device-side assert ⇒ LINE: device-side: say that we have
asks_draws_and_asserts, example:
    \?$ → . ⇒ 1: the title is no question
    ^assert  → x =  ⇒ 1: the closing claim is not asserted
    fig\.set_label\( → print( ⇒ 1: there is no `fig.set_label(`
    ^show\(\) → x ⇒ 1: there is no `show()`
entries_are_short_and_name_their_chapter, glossary:
    ^  See  →   One. Two. Three.\n  See  ⇒ an entry is a sentence or two
    (?<=See )\{doc\}`.*?` → {doc}`no-page` ⇒ There is no ['no-page']
    (?<=:sorted:\n)\n → \nzebra\n  It runs.\n  See {doc}`notation`.\n\n ⇒ after 'zebra'
equations_have_their_chain, chapter:
    ^\$\$ \(gru- → $$ (nothing- ⇒ LINE: equation 'nothing-
    \{code-of\} → {code} ⇒ in view
"""


def samples():
    for line in SAMPLES.strip().splitlines():
        if line.endswith(":") and not line.startswith(" "):
            check, name = line[:-1].split(", ")
        else:
            change, told = line.strip().split(" ⇒ ")
            yield check, NAMES[name], *change.replace(r"\n", "\n").split(" → "), told


def broken(name, pattern, instead):
    """Return the text of a file with a change wherever it fits, and the line of the first."""
    found = re.search(pattern, TEXTS[name], re.M)
    assert found, f"{name} has no {pattern}"
    line = TEXTS[name].count("\n", 0, found.start()) + 1
    return re.sub(pattern, lambda _: instead, TEXTS[name], flags=re.M), line


@pytest.mark.parametrize(("check", "name", "pattern", "instead", "told"), list(samples()))
def test_a_rule_sees_what_breaks_it(check, name, pattern, instead, told):
    rule = next(rule for rule in lint.RULES if rule.__name__ == check)
    text, line = broken(name, pattern, instead)
    assert said(rule, name, TEXTS[name]) == []
    found = said(rule, name, text)
    assert any(told.replace("LINE", str(line)) in complaint for complaint in found), found


def test_a_chapter_of_more_than_one_sitting_is_noticed():
    said_of = said(
        lint.keeps_to_its_lesson, NAMES["chapter"], "\n## What to remember\n" + "A word. " * 3000
    )
    assert said_of == ["1: 65 minutes, where at most 50 are expected"]


def test_a_docstring_that_lacks_a_part_and_an_exception_in_vain_are_noticed(monkeypatch):
    check, name = lint.docstrings_are_numpydoc_and_give_shapes, "charseq/vocab.py"
    assert said(check, name, "") == []
    monkeypatch.delitem(lint.IGNORED, "SA01")
    monkeypatch.setitem(lint.EXCEPTIONS, "vocab.Vocabulary", ("PR01", "a reason"))
    found = said(check, name, "")
    assert any("Vocabulary.encode: SA01 " in complaint for complaint in found)
    assert any("Vocabulary needs no exception from PR01 (a reason)" in told for told in found)
    assert set(lint.IGNORED) <= set(numpydoc.validate.ERROR_MSGS)


def test_a_name_that_only_folded_code_defines_is_noticed():
    page = (
        "```{code-cell} python\nimport numpy as np\n\nprint(np.e, corpus)\ncorpus = 1\n```\n"
        "```{code-cell} python\n---\ntags: [hide-cell]\n---\nhidden = 1\n```\n"
        "```{code-cell} python\nhidden + 1\n```\n"
    )
    found = [*lint.folded_names([File("docs/learn/x.md", page)])]
    assert [(name, line) for name, line, _ in found] == [
        ("docs/learn/x.md", 4),
        ("docs/learn/x.md", 14),
    ]


def test_one_report_names_file_line_and_rule(tmp_path):
    page = tmp_path / "x.md"
    page.write_text("# Title\n\nA ** bold ** word.\n")
    files = [File("tests/test_x.py", "x = 1  # wrogn\n\nsleep(1)\n"), File(str(page))]
    found = {(name, line, rule) for name, line, rule, _ in lint.complaints(files)}
    assert found >= {("tests/test_x.py", 3, "no_clock"), ("tests/test_x.py", 1, "spelling")}
    assert (str(page), 3, "markdown") in found


# --- spelling -------------------------------------------------------------------------------------


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
        (".md", '```{faq} x\nid = "kode-wrogn"\nfacts = [\n{ words = "the wrogn" },\n```'),
        ("test", "def kode():\n    'kode ' 'wrogn kode'\n\ndef test_the_wrogn_fact(): pass"),
    ],
)
def test_a_slip_is_noticed_in_prose_and_in_what_code_says(kind, text):
    slips = [
        (line, word.lower())
        for line, word in spelling.words_of(text, kind)
        if not spelling.is_known(word)
    ]
    assert slips == [(4, "wrogn")]


def test_an_import_against_a_contract_is_noticed(tmp_path):
    shutil.copytree(ROOT / "charseq", tmp_path / "charseq")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert list(lint.imports_against_a_contract(tmp_path)) == []
    for module, line in (("vocab", "import charseq.net"), ("net", "import torch")):
        with (tmp_path / "charseq" / f"{module}.py").open("a") as file:
            file.write(f"\n\ndef use():\n    {line}\n")
    ((name, _, words),) = lint.imports_against_a_contract(tmp_path)
    assert name == "pyproject.toml"
    assert "charseq.vocab is not allowed to import charseq.net" in words
    assert "charseq.net is not allowed to import torch" in words


def test_a_room_above_its_ceiling_is_named_with_both_numbers(tmp_path):
    table = tmp_path / "ceilings.toml"
    table.write_text('[[room]]\nname = "a room"\nfiles = ["dev.py"]\nlines = 3\n')
    [(_, _, told)] = lint.rooms_above_their_ceilings(table)
    assert re.match(r"a room: \d{3} lines of code, 3 are allowed; make room", told)
    table.write_text('[[room]]\nname = "a room"\nfiles = ["dev.py"]\nlines = 300\n')
    assert list(lint.rooms_above_their_ceilings(table)) == []
