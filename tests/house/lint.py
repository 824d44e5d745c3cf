"""The form of pages, examples, tests and docstrings: what no public linter knows, in one report.

A rule takes a file and yields the line and the words of each complaint. `python3 dev.py lint` asks
all rules about all files. tests/house/test_lint.py shows each rule a file that breaks it.
"""

import ast
import importlib
import inspect
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from fnmatch import fnmatch
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("execution", "content", "live", "delivery")
sys.path[:0] = [
    str(ROOT / "tests/house"),
    *(str(ROOT / "docs/_ext" / folder) for folder in FOLDERS),
]

import spelling  # noqa: E402

import equations  # noqa: E402 - where its folder is known
import questions  # noqa: E402
from cells import CELL  # noqa: E402
from course_table import minutes  # noqa: E402

RULES = {}  # the patterns of the names of files that a rule is for


class Cell(NamedTuple):
    """A code cell of a page."""

    line: int  # on which its source begins
    options: str
    source: str


class File:
    """A text of the repository, and where its parts begin."""

    def __init__(self, name, text=None):
        self.name = name
        self.stem = Path(name).stem
        self.text = (ROOT / name).read_text("utf-8") if text is None else text

    def line(self, place):
        return self.text.count("\n", 0, place) + 1

    def find(self, pattern):
        """Yield the line and the match of each place where a pattern is found."""
        for match in re.finditer(pattern, self.text, re.M):
            yield self.line(match.start()), match

    @cached_property
    def cells(self):
        return [Cell(self.line(m.start(2)), m[1] or "", m[2]) for m in CELL.finditer(self.text)]

    @cached_property
    def tree(self):
        return ast.parse(self.text)


def rule(*patterns):
    """Make a rule for the files whose names match; of a pattern with a star, no index."""

    def add(check):
        RULES[check] = patterns
        return check

    return add


def is_for(patterns, name):
    return any(
        fnmatch(name, pattern) and not ("*" in pattern and name.endswith("/index.md"))
        for pattern in patterns
    )


CHAPTERS, BEFORE, FIXES = "docs/learn/*.md", "docs/before/*.md", "docs/fix/*.md"
USE, HOME, EXAMPLES, TESTS = "docs/use/*.md", "docs/index.md", "examples/*.py", "tests/*.py"
QUESTIONS = "examples/[!o]*.py"  # not the programs of examples/own: see tests/course/test_own.py


# --- code -----------------------------------------------------------------------------------------


CLOCK = (
    r"(?:perf_counter|process_time|thread_time|monotonic|getrusage|time\.time|os\.times)\(|timeit"
    r"|from time import|^import time\b|\bsleep\(|performance\.now|Date\.now|wait_for_timeout"
)


@rule(CHAPTERS, BEFORE, FIXES, USE, HOME, EXAMPLES, TESTS)
def no_clock(file):
    """Seconds differ between machines: a busy one would fail, or print something else."""
    if file.name not in ("tests/house/lint.py", "tests/house/test_lint.py"):
        for line, match in file.find(CLOCK):
            yield line, f"{match[0]} reads a clock or waits; count steps, calls or bytes instead"


@rule(TESTS)
def gives_a_name_once(file):
    """Of two tests of one name, the first never runs. Ruff's F811 would refuse fixtures, too."""
    given = set()
    for node in file.tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if node.name in given:
                yield node.lineno, f"{node.name} is defined above, too"
            given.add(node.name)


@rule(CHAPTERS, BEFORE, FIXES, EXAMPLES)
def no_color_of_its_own(file):
    """Colors of charseq.plotting have a partner on dark pages; others can't be seen there."""
    for line, match in file.find(r"""["']#[0-9a-fA-F]{6}["']"""):
        yield line, f"{match[0]} is no color of charseq.plotting"


@rule(CHAPTERS, BEFORE, FIXES, HOME)
def code_fits_its_column(page):
    for cell in page.cells:
        if "tags: [remove-" in cell.options:  # not shown
            continue
        for number, line in enumerate(cell.source.splitlines()):
            if len(line) > 78:
                yield cell.line + number, f"{len(line)} characters, of which 78 can be seen"


