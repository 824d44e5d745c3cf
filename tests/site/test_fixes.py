"""Each page of docs/fix breaks where it says, with the message that it says, and leaves nothing."""

import json
import os
import re
from pathlib import Path

import pytest
import torch
import yaml
from lint import PARTS_OF_A_FIX
from warm import FORKS, WarmProcess

import cells
import faq
import fixes

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "docs" / "fix" / "index.md"
PAGES = sorted(page for page in INDEX.parent.glob("*.md") if page != INDEX)
# What a page must not change for the code that runs after it.
STATE = """(
    torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads(),
    torch.are_deterministic_algorithms_enabled(), torch.is_anomaly_enabled(),
    torch.get_default_device(), sys.getrecursionlimit(),
)"""
RUN = f"""
import json, os, sys, warnings
import torch
sys.path.insert(0, {str(ROOT / "docs" / "_ext" / "execution")!r})
import cells
warnings.simplefilter("default")
before = {STATE}
outputs = cells.run_cells(json.loads({{sources!r}}), {{{{}}}}, str)
assert before == {STATE}, "the page leaves settings of torch or Python changed"
print("\\n" + json.dumps([outputs, os.listdir()]))
"""


def name_of(page):
    return page.stem


def says(message, text):
    """Does the text say this? PyTorch 2.15 puts the name of a function before some messages."""
    message = " ".join(message.split())
    error = message.removesuffix(fixes.bare(message))
    return bool(re.search(rf"{re.escape(error)}(\w+: )?{re.escape(fixes.bare(message))}", text))


def front_matter(page):
    return yaml.safe_load(page.read_text("utf-8").split("---\n")[1])


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    if not FORKS:
        pytest.skip("only Linux forks a process with torch in it safely")
    process = WarmProcess(tmp_path_factory.mktemp("warm"), {**os.environ, "MPLBACKEND": "agg"})
    yield process
    process.end()


@pytest.fixture
def run(warm, tmp_path):
    """Run the cells of a page in a folder of their own; return their outputs and what is left."""

    def run(page):
        sources = cells.sources_of(page.read_text("utf-8"))
        script, log, folder = tmp_path / "run.py", tmp_path / "log.txt", tmp_path / "folder"
        folder.mkdir()
        code = RUN.format(sources=json.dumps(sources))
        script.write_text(f"import os\nos.chdir({str(folder)!r})\n{code}", "utf-8")
        code = warm.run(script, log)
        said = log.read_text("utf-8")
        assert code == 0, said
        outputs, left = json.loads(said.splitlines()[-1])
        return sources, outputs, left

    return run


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_page_breaks_where_it_says_and_its_fix_runs_and_nothing_is_left(path, run):
    about = front_matter(path)
    sources, outputs, left = run(path)
    for source, said in zip(sources, outputs, strict=True):
        assert not (failed := cells.failure(source, said)), failed
        assert not [o for o in said if o.get("name") == "stderr"], said
    assert left == [], "the page leaves files behind"
    marks = [cells.mark_of(source)[0] for source in sources]
    told = [
        "\n".join(o.get("traceback") or [o["text"]])
        for mark, said in zip(marks, outputs, strict=True)
        for o in said
        if mark and ("traceback" in o or "text" in o)
    ]
    if "stated" in about:
        assert "message" in about
        assert not any(marks), "what breaks here is not only stated"
    elif "message" in about:
        text = " ".join("\n".join(told).split())
        printed = [says(message, text) for message in fixes.messages_of(about)]
        assert any(printed), f"PyTorch {torch.__version__} says otherwise: {told}"
    else:
        assert "breaks" not in marks, "name the message in the front matter"


def test_a_page_that_breaks_elsewhere_or_not_at_all_is_noticed(tmp_path, run):
    page = tmp_path / "page.md"
    cell = "```{{code-cell}} python\n{}\n```\n"
    page.write_text(cell.format("import torch\n1 + 1  # breaks here") + cell.format("3"))
    sources, outputs, _ = run(page)
    assert "breaks in line 2, says its mark" in cells.failure(sources[0], outputs[0])
    assert outputs[1] == []


def test_the_parts_are_those_for_which_a_question_links_to_the_whole_page():
    assert tuple(part.lower().replace(" ", "-") for part in PARTS_OF_A_FIX) == faq.PARTS


def test_there_are_at_least_forty_pages():
    assert len(PAGES) >= 40
