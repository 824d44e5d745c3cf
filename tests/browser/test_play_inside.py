"""The playground's look inside, and its sum term by term: every number against the reference."""

import ast
import inspect
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from accessible import problems_in_each_look
from javascript import STORE
from playwright.sync_api import expect
from test_pages import quiet  # noqa: F401 - a fixture
from test_play_core import js  # noqa: F401 - a fixture

from charseq import CharRNN, RNNParams, Vocabulary, reference, train

NOTATION = Path(__file__).parents[2] / "docs" / "notation.md"
TEXT = " learned deep learning"
EPOCHS = 8
CELLS = ("RNN", "GRU", "LSTM")
GATES = {"RNN": "h", "GRU": "rzn", "LSTM": "ifgo"}
SUMS = {"RNN": "h", "GRU": "rznh", "LSTM": "ifgoh"}

# Each term of the equations, the line of code that it is, and the piece of it that is marked.
FROM_INPUT = "from_input = x @ params.W_ih.T + params.b_ih"
FROM_MEMORY = "from_memory = h @ params.W_hh.T + params.b_hh"
SPLIT = "x_r, x_z, x_n = np.split(x @ params.W_ih.T + params.b_ih, 3, axis=-1)"
OUTPUT = "return h @ W_hy.T + b_y"
LOGITS = {
    "logits_t": (OUTPUT, "h @ W_hy.T + b_y"),
    "W_hy": (OUTPUT, "W_hy"),
    "h_t": (OUTPUT, "h"),
    "b_y": (OUTPUT, "b_y"),
}


def gru_gate(gate, line, **more):
    """A line of the GRU's gates, of which the input comes from the split above."""
    return {
        f"{gate}_t": (line, gate),
        f"W_i{gate}": (SPLIT, "W_ih"),
        "x_t": (SPLIT, "x"),
        f"b_i{gate}": (SPLIT, "b_ih"),
        **more,
        f"W_h{gate}": (line, f"W_h{gate}"),
        "h_t−1": (line, "h"),
        f"b_h{gate}": (line, f"b_h{gate}"),
    }


def lstm_gate(gate):
    return {
        f"{gate}_t": ("return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)", gate),
        f"W_i{gate}": (FROM_INPUT, "W_ih"),
        "x_t": (FROM_INPUT, "x"),
        f"b_i{gate}": (FROM_INPUT, "b_ih"),
        f"W_h{gate}": (FROM_MEMORY, "W_hh"),
        "h_t−1": (FROM_MEMORY, "h"),
        f"b_h{gate}": (FROM_MEMORY, "b_hh"),
    }


NEW = "n = np.tanh(x_n + r * (h @ W_hn.T + b_hn))"
BETWEEN = "return (1 - z) * n + z * h"
CELL = "c = f * c + i * g"
SHOWN = "return o * np.tanh(c), c"
TERMS = {
    "RNN": {
        "new state": {
            "h_t": (
                "return np.tanh(from_input + from_memory)",
                "np.tanh(from_input + from_memory)",
            ),
            "W_ih": (FROM_INPUT, "W_ih"),
            "x_t": (FROM_INPUT, "x"),
            "b_ih": (FROM_INPUT, "b_ih"),
            "W_hh": (FROM_MEMORY, "W_hh"),
            "h_t−1": (FROM_MEMORY, "h"),
            "b_hh": (FROM_MEMORY, "b_hh"),
        },
        "logits": LOGITS,
    },
    "GRU": {
        "reset gate": gru_gate("r", "r = sigmoid(x_r + h @ W_hr.T + b_hr)"),
        "update gate": gru_gate("z", "z = sigmoid(x_z + h @ W_hz.T + b_hz)"),
        "candidate": gru_gate("n", NEW, r_t=(NEW, "r")),
        "new state": {
            "h_t": (BETWEEN, "(1 - z) * n + z * h"),
            "z_t": (BETWEEN, "z"),
            "n_t": (BETWEEN, "n"),
            "h_t−1": (BETWEEN, "h"),
        },
        "logits": LOGITS,
    },
    "LSTM": {
        "input gate": lstm_gate("i"),
        "forget gate": lstm_gate("f"),
        "candidate": lstm_gate("g"),
        "output gate": lstm_gate("o"),
        "cell": {
            "c_t": (CELL, "c"),
            "f_t": (CELL, "f"),
            "c_t−1": (CELL, "c"),
            "i_t": (CELL, "i"),
            "g_t": (CELL, "g"),
        },
        "new state": {
            "h_t": (SHOWN, "o * np.tanh(c)"),
            "o_t": (SHOWN, "o"),
            "c_t": (SHOWN, "c"),
        },
        "logits": LOGITS,
    },
}


