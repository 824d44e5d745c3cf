"""Each term of the equations on the page has its line of code and its row of the notation."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from test_play_core import js  # noqa: F401 - a fixture

from charseq import reference

NOTATION = Path(__file__).parents[2] / "docs" / "notation.md"
CELLS = ("RNN", "GRU", "LSTM")


def plain(tex):
    """A symbol as the playground has it: $h_{t-1}$ is h_t−1."""
    return re.sub(r"\\mathrm|[{}]", "", tex).replace("-", "−")


def rows_of_notation():
    """The cells of each row, by its symbols."""
    table = NOTATION.read_text("utf-8").split("## Symbols")[1]
    _, _, *rows = (
        [cell.strip() for cell in row[1:].rstrip("| ").split("|")]
        for row in re.findall(r"^\|.*", table, re.MULTILINE)
    )
    found = {}
    for cells in rows:
        for tex in re.findall(r"\$([^$]+)\$", cells[0]):
            found.setdefault(plain(tex), []).append(cells)
    return found


def row_of(symbol):
    """The only row of a symbol. z_t is the update gate here: the playground says logits_t."""
    return [row for row in rows_of_notation()[symbol] if "logits" not in row[1] or symbol[0] != "z"]


EVERY_TERM = """cell => linesOf(untrained({cell})).map(
    line => [line, termPieces(line).filter((_, k) => k % 2)])"""


def lines_of(name):
    """The lines of a function of the reference, without its docstring."""
    source = inspect.getsource(getattr(reference, name))
    docstring = ast.parse(source).body[0].body[0]
    lines = source.splitlines()
    return lines[: docstring.lineno - 1] + lines[docstring.end_lineno :]


@pytest.mark.parametrize("cell", CELLS)
def test_each_term_of_the_equations_is_found_in_the_code_of_the_reference(js, cell):
    for line, symbols in js(EVERY_TERM, cell):
        code = lines_of(line["code"])
        for symbol in symbols:
            place = js("found => findTerm(...found)", [line, symbol, code])
            assert place, f"{symbol} of {line['text']!r} is not in charseq.reference.{line['code']}"
            row = code[place["row"]].partition("  #")[0]
            piece = row[place["from"] : place["to"]]
            letter, index = symbol.split("_")
            names = {letter, symbol, f"{letter}_{index[0]}h"}  # h, W_hr, W_ih
            computed = {row.partition(sign)[2] for sign in ("return ", " = ")}  # or the whole sum
            is_whole = symbol == symbols[0] and any(text.startswith(piece) for text in computed)
            assert piece in names or (piece and is_whole), (symbol, piece)
            if symbol[0] in "Wb":  # a weight stands with its bias
                bias, weight = (names | {name.replace(letter, other, 1) for name in names}
                                for other in "Wb")  # fmt: skip
                assert any(name in row for name in bias), row
                assert any(name in row for name in weight), row


@pytest.mark.parametrize("cell", CELLS)
def test_each_symbol_has_one_row_of_the_notation_and_one_meaning(js, cell):
    found = js(EVERY_TERM, cell)
    for _, symbols in found:
        for symbol in symbols:
            assert len(row_of(symbol)) == 1, symbol
    computed = [line["text"].split(" = ")[0] for line, _ in found]
    assert len(set(computed)) == len(computed)  # no letter is both a gate and the logits
