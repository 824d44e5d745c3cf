"""Figures show the numbers and texts that they were given."""

import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

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


@pytest.fixture(autouse=True)
def close_figures():
    plt.switch_backend("agg")
    plt.close("all")  # figures that other tests of this process left open
    yield
    plt.close("all")


def run_of(*predictions):
    rows = (EpochRecord(n, 3 / n, 0.5, text) for n, text in enumerate(predictions, start=1))
    return History(tuple(rows))


def texts(ax):
    return [text.get_text() for text in ax.texts]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def meshes(ax):
    """Return the values and the first corner of each heat map, whose cells are unit squares."""
    quad_meshes = [item for item in ax.collections if isinstance(item, QuadMesh)]
    for mesh in quad_meshes:
        rows, columns = mesh.get_array().shape
        edges = mesh.get_coordinates() - mesh.get_coordinates()[0, 0]
        np.testing.assert_allclose(edges[0, :, 0], np.arange(columns + 1))
        np.testing.assert_allclose(edges[:, 0, 1], np.arange(rows + 1))
    return [(mesh.get_array(), tuple(mesh.get_coordinates()[0, 0])) for mesh in quad_meshes]


def boxes(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax=None: plot_loss(run_of("ab"), ax=ax),
        lambda ax=None: plot_predictions(run_of("m" * 40), "m" * 40, ax=ax),
        lambda ax=None: plot_states(-np.ones((12, 5)), ax=ax),
        lambda ax=None: plot_step(np.eye(4)[0], np.zeros(2), PARAMS, ax=ax),
        lambda ax=None: plot_text([0.5, -0.5, 0, 1], "a b\n", ax=ax),
        lambda ax=None: plot_unrolled("hi", ax=ax),
        lambda ax=None: plot_unrolled("hi", ax=ax, outputs=True),
    ],
    ids=["loss", "predictions", "states", "step", "text", "unrolled", "unrolled-outputs"],
)
def test_every_figure_is_drawn_on_the_given_axes_or_on_new_ones(draw):
    _, (given, unused) = plt.subplots(1, 2)
    assert draw(ax=given) is given
    assert given.has_data() or given.texts
    assert not unused.has_data()
    assert not unused.texts
    assert len(plt.get_fignums()) == 1
    new = draw()
    assert new.figure is not given.figure
    assert len(plt.get_fignums()) == 2
    new.figure.canvas.draw()  # a missing glyph would be a warning, which is an error
    assert new.figure.get_layout_engine() is not None  # makes room for the labels
    inside = new.figure.bbox
    labels = [text for text in new.texts if text.get_text()]
    for text in labels:
        corners = text.get_window_extent().get_points()
        assert all(inside.contains(*corner) for corner in corners), text
    for a, b in itertools.combinations(labels, 2):
        assert not a.get_window_extent().overlaps(b.get_window_extent()), (a, b)


# --- loss -----------------------------------------------------------------------------------------


def test_loss_curve_shows_the_losses_of_the_history():
    history = run_of("a", "b", "c")
    ax = plot_loss(history, label="tanh", color="#123456")
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), history.numbers)
    np.testing.assert_array_equal(line.get_ydata(), history.losses)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss (nats per character)")
    assert ax.get_xlim()[0] == 0
    assert [ax.spines[side].get_visible() for side in ("top", "right", "left")] == [0, 0, 1]
    (label,) = ax.texts
    assert (label.get_text(), label.get_va()) == ("tanh", "center")
    assert (label.xy, label.xyann, label.anncoords) == ((3, 1.0), (6, 0), "offset points")
    assert to_hex(line.get_color()) == to_hex(label.get_color()) == "#123456"
    assert not plot_loss(history).texts


def test_loss_levels_are_drawn_and_labeled_with_their_values():
    ax = plot_loss(run_of("a", "b"), levels={"uniform": np.log(10), "floor": 0.79664})
    _, *levels = ax.lines
    assert [line.get_ydata()[0] for line in levels] == [np.log(10), 0.79664]
    assert texts(ax) == ["uniform: 2.303", "floor: 0.797"]
    assert [text.xy for text in ax.texts] == [(1, np.log(10)), (1, 0.79664)]
    # The curve ends at 1.5. Each label is on the side of its line that is away from the curve.
    assert [text.get_va() for text in ax.texts] == ["bottom", "top"]
    assert [text.xyann for text in ax.texts] == [(0, 3), (0, -3)]