@pytest.fixture
def play(quiet, site):
    """Open the playground at an address, or another page; with its part at hand."""
    quiet.add_init_script(STORE)

    def open_(part, hash="", page="playground.html"):
        quiet.goto("about:blank")
        quiet.goto((site / page).as_uri() + hash)
        quiet.locator(f"[data-play='{part}']").scroll_into_view_if_needed()
        found = quiet.locator(f".play-{part}")
        found.locator("[aria-pressed='true'], tfoot").first.wait_for(state="attached")
        return found

    return open_


def address(cell, **place):
    settings = {"cell": cell, "hidden": 5, "epochs": EPOCHS} | place
    return "#" + "&".join(f"{name}={value}" for name, value in settings.items())


@pytest.fixture(scope="module")
def nets():
    """For each cell the arrays of the last epoch, by the names that the page has for them."""
    return {cell: arrays(cell) for cell in CELLS}


def arrays(cell):
    vocab = Vocabulary.from_text(TEXT)
    H, V, T = 5, len(vocab), len(TEXT) - 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CharRNN(V, H, cell=cell, output_layer=True).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    if EPOCHS > 1:
        train(model, vocab, TEXT, epochs=EPOCHS - 1, optimizer=optimizer)
    p = {name: value.detach().numpy() for name, value in model.named_parameters()}
    params = RNNParams(*(p[f"rnn.{name}_l0"] for name in
                         ("weight_ih", "weight_hh", "bias_ih", "bias_hh")))  # fmt: skip
    x = np.eye(V)[vocab.encode(TEXT[:-1])]  # (T, V)
    h, c = np.zeros((T + 1, H)), np.zeros((T + 1, H))
    for t in range(T):
        now, last = x[None, t], h[None, t]
        if cell == "LSTM":
            h[t + 1], c[t + 1] = reference.lstm_step(now, (last, c[None, t]), params)
        else:
            step = {"RNN": reference.rnn_step, "GRU": reference.gru_step}[cell]
            h[t + 1] = step(now, last, params)
    gates = {
        "RNN": lambda: [h[1:]],
        "GRU": lambda: reference.gru_gates(x, h[:-1], params),
        "LSTM": lambda: reference.lstm_gates(x, h[:-1], params),
    }[cell]()
    logits = reference.output_layer(h[1:], p["head.weight"], p["head.bias"])
    with torch.no_grad():
        by_torch = model(torch.tensor(vocab.encode(TEXT[:-1]))[None])[0][0].numpy()
    np.testing.assert_allclose(logits, by_torch, atol=1e-12)
    found = {"x_t": x, "h_t": h, "h_t−1": h, "c_t": c, "c_t−1": c, "logits_t": logits}
    found |= {"W_hy": p["head.weight"].T, "b_y": p["head.bias"][:, None]}
    for k, gate in enumerate(GATES[cell]):
        rows = slice(k * H, (k + 1) * H)
        if gate != "h":
            found[f"{gate}_t"] = gates[k]
        found[f"W_i{gate}"], found[f"W_h{gate}"] = params.W_ih[rows].T, params.W_hh[rows].T
        found[f"b_i{gate}"] = params.b_ih[rows, None]
        found[f"b_h{gate}"] = params.b_hh[rows, None]
    return found


def number(text):
    return float(text.replace("−", "-"))


def read_table(part):
    """The numbers of the table beneath the heat map."""
    return part.evaluate(
        """part => [...part.querySelectorAll(".play-panel details tbody tr")].map(
            row => [...row.querySelectorAll("td")].map(cell => cell.textContent))"""
    )


def symbols(line):
    """Symbol and button of each term of a line, in order."""
    for button in line.locator(".play-term").all():
        letter, index = (button.locator(tag).text_content() for tag in ("var", "sub"))
        yield f"{letter}_{index}", button


def plain(tex):
    """A symbol as the playground has it: $h_{t-1}$ is h_t−1."""
    return re.sub(r"\\mathrm|[{}]", "", tex).replace("-", "−")


def rows_of_notation():
    """The cells of each row, by its symbols; of the head, by none."""
    table = NOTATION.read_text("utf-8").split("## Symbols")[1]
    head, _, *rows = (
        [cell.strip() for cell in row[1:].rstrip("| ").split("|")]
        for row in re.findall(r"^\|.*", table, re.MULTILINE)
    )
    found = {"": [head]}
    for cells in rows:
        for tex in re.findall(r"\$([^$]+)\$", cells[0]):
            found.setdefault(plain(tex), []).append(cells)
    return found