@rule(CHAPTERS, BEFORE, FIXES)
def ends_with_checks(page):
    last = page.cells[-1] if page.cells else Cell(1, "", "")
    asserted = len(re.findall(r"^ *(?:assert |told\()", last.source, re.M))
    if not last.source.startswith("# What the prose says"):
        yield last.line, "the last cell does not begin with `# What the prose says`"
    elif asserted < (1 if fnmatch(page.name, FIXES) else 2):
        yield last.line, f"the last cell asserts {asserted} things"


@rule("docs/*.md")
def no_prompts(page):
    """What a page shows is run, and what follows a prompt would not be."""
    for line, _ in page.find(r"^>>> "):
        yield line, "write a code cell, which is run"


# --- chapters -------------------------------------------------------------------------------------

PARTS = {
    "a title": r"^# [A-Z]",
    "a question in italics": r"^\*.*\?",
    "a picture": r"image:\s+alt:|^```\{play\}",
    "an equation or a section": r"^\$\$ \(|\{eq\}|^## ",
    "{code-of}": r"^\{code-of\}|^```\{code-of\}",
    "'Try it'": r"^## Try it$",
    "'What goes wrong here'": r"^## What goes wrong here$",
    "'Exercises'": r"^## Exercises$",
    "'Where to go next'": r"^## Where to go next$",
}
# The form of docs/_story.md. A chapter that says what to remember has it; the others are to get it.
FORM = {
    "a title": r"^# [A-Z]",
    "a question in italics": r"^\*.*\?",
    "a picture, a table or code": r"image:\s+alt:|^```\{play\}|^\| |^```\{code-cell\}",
    "a section": r"^## ",
    "'What goes wrong here'": r"^## What goes wrong here$",
    "the box 'How sure are these numbers?'": r"^:::\{dropdown\} How sure are these numbers\?$",
    "'What to remember'": r"^## What to remember$",
    "'Exercises'": r"^## Exercises$",
}
REMEMBER = "\n## What to remember\n"
FOLDS = 4  # besides the code of figures, and the exercises
MEET_SEEDS = {"train", "seeds"}
MINUTES = 50
ASIDE = re.compile(
    r"^(:{3,}|`{3,})\{(?:dropdown|admonition|code-cell)\}.*?^\1$|`[^`\n]+`|<.*?>", re.M | re.S
)
KINDS = {"warm-up", "by hand", "guess first", "find the fault", "build"}


@rule(CHAPTERS)
def has_the_parts_of_a_chapter_in_order(page):
    parts = FORM if REMEMBER in page.text else PARTS
    places = {part: re.search(found, page.text, re.M) for part, found in parts.items()}
    folds = re.findall(r"^:::+\{dropdown\}", page.text.split("\n## Exercises\n")[0], re.M)
    if parts is FORM and len(folds) > FOLDS:
        yield 1, f"{len(folds)} folds, where at most {FOLDS} are expected"
    for part, place in places.items():
        if not place:
            yield 1, f"there is no {part}"
    there = [(part, place.start()) for part, place in places.items() if place]
    for (before, first), (after, second) in pairwise(there):
        if second < first:
            yield page.line(second), f"{after} comes before {before}"


@rule(CHAPTERS)
def keeps_to_its_lesson(page):
    """What luck decides is in the box, and a chapter is read in one sitting."""
    if REMEMBER not in page.text:
        return
    lesson = page.text.split("\n## Exercises\n")[0]
    shown = ASIDE.sub(lambda aside: "\n" * aside[0].count("\n"), lesson)
    for seed in re.finditer(r"\bseeds?\b", "" if page.stem in MEET_SEEDS else shown):
        yield 1 + shown.count("\n", 0, seed.start()), "a seed in the prose: its place is the box"
    if (found := minutes(page.text)) > MINUTES:
        yield 1, f"{found} minutes, where at most {MINUTES} are expected"


class Exercise(NamedTuple):
    line: int
    title: str
    text: str

    @property
    def kind(self):
        named = re.fullmatch(r"\d+ \(([a-z -]+)\): \S.*", self.title)
        return named[1] if named else None

    @property
    def cells(self):
        return [Cell(0, m[1] or "", m[2]) for m in CELL.finditer(self.text)]


