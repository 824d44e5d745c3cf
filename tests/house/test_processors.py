"""The task `processors`: what it must not count as passed."""

import processors
import pytest

MACHINE = {"features": ["SSE3"], "dispatched": []}


@pytest.fixture
def compare(monkeypatch):
    """Compare on a machine whose only generation is SSE3, without running anything."""

    def compare(pages=({}, {}), said="", passed=True, machine=MACHINE):
        made = iter(pages)
        monkeypatch.setattr(processors, "probe", lambda env: machine)
        monkeypatch.setattr(processors, "pages_with", lambda env, folder: (said, next(made)))
        monkeypatch.setattr(processors, "tests_with", lambda env: (passed, "3 tests"))
        return processors.compare(oldest=False)

    return compare


def test_a_generation_that_the_machine_lacks_is_not_counted_as_passed(compare, capsys):
    assert compare() == 0
    said = capsys.readouterr().out
    assert "SSE3: 0 differences\nSSE3: 3 tests" in said
    for generation in processors.GENERATIONS[1:]:
        lack = f"{generation.name}: not tried, this machine lacks {generation.needs}\n"
        assert lack in said
        assert f"{generation.name}: 0" not in said
    assert compare(machine=MACHINE | {"features": []}) == 0
    assert "No generation was tried" in capsys.readouterr().out


def test_a_failed_test_a_failed_build_and_another_page_fail_the_task(compare, capsys):
    assert compare(passed=False) == 1
    assert compare(said="WARNING: a cell has failed") == 1
    assert compare(pages=({"page.html": ["a", "b"]}, {"page.html": ["a", "c"]})) == 1
    assert "page.html:2 shows 'c' instead of 'b'" in capsys.readouterr().out