def row_of(symbol):
    """The only row of a symbol. z_t is the update gate here: the playground says logits_t."""
    return [row for row in rows_of_notation()[symbol] if "logits" not in row[1] or symbol[0] != "z"]


# --- look inside ----------------------------------------------------------------------------------


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
            expected = TERMS[cell][line["name"]][symbol]
            row = code[place["row"]] if place else ""
            piece = row[place["from"] : place["to"]] if place else ""
            assert (row.split("  #")[0].strip(), piece) == expected, (
                f"the playground marks {symbol} of {line['text']!r} in the source of "
                f"charseq.reference.{line['code']}: `findTerm` of equation-terms.js must find "
                f"{expected[1]!r} in the line {expected[0]!r}"
            )


@pytest.mark.parametrize(
    ("cell", "name", "before"),
    [
        ("LSTM", "cell", ["", "c = ", "c = f * ", "c = f * c + ", "c = f * c + i * "]),
        ("GRU", "candidate", {"n_t": "", "r_t": f"{NEW[:18]}", "h_t−1": f"{NEW[:23]}"}),
    ],
)
def test_the_marked_piece_stands_where_the_term_is_used(js, cell, name, before):
    [(line, symbols)] = [pair for pair in js(EVERY_TERM, cell) if pair[0]["name"] == name]
    code = lines_of(line["code"])
    expected = before if isinstance(before, dict) else dict(zip(symbols, before, strict=True))
    for symbol, text in expected.items():
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


def test_a_term_marks_those_of_the_same_symbol_and_no_others(play):
    part = play("inside", address("GRU"))
    part.get_by_role("group", name="update gate").locator(".play-term").first.click()
    same = part.locator(".play-same")
    assert same.all_text_contents() == ["zt (5,)"] * 2
    line = part.get_by_role("group", name="new state")
    assert line.locator(".play-same").count() == 2
    part.get_by_role("group", name="logits").locator(".play-term").first.click()
    assert same.count() == 0


@pytest.mark.parametrize("cell", CELLS)
def test_every_term_shows_its_numbers_its_code_and_its_row_of_the_notation(play, nets, cell):
    part = play("inside", address(cell))
    part.locator(".play-panel summary").click()
    (head,) = rows_of_notation()[""]
    lines = {line.locator("> small").text_content(): line
             for line in part.locator(".play-equation").all()}  # fmt: skip
    assert list(lines) == list(TERMS[cell])
    for name, line in lines.items():
        assert {symbol for symbol, _ in symbols(line)} == set(TERMS[cell][name])
        for symbol, button in symbols(line):
            button.click()
            assert part.locator("[aria-pressed='true']").count() == 1
            assert button.get_attribute("aria-pressed") == "true"
            # numbers
            array = nets[cell][symbol]
            shown = [[number(text) for text in row] for row in read_table(part)]
            np.testing.assert_allclose(shown, array.T, atol=5.001e-4, err_msg=symbol)
            shape = re.findall(r"\d+", button.locator("small").text_content())
            is_vector = symbol[0] not in "W"
            expected = [max(array.shape) if symbol[0] == "b" else array.shape[1]]
            expected = expected if is_vector else list(array.T.shape)
            assert [int(size) for size in shape] == expected, symbol
            # code
            code, marked = TERMS[cell][name][symbol]
            row = part.locator(".play-code [aria-current]")
            assert row.text_content().split("  #")[0].strip() == code, (name, symbol)
            assert row.locator("mark").text_content() == marked, (name, symbol)
            # notation
            (row,) = row_of(symbol)
            meaning = part.locator(".play-notation dd").nth(1).text_content()
            assert meaning.startswith(re.split('[$"]', row[1])[0]), symbol  # quotes get curly
            heads = part.locator(".play-notation dt").all_text_contents()
            assert heads == [name for name, text in zip(head, row, strict=True) if text]
            names = part.locator(".play-notation code").all_text_contents()
            assert names == re.findall(r"`([^`]+)`", row[3] + row[4]), symbol


def minus(value):
    return f"{value:.3f}".replace("-", "−")


