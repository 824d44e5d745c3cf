"""Each term of the equations on the page has its line of code and its row of the notation."""

import ast
import inspect
import itertools
import re
from pathlib import Path

import pytest
from test_play_core import js  # noqa: F401 - a fixture

from charseq import reference

NOTATION = Path(__file__).parents[2] / "docs" / "notation.md"
CELLS = ("RNN", "GRU", "LSTM")
SUMS = {"RNN": "h", "GRU": "rznh", "LSTM": "ifgoh"}


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


PLACES = {  # what stands before each term, in the line where it is used
    ("LSTM", "cell"): {"c_t": "", "f_t": "c = ", "c_t−1": "c = f * ", "g_t": "c = f * c + i * "},
    ("GRU", "candidate"): {
        "n_t": "",
        "r_t": "n = np.tanh(x_n + ",
        "h_t−1": "n = np.tanh(x_n + r * (",
    },
    ("GRU", "new state"): {"z_t": "return (1 - ", "h_t−1": "return (1 - z) * n + z * "},
}


@pytest.mark.parametrize(("cell", "name"), PLACES)
def test_the_marked_piece_stands_where_the_term_is_used(js, cell, name):
    (line,) = [line for line, _ in js(EVERY_TERM, cell) if line["name"] == name]
    code = lines_of(line["code"])
    for symbol, text in PLACES[cell, name].items():
        place = js("found => findTerm(...found)", [line, symbol, code])
        assert code[place["row"]][: place["from"]].lstrip() == text


@pytest.mark.parametrize("cell", CELLS)
def test_each_symbol_has_one_row_of_the_notation_and_one_meaning(js, cell):
    found = js(EVERY_TERM, cell)
    for _, symbols in found:
        for symbol in symbols:
            assert len(row_of(symbol)) == 1, symbol
    computed = [line["text"].split(" = ")[0] for line, _ in found]
    assert len(set(computed)) == len(computed)  # no letter is both a gate and the logits


SUM_TEXTS = """cell => {
    const model = untrained({cell});
    const pass = createPass(model, [0, 1, 2]);
    forward(model, pass);
    return sumsOf({model, pass, chars: ["a", "b", "c"]}, 1, 1)
        .map(({title, terms}) => [title, terms.map(({group, name}) => [group, name])]);
}"""


@pytest.mark.parametrize("cell", CELLS)
def test_the_sums_have_the_symbols_of_the_notation(js, cell):
    sums = js(SUM_TEXTS, cell)
    for title, terms in sums:
        for text in (title, *itertools.chain(*terms)):
            symbols = js("text => symbolPieces(text)", text)[1::2]
            symbols += re.findall(r"^(\w+)\[", text)  # W_hr[1, 0] is a number of W_hr
            assert all(len(row_of(symbol)) == 1 for symbol in symbols), text
            # No letter of a quantity stands without its index.
            rest = re.sub("|".join(map(re.escape, symbols)) or "$^", "", text)
            assert not re.search(r"\b(?!a\b)[a-z]\b", rest.replace("“b”", "")), text
    by_title = {title.rsplit(" ", 1)[1]: [name for _, name in terms] for title, terms in sums}
    assert list(by_title) == [f"{name}_t" for name in SUMS[cell]]
    own = {
        name: [f"W_i{name[0]}[1, 1]", f"b_i{name[0]}[1]", f"W_h{name[0]}[1, 0]"]
        for name in by_title
    }
    ends = {
        "RNN": own["h_t"],
        "GRU": ["(1 − z_t) n_t", "z_t h_t−1"],
        "LSTM": ["f_t c_t−1", "i_t g_t"],
    }
    for name, terms in by_title.items():
        assert terms[:3] == (ends[cell] if name == "h_t" else own[name])
