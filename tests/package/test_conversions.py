"""Weights carried between libraries: against the published equations, and the real libraries.

The equations are written below once more, in the names and the order of each library, so that they
share nothing with the module. The tests with the libraries run where these are installed, as by
``dev.py interop``.
"""

import os
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from charseq.conversions import LAYOUTS, from_library, swap_update_gate, to_library
from charseq.reference import RNNParams, gru_forward, lstm_forward, rnn_forward

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
# How far states may differ from those in float64. They lie between -1 and 1, so a step adds a few
# roundings of up to 6e-8 in float32, and seven steps stay far below 1e-6 on every processor.
BAR = {"float32": 1e-6, "float64": 1e-12}
B, T, I, H = 4, 7, 3, 5  # noqa: E741 - the letters of the site
CASES = [  # library, cell, reset_after
    (library, cell, after)
    for library, layout in LAYOUTS.items()
    for cell in GATES
    for after in (layout.reset_after if cell == "GRU" else (True,))
]
every_case = pytest.mark.parametrize(("library", "cell", "after"), CASES)
both_precisions = pytest.mark.parametrize("dtype", BAR)
every_cell = pytest.mark.parametrize("cell", GATES)


def random_params(cell, library="torch", dtype="float64", reset_after=True, sizes=(I, H), seed=0):
    """Draw weights that the library can hold; their candidate has one bias where it must."""
    params = RNNParams.random(*sizes, np.random.default_rng(seed), gates=GATES[cell])
    params = RNNParams(*(array.astype(dtype) for array in params))
    if cell == "GRU" and reset_after and library in ("nnx", "paper"):
        params.b_hh[2 * sizes[1] :] = 0
    return params


def random_inputs(cell, dtype="float64", seed=1):
    """Return x, (B, T, I), and a state: h, or h and c."""
    rng = np.random.default_rng(seed)
    states = [rng.uniform(-0.9, 0.9, (B, H)).astype(dtype) for _ in range(1 + (cell == "LSTM"))]
    return rng.normal(size=(B, T, I)).astype(dtype), states


def states_of(params, cell, x, states, reset_after=True):
    """Compute all states in float64 with the package's equations, which are tested with torch."""
    params = RNNParams(*(array.astype(float) for array in params))
    x, states = x.astype(float), [state.astype(float) for state in states]
    if cell == "LSTM":
        return lstm_forward(x, tuple(states), params)[0]
    if cell == "GRU":
        return gru_forward(x, states[0], params, reset_after=reset_after)[0]
    return rnn_forward(x, states[0], params)[0]


def states_by_torch(params, cell, x, states):
    """Let a layer of torch load the weights and compute all states; return its weights, too."""
    layer = getattr(torch.nn, cell)(I, H, batch_first=True, dtype=getattr(torch, x.dtype.name))
    weights = to_library(params, "torch", cell)
    layer.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    start = [torch.from_numpy(state[None]) for state in states]
    outputs = layer(torch.from_numpy(x), tuple(start) if cell == "LSTM" else start[0])[0]
    return outputs.detach().numpy(), {k: v.numpy() for k, v in layer.state_dict().items()}


def largest_difference(a, b):
    assert a.shape == b.shape
    return float(abs(a - b).max())


# --- the published equations, in NumPy ------------------------------------------------------------


def sigma(a):
    return 1 / (1 + np.exp(-a))


def torch_step(w, cell, x, h, c, reset_after):
    """torch.nn.RNN, GRU and LSTM, by the formulas of their documentation."""
    gi = w["weight_ih_l0"] @ x + w["bias_ih_l0"]
    gh = w["weight_hh_l0"] @ h + w["bias_hh_l0"]
    if cell == "RNN":
        return np.tanh(gi + gh), c
    if cell == "GRU":
        (ir, iz, in_), (hr, hz, hn) = np.split(gi, 3), np.split(gh, 3)
        r, z = sigma(ir + hr), sigma(iz + hz)
        n = np.tanh(in_ + r * hn)
        return (1 - z) * n + z * h, c
    i, f, g, o = np.split(gi + gh, 4)
    c = sigma(f) * c + sigma(i) * np.tanh(g)
    return sigma(o) * np.tanh(c), c