# A pixel a number: -1 where it is more indigo than the sheet, 1 where it is more golden.
# What is drawn over the cells of a heat map: strokes in the middle, and the left edge of a frame.
DRAWN = """canvas => {
    const [over, beside] = ["over", "beside"].map(where =>
        [...canvas.closest(".play-map").querySelectorAll(`.play-names-${where} span`)]);
    const columns = over.length, side = canvas.width / columns;
    const pen = new OffscreenCanvas(canvas.width, canvas.height)
        .getContext("2d", {willReadFrequently: true});
    pen.drawImage(canvas, 0, 0);
    const at = (x, y) =>
        pen.getImageData(Math.floor(x * side), Math.floor(y * side), 1, 1).data.join();
    const cells = isDrawn => Array.from({length: columns * Math.max(1, beside.length)},
        (_, k) => isDrawn(k % columns, Math.floor(k / columns)));
    return {
        strokes: cells((x, y) => at(x + 0.45, y + 0.47) !== at(x + 0.45, y + 0.2)),
        frame: cells((x, y) => at(x, y + 0.2) !== at(x + 0.2, y + 0.2)),
        marked: [beside, over].map(all => all.findIndex(name => name.matches(".play-at"))),
    };
}"""
SIGNS = """canvas => {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const found = [];
    for (let k = 0; k < data.length; k += 4) found.push(Math.sign(data[k] - data[k + 2]));
    return found;
}"""


def test_words_frames_and_small_pictures_follow_step_and_unit(play, nets):
    part = play("inside", address("LSTM", t=6, unit=4))
    vocab, net = Vocabulary.from_text(TEXT), nets["LSTM"]
    id = vocab.encode(TEXT)[6]
    assert TEXT[6] == "e"
    logits = net["logits_t"][6]
    best, p = vocab.chars[logits.argmax()], reference.softmax(logits).max()
    output = (
        f"Unit 4 multiplies column 4 by its state, {minus(net['h_t'][7, 4])}, and adds it to the "
        "logits."
    )
    opens = "A gate is shut at 0 and open at 1."
    lies = "A candidate lies between −1 and 1."
    said = {  # in words, then the column and the row in the frame
        "h_t": (f"Unit 4 holds {minus(net['h_t'][7, 4])} after “e”.", "e", "4"),
        "h_t−1": (f"Unit 4 holds {minus(net['h_t'][6, 4])} before “e”.", "n", "4"),
        "c_t": (f"Unit 4 holds {minus(net['c_t'][7, 4])} after “e”.", "e", "4"),
        "c_t−1": (f"Unit 4 holds {minus(net['c_t'][6, 4])} before “e”.", "n", "4"),
        "f_t": (f"At “e”, unit 4 has {minus(net['f_t'][6, 4])}. {opens}", "e", "4"),
        "g_t": (f"At “e”, unit 4 has {minus(net['g_t'][6, 4])}. {lies}", "e", "4"),
        "x_t": ("Step 7 reads “e”: a single 1, in the row of “e”.", "e", ""),
        "W_if": (f"Reading “e” adds {minus(net['W_if'][id, 4])} to unit 4.", "e", "4"),
        "W_hf": (
            "Row 4: the weight that unit 4 gives to each unit of the state before “e”. "
            f"Times that state, it adds {minus(net['W_hf'][:, 4] @ net['h_t'][6])} to unit 4.",
            *("", "4"),
        ),
        "b_hg": (f"Adds {minus(net['b_hg'][4, 0])} to unit 4.", "4", ""),
        "W_hy": (output, "4", ""),
        "logits_t": (
            f"After “e”, the likeliest is “{best}”, with probability {p:.2f}.",
            *("e", ""),
        ),
    }
    terms = dict(symbols(part))
    for symbol, (words, column, row) in said.items():
        terms[symbol].click()
        assert part.locator(".play-panel p").nth(1).text_content() == words
        for where, name in (("over", column), ("beside", row)):
            framed = part.locator(f".play-names-{where} .play-at").all_text_contents()
            assert framed == [name] * bool(name), symbol
        drawn = part.locator(".play-map canvas").evaluate(DRAWN)
        strokes, frame = (
            np.reshape(drawn[name], net[symbol].T.shape) for name in ("strokes", "frame")
        )
        large = abs(net[symbol].T) > 0.1
        assert (strokes == (net[symbol].T < 0))[large].all(), symbol
        expected, (at_row, at_column) = np.zeros_like(frame), drawn["marked"]
        expected[at_row if at_row >= 0 else slice(None), max(0, at_column)] = True
        assert (frame == expected).all(), symbol
        # The small picture: a matrix as it is, a vector as it was at this step.
        array = net[symbol].T
        if symbol[0] not in "Wb":
            array = array[:, [6 + (symbol in ("h_t", "c_t"))]]
        signs = np.reshape(terms[symbol].locator("canvas").evaluate(SIGNS), np.shape(array))
        assert (signs == np.sign(array))[abs(array) > 0.1].all(), symbol


