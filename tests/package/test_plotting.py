"""Figures show the numbers and texts that they were given."""

import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex

from charseq import (
    EpochRecord,
    History,
    RNNParams,
    plot_loss,
    plot_predictions,
    plot_states,
    plot_step,
    plot_unrolled,
    rnn_step,
)
from charseq.plotting import plot_text, show

PARAMS = RNNParams.random(input_size=4, hidden_size=2, rng=np.random.default_rng(0))
STATES = np.random.default_rng(1).uniform(-1, 1, (5, 3))
X, H = np.eye(4)[1], np.array([0.25, -0.5])


@pytest.fixture(autouse=True)
def close_figures():
    plt.switch_backend("agg")
    plt.close("all")  # figures that other tests of this process left open
    yield
    plt.close("all")


def run_of(*predictions):
    rows = (EpochRecord(n, 3 / n, 0.5, text) for n, text in enumerate(predictions, start=1))
    return History(tuple(rows))


def written(ax):
    """Return the text at each place, without those that are empty."""
    return {t.get_position(): t.get_text() for t in ax.texts if t.get_text()}


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def boxes(ax):
    return [(b.get_x(), b.get_y(), b.get_width(), b.get_height()) for b in ax.patches]


def heat_map(ax):
    """Return the value of each colored cell by the place of its middle."""
    (mesh,) = [item for item in ax.collections if isinstance(item, QuadMesh)]
    assert mesh.get_clim() == (-1, 1)
    corners = mesh.get_coordinates()
    middles = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    values = mesh.get_array()
    return {
        tuple(middles[place]): values[place]
        for place in np.ndindex(values.shape)
        if not np.ma.getmaskarray(values)[place]
    }


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax=None: plot_loss(run_of("ab"), ax=ax),
        lambda ax=None: plot_predictions(run_of("m" * 40), "m" * 40, ax=ax),
        lambda ax=None: plot_states(-np.ones((12, 5)), ax=ax),
        lambda ax=None: plot_step(X, H, PARAMS, ax=ax),
        lambda ax=None: plot_text([0.5, -0.5, 0, 1], "a b\n", ax=ax),
        lambda ax=None: plot_unrolled("hi", ax=ax),
        lambda ax=None: plot_unrolled("hi", ax=ax, outputs=True),
    ],
    ids=["loss", "predictions", "states", "step", "text", "unrolled", "unrolled-outputs"],
)
def test_every_figure_is_drawn_on_the_given_axes_or_on_new_ones_and_its_words_do_not_overlap(draw):
    _, (given, unused) = plt.subplots(1, 2)
    assert draw(ax=given) is given
    assert given.has_data() or given.texts
    assert not unused.has_data()
    assert not unused.texts
    new = draw()
    assert new.figure is not given.figure
    new.figure.canvas.draw()  # a missing glyph would be a warning, which is an error
    inside = new.figure.bbox
    labels = [text for text in new.texts if text.get_text()]
    for text in labels:
        corners = text.get_window_extent().get_points()
        assert all(inside.contains(*corner) for corner in corners), text
    for a, b in itertools.combinations(labels, 2):
        assert not a.get_window_extent().overlaps(b.get_window_extent()), (a, b)


# --- loss and predictions -------------------------------------------------------------------------


def test_loss_curve_shows_the_losses_of_the_history_with_its_name_at_its_end():
    history = run_of("a", "b", "c")
    ax = plot_loss(history, label="tanh", color="#123456")
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xydata(), np.c_[history.numbers, history.losses])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss (nats per character)")
    (label,) = ax.texts
    assert (label.get_text(), label.xy) == ("tanh", (3, 1.0))
    assert to_hex(line.get_color()) == to_hex(label.get_color()) == "#123456"


def test_each_level_is_named_with_its_value_on_the_side_of_its_line_away_from_the_curve():
    ax = plot_loss(run_of("a", "b"), levels={"uniform": np.log(10), "floor": 0.79664})
    ax.figure.canvas.draw()
    _, *lines = ax.lines
    names = {"uniform: 2.303": 1, "floor: 0.797": -1}  # the curve ends at 1.5, between them
    for line, text in zip(lines, ax.texts, strict=True):
        level = line.get_ydata()[0]
        assert ax.get_ylim()[0] < level < ax.get_ylim()[1]
        box, height = text.get_window_extent(), ax.transData.transform((1, level))[1]
        side = names.pop(text.get_text())
        assert box.y0 > height if side > 0 else box.y1 < height
        assert f"{level:.3f}" in text.get_text()
    assert not names


def framed(ax):
    """Return the column and row of each frame."""
    return {(round(x + 0.5), round(y + 0.5)) for x, y, *_ in boxes(ax)}