# --- predictions ----------------------------------------------------------------------------------


def framed_positions(ax):
    """Return the column and row of each frame."""
    return {(round(box.get_x() + 0.5), round(box.get_y() + 0.5)) for box in boxes(ax)}


def test_wrong_letters_are_framed_and_no_others():
    target, rows = "hello", ("jelly", "hello", "world")
    ax = plot_predictions(run_of(*rows), target)
    assert framed_positions(ax) == {
        (x, y)
        for y, row in enumerate(rows, start=1)
        for x, (char, expected) in enumerate(zip(row, target, strict=True))
        if char != expected
    }
    for box in boxes(ax):
        assert (box.get_width(), box.get_height()) == (1, 1)
        assert to_hex(box.get_facecolor()) == "#f9c7cd"
        assert to_hex(box.get_edgecolor()) == "#c01530"
    letters = {text.get_position(): text for text in ax.texts}
    for y, row in enumerate((target, *rows)):
        for x, char in enumerate(row):
            assert letters[x, y].get_text() == char
            assert letters[x, y].get_family() == ["monospace"]
            assert letters[x, y].get_weight() == ("bold" if y == 0 else "normal")
            assert letters[x, y].get_gid() == ("cell" if (x, y) in framed_positions(ax) else None)
    assert len(letters) == 4 * 5
    assert ticks(ax.yaxis) == ["target", "1", "2", "3"]
    assert ax.get_yticks().tolist() == [0, 1, 2, 3]
    assert ax.get_ylim() == (3.6, -0.6)
    assert ax.get_xlim() == (-0.6, 4.6)
    assert ax.lines[0].get_ydata()[0] == 0.5
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("position in the text →", "epoch")
    assert ax.get_xticks().size == 0
    assert {tick.tick1line.get_markersize() for tick in ax.yaxis.get_major_ticks()} == {0}
    assert not any(spine.get_visible() for spine in ax.spines.values())