def test_without_an_output_layer_the_states_are_the_logits(play):
    part = play("inside", "#outputLayer=false&lr=0.5&epochs=3")
    assert part.locator(".play-equation").count() == 1
    assert part.locator(".play-equations").text_content().endswith("the states are the logits.")


def test_the_sliders_of_both_parts_move_one_place(play, quiet):
    step = play("step", address("RNN"))
    inside = quiet.locator(".play-inside")
    for part in (inside, step):
        for label, value in (("Time step t", "4"), ("Unit", "3")):
            part.get_by_label(label, exact=True).fill("1")
            part.get_by_label(label, exact=True).fill(value)
        assert quiet.evaluate("[store.view.t, store.view.unit]") == [3, 3]
        for other in (inside, step):  # each part is told in a task of its own
            expect(other.locator("output")).to_have_text(["4: “a”", "3"])


def test_the_terms_are_chosen_by_keyboard_and_told_to_a_screen_reader(play, quiet):
    part = play("inside", address("GRU", t=2))
    part.locator(".play-term").first.focus()
    for _ in range(2):  # r_t, W_ir, x_t
        quiet.keyboard.press("Tab")
    quiet.keyboard.press("Enter")
    chosen = part.locator("[aria-pressed='true']")
    assert chosen.text_content().split() == ["xt", "(10,)"]
    assert chosen.evaluate("button => button === document.activeElement")
    quiet.keyboard.press("Shift+Tab")
    quiet.keyboard.press("Space")
    assert chosen.text_content().split() == ["Wir", "(5,", "10)"]
    said = part.locator("[role='status']")
    quiet.wait_for_function("text => text.textContent.startsWith('Reading')",
                            arg=said.element_handle())  # fmt: skip
    assert said.text_content() == part.locator(".play-panel p").nth(1).text_content()


def test_the_choice_stays_as_the_epoch_changes_and_falls_back_with_the_cell(play, quiet):
    part = play("inside", address("GRU"))
    part.locator(".play-term").nth(4).click()
    before = part.locator("[aria-pressed='true']").element_handle()
    part.locator(".play-panel summary").click()
    numbers = part.locator(".play-panel details tbody")
    at_the_end = numbers.text_content()
    quiet.evaluate("store.set({epoch: 2})")
    expect(numbers).not_to_have_text(at_the_end)
    assert before.evaluate("button => button.isConnected && button.ariaPressed") == "true"
    quiet.evaluate(f"location.hash = '{address('LSTM')}'")
    quiet.wait_for_selector(".play-lstm")
    assert part.locator("[aria-pressed='true']").count() == 1


# --- look inside, where a chapter teaches the equation --------------------------------------------


HELLO = RNNParams(
    np.array([[0.5, -0.3, 0.8, 0.1], [-0.6, 0.9, 0.2, -0.4]]),
    np.array([[0.7, -0.5], [0.4, 0.6]]),
    np.array([0.1, 0.0]),
    np.array([0.0, -0.1]),
)
LATCH = RNNParams(
    np.array([[6.0, -6, -6], [-6, 6, -6], [3, 0, 0], [6, 6, 6]]),
    np.zeros((4, 1)),
    np.zeros(4),
    np.zeros(4),
)
STILL = """html => [...new DOMParser().parseFromString(html, "text/html").querySelectorAll(
    "[data-play='inside'] tbody tr")].map(row => [...row.cells].map(cell => cell.textContent))"""


def still_of(quiet, page):
    return quiet.evaluate(STILL, page.read_text("utf-8"))


def numbers_of(part, name):
    """The numbers of a line's result, once its term is chosen."""
    part.get_by_role("group", name=name).locator(".play-term").first.click()
    return read_table(part)


def test_chapter_1_looks_inside_the_network_that_it_reads_hello_with(play, quiet, site):
    part = play("inside", page="learn/recurrence.html")
    assert part.locator(".play-equation").count() == 1
    part.locator(".play-panel summary").click()
    outputs, _ = reference.rnn_forward(np.eye(4)[[0, 1, 2, 2, 3]][None], np.zeros((1, 2)), HELLO)
    states = np.vstack([np.zeros(2), outputs[0]]).T
    assert numbers_of(part, "new state") == [[minus(x) for x in row] for row in states]
    rows = still_of(quiet, site / "learn/recurrence.html")
    values = (states[:, 1], HELLO.W_ih[:, 0], HELLO.b_ih, states[:, 0], HELLO.b_hh)
    assert [row[1:] for row in rows] == [[minus(x) for x in value] for value in values]
    assert part.locator(".play-code .play-hit").text_content().strip().startswith("return np.tanh")