def test_predictions_are_rows_below_their_target_with_a_frame_around_each_wrong_letter():
    target, rows = "hello", ("jelly", "hello", "world")
    ax = plot_predictions(run_of(*rows), target)
    letters = {(x, y): c for y, row in enumerate((target, *rows)) for x, c in enumerate(row)}
    assert written(ax) == letters
    assert framed(plot_predictions(run_of("a\n"), "a ")) == {(1, 1)}
    assert framed(ax) == {(x, y) for (x, y), char in letters.items() if char != target[x]}
    assert {to_hex(box.get_edgecolor()) for box in ax.patches} == {"#c01530"}
    assert ticks(ax.yaxis) == ["target", "1", "2", "3"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row is above
    for epochs, every, shown in (
        (3, None, [1, 2, 3]),
        (25, None, [*range(3, 25, 3)]),
        (7, 3, [3, 6]),
    ):
        ax = plot_predictions(run_of(*["ab"] * epochs), "ab", every=every)
        assert ticks(ax.yaxis) == ["target", *map(str, shown)]


# --- states and texts -----------------------------------------------------------------------------


def test_states_are_drawn_with_time_from_left_to_right_and_printed_in_their_cells_with_signs():
    ax = plot_states(STATES, labels=["a", " ", "b", "\n", "a b"], digits=3)
    values = {(t + 1, unit + 1): STATES[t, unit] for t, unit in np.ndindex(5, 3)}
    assert heat_map(ax) == values
    assert written(ax) == {at: f"{v:+.3f}".replace("-", "−") for at, v in values.items()}
    assert ticks(ax.xaxis) == ["a", "␣", "b", "↵", "a␣b"]
    assert ticks(ax.yaxis) == ["0", "1", "2"]
    assert ax.get_xlim()[0] < ax.get_xlim()[1]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("character read →", "hidden unit")
    assert ticks(plot_states(STATES).xaxis) == ["1", "2", "3", "4", "5"]


def test_states_of_more_than_sixty_cells_show_only_minus_signs():
    states = np.full((21, 3), 0.5)
    states[2:5, 1] = -0.5, -0.05, -0.06
    assert written(plot_states(states)) == {(3, 2): "−", (5, 2): "−"}
    assert len(plot_states(states[:20]).texts) == 60


def test_each_character_of_a_text_lies_on_the_cell_of_its_value_and_is_underlined_below_zero():
    text, values = "to be\nor not", np.linspace(-1, 1, 12)
    ax = plot_text(values, text, width=20)
    places = [(x, 0) for x in range(6)] + [(x, 1) for x in range(6)]
    assert heat_map(ax) == dict(zip(places, values, strict=True))
    signs = zip(places, text.replace("\n", "↵"), strict=True)
    assert written(ax) == {place: char for place, char in signs if char != " "}
    assert {label.get_color() for label in ax.texts} == {"#111111"}
    (lines,) = [item for item in ax.collections if not isinstance(item, QuadMesh)]
    ends = [tuple(map(tuple, segment)) for segment in lines.get_segments()]
    assert ends == [((x - 0.5, 0.45), (x + 0.5, 0.45)) for x in range(6)]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 8, ["one two", "three"]),  # the space fits
        ("one two three", 7, ["one", "two", "three"]),
        ("   indented", 8, ["   inden", "ted"]),  # no cut in the indentation
        ("abcdefg", 3, ["abc", "def", "g"]),
        ("abc\nd", 3, ["abc", "↵", "d"]),
        ("a\x0bb\u2028c", 5, ["a�b�c"]),  # only a line feed is a line break
    ],
)
def test_long_lines_are_folded_after_spaces_and_no_character_is_lost(text, width, lines):
    ax = plot_text(np.zeros(len(text)), text, width=width)
    drawn = written(ax)
    rows = ["".join(drawn.get((x, y), " ") for x in range(width)) for y in range(len(lines))]
    assert [row.rstrip() for row in rows] == lines
    assert len(heat_map(ax)) == len(text)


# --- one step, and the network unrolled -----------------------------------------------------------


