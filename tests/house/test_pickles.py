"""Nothing here loads a pickle: loading one can run code that somebody has put into it."""

import ast
from pathlib import Path

import cells

ROOT = Path(__file__).parents[2]

MODULES = {"pickle", "_pickle", "cPickle", "shelve", "marshal", "dill", "cloudpickle", "joblib"}
FUNCTIONS = {"read_pickle", "_pickle_load_obj"}  # of pandas, of torch._C
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


def loads_of_pickles(source):
    """Return each line of Python that loads a pickle, or might."""
    return [ast.unparse(node) for node in ast.walk(ast.parse(source)) if may_load(node)]


def may_load(node):
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] in MODULES for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        return node.module in MODULES or (node.module == "torch" and "load" in names)
    if isinstance(node, ast.Attribute):
        return node.attr in FUNCTIONS
    if not isinstance(node, ast.Call):
        return False
    options = {option.arg: getattr(option.value, "value", None) for option in node.keywords}
    # PyTorch before 2.6, which charseq admits, takes any pickle unless it is told not to.
    is_torch = isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "torch.load"
    only_weights = options.get("weights_only", not is_torch) is True
    return not only_weights or options.get("allow_pickle", False) is not False


def found_in(path):
    text = path.read_text("utf-8")
    sources = [text] if path.suffix == ".py" else cells.sources_of(text)
    return [line for source in sources for line in loads_of_pickles(source)]


def test_no_module_script_or_cell_loads_a_pickle_but_those_with_a_reason():
    found = {path.relative_to(ROOT).as_posix(): found_in(path) for path in SOURCES}
    found = {name: lines for name, lines in found.items() if lines}
    unexpected = {name: lines for name, lines in found.items() if name not in REASONS}
    assert unexpected == {}, "expected no pickle: use weights_only=True, safetensors or JSON"
    assert sorted(found) == sorted(REASONS), "a reason without a pickle"