def test_chapter_6_looks_inside_the_layer_that_gives_three_answers_to_an_n(play, quiet, site):
    part = play("inside", page="learn/output-layer.html")
    assert [symbol for symbol, _ in symbols(part)] == ["z_t", "W_hy", "h_t", "b_y"]
    vocab = Vocabulary.from_text(TEXT)
    model = CharRNN(10, 10, seed=0).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    train(model, vocab, TEXT, epochs=199, optimizer=optimizer)
    ids = torch.tensor(vocab.encode(TEXT[:-1]))[None]
    with torch.no_grad():
        states, logits = (found[0][0].numpy() for found in (model.states(ids), model(ids)))
    rows = still_of(quiet, site / "learn/output-layer.html")
    assert [row[0] for row in rows] == ["6", "19", "21"]
    for step, *told in rows:
        t = int(step) - 1
        p, best = reference.softmax(logits[t]), logits[t].argmax()
        char = vocab.chars[best]
        assert told == [f"“{char}”", f"{p[best]:.2f}", minus(logits[t, best]), minus(states[t, 4])]
        part.get_by_label("Time step t").fill(step)
        says = f"After “n”, the likeliest is “{char}”, with probability {p[best]:.2f}."
        expect(part.locator(".play-panel p").nth(1)).to_have_text(says)
    meaning = part.locator(".play-notation dd").nth(1)
    assert meaning.text_content().startswith("logits: the scores")


def test_chapter_9_looks_inside_its_latch_of_one_bit(play, quiet, site):
    part = play("inside", page="learn/gates.html")
    assert part.locator(".play-equation").count() == 6
    assert not part.get_by_label("Unit", exact=True).is_visible()  # there is one
    part.locator(".play-panel summary").click()
    h, c = np.zeros((1, 1)), np.zeros((1, 1))
    rows = []
    for char in "x(xxx)x)":
        x, before = np.eye(3)[["(x)".index(char)]], c
        i, f, g, o = reference.lstm_gates(x, h, LATCH)
        h, c = reference.lstm_step(x, (h, c), LATCH)
        rows.append([float(value.item()) for value in (f, before, i, g, c, o, h)])
    f, before, i, g, c, o, h = np.transpose(rows)
    lines = {"forget gate": f, "input gate": i, "candidate": g, "output gate": o}
    for name, values in lines.items():
        assert numbers_of(part, name) == [[minus(x) for x in values]], name
    for name, values in (("cell", c), ("new state", h)):
        assert numbers_of(part, name) == [[minus(x) for x in [0.0, *values]]], name
    [row] = still_of(quiet, site / "learn/gates.html")
    assert row[1:] == [minus(x) for x in rows[5][:5]]
    hit = part.locator(".play-code .play-hit mark")
    assert hit.text_content() == "o * np.tanh(c)"


# --- one step, term by term -----------------------------------------------------------------------


def sum_shown(step):
    """What the table says: (product, adds, sum so far) of each term, and the value at its foot."""
    rows = [
        row.locator("small, td:not(.play-lane)").all_text_contents()
        for row in step.locator("tbody tr:not(.play-sum-group)").all()
    ]
    return rows, step.locator("tfoot td:not(.play-lane)").nth(1).text_content()


@pytest.mark.parametrize("cell", CELLS)
def test_the_sum_ends_at_the_value_in_the_table_of_states(play, nets, quiet, cell):
    step = play("step", address(cell, t=5, unit=2))
    t, unit = (quiet.evaluate(f"store.view.{name}") for name in ("t", "unit"))
    assert (t, unit) == (5, 2)
    for k, name in enumerate(SUMS[cell]):
        if cell != "RNN":
            step.get_by_role("radio").nth(k).check(force=True)
        step.get_by_role("button", name="All").click()
        rows, value = sum_shown(step)
        sums = np.cumsum([np.prod([number(x) for x in row[0].split(" × ")]) for row in rows])
        np.testing.assert_allclose([number(row[1]) for row in rows], np.diff(sums, prepend=0),
                                   atol=3e-3)  # fmt: skip
        np.testing.assert_allclose([number(row[2]) for row in rows], sums, atol=5e-3)
        array = nets[cell][f"{name}_t"]
        exact = array[t + (name == "h"), unit]
        assert value == minus(exact), name
        total = number(rows[-1][2])
        if name == "h" and cell == "GRU":
            through = total
        elif name in "hgn":
            through = np.tanh(total)
        else:
            through = 1 / (1 + np.exp(-total))
        if name == "h" and cell == "LSTM":
            share = nets[cell]["o_t"][t, unit]
            foot = step.locator("tfoot small").first.text_content()
            assert foot == f"{minus(share)} × {minus(np.tanh(nets[cell]['c_t'][t + 1, unit]))}"
            through *= share
        assert abs(through - exact) < 1e-3
        ends = ["1", "−1" if name in "hgn" else "0"] * ((name, cell) != ("h", "GRU"))
        assert step.locator(".play-squash small").all_text_contents() == ends
        said = step.locator(".play-said").text_content()
        assert said.endswith(f" = {value}")
        assert said.count(" = ") == (1 if name == "h" and cell == "GRU" else 2)
        count = 2 if name == "h" and cell != "RNN" else 5 + 3
        assert len(rows) == count
    # The state's value stands in the table of the part above, too.
    inside = quiet.locator(".play-inside")
    inside.get_by_role("group", name="new state").locator(".play-term").first.click()
    inside.locator(".play-panel summary").click()
    inside.locator(".play-panel details tbody").wait_for()
    assert read_table(inside)[unit][t + 1] == value


