"""The task `processors`: what it notes, what it compares, and what it must not count as passed."""

import json
import subprocess
import sys
from pathlib import Path

import processors
import pytest

PAGE = """\
# A page

```{code-cell} python
---
tags: [hide-cell]
---
x = 1
print(x,
      "is printed")
x + 1
```

Text.

```{code-cell} python
x + 2;
```

```{code-cell} python
import matplotlib.pyplot as plt
fig = plt.figure()
fig.set_label("What it shows")
fig.suptitle("A title");
```
"""


IN_ANOTHER_PROCESS = """
import json, sys
sys.path.insert(0, sys.argv[1])
import processors
print(json.dumps(processors.outputs(sys.argv[2])))
"""


def outputs_of(path, text):
    """Write a page or an example and run its cells in a process of their own, as the task does."""
    path.write_text(text)
    arguments = [str(Path(__file__).parent), str(path)]
    ran = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, *arguments],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    name, outputs = json.loads(ran.stdout)
    assert name == str(path)
    return outputs


def test_outputs_are_noted_with_the_first_line_of_their_cell(tmp_path):
    assert outputs_of(tmp_path / "page.md", PAGE) == {
        "7": "1 is printed\n2\n",
        "20": "What it shows\nA title\n",
    }


def test_a_failed_assertion_and_a_warning_are_reported_as_differences(tmp_path):
    for code in ("assert 1 > 2", "import warnings\nwarnings.warn('now')", "import sys\nsys.exit()"):
        lines = outputs_of(tmp_path / "page.py", code)
        (told,) = processors.differences({}, {"page.py": lines})
        assert told.startswith("page.py fails: ")


def test_a_difference_is_told_with_page_and_line():
    expected = {"page.md": {"3": "a\nloss 1.0\n", "9": "b\n"}}
    assert processors.differences(expected, expected) == []
    found = {"page.md": {"3": "a\nloss 1.1\n", "12": "c\n"}}
    assert processors.differences(expected, found) == [
        "page.md:3 shows 'loss 1.1' instead of 'loss 1.0'",
        "page.md:9 shows 'nothing' instead of 'b'",
        "page.md:12 shows 'c' instead of 'nothing'",
    ]


def test_every_page_and_example_has_its_cells_compared():
    pages = {processors.ROOT / name for name in processors.files()}
    with_cells = {
        path
        for path in (processors.ROOT / "docs").rglob("*.md")
        if processors.cut(path) and "gallery" not in path.parts and "generated" not in path.parts
    }
    assert with_cells <= pages


MACHINE = {"features": ["SSE3"], "dispatched": [], "torch": "DEFAULT", "exp": "0"}


@pytest.fixture
def compare(monkeypatch):
    """Compare on a machine whose only generation is SSE3, without running anything."""
    monkeypatch.setattr(processors, "files", lambda: ["README.md", "docs/learn/gru.md"])

    def compare(outputs=lambda env, names: {}, passed=True, machine=MACHINE):
        monkeypatch.setattr(processors, "probe", lambda env: machine)
        monkeypatch.setattr(processors, "outputs_with", outputs)
        monkeypatch.setattr(processors, "tests_with", lambda env, tests: (passed, "3 tests"))
        return processors.compare(oldest=False)

    return compare


def test_a_generation_that_the_machine_lacks_is_not_counted_as_passed(compare, capsys):
    assert compare() == 0
    said = capsys.readouterr().out
    assert "SSE3: all outputs equal; 3 tests" in said
    for generation in processors.GENERATIONS[1:]:
        lack = f"{generation.name}: not tried, this machine lacks {generation.needs}\n"
        assert lack in said
        assert f"{generation.name}: all" not in said
    assert compare(machine=MACHINE | {"features": []}) == 0
    assert "No generation was tried" in capsys.readouterr().out


def test_failed_tests_and_other_outputs_fail_the_task(compare, capsys):
    assert compare(passed=False) == 1
    other = iter([{"page.md": {"1": "a"}}, {"page.md": {"1": "b"}}])
    assert compare(outputs=lambda env, names: next(other)) == 1
    assert "page.md:1 shows 'b' instead of 'a'" in capsys.readouterr().out


def test_a_library_that_ignores_its_environment_variable_is_named():
    machine = MACHINE | {"dispatched": ["X86_V3"]}
    old = processors.GENERATIONS[0]
    found = {"torch": "DEFAULT", "openblas": "Katmai", "mkl": "AUTO", "onednn": "SSE4.1"}
    found |= {"dispatched": [], "exp": "1"}
    assert processors.obedience(old, found, machine) == (
        ["torch", "OpenBLAS", "oneDNN", "NumPy", "C library"], ["MKL"],
    )  # fmt: skip
    found |= {"torch": "AVX2", "dispatched": ["X86_V3"], "exp": "0"}
    assert processors.obedience(old, found, machine) == (
        ["OpenBLAS", "oneDNN"], ["torch", "MKL", "NumPy", "C library"],
    )  # fmt: skip