def cudnn_step(w, cell, x, h, c, reset_after):
    """CUDNN_RNN_TANH, CUDNN_GRU and CUDNN_LSTM: matrices by linLayerID, then the biases."""
    count = len(w) // 2
    W, b = w[:count], w[count:]
    if cell == "RNN":
        return np.tanh(W[0] @ x + W[1] @ h + b[0] + b[1]), c
    if cell == "GRU":  # 0 and 3 reset gate, 1 and 4 update gate, 2 and 5 new memory
        r = sigma(W[0] @ x + W[3] @ h + b[0] + b[3])
        i = sigma(W[1] @ x + W[4] @ h + b[1] + b[4])
        new = np.tanh(W[2] @ x + r * (W[5] @ h + b[5]) + b[2])
        return (1 - i) * new + i * h, c
    # 0 and 4 input gate, 1 and 5 forget gate, 2 and 6 new memory, 3 and 7 output gate
    i, f, new, o = (W[k] @ x + W[k + 4] @ h + b[k] + b[k + 4] for k in range(4))
    c = sigma(f) * c + sigma(i) * np.tanh(new)
    return sigma(o) * np.tanh(c), c


def keras_step(w, cell, x, h, c, reset_after):
    """Keras' SimpleRNNCell, GRUCell and LSTMCell."""
    kernel, recurrent_kernel, bias = w
    if cell == "RNN":
        return np.tanh(x @ kernel + bias + h @ recurrent_kernel), c
    if cell == "GRU":
        input_bias, recurrent_bias = bias if reset_after else (bias, np.zeros_like(bias))
        x_z, x_r, x_h = np.split(x @ kernel + input_bias, 3)
        u_z, u_r, u_h = np.split(recurrent_kernel, 3, axis=1)
        b_z, b_r, b_h = np.split(recurrent_bias, 3)
        z, r = sigma(x_z + h @ u_z + b_z), sigma(x_r + h @ u_r + b_r)
        hh = np.tanh(x_h + (r * (h @ u_h + b_h) if reset_after else (r * h) @ u_h))
        return z * h + (1 - z) * hh, c
    i, f, new, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4)
    c = sigma(f) * c + sigma(i) * np.tanh(new)
    return sigma(o) * np.tanh(c), c


def linen_step(w, cell, x, h, c, reset_after):
    """flax.linen's SimpleCell, GRUCell and (Optimized)LSTMCell."""

    def dense(name, v):
        return v @ w[name]["kernel"] + w[name].get("bias", 0)

    if cell == "RNN":
        return np.tanh(dense("i", x) + dense("h", h)), c
    if cell == "GRU":
        r = sigma(dense("ir", x) + dense("hr", h))
        z = sigma(dense("iz", x) + dense("hz", h))
        n = np.tanh(dense("in", x) + r * dense("hn", h))
        return (1 - z) * n + z * h, c
    i = sigma(dense("ii", x) + dense("hi", h))
    f = sigma(dense("if", x) + dense("hf", h))
    g = np.tanh(dense("ig", x) + dense("hg", h))
    o = sigma(dense("io", x) + dense("ho", h))
    c = f * c + i * g
    return o * np.tanh(c), c


