"""The numbers of the parts `wave`, `letters` and `hero`, in Deno, against the package and torch."""

import itertools

import numpy as np
import pytest
import torch
from javascript import handed_over
from test_play_core import CLOSE, assert_reads_as, js, net  # noqa: F401 - js is a fixture

import bundles
import hero
from charseq import Vocabulary, load_net, load_text, reference
from charseq.reference import RNNParams

LINE = "(the network reads this and has to close it)"
BACKWARD = {"RNN": reference.rnn_backward, "GRU": reference.gru_backward}
SEND = """({at, ...how}) => {
    const line = readLine(how);
    const {shares, lengths} = sharesOf(line, at, evenBlame(how.hidden));
    return {shares, lengths, sum: addShares(line, shares), h: line.pass.h};
}"""


def drawn(text, cell, hidden, seed, size, bias):
    """The layer as a reader of the package would make it, and the text as one-hot rows."""
    vocab = Vocabulary.from_text(text)
    model = net(len(vocab), hidden, cell=cell, seed=seed, forget_bias=None)
    params = RNNParams.from_torch(model.double().rnn)
    params.W_hh[:] *= size
    if cell == "LSTM":
        params.b_ih[hidden : 2 * hidden] += bias
    return np.eye(len(vocab))[vocab.encode(text)], params


def sent_back(x, params, cell, blame):
    """The gradient of W_ih of a loss that is the last state times this blame."""
    zeros = np.zeros((1, params.W_hh.shape[1]))
    d = np.zeros((1, len(x), len(blame)))
    d[0, -1] = blame
    if cell == "LSTM":
        found = reference.lstm_backward(x[None], (zeros, zeros), params, d, (zeros, zeros))
    else:
        found = BACKWARD[cell](x[None], zeros, params, d, zeros)
    return found[-1].W_ih


def steps_apart(x, params, cell, blame):
    """The share of each step: every step reads a letter of its own, so nothing is added up."""
    T = len(x)
    columns = RNNParams(params.W_ih @ x.T, *params[1:])  # one column for each step
    return sent_back(np.eye(T), columns, cell, blame).T  # (T, gH)


CASES = [
    {"cell": cell, "seed": seed, "size": size, "bias": bias, "at": at}
    for (cell, bias), seed, size, at in itertools.product(
        [("RNN", 0), ("GRU", 0), ("LSTM", 0), ("LSTM", 4), ("LSTM", -1)],
        (0, 3),
        (0.4, 1, 3),
        (0, 20, 43),
    )
]


def test_the_blame_at_each_letter_is_that_of_the_packages_backward_pass(js):
    how = [{"text": LINE, "hidden": 8, **case} for case in CASES]
    for case, found in zip(how, js(f"list => list.map({SEND})", how), strict=True):
        at = case["at"]
        settings = {k: v for k, v in case.items() if k != "at"}
        x, params = drawn(**settings)
        blame = np.full(8, 1 / np.sqrt(8))
        expected = steps_apart(x[: at + 1], params, case["cell"], blame)
        shares = np.array(found["shares"])
        np.testing.assert_allclose(shares[: at + 1], expected, rtol=0, atol=1e-12)
        assert not shares[at + 1 :].any()
        # However small: what is shown is a quotient of two of them.
        lengths = np.linalg.norm(expected, axis=1)
        np.testing.assert_allclose(found["lengths"][: at + 1], lengths, rtol=1e-9, atol=0)
        whole = sent_back(x[: at + 1], params, case["cell"], blame)
        np.testing.assert_allclose(np.reshape(found["sum"], whole.shape), whole, rtol=0, atol=1e-12)


def test_a_padded_row_is_off_by_what_torch_reads_in_the_dots(js):
    vocab = Vocabulary("·bdehilorx")
    layer = net(10, 4, seed=0).double().rnn
    for text in ("ox", "bird", "hello"):
        dots = "·" * (5 - len(text))
        ends = []
        for read in (text, text + dots, dots + text):
            one_hot = torch.from_numpy(np.eye(10)[vocab.encode(read)][None])
            ends.append(layer(one_hot)[1][0, 0].detach().numpy())
        found = js(
            """texts => {
                const how = {order: "·bdehilorx", cell: "RNN", hidden: 4, seed: 0};
                const [end, ...others] = texts.map(text =>
                    stateAfter(readLine({text, ...how}), text.length - 1));
                return others.map(other => largestGap(other, end));
            }""",
            [text, text + dots, dots + text],
        )
        expected = [np.abs(end - ends[0]).max() for end in ends[1:]]
        np.testing.assert_allclose(found, expected, **CLOSE)


# --- letters --------------------------------------------------------------------------------------

LETTERS = " learned deep learning"


def test_ids_vectors_and_columns_are_the_packages(js):
    vocab = Vocabulary.from_text(LETTERS)
    with torch.random.fork_rng(devices=[]):
        W_ih = net(len(vocab), 3, seed=0).rnn.weight_ih_l0.detach().double().numpy()
    for word in ("garden", "e", ""):
        found = js("([text, word]) => lookUp(word, table(text, 3))", [LETTERS, word])
        ids = vocab.encode(word)
        assert found["ids"] == ids.tolist()
        one_hot = vocab.one_hot(ids)  # (T, V)
        assert found["oneHot"] == one_hot.T.ravel().tolist()
        np.testing.assert_allclose(
            found["products"], (W_ih @ one_hot.T).ravel(), rtol=0, atol=1e-12
        )
    assert js("text => lookUp('ew', table(text, 3)).ids", LETTERS) == [3, -1]


# --- the network of the hero, in 8 bits, and its file ---------------------------------------------

HELD_BACK = load_text("pride-test")[:9_300]


@pytest.fixture(scope="module")
def read():
    """What both networks, of 8 and of 16 bits, say of the text that they have not learned from."""
    net, vocab, _ = hero.small_net()
    ids = vocab.encode(HELD_BACK)
    return ids, net.read(ids), load_net("austen")[0].read(ids)


def test_a_number_in_8_bits_differs_by_half_a_step_of_its_row_at_most():
    matrix = np.random.default_rng(0).normal(size=(9, 400)) * np.logspace(-2, 1, 9)[:, None]
    whole, factors = hero.in_8_bits(matrix)
    assert (whole.dtype, factors.dtype) == (np.int8, np.float16)
    assert (abs(whole).max(axis=1) == 127).all()
    error = np.abs(whole * factors.astype(float)[:, None] - matrix)
    # The factor is rounded too, by a share of 2**-11, and so are the largest numbers of the row.
    most = (0.5 + 127 * 2**-11) * factors.astype(float)[:, None]
    assert (error <= most).all()


def test_the_browser_reads_the_file_as_numpy_reads_the_network_with_the_same_loss(js, read):
    net, vocab, file = hero.small_net()
    file = handed_over(bundles.data_script(hero.FILE, file))
    ids, (small, _), (full, _) = read
    small, full = (
        reference.cross_entropy(logits[:-1].astype(float), ids[1:]) for logits in (small, full)
    )
    assert 0 < abs(small - full) < 0.001 * np.log(2)  # 8 bits cost less than a thousandth
    for text in (hero.TEXT, HELD_BACK[:300], HELD_BACK[9000:9300]):
        ids = vocab.encode(text)
        found = js("read", {"file": file, "ids": ids.tolist(), "without": []})
        assert assert_reads_as(found, net, ids) <= 1e-10