def exercises_of(page):
    end = page.text.find("\n## ", page.text.find("## Exercises"))
    starts = [*re.finditer(r"^:{3,}\{admonition\} Exercise (.*)$", page.text[:end], re.M)]
    ends = [*(match.start() for match in starts[1:]), end]
    return [
        Exercise(page.line(match.start()), match[1], page.text[match.end() : stop])
        for match, stop in zip(starts, ends, strict=True)
    ]


@rule(CHAPTERS)
def has_exercises_of_every_kind(page):
    exercises = exercises_of(page)
    for number, exercise in enumerate(exercises, 1):
        if not exercise.kind or not exercise.title.startswith(f"{number} "):
            yield exercise.line, f"the title is not of the form '{number} (kind): words'"
    if not 5 <= len(exercises) <= 7:
        yield 1, f"{len(exercises)} exercises, where five to seven are expected"
    if found := KINDS ^ {exercise.kind for exercise in exercises}:
        yield 1, f"kinds of exercises that are missing or unknown: {sorted(map(str, found))}"


@rule(CHAPTERS)
def exercises_have_answers(page):
    answered = 0
    for exercise in exercises_of(page):
        for part in (":class: exercise", "{dropdown} Show the solution\n", "tags: [hide-cell]"):
            if part not in exercise.text:
                yield exercise.line, f"an exercise without `{part.strip()}`"
        asking = [
            cell.source
            for cell in exercise.cells
            if "[remove-input]" in cell.options
            and re.search(r"\b(Number|Shape|Text|Choice)\(", cell.source)
        ]
        answered += bool(asking)
        if asking and sum(map(questions.foreseen, asking)) < 2:
            yield exercise.line, "its questions foresee fewer than two mistakes"
    if answered < 4:
        yield 1, f"{answered} exercises have questions, where four or more are expected"


def refused_by(source):
    """Return the wrong solutions that a cell gives to `refuses`, for each checker."""
    refused = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "refuses":
            wrong = []
            for one in node.args[1:]:
                wrong += one.value.args[1:] if isinstance(one, ast.Starred) else [one]
            refused[ast.unparse(node.args[0])] = [*map(ast.unparse, wrong)]
    return refused


@rule(CHAPTERS)
def checkers_refuse_wrong_solutions(page):
    refused = refused_by(page.cells[-1].source if page.cells else "")
    for exercise in exercises_of(page):
        if exercise.kind != "build":
            continue
        seen = "".join(cell.source for cell in exercise.cells if not cell.options)
        folded = "".join(c.source for c in exercise.cells if "hide-cell" in c.options)
        checker = (re.findall(r"^def (check_\w+)\(", folded, re.M) or ["check_…"])[0]
        wrong = refused.get(checker, [])
        if len(set(wrong)) < 4:
            told = f"the last cell does not call refuses({checker}, starter, three wrong ones)"
        elif not re.search(rf"^def {wrong[0]}\(", seen, re.M):
            told = f"the starter {wrong[0]} is not in view"
        elif not re.search(rf"^{checker}\(\w+\)", folded, re.M):
            told = f"the solution does not call {checker}"
        else:
            continue
        yield exercise.line, told


# --- other pages ----------------------------------------------------------------------------------

PARTS_OF_A_FIX = ["Make it happen", "Why it happens", "Fix it", "Check your own code", "Read more"]
KEYS = {"file_format", "kernelspec", "group", "symptom"}
MAY_HAVE = {"message", "newer", "stated", "shows-nan"}