def nnx_step(w, cell, x, h, c, reset_after):
    """flax.nnx's SimpleCell, GRUCell and OptimizedLSTMCell."""
    xs = x @ w["dense_i"]["kernel"] + w["dense_i"].get("bias", 0)
    hs = h @ w["dense_h"]["kernel"] + w["dense_h"].get("bias", 0)
    if cell == "RNN":
        return np.tanh(xs + hs), c
    if cell == "GRU":
        (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(xs, 3), np.split(hs, 3)
        r, z = sigma(x_r + h_r), sigma(x_z + h_z)
        return (1 - z) * np.tanh(x_n + r * h_n) + z * h, c
    i, f, g, o = np.split(xs + hs, 4)
    c = sigma(f) * c + sigma(i) * np.tanh(g)
    return sigma(o) * np.tanh(c), c


def paper_step(w, cell, x, h, c, reset_after):
    """One matrix W, one matrix U and one bias b for each gate, and column vectors."""

    def total(gate, state=h):
        return w["W" + gate] @ x + w["U" + gate] @ state + w["b" + gate]

    if cell == "RNN":
        return np.tanh(total("")), c
    if cell == "GRU":
        r, z = sigma(total("_r")), sigma(total("_z"))
        inner = r * (w["U_n"] @ h) if reset_after else w["U_n"] @ (r * h)
        return z * h + (1 - z) * np.tanh(w["W_n"] @ x + inner + w["b_n"]), c
    c = sigma(total("_f")) * c + sigma(total("_i")) * np.tanh(total("_g"))
    return sigma(total("_o")) * np.tanh(c), c


STEPS = {
    "torch": torch_step,
    "cudnn": cudnn_step,
    "keras": keras_step,
    "linen": linen_step,
    "nnx": nnx_step,
    "paper": paper_step,
}


def states_by_equations(weights, library, cell, x, states, reset_after=True):
    """Compute all states, one sequence and one step after the other."""
    outputs = np.zeros((B, T, H), x.dtype)
    for k in range(B):
        h, c = states[0][k], states[-1][k]
        for t in range(T):
            h, c = STEPS[library](weights, cell, x[k, t], h, c, reset_after)
            outputs[k, t] = h
    return outputs


# --- every library by its equations ---------------------------------------------------------------


@both_precisions
@every_case
def test_weights_for_a_library_give_the_same_states_by_its_equations(library, cell, after, dtype):
    params = random_params(cell, library, dtype, after)
    weights = to_library(params, library, cell, reset_after=after)
    x, states = random_inputs(cell, dtype)
    theirs = states_by_equations(weights, library, cell, x, states, after)
    assert theirs.dtype == dtype
    assert largest_difference(theirs, states_of(params, cell, x, states, after)) <= BAR[dtype]


def random_weights(library, cell, after, dtype):
    """Draw every number of a library's weights independently, also those of its biases."""
    rng = np.random.default_rng(2)

    def redraw(item):
        if isinstance(item, dict):
            return {name: redraw(value) for name, value in item.items()}
        if isinstance(item, list):
            return [redraw(value) for value in item]
        return rng.uniform(-0.6, 0.6, item.shape).astype(dtype)

    params = random_params(cell, library, dtype, after)
    return redraw(to_library(params, library, cell, reset_after=after))


@both_precisions
@every_case
def test_weights_from_a_library_give_its_states_in_torch_s_layout(library, cell, after, dtype):
    weights = random_weights(library, cell, after, dtype)
    params = from_library(weights, library, cell, reset_after=after)
    assert all(array.dtype == dtype for array in params)
    x, states = random_inputs(cell, dtype)
    theirs = states_by_equations(weights, library, cell, x, states, after)
    assert largest_difference(theirs, states_of(params, cell, x, states, after)) <= BAR[dtype]


def leaves(weights):
    if isinstance(weights, dict):
        return [leaf for item in weights.values() for leaf in leaves(item)]
    if isinstance(weights, list):
        return [leaf for item in weights for leaf in leaves(item)]
    return [weights]


@every_case
def test_there_and_back_gives_every_number_of_the_library_again_in_copies(library, cell, after):
    weights = random_weights(library, cell, after, "float64")
    params = from_library(weights, library, cell, reset_after=after)
    again = to_library(params, library, cell, reset_after=after)
    assert type(again) is type(weights)
    for a, b in zip(leaves(again), leaves(weights), strict=True):
        assert np.array_equal(a, b)
        assert not any(np.shares_memory(array, own) for array in (a, b) for own in params)


@given(st.sampled_from(CASES), st.integers(1, 5), st.integers(1, 5))
def test_sizes_are_read_from_the_shapes(case, input_size, hidden_size):
    library, cell, after = case
    params = random_params(cell, library, "float64", after, (input_size, hidden_size))
    weights = to_library(params, library, cell, reset_after=after)
    again = from_library(weights, library, cell, reset_after=after)
    assert np.array_equal(again.W_ih, params.W_ih)
    assert np.array_equal(again.W_hh, params.W_hh)
    total = params.b_ih + params.b_hh
    assert np.allclose(again.b_ih + again.b_hh, total, rtol=0, atol=1e-15)
    if library in ("torch", "cudnn"):  # these have two biases, as the reference has
        assert np.array_equal(again.b_ih, params.b_ih)


SHAPES = {  # by the libraries' sources; I is 3 and H is 5
    ("linen", "RNN"): {"i": [("bias", 5), ("kernel", 3, 5)], "h": [("kernel", 5, 5)]},
    ("linen", "GRU"): {
        **{f"i{gate}": [("bias", 5), ("kernel", 3, 5)] for gate in "rzn"},
        **{f"h{gate}": [("kernel", 5, 5)] for gate in "rz"},
        "hn": [("bias", 5), ("kernel", 5, 5)],
    },
    ("linen", "LSTM"): {
        **{f"i{gate}": [("kernel", 3, 5)] for gate in "ifgo"},
        **{f"h{gate}": [("bias", 5), ("kernel", 5, 5)] for gate in "ifgo"},
    },
    ("nnx", "RNN"): {"dense_i": [("bias", 5), ("kernel", 3, 5)], "dense_h": [("kernel", 5, 5)]},
    ("nnx", "GRU"): {"dense_i": [("bias", 15), ("kernel", 3, 15)], "dense_h": [("kernel", 5, 15)]},
    ("nnx", "LSTM"): {"dense_i": [("kernel", 3, 20)], "dense_h": [("bias", 20), ("kernel", 5, 20)]},
}


def shapes_of(weights):
    return {
        name: sorted((key, *array.shape) for key, array in inner.items())
        for name, inner in weights.items()
    }


@pytest.mark.parametrize(("library", "cell"), SHAPES)
def test_a_cell_of_flax_gets_exactly_its_arrays(library, cell):
    weights = to_library(random_params(cell, library), library, cell)
    assert shapes_of(weights) == SHAPES[library, cell]


@both_precisions
def test_swapping_the_update_gate_exchanges_z_and_1_minus_z(dtype):
    params = random_params("GRU", dtype=dtype)
    x, states = random_inputs("GRU", dtype)
    swapped = to_library(swap_update_gate(params), "torch", "GRU")
    outputs = np.zeros((B, T, H), dtype)
    for k in range(B):
        h = states[0][k]
        for t in range(T):
            gi = swapped["weight_ih_l0"] @ x[k, t] + swapped["bias_ih_l0"]
            gh = swapped["weight_hh_l0"] @ h + swapped["bias_hh_l0"]
            (ir, iz, in_), (hr, hz, hn) = np.split(gi, 3), np.split(gh, 3)
            z, n = sigma(iz + hz), np.tanh(in_ + sigma(ir + hr) * hn)
            h = outputs[k, t] = (1 - z) * h + z * n  # as in many papers
    assert largest_difference(outputs, states_of(params, "GRU", x, states)) <= BAR[dtype]
    for ours, twice in zip(params, swap_update_gate(swap_update_gate(params)), strict=True):
        assert np.array_equal(ours, twice)


@both_precisions
@every_cell
def test_torch_s_layers_load_the_weights(cell, dtype):
    params = random_params(cell, dtype=dtype)
    x, states = random_inputs(cell, dtype)
    theirs, state_dict = states_by_torch(params, cell, x, states)
    assert largest_difference(theirs, states_of(params, cell, x, states)) <= BAR[dtype]
    assert np.array_equal(from_library(state_dict, "torch", cell).W_hh, params.W_hh)


def test_a_diagonal_matrix_gives_the_same_states_with_both_placements_of_the_reset_gate():
    params = random_params("GRU")
    params.W_hh[2 * H :] = np.diag(params.W_hh[2 * H :].diagonal())
    x, states = random_inputs("GRU")
    differences = []
    for bias in (0, 1):  # the condition on the bias is needed
        params.b_hh[2 * H :] = bias
        both = (states_of(params, "GRU", x, states, reset_after=after) for after in (True, False))
        differences.append(largest_difference(*both))
    assert differences[0] <= BAR["float64"] < 0.01 < differences[1]


def test_an_underscore_at_the_end_of_a_key_is_ignored():
    params = random_params("LSTM")
    weights = to_library(params, "linen", "LSTM")
    weights["if_"] = weights.pop("if")  # as in nnx.LSTMCell
    assert np.array_equal(from_library(weights, "linen", "LSTM").W_ih, params.W_ih)
    with pytest.raises(ValueError, match=r"look like the weights of an LSTM in flax\.linen"):
        from_library(weights, "nnx", "LSTM")


# --- what is refused ------------------------------------------------------------------------------


def zeros(*shapes):
    return [np.zeros(shape) for shape in shapes]


@pytest.mark.parametrize("library", ["torch", "cudnn", "linen", "nnx"])
def test_a_gru_with_the_reset_gate_before_the_matrix_is_refused_with_the_reason(library):
    message = re.escape(
        f"in the GRU of {LAYOUTS[library].title} the reset gate acts after the matrix W_hn, and "
        "reset_after=False says that with these weights it acts before it: in general no weights"
    )
    with pytest.raises(ValueError, match=message):
        to_library(random_params("GRU"), library, "GRU", reset_after=False)
    with pytest.raises(ValueError, match=message):
        from_library({}, library, "GRU", reset_after=False)


@pytest.mark.parametrize("library", ["nnx", "paper"])
def test_two_biases_that_cannot_be_added_up_are_refused(library):
    params = random_params("GRU")
    message = r"the candidate has one bias.* expected zeros in b_hh\[10:15\], got \[ *-?0\.\d+"
    with pytest.raises(ValueError, match=message):
        to_library(params, library, "GRU")
    params.b_hh[10:] = 0
    to_library(params, library, "GRU")


def test_no_sum_of_the_two_biases_would_have_given_the_states():
    # The refusal is not too careful: whatever the one bias is, some state differs.
    params = random_params("GRU")
    params.b_hh[2 * H :] = 2
    x, states = random_inputs("GRU")
    right = states_of(params, "GRU", x, states)
    for share in np.linspace(0, 1, 21):
        b_ih, b_hh = params.b_ih.copy(), params.b_hh.copy()
        b_ih[2 * H :] += share * b_hh[2 * H :]
        b_hh[2 * H :] = 0
        merged = params._replace(b_ih=b_ih, b_hh=b_hh)
        assert largest_difference(states_of(merged, "GRU", x, states), right) > 0.01


OF_TORCH = zip(
    ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"),
    zeros((8, 3), (8, 2), (8,), (8,)),
    strict=True,
)


@pytest.mark.parametrize(
    ("weights", "library", "cell", "message"),
    [
        (zeros((8, 3), (8, 2), (8,)), "keras", "LSTM",
         "the weights of an LSTM in Keras are a list of kernel (I, 4H), recurrent_kernel "
         "(H, 4H), bias (4H,); got a list of (8, 3), (8, 2), (8,). The matrices are transposed"),
        (zeros((2, 8), (3, 8), (8,)), "keras", "LSTM",
         "recurrent_kernel (H, 4H), bias (4H,); got a list of (2, 8), (3, 8), (8,)"),
        (zeros((3, 6), (2, 6), (6,)), "keras", "GRU",
         "bias (2, 3H); got a list of (3, 6), (2, 6), (6,). They look like the weights of a GRU "
         "in Keras with reset_after=False"),
        (zeros((3, 6), (2, 6), (2, 6)), "keras", "LSTM",
         "They look like the weights of a GRU in Keras"),
        (dict(OF_TORCH), "keras", "LSTM",
         "got a dict of weight_ih_l0 (8, 3), weight_hh_l0 (8, 2), bias_ih_l0 (8,), bias_hh_l0 "
         "(8,). They look like the weights of an LSTM in PyTorch"),
        (zeros((3, 8), (2, 8), (8,)), "torch", "LSTM",
         "are a dict of weight_ih_l0 (4H, I), weight_hh_l0 (4H, H), bias_ih_l0 (4H,), "
         "bias_hh_l0 (4H,); got a list of (3, 8), (2, 8), (8,). They look like the weights of "
         "an LSTM in Keras"),
        ([], "cudnn", "RNN", "W_i (H, I), W_h (H, H), b_i (H,), b_h (H,); got a list of nothing"),
        (zeros((3, 8), (2, 8)), "keras", "LSTM", "got a list of (3, 8), (2, 8)"),
        ({"i": {"kernel": np.zeros((3, 2))}}, "linen", "RNN", "got a dict of i/kernel (3, 2)"),
        (zeros((3, 7), (2, 7), (7,)), "keras", "LSTM", "got a list of (3, 7), (2, 7), (7,)"),
        (zeros((), (), ()), "keras", "LSTM", "got a list of (), (), ()"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_are_refused_with_what_was_found_and_expected(
    weights, library, cell, message
):
    with pytest.raises(ValueError, match=re.escape(message)):
        from_library(weights, library, cell)


def test_unknown_libraries_cells_and_types_are_refused():
    params = random_params("GRU")
    names = ", ".join(LAYOUTS)
    with pytest.raises(ValueError, match=f"library must be one of {names}, got 'theano'"):
        to_library(params, "theano", "GRU")
    with pytest.raises(ValueError, match="cell must be one of RNN, GRU, LSTM, got 'gru'"):
        from_library({}, "torch", "gru")
    with pytest.raises(TypeError, match="expected the weights as RNNParams, got list"):
        to_library([*params], "keras", "GRU")
    with pytest.raises(TypeError, match="expected a list or dict of weights, got ndarray"):
        from_library(np.zeros(3), "keras", "GRU")
    with pytest.raises(ValueError, match="an LSTM has no reset gate"):
        to_library(random_params("LSTM"), "keras", "LSTM", reset_after=False)
    with pytest.raises(ValueError, match=r"W_hh must have shape \(15, 5\), got \(15, 4\)"):
        to_library(params._replace(W_hh=params.W_hh[:, 1:]), "keras", "GRU")
    with pytest.raises(ValueError, match=r"W_ih must have shape \(4H, V\), got \(15, 3\)"):
        to_library(params, "keras", "LSTM")
    with pytest.raises(ValueError, match=r"W_ih must have shape \(3H, V\)"):
        swap_update_gate(random_params("LSTM", sizes=(3, 2)))


def test_integers_become_floats():
    whole = RNNParams(*(np.ones(shape, int) for shape in ((4, 1), (4, 1), (4,), (4,))))
    for library in ("keras", "nnx"):
        weights = to_library(whole, library, "LSTM")
        bias = weights[2] if library == "keras" else weights["dense_h"]["bias"]
        assert bias.dtype.kind == "f"
        assert bias.tolist() == [2, 2, 2, 2]  # the sums of both
    kernels = np.ones((1, 4), int), np.ones((1, 4), int), np.ones(4, int)
    assert all(array.dtype.kind == "f" for array in from_library([*kernels], "keras", "LSTM"))


# --- the libraries themselves ---------------------------------------------------------------------


def run_keras(weights, cell, x, states, reset_after=True):
    """Set the weights of a Keras layer, if there are any, run it, return its weights and states."""
    keras = pytest.importorskip("keras")
    kinds = {"RNN": keras.layers.SimpleRNN, "GRU": keras.layers.GRU, "LSTM": keras.layers.LSTM}
    options = {"reset_after": reset_after} if cell == "GRU" else {}
    layer = kinds[cell](
        H, return_sequences=True, return_state=True, dtype=x.dtype.name,
        bias_initializer=keras.initializers.RandomUniform(-0.5, 0.5, seed=3), **options,
    )  # fmt: skip
    layer.build(x.shape)
    if weights is not None:
        layer.set_weights(weights)
    outputs, *last = layer(x, initial_state=states)
    assert np.array_equal(to_numpy(outputs)[:, -1], to_numpy(last[0]))
    return layer.get_weights(), to_numpy(outputs)


def to_numpy(tensor):
    return tensor.detach().cpu().numpy() if isinstance(tensor, torch.Tensor) else np.asarray(tensor)


def run_linen(weights, cell, x, states, reset_after=True):
    """Do the same with a cell of flax.linen."""
    jax = pytest.importorskip("jax")
    linen = pytest.importorskip("flax.linen")
    kinds = {"RNN": linen.SimpleCell, "GRU": linen.GRUCell, "LSTM": linen.OptimizedLSTMCell}
    with jax.enable_x64(x.dtype == "float64"):
        bias_init = jax.nn.initializers.uniform(0.5)
        cell_module = kinds[cell](H, dtype=x.dtype, param_dtype=x.dtype, bias_init=bias_init)
        rnn = linen.RNN(cell_module)
        if weights is None:
            weights = rnn.init(jax.random.key(3), x)["params"]["cell"]
        carry = tuple(states[::-1]) if cell == "LSTM" else states[0]  # (c, h)
        outputs = rnn.apply({"params": {"cell": weights}}, x, initial_carry=carry)
    return weights, np.asarray(outputs)


def run_nnx(weights, cell, x, states, reset_after=True):
    """Do the same with a cell of flax.nnx."""
    jax = pytest.importorskip("jax")
    nnx = pytest.importorskip("flax.nnx")
    kinds = {"RNN": nnx.SimpleCell, "GRU": nnx.GRUCell, "LSTM": nnx.OptimizedLSTMCell}
    with jax.enable_x64(x.dtype == "float64"):
        bias_init = jax.nn.initializers.uniform(0.5)
        cell_module = kinds[cell](
            I, H, dtype=x.dtype, param_dtype=x.dtype, bias_init=bias_init, rngs=nnx.Rngs(3)
        )
        if weights is not None:
            nnx.update(cell_module, weights)
        carry = tuple(states[::-1]) if cell == "LSTM" else states[0]  # (c, h)
        outputs = nnx.RNN(cell_module)(x, initial_carry=carry)
        weights = nnx.to_pure_dict(nnx.state(cell_module, nnx.Param))
    return weights, np.asarray(outputs)


RUN = {"keras": run_keras, "linen": run_linen, "nnx": run_nnx}
REAL_CASES = [case for case in CASES if case[0] in RUN]


def real_bar(library, cell, after, dtype):
    """Return how far the states of a library's layer may be from ours.

    On torch, Keras 3 multiplies float64 matrices in float32 (its ``result_type`` of two float64 is
    float32), except in the two layers that call torch's own functions: LSTM, and GRU with
    reset_after=True. On JAX it does so in all layers.
    """
    by_its_own = cell == "RNN" or (cell == "GRU" and not after)
    return BAR["float32" if library == "keras" and by_its_own else dtype]


a_library_may_warn = pytest.mark.filterwarnings("ignore")  # of what it deprecates, of itself


@a_library_may_warn
@both_precisions
@pytest.mark.parametrize(("library", "cell", "after"), REAL_CASES)
def test_a_layer_of_the_library_gives_the_states_of_torch_s_weights(
    library, cell, after, dtype, record_property
):
    params = random_params(cell, library, dtype, after)
    weights = to_library(params, library, cell, reset_after=after)
    x, states = random_inputs(cell, dtype)
    _, theirs = RUN[library](weights, cell, x, states, after)
    assert theirs.dtype == dtype
    difference = largest_difference(theirs, states_of(params, cell, x, states, after))
    record_property("difference", difference)
    assert difference <= real_bar(library, cell, after, dtype)


@a_library_may_warn
@both_precisions
@pytest.mark.parametrize(("library", "cell", "after"), REAL_CASES)
def test_weights_of_a_layer_of_the_library_give_its_states(
    library, cell, after, dtype, record_property
):
    x, states = random_inputs(cell, dtype)
    weights, theirs = RUN[library](None, cell, x, states, after)
    params = from_library(weights, library, cell, reset_after=after)
    assert params.W_ih.dtype == dtype
    if (library, cell) in SHAPES:
        assert shapes_of(weights) == SHAPES[library, cell]
    difference = largest_difference(theirs, states_of(params, cell, x, states, after))
    record_property("difference", difference)
    bar = real_bar(library, cell, after, dtype)
    assert difference <= bar
    if after:
        assert largest_difference(states_by_torch(params, cell, x, states)[0], theirs) <= bar


@a_library_may_warn
def test_the_lstm_of_nnx_with_an_array_per_gate_is_read_and_written_as_that_of_linen():
    pytest.importorskip("jax")
    nnx = pytest.importorskip("flax.nnx")
    x, states = random_inputs("LSTM", "float32")
    params = random_params("LSTM", dtype="float32")
    cell = nnx.LSTMCell(I, H, rngs=nnx.Rngs(3))
    first = nnx.to_pure_dict(nnx.state(cell, nnx.Param))
    for gate in "ifgo":
        recurrent = np.asarray(first[f"h{gate}"]["kernel"])
        assert np.allclose(recurrent @ recurrent.T, np.eye(H), atol=1e-5)  # each gate by itself
    theirs = np.asarray(nnx.RNN(cell)(x, initial_carry=tuple(states[::-1])))
    read = from_library(first, "linen", "LSTM")
    assert largest_difference(theirs, states_of(read, "LSTM", x, states)) <= BAR["float32"]
    weights = to_library(params, "linen", "LSTM")
    weights["if_"] = weights.pop("if")
    nnx.update(cell, weights)
    theirs = np.asarray(nnx.RNN(cell)(x, initial_carry=tuple(states[::-1])))
    assert largest_difference(theirs, states_of(params, "LSTM", x, states)) <= BAR["float32"]


@a_library_may_warn
def test_bidirectional_layers_of_keras_are_a_stack_of_torch_one_part_at_a_time():
    keras = pytest.importorskip("keras")
    x = np.random.default_rng(0).normal(size=(B, T, I)).astype("float32")
    outputs, state_dict = x, {}
    for k in range(2):
        layer = keras.layers.Bidirectional(
            keras.layers.GRU(
                H,
                return_sequences=True,
                bias_initializer=keras.initializers.RandomUniform(-0.5, 0.5, seed=3),
            )
        )
        outputs = layer(outputs)
        arrays = layer.get_weights()
        for ending, part in ((f"_l{k}", arrays[:3]), (f"_l{k}_reverse", arrays[3:])):
            one = to_library(from_library(part, "keras", "GRU"), "torch", "GRU")
            for name, array in one.items():
                state_dict[name.replace("_l0", ending)] = torch.from_numpy(array)
    stack = torch.nn.GRU(I, H, num_layers=2, bidirectional=True, batch_first=True)
    stack.load_state_dict(state_dict)
    difference = largest_difference(
        stack(torch.from_numpy(x))[0].detach().numpy(), to_numpy(outputs)
    )
    assert difference <= 2 * BAR["float32"]  # two layers


@a_library_may_warn
@both_precisions
def test_jax_unpacks_cudnn_s_buffer_of_an_lstm_as_it_was_packed(dtype):
    jax = pytest.importorskip("jax")
    rnn = pytest.importorskip("jax.experimental.rnn")
    params = random_params("LSTM", dtype=dtype)
    buffer = np.concatenate([array.ravel() for array in to_library(params, "cudnn", "LSTM")])
    x, (h, c) = random_inputs("LSTM", dtype)
    with jax.enable_x64(dtype == "float64"):
        unpacked = rnn.unpack_lstm_weights(jax.numpy.asarray(buffer), I, H, 1, False)
        lengths = np.full(B, T, np.int32)
        outputs, _, _ = rnn.lstm_ref(x, h[None], c[None], *unpacked, lengths, I, H, 1, 0.0, False)
    ours = states_of(params, "LSTM", x, [h, c])
    assert largest_difference(np.asarray(outputs), ours) <= BAR[dtype]


# --- facts of the page docs/conventions.md --------------------------------------------------------


@a_library_may_warn
def test_what_keras_returns_and_how_it_starts():
    keras = pytest.importorskip("keras")
    x = np.random.default_rng(0).normal(size=(B, T, I)).astype("float32")
    shapes = {}
    for kind in (keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM):
        for sequences in (False, True):
            for state in (False, True):
                layer = kind(H, return_sequences=sequences, return_state=state)
                returned = layer(x)
                tensors = returned if isinstance(returned, (tuple, list)) else [returned]
                shapes[kind.__name__, sequences, state] = [tuple(t.shape) for t in tensors]
        kernel, recurrent, bias = layer.get_weights()
        assert 0.7 < abs(kernel).max() / np.sqrt(6 / sum(kernel.shape)) <= 1  # glorot_uniform
        assert np.allclose(recurrent @ recurrent.T, np.eye(H), atol=1e-5)  # orthogonal as a whole
        forget = np.repeat([0, 1, 0, 0], H) if kind is keras.layers.LSTM else 0
        assert np.array_equal(bias, np.broadcast_to(forget, bias.shape))
        for sequences in (False, True):
            output = (B, T, H) if sequences else (B, H)
            states = [(B, H)] * (2 if kind is keras.layers.LSTM else 1)
            assert shapes[kind.__name__, sequences, False] == [output]
            assert shapes[kind.__name__, sequences, True] == [output, *states]
    without = keras.layers.LSTM(H, unit_forget_bias=False)
    without.build(x.shape)
    assert not without.get_weights()[2].any()
    assert keras.layers.GRU(H).reset_after
    assert not keras.layers.GRU(H).stateful


@a_library_may_warn
def test_keras_computes_the_numbers_of_the_worked_conversion():
    keras = pytest.importorskip("keras")
    layer = keras.layers.GRU(1, return_sequences=True)
    x = np.eye(2, dtype="float32")[None]
    layer.build(x.shape)
    kernel, recurrent_kernel = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], [[0.7, 0.8, 0.9]]
    bias = [[0.01, 0.02, 0.03], [0.04, 0.05, 0.06]]
    layer.set_weights([np.array(array) for array in (kernel, recurrent_kernel, bias)])
    assert to_numpy(layer(x)).ravel().round(4).tolist() == pytest.approx([0.1613, 0.3369])


@a_library_may_warn
def test_a_stateful_layer_of_keras_goes_on_until_it_is_reset():
    keras = pytest.importorskip("keras")
    x = np.random.default_rng(0).normal(size=(B, T, I)).astype("float32")
    layer, plain = keras.layers.GRU(H, stateful=True), keras.layers.GRU(H)
    plain.build(x.shape)
    first = to_numpy(layer(x))
    plain.set_weights(layer.get_weights())
    again = to_numpy(layer(x))
    assert np.allclose(again, to_numpy(plain(np.concatenate([x, x], axis=1))), atol=1e-6)
    layer.reset_state()
    assert np.array_equal(to_numpy(layer(x)), first)
    with pytest.raises(ValueError, match="batch size"):
        layer(x[:2])


@a_library_may_warn
def test_what_flax_returns_and_how_it_starts():
    jax = pytest.importorskip("jax")
    nnx = pytest.importorskip("flax.nnx")
    linen = pytest.importorskip("flax.linen")
    x = jax.numpy.asarray(np.random.default_rng(0).normal(size=(B, T, I)), "float32")
    for kind in (nnx.SimpleCell, nnx.GRUCell, nnx.OptimizedLSTMCell):
        cell = kind(I, H, rngs=nnx.Rngs(0))
        carry, outputs = nnx.RNN(cell, return_carry=True)(x)
        assert nnx.RNN(cell)(x).shape == outputs.shape == (B, T, H)
        time_major = nnx.RNN(cell, time_major=True)(x.swapaxes(0, 1))
        assert time_major.shape == (T, B, H)
        h = carry[1] if kind is nnx.OptimizedLSTMCell else carry  # an LSTM carries (c, h)
        assert np.array_equal(h, outputs[:, -1])
        recurrent = np.asarray(cell.dense_h.kernel[...])
        assert np.allclose(recurrent @ recurrent.T, np.eye(H), atol=1e-5)
        names = {
            key: set(value) for key, value in nnx.to_pure_dict(nnx.state(cell, nnx.Param)).items()
        }
        side = "dense_h" if kind is nnx.OptimizedLSTMCell else "dense_i"
        assert [key for key in names if "bias" in names[key]] == [side]
        assert not np.asarray(getattr(cell, side).bias[...]).any()
        wide = kind(400, 100, rngs=nnx.Rngs(0)).dense_i.kernel[...]
        assert np.std(wide) == pytest.approx(1 / np.sqrt(400), rel=0.05)  # lecun_normal

    class Compact(linen.Module):
        @linen.compact
        def __call__(self, x):
            return linen.Dense(2)(linen.RNN(linen.GRUCell(H))(x))

    # A cell made inside is named by its class; an RNN made alone calls it "cell".
    assert {*Compact().init(jax.random.key(0), x)["params"]} == {"GRUCell_0", "Dense_0"}
    rnn = linen.RNN(linen.LSTMCell(H), return_carry=True)
    variables = rnn.init(jax.random.key(0), x)
    (_, h), outputs = rnn.apply(variables, x)
    assert np.array_equal(h, outputs[:, -1])
    for gate in "ifgo":
        recurrent = np.asarray(variables["params"]["cell"][f"h{gate}"]["kernel"])
        assert np.allclose(recurrent @ recurrent.T, np.eye(H), atol=1e-5)  # each gate by itself
