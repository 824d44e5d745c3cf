"""The package as a whole: its imports, its public names, and its docstrings."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder

import charseq
from charseq.history import EpochRecord
from charseq.reference import RNNParams
from charseq.shapes import Parameter, Tensor

ROOT = Path(__file__).parents[2]
FOLDER = Path(charseq.__file__).parent
PRIVATE = [
    "_version", "_checks", "_devices", "_errors", "_options", "_run_text", "_terminal",
]  # fmt: skip
MODULES = [
    "vocab", "tokens", "files", "texts", "corpus", "baselines", "reference", "shapes", "plotting",
    "diagrams", "history", "net", "conversions", "sampling", "scoring", "layers", "model",
    "training", "processes", "settings", "language_model", "checkpoint", "monitor", "trainer",
    "cli_train", "cli_infer", "cli",
]  # fmt: skip
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


def test_the_package_has_exactly_the_listed_modules():
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "__main__"}
    folders = {path.parent.name for path in FOLDER.glob("*/__init__.py")}
    assert files | folders == {*PRIVATE, *MODULES}


def test_the_package_describes_its_modules_in_their_order():
    assert re.findall(r"``(\w+)`` \(", charseq.__doc__) == MODULES


def test_modules_import_by_full_names_and_never_the_whole_package():
    # Which module may import which is in pyproject.toml, and import-linter looks.
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                assert node.module != "charseq" or path.stem == "__main__", path
            elif isinstance(node, ast.Import):
                assert "charseq" not in [alias.name for alias in node.names], path


# --- names ----------------------------------------------------------------------------------------


def test_every_public_name_is_a_public_name_of_its_module_in_the_order_of_the_modules():
    assert set(charseq.__all__) == set(charseq._MODULE_OF)
    places = [MODULES.index(charseq._MODULE_OF[name]) for name in charseq.__all__]
    assert places == sorted(places)
    assert len(charseq.__all__) == len(set(charseq.__all__))
    for name in charseq.__all__:
        module = importlib.import_module(f"charseq.{charseq._MODULE_OF[name]}")
        assert name in module.__all__
        assert getattr(charseq, name) is getattr(module, name)
        assert f"{getattr(charseq, name).__module__}.".startswith(f"{module.__name__}.")


def test_names_for_type_checkers_are_the_names_at_run_time():
    tree = ast.parse((FOLDER / "__init__.py").read_text("utf-8"))
    (block,) = (n for n in tree.body if isinstance(n, ast.If))
    offered = {a.name: n.module for n in block.body for a in n.names}
    assert offered == {name: f"charseq.{home}" for name, home in charseq._MODULE_OF.items()}


def test_modules_are_attributes_without_being_imported_first_and_names_are_looked_up_once():
    modules = MODULES[:-3]  # the last three are the command, which is run
    code = f"import charseq; print(*[getattr(charseq, name).__name__ for name in {modules}])"
    assert run_python(code).split() == [f"charseq.{name}" for name in modules]
    assert charseq.__getattr__("vocab") is sys.modules["charseq.vocab"]
    code = "import charseq; print('NGram' in vars(charseq)); charseq.NGram; print(*vars(charseq))"
    first, _, later = run_python(code).partition("\n")
    assert first == "False"
    assert "NGram" in later.split()


def test_the_package_is_marked_as_typed_and_its_version_has_three_numbers():
    assert (FOLDER / "py.typed").exists()  # PEP 561
    assert re.fullmatch(r"\d+\.\d+\.\d+", charseq.__version__)


def test_dir_lists_every_public_name():
    listed = run_python("import charseq; print(*dir(charseq))").split()
    for names in (listed, dir(charseq)):
        assert {*charseq.__all__, "__version__"} <= set(names)
        assert names == sorted(set(names))


def test_an_unknown_name_raises_attribute_error():
    with pytest.raises(AttributeError, match="module 'charseq' has no attribute 'trian'"):
        charseq.trian  # noqa: B018 - looking it up is the test
    assert not hasattr(charseq, "_MODULE_OF_")


# --- docstrings: their form is for tests/house/lint.py ---------------------------------------


@pytest.mark.parametrize("item", [RNNParams, Parameter, Tensor, EpochRecord])
def test_record_fields_are_documented_in_order(item):
    attributes = inspect.getdoc(item).split("Attributes\n----------\n")[1].split("\n\n")[0]
    assert re.findall(r"^(\w+) :", attributes, re.MULTILINE) == list(item.__annotations__)


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
