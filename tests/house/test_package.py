"""The package as a whole: its imports, its names, what is handed on, and what a release says."""

import ast
import importlib
import re
import runpy
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml
from hatchling.builders.sdist import SdistBuilder

import cells
import charseq

ROOT = Path(__file__).parents[2]
FOLDER = Path(charseq.__file__).parent
HEAVY = {"torch", "matplotlib"}


def run_python(code):
    """Run code in a fresh Python and return what it prints."""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


# --- imports --------------------------------------------------------------------------------------


def test_torch_and_matplotlib_are_imported_only_where_they_are_needed():
    statements = [
        "import charseq",
        "from charseq import Vocabulary; Vocabulary.from_text('ab').one_hot([0])",
        "from charseq import Corpus, NGram; NGram(1, Corpus.from_text('ab'))",
        "from charseq import LayerShapes; str(LayerShapes('LSTM', 4, 2))",
        "import charseq.reference",
        "from charseq import History, plot_loss",
        "from charseq import NumpyNet, generate, score",
        "import charseq.checkpoint",
        "import charseq.cli",
        "from charseq import CharRNN",  # which is a module of torch
    ]
    code = "".join(
        f"{line}\nprint({line!r}, *{HEAVY!r} & set(sys.modules))\n" for line in statements
    )
    printed = run_python(f"import sys\n{code}").splitlines()
    assert printed == [*statements[:-1], f"{statements[-1]} torch"]


def test_using_one_name_imports_one_module_and_no_other_packages():
    # How long an import takes depends on the machine, and benchmarks/ measures it. What is imported
    # does not: NumPy, the standard library, the package itself, and the module that is used.
    code = (
        "import sys, numpy; before = set(sys.modules); import charseq; charseq.Vocabulary;"
        "print(*set(sys.modules) - before)"
    )
    loaded = set(run_python(code).split())
    foreign = {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("numpy.")} == {
        "charseq",
        "charseq._version",
        "charseq._checks",
        "charseq._errors",
        "charseq.vocab",
    }
    assert len(loaded) <= 30


# --- names ----------------------------------------------------------------------------------------


def test_names_for_type_checkers_are_the_names_at_run_time():
    tree = ast.parse((FOLDER / "__init__.py").read_text("utf-8"))
    (block,) = (n for n in tree.body if isinstance(n, ast.If))
    offered = {a.name: n.module for n in block.body for a in n.names}
    assert offered == {name: f"charseq.{home}" for name, home in charseq._MODULE_OF.items()}


def test_every_public_name_is_that_of_its_module():
    assert len(charseq.__all__) == len(set(charseq.__all__))
    for name in charseq.__all__:
        module = importlib.import_module(f"charseq.{charseq._MODULE_OF[name]}")
        assert name in module.__all__
        assert getattr(charseq, name) is getattr(module, name)
    code = "import charseq; print('NGram' in vars(charseq)); charseq.NGram; print(*vars(charseq))"
    first, _, later = run_python(code).partition("\n")
    assert first == "False"
    assert "NGram" in later.split()  # looked up once


def test_dir_lists_every_public_name():
    listed = run_python("import charseq; print(*dir(charseq))").split()
    for names in (listed, dir(charseq)):
        assert {*charseq.__all__, "__version__"} <= set(names)
        assert names == sorted(set(names))


def test_an_unknown_name_raises_attribute_error():
    with pytest.raises(AttributeError, match="module 'charseq' has no attribute 'trian'"):
        charseq.trian  # noqa: B018 - looking it up is the test
    assert not hasattr(charseq, "_MODULE_OF_")


# --- what is handed on ----------------------------------------------------------------------------


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="there is no git where this was unpacked")
def test_the_source_archive_holds_every_file_of_the_repository(tmp_path):
    listed = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = {name for name in names.split("\0") if name and (ROOT / name).is_file()}
    (made,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(made) as archive:
        held = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert held - {"PKG-INFO"} == {name for name in files if not name.startswith(".ci/")}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "charseq").mkdir()
    (tmp_path / "charseq" / "_version.py").write_text('__version__ = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n## 1.2.0, 2026-12-01\n\n### Added\n\n- One.\n\n"
        "## 1.1.0, 2026-11-01\n\n- Old.\n"
    )
    return tmp_path


def test_a_tag_is_released_with_its_entry_in_the_changelog_or_refused(project):
    path = ROOT / ".github" / "release_notes.py"
    notes = runpy.run_path(str(path))["notes"]
    assert notes("v1.2.0", project) == "### Added\n\n- One.\n"
    with pytest.raises(ValueError, match=r"the tag is v1\.1\.0, but .* expects v1\.2\.0"):
        notes("v1.1.0", project)
    (project / "charseq" / "_version.py").write_text('__version__ = "1.3.0"\n')
    with pytest.raises(ValueError, match=r"no entry for 1\.3\.0, only for: Unreleased, 1\.2\.0"):
        notes("v1.3.0", project)
    assert notes(f"v{charseq.__version__}").startswith("### ")


def test_the_citation_names_the_version_of_the_package_and_the_day_of_its_release():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited["version"] == charseq.__version__
    day = f"## {cited['version']}, {cited['date-released']}\n"
    assert day in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_classifiers_name_each_python_that_is_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text("utf-8"))
    matrices = [job.get("strategy", {}).get("matrix", {}) for job in workflow["jobs"].values()]
    assert {*named} == {version for matrix in matrices for version in matrix.get("python", [])}


# --- nothing loads a pickle: loading one can run code that somebody has put into it ---------------

PICKLE = re.compile(  # PyTorch before 2.6, which charseq admits, takes any unless told not to
    r"^ *(?:import|from) (?:_?c?[Pp]ickle|shelve|marshal|dill|cloudpickle|joblib)\b|\bread_pickle\b"
    r"|\b_pickle_load_obj\b|allow_pickle=(?!False)|weights_only=(?!True)"
    r"|from torch import .*\bload\b|torch\.load\((?!.*weights_only=True)",
    re.M,
)
# Who loads one all the same, and why.
REASONS = {
    "docs/_ext/execution/workers.py": "the build sends work to a process of its own through a pipe",
    "docs/fix/cant-get-attribute.md": "the message comes from a file with a whole module",
    "docs/fix/cuda-checkpoint-on-cpu.md": "the mistake is the shortest call; its files are its own",
    "docs/fix/no-attribute-flat-weights.md": "the message comes from a file with a whole module",
    "docs/fix/quantized-lstm-keys.md": "packed weights are loaded only so; the file is its own",
    "docs/fix/state-dict-in-cpp.md": "a hidden test reads its own file as C++ reads it",
    "docs/fix/weights-only-load-failed.md": "the page says what is refused, and why",
}
PLACES = ("*.py", "charseq/**/*.py", "examples/**/*.py", "benchmarks/**/*.py", "docs/**/*.[mp][dy]")
SOURCES = [
    path
    for place in PLACES
    for path in sorted(ROOT.glob(place))
    if not path.is_relative_to(ROOT / "docs" / "gallery")  # copies of the examples
]


def test_no_module_script_or_cell_loads_a_pickle_but_those_with_a_reason():
    found = set()
    for path in SOURCES:
        text = path.read_text("utf-8")
        code = text if path.suffix == ".py" else "\n".join(cells.sources_of(text))
        found |= {path.relative_to(ROOT).as_posix()} if PICKLE.search(code) else set()
    assert found == {*REASONS}, "expected no pickle: use weights_only=True, safetensors or JSON"