def test_step_draws_the_equation_with_a_number_in_each_cell_its_name_above_and_its_shape_below():
    params = PARAMS._replace(b_ih=np.array([0.5, -0.001]))
    new = rnn_step(X[None], H[None], params)[0]
    blocks = {
        "W_{ih}": params.W_ih, "x_t": X, "b_{ih}": params.b_ih, "W_{hh}": params.W_hh,
        "h_{t-1}": H, "b_{hh}": params.b_hh, "h_t": new,
    }  # fmt: skip
    ax = plot_step(X, H, params, digits=3)
    drawn = {text.get_position(): text for text in ax.texts}
    strong = []
    for (left, top, width, height), (name, block) in zip(boxes(ax), blocks.items(), strict=True):
        matrix = block if block.ndim == 2 else block[:, None]
        assert drawn[left + width / 2, top - 0.3].get_text() == f"${name}$"
        assert drawn[left + width / 2, top + height + 0.5].get_text() == str(block.shape)
        for (row, column), value in np.ndenumerate(matrix):
            place = left + (column + 0.5) * width / matrix.shape[1], top + row + 0.5
            (cell,) = [text for at, text in drawn.items() if at == pytest.approx(place)]
            assert float(cell.get_text().replace("−", "-")) == pytest.approx(round(value, 3))
            strong += [(name, row, column)] if cell.get_weight() == "bold" else []
    assert strong == [("W_{ih}", 0, 1), ("W_{ih}", 1, 1), ("x_t", 1, 0)]  # column 1, place 1
    in_order = sorted(ax.texts, key=lambda t: (t.get_position()[1] > 2.7, t.get_position()[0]))
    names = "".join(t.get_text() for t in in_order if "$" in t.get_text())
    assert names.replace("$", "").replace(" ", "") == (
        r"\tanh(W_{ih}x_t+b_{ih}+W_{hh}h_{t-1}+b_{hh})\=h_t"
    )


@pytest.mark.parametrize("outputs", [False, True])
def test_unrolled_has_a_box_per_character_and_arrows_from_inputs_to_states_to_outputs(outputs):
    ax = plot_unrolled("a b", outputs=outputs)
    assert [(x + w / 2, y + h / 2) for x, y, w, h in boxes(ax)] == [
        pytest.approx((1.5 * t, 0)) for t in range(3)
    ]
    texts = [t.get_text() for t in sorted(ax.texts, key=lambda t: t.get_position())]
    for start, expected in (
        ("$h_", ["$h_0$", *(f"$h_{{{t}}}$" for t in (1, 2, 3, 3))]),  # the last is handed on
        ("“", ["“a”", "“␣”", "“b”"]),
        ("$x", ["$x_{1}$", "$x_{2}$", "$x_{3}$"]),
        ("$z", ["$z_{1}$", "$z_{2}$", "$z_{3}$"] if outputs else []),
        ("$W_{hy}", 3 * outputs * ["$W_{hy}$"]),
    ):
        assert [text for text in texts if text.startswith(start)] == expected
    arrows = [(a.xyann, a.xy) for a in ax.texts if getattr(a, "arrow_patch", None)]
    sideways = [a[0] < b[0] for a, b in arrows if a[1] == b[1] == 0]
    upwards = [a[1] < b[1] for a, b in arrows if a[0] == b[0]]
    assert all(sideways + upwards)
    assert (len(sideways), len(upwards)) == (4, 3 * (2 + outputs))
    assert len(arrows) == len(sideways) + len(upwards)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plot_loss(History(())), "nothing to draw: the history has no records"),
        (lambda: plot_predictions(run_of("ab"), "abc"), "1 predicts 2 .* target has 3: .*first"),
        (lambda: plot_predictions(run_of("ab"), "ab", every=2), "none of 1 .* a multiple of 2"),
        (lambda: plot_states(np.zeros((2, 5, 3))), r"\(T, H\), got \(2, 5, 3\); .*states\[0\]"),
        (lambda: plot_states(STATES, "abcd"), "5 time steps need 5 labels, got 4"),
        (lambda: plot_text([], ""), "nothing to draw: the text is empty"),
        (lambda: plot_text([0.5], "ab"), r"2 characters need values of shape \(2,\), got \(1,\)"),
        (lambda: plot_text([0, 1.5], "ab"), "between -1 and 1, got 1.5 for character 1"),
        (lambda: plot_step(np.zeros(3), H, PARAMS), r"x must .*\(B, 4\), got \(1, 3\)"),
        (lambda: plot_unrolled(""), "expected 1 to 12 characters to draw, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_without_a_figure(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
    assert not plt.get_fignums()


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A script that has drawn two figures, and runs far from its folder."""
    path = tmp_path / "scripts" / "drawn.py"
    path.parent.mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("__main__.__file__", str(path), raising=False)
    plt.figure()
    plt.figure()
    return path


@pytest.mark.parametrize("writable", [True, False])
def test_without_a_display_figures_are_saved_beside_the_script_or_here(
    script, writable, monkeypatch, capsys
):
    if not writable:  # root may write anywhere
        monkeypatch.setattr("os.access", lambda path, mode: False)
    show()
    folder = script.parent if writable else Path()
    pictures = [folder / "drawn.png", folder / "drawn-2.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" is in ")[1] for line in lines] == list(map(str, pictures))


def test_with_a_display_nothing_is_saved(script, monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(plt, "get_backend", lambda: "QtAgg")
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.get_fignums()))
    show()
    assert shown == [[1, 2]]
    assert [*script.parent.iterdir()] == []
    assert capsys.readouterr().out == ""