def test_terms_come_one_by_one_and_go_again(play, quiet):
    step = play("step", address("RNN", t=5))
    back, forward, everything = (
        step.get_by_role("button", name=name) for name in ("Back", "Next term", "All")
    )
    said = step.locator(".play-said")
    shown = step.locator("tbody tr:not(.play-sum-later):not(.play-sum-group)")
    assert shown.count() == 1
    assert back.get_attribute("aria-disabled") == "true"
    back.click(force=True)  # says that it does nothing, and does nothing

    def says_term(count):
        name = step.locator("tbody tr:not(.play-sum-group) th span span").nth(count - 1)
        _, adds, after = sum_shown(step)[0][count - 1]
        told = f"{name.text_content()} adds {adds}: the sum so far is {after}."
        return said.text_content() == told

    assert says_term(1)
    forward.focus()
    for count in range(2, 9):
        quiet.keyboard.press("Enter")
        assert shown.count() == count
        assert says_term(count)
    assert sum_shown(step)[1] == "·"
    quiet.keyboard.press("Enter")
    assert said.text_content().startswith("All 8 terms: ht = tanh(")
    assert said.locator("sub").text_content() == "t"
    assert forward.get_attribute("aria-disabled") == "true"
    quiet.keyboard.press("Enter")  # nothing more
    assert forward.evaluate("button => button === document.activeElement")
    quiet.wait_for_function("status => status.textContent.startsWith('All 8 terms: h_t = ')",
                            arg=step.locator("[role='status']").element_handle())  # fmt: skip
    back.click()
    assert says_term(8)
    everything.click()
    assert said.text_content().startswith("All 8 terms: ")


def test_arrows_point_where_the_sum_goes_and_meet_the_curve(play):
    step = play("step", address("RNN", t=5))
    step.get_by_role("button", name="All").click()
    axis = step.locator("thead .play-lane").bounding_box()
    middle, half = axis["x"] + axis["width"] / 2, axis["width"] / 2
    rows = sum_shown(step)[0]
    reach = 1.1 * max(1.5, *(abs(number(row[2])) for row in rows))
    assert step.locator("thead .play-lane span").last.text_content() == f"{reach:.1f}"
    before = 0.0
    for row, bar in zip(rows, step.locator(".play-bar").all(), strict=True):
        after, box = number(row[2]), bar.bounding_box()
        ends = sorted((before, after))
        assert abs(box["x"] - (middle + half * ends[0] / reach)) < 2
        assert abs(box["x"] + box["width"] - (middle + half * ends[1] / reach)) < 3
        assert ("play-bar-less" in bar.get_attribute("class")) == row[1].startswith("−")
        before = after
    dot = step.locator(".play-squash-dot").bounding_box()
    assert abs(dot["x"] + dot["width"] / 2 - (middle + half * before / reach)) < 6
    curve = step.locator(".play-squash svg").bounding_box()
    high = (dot["y"] + dot["height"] / 2 - curve["y"]) / curve["height"]
    assert high == pytest.approx(0.95 - 0.9 * (np.tanh(before) + 1) / 2, abs=0.03)