@rule(FIXES)
def has_the_parts_of_a_fix_in_order(page):
    head = page.text.split("---\n")[1] if page.text.startswith("---\n") else ""
    keys = dict(re.findall(r"^([\w-]+):(?: (.*))?$", head, re.M))
    if wrong := (KEYS - keys.keys()) | (keys.keys() - KEYS - MAY_HAVE):
        yield 1, f"keys of the front matter that are missing or unknown: {sorted(wrong)}"
    index = (ROOT / "docs/fix/index.md").read_text("utf-8")
    if f"{{fixes}} {keys.get('group')}\n" not in index:
        yield 1, f"docs/fix/index.md lists no group {keys.get('group')}"
    parts = [match[1] for _, match in page.find(r"^## (.*)$")]
    if parts != PARTS_OF_A_FIX:
        yield 1, f"the parts are {parts}, not {PARTS_OF_A_FIX}"
    if "**In short:** " not in page.text.split("\n## ")[0]:
        yield 1, "nothing is said in short"
    if page.cells and "import " not in page.cells[0].source:
        yield page.cells[0].line, "the first cell imports nothing: does it run by itself?"
    if not re.search(r"\{doc\}`/?(\.\./)?learn/|\(/learn/", page.text.split("## Read more")[-1]):
        yield 1, "no link leads to a chapter"


# Only a graphics card or a Mac prints such messages, and the site is built without either.
ELSEWHERE = r"\bCUDA\b|\bcuda:\d|cudnn RNN|device-side|\bMPS\b"
NOT_RUN = r"\bno (graphics card|Mac)\b|\bneither card\b|without a GPU"


@rule(CHAPTERS, FIXES, USE, "docs/questions/*.md")
def marks_what_did_not_run_here(file):
    """A page says so once; of questions, each answer does."""
    prose = CELL.sub(lambda cell: "\n" * cell[0].count("\n"), file.text)
    place = 0
    for part in re.split(r"^(?=\[\[question)", prose, flags=re.M):
        message = re.search(ELSEWHERE, part)
        if message and not re.search(NOT_RUN, part):
            line = prose.count("\n", 0, place + message.start()) + 1
            yield (
                line,
                f"{message[0]}: say that we have no graphics card here, and did not run this",
            )
        place += len(part)


@rule(QUESTIONS)
def asks_draws_and_asserts(script):
    title = (ast.get_docstring(script.tree) or " ").splitlines()[0]
    if not title.endswith("?"):
        yield 1, f"the title is no question: {title!r}"
    if not any(isinstance(node, ast.Assert) for node in script.tree.body):
        yield 1, "the closing claim is not asserted"
    for part in ("**What to notice.**", "fig.set_label(", "show()\n"):
        if part not in script.text:
            yield 1, f"there is no `{part.strip()}`"


@rule(QUESTIONS)
def is_linked_from_a_chapter(script):
    target = f"sphx_glr_gallery_{Path(script.name).parent.name}_{Path(script.name).name}"
    if not any(target in page.read_text("utf-8") for page in ROOT.glob(CHAPTERS)):
        yield 1, f"no chapter has a link {{ref}}`{target}`"


@rule("docs/glossary.md")
def entries_are_short_and_name_their_chapter(page):
    start = page.text.index(":sorted:\n")
    entries = re.compile(r"^(\w.*(?:\n\w.*)*)\n((?:  .*\n|\n)+)", re.M)
    before = ""
    for match in entries.finditer(page.text, start):
        line, (term, *_) = page.line(match.start()), match[1].lower().split("\n")
        says, _, chapters = match[2].strip().split("\n\n")[0].partition("\n  See ")
        pages = re.findall(r"\{doc\}`(.*?)`", chapters)
        gone = [page for page in pages if not (ROOT / f"docs/{page}.md").is_file()]
        if not 1 <= len(re.findall(r"\.(?=\s|$)", says)) <= 2 or not says.endswith("."):
            yield line, "an entry is a sentence or two"
        if "\\" in says:
            yield line, "a title of links can show no formula"
        if not pages or gone:
            yield line, f"See which chapter? There is no {gone or 'link'}"
        if term < before:
            yield line, f"{term!r} comes after {before!r}"
        before = term


@rule("docs/*.md")
def equations_have_their_chain(page):
    """One key names the equation, the function, the code in view, the symbols and the test."""
    for line, match in page.find(equations.LABEL.pattern):
        lacks = equations.missing_links(match[1])
        shown = f"{{code-of}} {match[1].replace('-', '_')}\n"
        if shown not in page.text and match[1] != "parameter-count":  # which is the sum of a table
            lacks.append(f"its code, ```{shown.strip()}, in view")
        if lacks:
            yield line, f"equation {match[1]!r} lacks {', '.join(lacks)}"