@pytest.mark.parametrize(
    ("epochs", "every", "shown"),
    [
        (3, None, [1, 2, 3]),
        (20, None, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]),
        (7, 3, [3, 6]),
        (7, 1, [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_predictions_show_every_nth_epoch(epochs, every, shown):
    ax = plot_predictions(run_of(*["ab"] * epochs), "ab", every=every)
    assert ticks(ax.yaxis) == ["target", *map(str, shown)]


def test_invisible_characters_are_drawn_as_visible_ones_and_framed_if_wrong():
    text = " \n\t\r\x00\ud800\u200b\xa0e\u0301$_\\"
    ax = plot_predictions(run_of(text), text)
    assert "".join(texts(ax)[: len(text)]) == "␣↵⇥�����e\u0301$_\\"
    ax.figure.canvas.draw()  # a missing glyph would be a warning, which is an error
    assert framed_positions(plot_predictions(run_of("a\n"), "a ")) == {(1, 1)}


# --- states ---------------------------------------------------------------------------------------


def test_states_are_drawn_with_time_from_left_to_right():
    ax = plot_states(STATES, labels=["a", " ", "b", "\n", "a b"])
    ((values, corner),) = meshes(ax)
    np.testing.assert_array_equal(values, STATES.T)
    assert corner == (0.5, 0.5)
    assert ax.collections[0].get_clim() == (-1, 1)
    assert ticks(ax.xaxis) == ["a", "␣", "b", "↵", "a␣b"]
    assert ticks(ax.yaxis) == ["0", "1", "2"]
    assert ax.get_xlim() == (0.5, 5.5)
    assert ax.get_ylim() == (3.5, 0.5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("character read →", "hidden unit")
    for axis in (ax.xaxis, ax.yaxis):
        assert {tick.tick1line.get_markersize() for tick in axis.get_major_ticks()} == {0}
    assert not any(spine.get_visible() for spine in ax.spines.values())


def test_states_are_printed_in_their_cells_with_signs():
    ax = plot_states(STATES)
    printed = {text.get_position(): text.get_text() for text in ax.texts}
    assert printed == {
        (t + 1, unit + 1): f"{STATES[t, unit]:+.2f}".replace("-", "−")
        for t in range(5)
        for unit in range(3)
    }
    assert all(text.get_gid() == "cell" for text in ax.texts)
    assert ax.get_xlabel() == "time step →"
    assert ticks(ax.xaxis) == ["1", "2", "3", "4", "5"]
    assert texts(plot_states([[-0.5]], digits=3)) == ["−0.500"]


@pytest.mark.parametrize(("steps", "printed"), [(20, True), (21, False)])
def test_states_of_more_than_sixty_cells_show_only_minus_signs(steps, printed):
    states = np.full((steps, 3), 0.5)
    states[2:5, 1] = -0.5, -0.05, -0.06
    ax = plot_states(states)
    if printed:
        assert len(ax.texts) == 60
    else:
        assert [text.get_position() for text in ax.texts] == [(3, 2), (5, 2)]
        assert texts(ax) == ["−", "−"]


def test_colors_go_from_indigo_through_nothing_to_gold():
    mesh = plot_states([[-1.0, 0.0, 1.0]]).collections[0]
    low, half, middle, high = (mesh.cmap(mesh.norm(value)) for value in (-1, 0.5, 0, 1))
    assert (to_hex(low, True), to_hex(high, True)) == ("#9d96f4ff", "#f2b91cff")
    assert to_hex(half) == to_hex(high)
    assert half[3] == pytest.approx(0.5, abs=1 / 128)  # of 256 colors
    assert middle[3] < 1 / 100


# --- a text ---------------------------------------------------------------------------------------


def letters_at(ax):
    return {text.get_position(): text.get_text() for text in ax.texts}


def test_each_character_of_a_text_lies_on_the_cell_of_its_value():
    text, values = "to be\nor not", np.linspace(-1, 1, 12)
    ax = plot_text(values, text, width=20)
    ((cells, corner),) = meshes(ax)
    assert corner == (-0.5, -0.5)
    assert ax.collections[0].get_clim() == (-1, 1)
    assert cells.shape == (2, 20)
    places = [(x, 0) for x in range(6)] + [(x, 1) for x in range(6)]
    for (x, y), value, char in zip(places, values, text, strict=True):
        assert cells[y, x] == value
        assert letters_at(ax).get((x, y), " ") == char.replace("\n", "↵")
    assert cells.count() == len(text)  # the other cells are masked, so they are not drawn
    assert all(label.get_gid() == "cell" for label in ax.texts)
    assert {label.get_color() for label in ax.texts} == {"#111111"}
    assert ax.get_xlim() == (-0.6, 19.6)
    assert ax.get_ylim() == (1.6, -0.6)
    assert not ax.axison


def test_characters_with_a_negative_value_are_underlined():
    ax = plot_text([-1, 0.5, -0.05, -0.06, 0], "ab\ncd")
    (lines,) = [item for item in ax.collections if not isinstance(item, QuadMesh)]
    assert lines.get_gid() == "cell"  # it changes with the cells on a dark page
    ends = [tuple(map(tuple, segment)) for segment in lines.get_segments()]
    assert ends == [((-0.5, 0.45), (0.5, 0.45)), ((-0.5, 1.45), (0.5, 1.45))]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 9, ["one two", "three"]),
        ("one two three", 8, ["one two", "three"]),  # the space fits
        ("one two three", 7, ["one", "two", "three"]),
        ("   indented", 8, ["   inden", "ted"]),  # no cut in the indentation
        ("abcdefg", 3, ["abc", "def", "g"]),
        ("ab", 1, ["a", "b"]),
        ("abc\nd", 4, ["abc↵", "d"]),
        ("abc\nd", 3, ["abc", "↵", "d"]),
        ("\n\na", 5, ["↵", "↵", "a"]),
        ("a\x0bb\u2028c", 5, ["a�b�c"]),  # only a line feed is a line break
    ],
)
def test_long_lines_are_folded_after_spaces_and_no_character_is_lost(text, width, lines):
    ax = plot_text(np.zeros(len(text)), text, width=width)
    ((cells, _),) = meshes(ax)
    drawn = letters_at(ax)
    rows = ["".join(drawn.get((x, y), " ") for x in range(width)) for y in range(len(lines))]
    assert [row.rstrip() for row in rows] == lines
    assert cells.count() == len(text)
    assert cells.shape == (len(lines), width)


# --- one step -------------------------------------------------------------------------------------


def step_blocks(x, h, params):
    """Return the blocks of the equation in its order, each as a matrix."""
    new = rnn_step(x[None], h[None], params)[0]
    blocks = [params.W_ih, x, params.b_ih, params.W_hh, h, params.b_hh, new]
    return [block if block.ndim == 2 else block[:, None] for block in blocks]


def test_step_draws_each_block_of_the_equation_with_a_cell_per_number():
    x, h = np.eye(4)[1], np.array([0.25, -0.5])
    ax = plot_step(x, h, PARAMS)
    frames = [(b.get_x(), b.get_y(), b.get_width(), b.get_height()) for b in boxes(ax)]
    cells = iter(text.get_position() for text in ax.texts if text.get_gid() == "cell")
    for (left, top, width, height), block in zip(frames, step_blocks(x, h, PARAMS), strict=True):
        rows, columns = block.shape
        assert height == rows
        for row, column in np.ndindex(rows, columns):
            place = left + (column + 0.5) * width / columns, top + row + 0.5
            assert next(cells) == pytest.approx(place)
    assert not list(cells)
    above, below = frames[:3], frames[3:]
    assert {top + height / 2 for _, top, _, height in above} == {0}
    assert {top + height / 2 for _, top, _, height in below} == {(4 + 2) / 2 + 2}
    for row in (above, below):
        for box, next_box in itertools.pairwise(row):
            assert next_box[0] - (box[0] + box[2]) >= 0.3 - 1e-12
    right = max(left + width for left, _, width, _ in frames)
    assert ax.get_xlim() == pytest.approx((-0.15, right + 0.15))
    assert ax.get_ylim() == pytest.approx((5 + 1 + 0.8, -2 - 0.9))
    assert ax.get_aspect() == 1
    assert not ax.axison


@pytest.mark.parametrize("digits", [0, 2, 3])
def test_step_numbers_fit_into_their_cells(digits):
    x, h = np.eye(4)[1], np.array([0.25, -0.5])
    ax = plot_step(x, h, PARAMS, digits=digits)
    ax.figure.draw_without_rendering()
    labels = iter(text.get_window_extent() for text in ax.texts if text.get_gid() == "cell")
    for box, block in zip(boxes(ax), step_blocks(x, h, PARAMS), strict=True):
        frame = box.get_window_extent()
        for _ in range(block.size):
            label = next(labels)
            assert label.width < frame.width / block.shape[1]
            assert label.height < frame.height / block.shape[0]


def test_step_names_each_block_above_and_its_shape_below_in_the_order_of_the_equation():
    ax = plot_step(np.eye(4)[1], np.zeros(2), PARAMS)
    labels = [text for text in ax.texts if text.get_gid() != "cell"]
    order = sorted(labels, key=lambda t: (t.get_position()[1] > 2.7, t.get_position()[0]))
    names = "".join(
        t.get_text() for t in order if "(" not in t.get_text() or "tanh" in t.get_text()
    )
    assert names.replace("$", "").replace(" ", "") == (
        r"\tanh(W_{ih}x_t+b_{ih}+W_{hh}h_{t-1}+b_{hh})\=h_t"
    )
    sizes = [t.get_text() for t in order if t.get_text()[0] == "("]
    assert sizes == ["(2, 4)", "(4,)", "(2,)", "(2, 2)", "(2,)", "(2,)", "(2,)"]
    places = {text.get_position() for text in labels}
    for box in boxes(ax):
        left, right = box.get_x(), box.get_x() + box.get_width()
        top, bottom = box.get_y(), box.get_y() + box.get_height()
        middle = left + box.get_width() / 2
        assert {(middle, top - 0.3), (middle, bottom + 0.5)} <= places
        assert box.get_facecolor()[3] == 0
        assert to_hex(box.get_edgecolor()) == "#1a1a1a"
        for x, y in (text.get_position() for text in labels if text.get_text() == "$+$"):
            assert not (left - 0.4 < x < right + 0.4 and top < y < bottom)


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_step_prints_every_value_with_no_more_digits_than_it_needs(digits):
    x, h = np.eye(4)[1], np.zeros(2)
    params = PARAMS._replace(b_ih=np.array([0.5, -0.001]))
    ax = plot_step(x, h, params, digits=digits)
    printed = [text.get_text() for text in ax.texts if text.get_gid() == "cell"]
    values = np.concatenate([block.ravel() for block in step_blocks(x, h, params)])
    for label, value in zip(printed, values, strict=True):
        assert float(label.replace("−", "-")) == pytest.approx(round(value, digits))
        assert label == "0" or not label.endswith(("0", "."))
    assert printed[12:14] == ["0.5", "−0.001" if digits == 3 else "0"]


def test_step_picks_out_the_column_of_the_character():
    ax = plot_step(np.eye(4)[1], np.array([1.0, -0.5]), PARAMS)
    cells = [text for text in ax.texts if text.get_gid() == "cell"]
    strong = [k for k, text in enumerate(cells) if to_hex(text.get_color()) == "#d55e00"]
    assert strong == [1, 5, 9]  # column 1 of both rows of W_ih, place 1 of x
    assert [k for k, text in enumerate(cells) if text.get_weight() == "bold"] == strong


# --- unrolled -------------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", [False, True])
def test_unrolled_draws_one_box_per_character_and_labels_the_states_between(outputs):
    ax = plot_unrolled("a b", outputs=outputs)
    assert [(b.get_x() + b.get_width() / 2, b.get_y() + b.get_height() / 2) for b in boxes(ax)] == [
        pytest.approx((1.5 * t, 0)) for t in range(3)
    ]
    along = [t for t in ax.texts if t.get_text().startswith("$h_")]
    states = sorted(along, key=lambda t: t.get_position())
    assert [t.get_text() for t in states if t.get_position()[1] == 0] == ["$h_0$", "$h_{3}$"]
    assert [t.get_text() for t in states if t.get_position()[1] > 0] == [
        f"$h_{{{t}}}$" for t in (1, 2, 3)
    ]
    assert [text for text in texts(ax) if text.startswith("“")] == ["“a”", "“␣”", "“b”"]
    for letter, numbered in (("x", (1, 2, 3)), ("z", (1, 2, 3) if outputs else ())):
        assert [text for text in texts(ax) if text.startswith(f"${letter}")] == [
            f"${letter}_{{{t}}}$" for t in numbered
        ]
    weights = [texts(ax).count(f"$W_{{{name}}}$") for name in ("hh", "ih", "hy")]
    assert weights == [3, 3, 3 * outputs]
    assert (ax.get_ylim()[1] > plot_unrolled("ab").get_ylim()[1]) == outputs
    assert ax.get_aspect() == 1
    assert not ax.axison


def arrows(ax):
    return [(a.xyann, a.xy) for a in ax.texts if getattr(a, "arrow_patch", None)]


def test_unrolled_arrows_lead_from_inputs_to_states_to_outputs_and_do_not_enter_boxes():
    # State arrows go into each box and out of the last. Inputs come from below, outputs go up.
    for outputs, vertical_per_box in ((False, 2), (True, 3)):
        ax = plot_unrolled("abcd", outputs=outputs)
        all_arrows = arrows(ax)
        sideways = [(a, b) for a, b in all_arrows if a[1] == b[1]]
        upwards = [(a, b) for a, b in all_arrows if a[0] == b[0]]
        assert len(sideways) == 5
        assert len(upwards) == 4 * vertical_per_box
        assert all(a[0] < b[0] and a[1] == 0 for a, b in sideways)
        assert all(a[1] < b[1] for a, b in upwards)
        assert {a[0] for a, _ in upwards} == {0, 1.5, 3, 4.5}
        assert len(all_arrows) == len(sideways) + len(upwards)
        for box, (x, y) in itertools.product(boxes(ax), itertools.chain(*all_arrows)):
            inside_x = 0.01 < x - box.get_x() < box.get_width() - 0.01
            inside_y = 0.01 < y - box.get_y() < box.get_height() - 0.01
            assert not (inside_x and inside_y)


def test_unrolled_weights_are_written_beside_their_arrows():
    ax = plot_unrolled("abc", outputs=True)
    assert not any(a.get_text() for a in ax.texts if getattr(a, "arrow_patch", None))
    places = {name: [] for name in ("$W_{hh}$", "$W_{ih}$", "$W_{hy}$")}
    for text in ax.texts:
        if text.get_text() in places:
            places[text.get_text()].append(text.get_position())
    middles = sorted(((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in arrows(ax))
    along = [x for x, y in middles if y == 0][:-1]  # the last one leads out of the network
    assert [x for x, _ in places["$W_{hh}$"]] == pytest.approx(along, abs=0.02)
    assert all(y > 0 for _, y in places["$W_{hh}$"])
    for name, height in (("$W_{ih}$", -0.8), ("$W_{hy}$", 1.8)):
        for (x, y), column in zip(places[name], (0, 1.5, 3), strict=True):
            assert 0.2 < x - column < 0.45
            assert y == pytest.approx(height, abs=0.02)


def test_unrolled_draws_one_to_twelve_characters_and_hello_by_default():
    assert [len(boxes(plot_unrolled(*t))) for t in (["a"], ["twelve chars"], [])] == [1, 12, 5]


def test_step_draws_a_line_between_each_two_rows_and_columns_of_a_block():
    ax = plot_step([0, 1, 0, 0], [0.5, -0.5], PARAMS)
    lines = [c.get_segments() for c in ax.collections if isinstance(c, LineCollection)]
    of_matrices = (2 - 1) + (4 - 1) + (2 - 1) + (2 - 1)  # W_ih has shape (2, 4), W_hh (2, 2)
    of_vectors = (4 - 1) + 4 * (2 - 1)  # x, and two biases and two states
    assert sum(map(len, lines)) == of_matrices + of_vectors


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plot_loss(History(())), "nothing to draw: the history has no records"),
        (lambda: plot_predictions(run_of("ab"), "abc"), "1 predicts 2 .* target has 3: .*first"),
        (lambda: plot_predictions(run_of("ab", "abc"), "ab"), "2 predicts 3 .* target has 2"),
        (lambda: plot_predictions(run_of("ab"), "ab", every=2), "none of 1 .* a multiple of 2"),
        (lambda: plot_predictions(History(()), "ab"), "none of 0 .* a multiple of 1"),
        (lambda: plot_predictions(run_of("ab"), "ab", every=0), "of epochs, at least 1, got 0"),
        (lambda: plot_states(np.zeros((2, 5, 3))), r"\(T, H\), got \(2, 5, 3\); .*states\[0\]"),
        (lambda: plot_states(np.zeros(5)), r"shape \(T, H\), got \(5,\)$"),
        (lambda: plot_states(np.zeros((0, 3))), r"shape \(T, H\), got \(0, 3\)$"),
        (lambda: plot_states(np.zeros((5, 0))), r"shape \(T, H\), got \(5, 0\)$"),
        (lambda: plot_states(STATES, "abcd"), "5 time steps need 5 labels, got 4"),
        (lambda: plot_states(STATES, ""), "5 time steps need 5 labels, got 0"),
        (lambda: plot_text([], ""), "nothing to draw: the text is empty"),
        (lambda: plot_text([0.5], "ab"), r"2 characters need values of shape \(2,\), got \(1,\)"),
        (lambda: plot_text(np.zeros((2, 3)), "ab"), r"values of shape \(2,\), got \(2, 3\)"),
        (lambda: plot_text([0, 0], "ab", width=0), "width is .*, at least 1, got 0"),
        (lambda: plot_text([0, 1.5], "ab"), "between -1 and 1, got 1.5 for character 1"),
        (lambda: plot_text([0, np.nan], "ab"), "between -1 and 1, got nan for character 1"),
        (lambda: plot_step(np.zeros(3), np.zeros(2), PARAMS), r"x must .*\(B, 4\), got \(1, 3\)"),
        (lambda: plot_step(np.zeros(4), np.zeros(3), PARAMS), r"h must .*\(1, 2\), got \(1, 3\)"),
        (lambda: plot_unrolled(""), "expected 1 to 12 characters to draw, got 0"),
        (lambda: plot_unrolled("thirteen long"), "expected 1 to 12 characters to draw, got 13"),
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