def test_the_chapters_sum_is_the_one_it_does_by_hand(play, quiet):
    step = play("step", page="learn/recurrence.html")
    step.get_by_role("button", name="All").click()
    rows, value = sum_shown(step)
    assert rows == [
        ["−0.300 × 1", "−0.300", "−0.300"],
        ["0.100", "0.100", "−0.200"],
        ["0.700 × 0.537", "0.376", "0.176"],
        ["−0.500 × −0.604", "0.302", "0.478"],
        ["0", "0.000", "0.478"],
    ]
    assert value == "0.445"
    assert step.locator(".play-sum-group").all_text_contents() == [
        "What “e” adds−0.200",
        "What the old state ht−1 adds0.678",
    ]
    # All five letters, both units: the chapter's last states.
    step.get_by_label("Time step t").fill("5")
    assert step.locator("output").first.text_content() == "5: “o”"
    _, last = reference.rnn_forward(np.eye(4)[[0, 1, 2, 2, 3]][None], np.zeros((1, 2)), HELLO)
    for unit in range(2):
        step.get_by_label("Unit").fill(str(unit))
        assert sum_shown(step)[1] == minus(last[0, unit])


# --- for everyone ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_both_parts_are_accessible_and_fit(play, quiet, cell):
    inside = play("inside", address(cell, t=3))
    inside.locator(".play-panel summary").click()
    inside.locator(".play-term").nth(3).click()  # a bias, drawn lying down
    play_step = quiet.locator("[data-play='step']")
    play_step.scroll_into_view_if_needed()
    quiet.locator(".play-step tfoot").wait_for()
    quiet.locator(".play-step").get_by_role("button", name="Next term").click()
    assert problems_in_each_look(quiet, ".play-inside, .play-step") == []


def test_a_cell_of_a_large_map_has_room_for_its_stroke(play, quiet):
    part = play("inside", address("RNN", hidden=64, t=3))
    part.get_by_role("group", name="new state").locator(".play-term").nth(4).click()  # W_hh
    for width in (320, 1200):
        quiet.set_viewport_size({"width": width, "height": 900})
        # The heat map draws strokes from six pixels on.
        canvas = part.locator(".play-map canvas").element_handle()
        quiet.wait_for_function("map => map.clientWidth / 64 >= 6", arg=canvas)


def test_the_chapters_table_without_scripts_is_what_the_part_shows(play, browser, site):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((site / "learn/recurrence.html").as_uri())
    fallback = [
        row.locator("td").all_text_contents()
        for row in tab.locator("[data-play='step'] tbody tr").all()
    ]
    context.close()
    step = play("step", page="learn/recurrence.html")
    step.get_by_role("button", name="All").click()
    rows, value = sum_shown(step)
    assert [cells[1:] for cells in fallback] == [*rows, ["", "", value]]
    names = step.locator("tbody th[scope='row'] > span").all_text_contents()
    for cells, name in zip(fallback[:-1], names, strict=True):
        assert name.startswith(cells[0].split(", of")[0])


DRAWINGS = """async () => {
    let elements = 0, strokes = 0;
    const count = records => {
        for (const {addedNodes} of records) elements += 1 + addedNodes.length;
    };
    const watcher = new MutationObserver(count);
    watcher.observe(document.body,
        {childList: true, attributes: true, characterData: true, subtree: true});
    for (const name of ["fillRect", "putImageData", "drawImage", "stroke", "fill"]) {
        const own = CanvasRenderingContext2D.prototype[name];
        CanvasRenderingContext2D.prototype[name] = function (...settings) {
            strokes++;
            return own.apply(this, settings);
        };
    }
    for (const t of [1, 2, 3, 4, 5]) {
        store.set({t});  // each part draws in a task of its own, one after the other
        for (let part = 0; part < 20; part++) await new Promise(done => setTimeout(done));
    }
    count(watcher.takeRecords());
    return [elements, strokes];
}"""


def test_a_redraw_changes_no_more_elements_the_larger_the_network_is(play, quiet):
    # How long a redraw takes is measured in benchmarks/. Here its work is counted: changes of the
    # document, and strokes on a canvas, of which there may be as many as there are weights.
    text = "the quick brown fox jumps over the lazy dog and 1234567890ABCDEFG!?"[:60]
    elements, strokes = {}, {}
    for hidden in (16, 64):
        play("inside", address("LSTM", text=text.replace(" ", "+"), hidden=hidden, epochs=5))
        quiet.locator("[data-play='step']").scroll_into_view_if_needed()
        quiet.locator(".play-step tfoot").wait_for()
        elements[hidden], strokes[hidden] = quiet.evaluate(DRAWINGS)
    weights = {hidden: hidden * (len(set(text)) + hidden) for hidden in (16, 64)}
    assert 0 < elements[64] <= 1.25 * elements[16]
    assert 0 < strokes[64] / strokes[16] <= weights[64] / weights[16]