# --- docstrings -----------------------------------------------------------------------------------

IGNORED = {
    "ES01": "a summary that says everything needs no second paragraph",
    "EX01": "a class has the examples of its methods, and the gallery those of figures",
    "SA01": "links to related functions are added only where they help",
    "GL01": "the summary is on the same line as the quotes, as in PEP 257",
    "RT02": "if two values are returned, they have names",
}
EXCEPTIONS = {
    **dict.fromkeys(
        (
            *("reference.BlockParams", "reference.RNNParams"),
            *("shapes.Parameter", "shapes.Tensor"),
            *("scoring.Score", "scoring.ScoredLine"),
        ),
        ("PR01", "its fields are attributes"),
    ),
    **dict.fromkeys(
        ("history.EpochRecord", "history.UpdateRecord"), ("PR01", "its fields are attributes")
    ),
    "training.Diverged": ("PR01", "only the package creates it, users only catch it"),
    "training.training_steps": ("RT01", "it yields; the call itself returns a generator"),
    "sampling.generate_pieces": ("RT01", "it yields, like training_steps"),
    "language_model.language_model_steps": ("RT01", "it yields, like training_steps"),
    "training.train": ("PR04", "training_steps gives the types of its parameters"),
}


def public_names(module):
    """Yield each public function, class, method and property with its name."""
    for name in module.__all__:
        item = getattr(module, name)
        yield name, item
        if inspect.isclass(item):
            for attribute, value in vars(item).items():
                own = inspect.isroutine(value) or isinstance(value, (property, classmethod))
                if own and not attribute.startswith("_") and attribute not in ("count", "index"):
                    yield f"{name}.{attribute}", getattr(item, attribute)


@rule("charseq/[!_]*.py")
def docstrings_are_numpydoc_and_give_shapes(file):
    from numpydoc.validate import validate

    name = file.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    if name.count(".") > 1:
        return  # the __init__ of its folder lists what is public there
    module = importlib.import_module(name)
    for name, item in public_names(module):
        report = validate(f"{module.__name__}.{name}")
        line, errors = report["file_line"] or 1, dict(report["errors"])
        excepted, why = EXCEPTIONS.get(f"{module.__name__.partition('.')[2]}.{name}", ("", ""))
        if excepted and not errors.pop(excepted, None):
            yield line, f"{name} needs no exception from {excepted} ({why})"
        for code in errors.keys() - IGNORED.keys():
            yield line, f"{name}: {code} {errors[code]}"
        for parameter in without_shape(inspect.getdoc(item) or ""):
            yield line, f"{name} gives no shape for {parameter}"


def without_shape(doc):
    for names, kind, text in re.findall(r"^(\w[\w, ]*) : (.*)\n((?:    .*\n?|\n)*)", doc, re.M):
        is_array = re.search(r"ndarray|array_like|torch\.Tensor", kind) and "As " not in text
        if is_array and not re.search(r"shape|\([A-Z.]+[,)]", kind + text):
            yield names


# --- all files ------------------------------------------------------------------------------------


def folded_names(pages):
    """Yield each name that code in view uses and only folded code defines."""
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F821", "--no-cache"]
    with tempfile.TemporaryDirectory() as folder:
        for page in pages:
            code = page.text.count("\n") * [""]
            for cell in page.cells:
                if not re.search(r"tags: \[(hide|remove)-", cell.options):
                    lines = cell.source.splitlines()
                    code[cell.line - 1 : cell.line - 1 + len(lines)] = lines
            target = Path(folder, page.name.replace(".md", ".py"))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("\n".join(code) + "\n", "utf-8")
        command = [*ruff, "--output-format=concise", "."]
        said = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if said.returncode > 1:
        raise RuntimeError(said.stderr or said.stdout)
    for name, line, told in re.findall(r"^(.+)\.py:(\d+):\d+: (.*)$", said.stdout, re.M):
        yield f"{Path(name).as_posix()}.md", int(line), f"{told}, which only folded code defines"


def slips_in_markdown(names):
    """Yield what `rumdl` finds; pyproject.toml says which of its rules count."""
    rumdl = shutil.which("rumdl", path=Path(sys.executable).parent)
    command = [rumdl, "check", "--no-cache", "--output-format=concise", *names]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if said.returncode > 1:
        raise RuntimeError(said.stderr or said.stdout)
    for name, line, told in re.findall(r"^(.+):(\d+):\d+: (.*)$", said.stdout, re.M):
        yield name, int(line), told


def imports_against_a_contract(root=ROOT):
    """Yield what `import-linter` says about the modules of a package, if it breaks a contract."""
    program = shutil.which("lint-imports", path=Path(sys.executable).parent)
    command = [program, "--no-cache", "--no-logo"]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if said.returncode:
        broken = said.stdout.partition("Broken contracts\n")[2]
        yield "pyproject.toml", 1, " ".join(broken.split()) or said.stdout + said.stderr


def lines_of_code(source):
    """Count the lines of a module without comments, docstrings and empty lines."""
    told = set()
    for node in ast.walk(ast.parse(source)):
        tells = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        if tells and ast.get_docstring(node):
            told.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = [line.strip() for line in source.splitlines()]
    code = {n for n, line in enumerate(lines, start=1) if line and not line.startswith("#")}
    return len(code - told)


def lines_of(path):
    """Count lines of code; of a page, those of cells that a reader doesn't see at first."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        return lines_of_code(text)
    if path.suffix == ".md":
        cells = File(path.relative_to(ROOT).as_posix(), text).cells
        hidden = [c.source for c in cells if re.search(r"(hide|remove)-(input|cell)", c.options)]
        lines = "\n".join(hidden).splitlines()
        return sum(not re.match(r"\s*(#|$)", line) for line in lines)
    lines = re.sub(r"/\*.*?\*/", "", text, flags=re.S).splitlines()
    return sum(not re.match(r"\s*(//|$)", line) for line in lines)


def rooms_above_their_ceilings(table=ROOT / "tests/house/ceilings.toml"):
    """Yield each room that has more lines of code than the table allows."""
    listed = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    tracked = {ROOT / name for name in names.splitlines()}
    for room in tomllib.loads(table.read_text("utf-8"))["room"]:
        paths = {path for pattern in room["files"] for path in ROOT.glob(pattern)} & tracked
        if (count := sum(map(lines_of, paths))) > room["lines"]:
            told = f"{room['name']}: {count} lines of code, {room['lines']} are allowed"
            yield "tests/house/ceilings.toml", 1, f"{told}; make room, or raise it and say why"


SEEN_AS_A_WHOLE = (CHAPTERS, BEFORE, FIXES, "docs/[!iu]*.md")


def complaints(files):
    """Yield the file, line, rule and words of each complaint about these files."""
    for file in files:
        for check in RULES:
            if is_for(RULES[check], file.name):
                for line, words in check(file):
                    yield file.name, line, check.__name__, words
    for name, line, words in folded_names(
        file for file in files if is_for(SEEN_AS_A_WHOLE, file.name)
    ):
        yield name, line, "folded_names", words
    for name, line, words in slips_in_markdown(f.name for f in files if f.name.endswith(".md")):
        yield name, line, "markdown", words
    for name, line, words in imports_against_a_contract():
        yield name, line, "imports", words
    for name, line, words in rooms_above_their_ceilings():
        yield name, line, "ceilings", words
    for name, line, words in spelling.slips((file.name, file.text) for file in files):
        yield name, line, "spelling", words


def names_of_files():
    found = {path for pattern in spelling.PATTERNS for path in ROOT.glob(pattern)}
    names = (path.relative_to(ROOT).as_posix() for path in found)
    return sorted(name for name in names if not name.startswith(spelling.WRITTEN_BY_A_BUILD))


def main():
    files = [File(name) for name in names_of_files()]
    found = [f"{name}:{line}: {check}: {words}" for name, line, check, words in complaints(files)]
    print(*found, f"{len(files)} files, {len(RULES) + 5} rules, {len(found)} complaints", sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
