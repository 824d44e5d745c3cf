"""The numbers of the playground, computed in Deno, against torch and the package."""

import base64
import contextlib
import io
import itertools
import json
import os
import re
import subprocess
from collections import Counter
from dataclasses import asdict
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl

import deno
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from javascript import WEB, calling
from test_notebook import LOG, ORDER
from torch import nn

import bundles
from charseq import (
    CharRNN,
    History,
    LayerShapes,
    NumpyNet,
    Vocabulary,
    load_net,
    load_text,
    reference,
    training_steps,
)
from charseq.reference import RNNParams
from charseq.sampling import probabilities
from charseq.training import Diverged
from widgets import pack_net

ROOT = Path(__file__).parents[2]
CORE = sorted((WEB / "core").glob("*.js"))  # it knows nothing of a page
TEXT = " learned deep learning"
CELLS = ("RNN", "GRU", "LSTM")
FLAGS = (False, True)
DEFAULT = {
    "text": TEXT,
    "order": "",
    "cell": "RNN",
    "outputLayer": True,
    "hidden": 16,
    "optimizer": "sgd",
    "lr": 0.1,
    "momentum": 0.9,
    "clip": None,
    "epochs": 50,
    "seed": 0,
    "skip": 0,
}
NOTEBOOK = DEFAULT | {"order": ORDER, "outputLayer": False, "lr": 0.5, "skip": 16}

HELPERS = """
const trained = settings => {
    const run = new Run(settings);
    run.advance();
    return run;
};
const all = settings => {
    const run = trained(settings);
    return {records: run.records, diverged: run.diverged, log: logOf(run)};
};
const look = ({epoch, ...settings}) => {
    const {model, pass} = trained(settings).at(epoch);
    return {...pass, gates_of: model.gates, parameters: model.parameters};
};
const untrained = sizes =>
    createModel({cell: "RNN", V: 3, H: 2, outputLayer: true, ...sizes}, new Generator(0));
const modelFrom = file => {
    const making = makingModel(file);
    for (;;) {
        const {done, value} = making.next();
        if (done) return value;
    }
};
const read = ({file, ids, without = []}) => {
    const reading = startReading(withoutUnits(modelFrom(file), without), Int32Array.from(ids));
    while (!reading.advance(5));
    const p = ids.map((_, t) => Array.from(reading.at(t).probabilities));
    return {states: reading.states, costs: reading.costs, p};
};
"""
CLOSE = {"rtol": 0, "atol": 1e-14}


@pytest.fixture(scope="module")
def js():
    """Call a function of JavaScript that knows the modules; arrays come back as lists."""
    with calling(*CORE, helpers=HELPERS) as call:
        yield call


def many(function):
    """The same for a list of arguments: one call of Deno instead of many."""
    return f"list => list.map({function})"


# --- the oracle -----------------------------------------------------------------------------------


def fused_uniform(tensor, low=0.0, high=1.0, generator=None):
    """Draw as `uniform_` does where it multiplies and adds with one rounding.

    A torch without fused multiply-adds, for an old processor, rounds twice. The playground has one
    start for all readers, so the oracle has it, too.
    """
    low, width = np.float32(low), np.float32(np.float32(high) - np.float32(low))
    drawn = torch.rand(tensor.shape, generator=generator, dtype=torch.float32).double()
    return tensor.copy_((drawn * float(width) + float(low)).float())


def net(*sizes, **options):
    """CharRNN with the weights of a torch that rounds once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "uniform_", fused_uniform)
        return CharRNN(*sizes, **options)


def model_of(run):
    """CharRNN as the settings want it, and its vocabulary."""
    vocab = Vocabulary(run["order"]) if run["order"] else Vocabulary.from_text(run["text"])
    H = run["hidden"] if run["outputLayer"] else len(vocab)
    options = {"cell": run["cell"], "output_layer": run["outputLayer"]}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run["seed"])
        torch.rand(run["skip"])
        return net(len(vocab), H, **options).double(), vocab


def steps_of(run, model, vocab):
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[run["optimizer"]]
    options = {"momentum": run["momentum"]} if run["optimizer"] == "sgd" else {}
    optimizer = kind(model.parameters(), lr=run["lr"], **options)
    return training_steps(
        model, vocab, run["text"], epochs=run["epochs"], optimizer=optimizer, clip_norm=run["clip"]
    )


@cache
def torch_run(frozen):
    """What torch says of the settings, a dict as JSON."""
    run = json.loads(frozen)
    return list(steps_of(run, *model_of(run)))


# --- random numbers and weights -------------------------------------------------------------------

SEEDS = (0, 42, 2**32 - 1, 2**64 - 1, -7)


def test_initial_weights_equal_those_of_torch_bit_for_bit(js):
    sizes = [(1, 1), (10, 16)]
    cases = [
        {"cell": cell, "V": V, "H": H if head else V, "outputLayer": head, "seed": str(seed)}
        for seed, cell, head, (V, H) in itertools.product(SEEDS, CELLS, FLAGS, sizes)
    ]
    draw = many(
        """({seed, ...sizes}) => createModel(sizes, new Generator(BigInt(seed)))
        .parameters.map(({name, shape, data}) => [name, shape, data])"""
    )
    for case, drawn in zip(cases, js(draw, cases), strict=True):
        options = {"cell": case["cell"], "output_layer": case["outputLayer"]}
        made = net(case["V"], case["H"], **options, seed=int(case["seed"]))
        assert drawn == [
            [name, list(p.shape), p.flatten().tolist()] for name, p in made.state_dict().items()
        ]


@pytest.mark.parametrize("cell", CELLS)
def test_weights_of_the_oracle_are_those_that_torch_draws(cell):
    model, torchs = (make(10, 16, cell=cell, seed=3) for make in (net, CharRNN))
    fuses = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    for found, expected in zip(model.parameters(), torchs.parameters(), strict=True):
        # The second rounding is that of a product, which is at most twice the bound of the weights.
        twice = 0 if fuses else 2 * expected.abs().max().item() * torch.finfo(torch.float32).eps
        assert (found - expected).abs().max() <= twice


# --- text -----------------------------------------------------------------------------------------

TEXTS = (TEXT, "zażółć", "🙂 \U0001f600a\uffff🙂é", "\"'\\\n\t\0")


def test_vocabulary_and_ids_are_the_packages(js):
    both = "t => [vocabulary(t).join(''), encode(t, vocabulary(t))]"
    for text, (chars, ids) in zip(TEXTS, js(many(both), TEXTS), strict=True):
        vocab = Vocabulary.from_text(text)
        assert (chars, ids) == (vocab.chars, vocab.encode(text).tolist())
    assert js("text => encode(text, [...'helo'])", "hello") == [0, 1, 2, 2, 3]


# --- forward and backward -------------------------------------------------------------------------

EVERY_MODEL = [
    DEFAULT | {"cell": cell, "outputLayer": head, "text": text, "hidden": 5, "lr": 0.3}
    for cell, head, text in itertools.product(CELLS, FLAGS, (TEXT, "ab"))
]


@pytest.fixture(scope="module")
def looks(js):
    """Settings, and what the network computes in the first and the ninth epoch."""
    cases = [run | {"epochs": 9, "epoch": epoch} for run in EVERY_MODEL for epoch in (1, 9)]
    return list(zip(cases, js(many("look"), cases), strict=True))


def arrays(look):
    return {p["name"]: np.reshape(p["data"], p["shape"]) for p in look["parameters"]}


def one_hot(look):
    V = look["parameters"][0]["shape"][1]
    return np.eye(V)[look["x"]]  # (T, V)


def rows(look, name):
    return np.reshape(look[name], (len(look["x"]), -1))  # (T, ...)


def test_states_gates_and_sums_equal_those_of_the_reference(looks):
    for run, look in looks:
        W_ih, W_hh, b_ih, b_hh = params = RNNParams(*list(arrays(look).values())[:4])
        H = W_hh.shape[1]
        x, h, c = one_hot(look), np.reshape(look["h"], (-1, H)), np.reshape(look["c"], (-1, H))
        assert not h[0].any()
        np.testing.assert_allclose(rows(look, "fromInput"), x @ W_ih.T + b_ih, **CLOSE)
        np.testing.assert_allclose(rows(look, "fromMemory"), h[:-1] @ W_hh.T + b_hh, **CLOSE)
        cells = np.zeros_like(h[1:])
        if run["cell"] == "RNN":
            states = gates = reference.rnn_step(x, h[:-1], params)
        elif run["cell"] == "GRU":
            states = reference.gru_step(x, h[:-1], params)
            gates = np.concatenate(reference.gru_gates(x, h[:-1], params), axis=-1)
        else:
            states, cells = reference.lstm_step(x, (h[:-1], c[:-1]), params)
            gates = np.concatenate(reference.lstm_gates(x, h[:-1], params), axis=-1)
        np.testing.assert_allclose(h[1:], states, **CLOSE)
        np.testing.assert_allclose(rows(look, "gates"), gates, **CLOSE)
        np.testing.assert_allclose(c, np.vstack([np.zeros(H), cells]), **CLOSE)
        assert "".join(look["gates_of"]) == {"RNN": "h", "GRU": "rzn", "LSTM": "ifgo"}[run["cell"]]


def model_seen(run, look):
    model, _ = model_of(run)
    model.load_state_dict({name: torch.tensor(a) for name, a in arrays(look).items()})
    return model


def test_gradients_equal_those_of_autograd(looks):
    for run, look in looks:
        model = model_seen(run, look)
        logits, _ = model(torch.tensor([look["x"]]))
        nn.functional.cross_entropy(logits[0], torch.tensor(look["y"])).backward()
        for found, (name, p) in zip(look["parameters"], model.named_parameters(), strict=True):
            assert found["name"] == name
            np.testing.assert_allclose(found["grad"], p.grad.flatten(), **CLOSE)


def test_flow_is_the_gradient_that_autograd_finds_at_each_state(looks):
    for run, look in looks:
        model = model_seen(run, look)
        cell = getattr(nn, f"{run['cell']}Cell")(model.vocab_size, model.rnn.hidden_size).double()
        cell.load_state_dict({k.removesuffix("_l0"): v for k, v in model.rnn.state_dict().items()})
        state, states = None, []
        for x in torch.from_numpy(one_hot(look)):
            state = cell(x, state)
            states.append(state[0] if run["cell"] == "LSTM" else state)
            states[-1].retain_grad()
        logits = torch.stack(states)
        logits = logits if model.head is None else model.head(logits)
        nn.functional.cross_entropy(logits, torch.tensor(look["y"])).backward()
        expected = [h.grad.norm().item() for h in states]
        np.testing.assert_allclose(look["flow"], expected, **CLOSE)


def test_ties_go_to_the_first_character_as_in_torch(js):
    ids = js(
        """() => {
            const model = untrained();
            model.theta.fill(0);
            const pass = createPass(model, [0, 1]);
            forward(model, pass);
            return [...pass.ids, ...pass.losses, pass.loss];
        }"""
    )
    assert ids == [0] * 5  # without characters to come there is no loss


# --- training -------------------------------------------------------------------------------------

RUNS = [
    DEFAULT | {"epochs": 6} | {"cell": cell, "outputLayer": head, "seed": 1, **rest}
    for cell, head, rest in itertools.product(
        CELLS,
        FLAGS,
        (
            {"lr": 0.5},
            {"lr": 0.5, "momentum": 0.0, "clip": 0.3},
            {"optimizer": "adam", "lr": 0.02},
            {"optimizer": "adam", "lr": 0.05, "clip": 0.3},
        ),
    )
]


def test_losses_predictions_and_the_log_of_a_run_are_those_of_torch(js):
    for found, run in zip(js(many("all"), RUNS), RUNS, strict=True):
        expected = torch_run(json.dumps(run))
        assert not found["diverged"]
        assert len(found["records"]) == len(expected) == run["epochs"]
        for ours, theirs in zip(found["records"], expected, strict=True):
            assert ours["epoch"] == theirs.epoch
            assert ours["prediction"] == theirs.prediction
            assert abs(ours["loss"] - theirs.loss) <= 1e-12, run
            assert abs(ours["gradientNorm"] - theirs.gradient_norm) <= 1e-10, run
        assert found["log"] == str(History(tuple(expected)))


def test_a_record_holds_what_the_network_said(js):
    run = RUNS[0]
    last = js("all", run)["records"][-1]
    look = js("look", run | {"epoch": run["epochs"]})
    right = rows(look, "probabilities")[range(len(TEXT) - 1), look["y"]]
    np.testing.assert_allclose(last["right"], right, rtol=1e-14)
    assert last["flow"] == look["flow"]
    assert last["loss"] == look["loss"]


def test_the_ten_lines_of_the_notebook(js):
    assert js("() => DEFAULT") == DEFAULT
    assert js("() => NOTEBOOK") == NOTEBOOK
    assert js("all", NOTEBOOK)["log"] == LOG


def test_any_epoch_can_be_looked_into_while_training_goes_on(js):
    # Large enough for several epochs to lie between two snapshots.
    run = DEFAULT | {"cell": "LSTM", "hidden": 40, "optimizer": "adam", "clip": 0.1, "epochs": 400}
    found = js(
        """settings => {
            const run = new Run(settings);
            const weights = [];
            const look = epoch => {
                const {model, pass} = run.at(epoch);
                const {loss, gradientNorm} = run.records[epoch - 1];
                return model.theta.every((number, k) => number === weights[epoch - 1][k])
                    && norm(model.grad) === gradientNorm && pass.loss === loss;
            };
            const looks = [];
            while (run.records.length < 2 * run.every + 1) {
                weights.push(run.model.theta.slice());
                run.step();
                looks.push(look(run.records.length), look(1));
            }
            for (let epoch = 1; epoch <= run.records.length; epoch++) looks.push(look(epoch));
            return [looks, run.snapshots.length, run.snapshots[0].length];
        }""",
        run,
    )
    looks, *kept = found
    assert all(looks)
    assert kept == [3, 3]  # of weights, and of Adam's two memories


def test_a_run_that_blows_up_stops_where_training_steps_does(js):
    run = DEFAULT | {"lr": 1e308, "momentum": 0.5}
    found = js("all", run)
    with pytest.raises(Diverged, match=rf"epoch {found['diverged']}\b"):
        list(steps_of(run, *model_of(run)))
    assert [r["epoch"] for r in found["records"]] == list(range(1, found["diverged"]))
    done = "run => [run.done, run.advance(), run.records.length]"
    assert js(f"s => ({done})(trained(s))", run) == [True, True, found["diverged"] - 1]


# --- symbols --------------------------------------------------------------------------------------


def test_symbols_are_cut_out_of_a_text_and_code_is_left_whole(js):
    text = "h_t−1 is a state, W_ih, b_y, (1 − z_t) n_t, logits_t; code is W_hh[0, 1], h, num_layers"
    pieces = js("text => symbolPieces(text)", text)
    assert "".join(pieces) == text
    assert pieces[1::2] == ["h_t−1", "W_ih", "b_y", "z_t", "n_t", "logits_t"]


# --- temperature ----------------------------------------------------------------------------------


LOGITS = ([2.0, 1.0, 0.0, 1.0, 3.0, 1.0], [0.0] * 6, [-1000.0, 5.0, 5.0, 4.0], [900.0, 901.0], [3])


@pytest.mark.parametrize("k", [1, 2, 100])
@pytest.mark.parametrize("temperature", [0, 0.05, 1, 3])
def test_probabilities_at_a_temperature_of_the_k_likeliest_are_the_packages(js, temperature, k):
    for logits in LOGITS:
        found = js("given => probabilities(...given)", [logits, temperature, k])
        expected = probabilities(logits, temperature=temperature, top_k=k)
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_a_draw_falls_back_on_the_likeliest_if_rounding_leaves_nothing(js):
    assert js("() => drawId([0.2, 0.5, 0.3], {uniform: () => 1.01})") == 1


def test_a_number_falls_on_the_id_in_whose_share_it_lies(js):
    rng = np.random.default_rng(0)
    p, numbers = rng.dirichlet(np.ones(9)), rng.random(200)
    expected = np.searchsorted(p.cumsum(), numbers, side="right")
    draw = "([p, list]) => list.map(u => drawId(p, {uniform: () => u}))"
    assert js(draw, [[*p], [*numbers]]) == expected.tolist()


# --- a trained network ----------------------------------------------------------------------------

NETS = {  # small ones, with all that a run folder may hold
    "LSTM with an embedding": {"cell": "LSTM", "embedding_size": 3},
    "GRU with a tied embedding": {"cell": "GRU", "embedding_size": 6, "tied": True},
    "RNN that reads one-hot vectors": {"cell": "RNN"},
}


def packed(options, weights, chars="abcdefgh"):
    """A network as docs/_ext/live/widgets.py packs it."""
    as_text = {
        name: {
            "shape": list(array.shape),
            "data": base64.b64encode(np.asarray(array, "<f2").tobytes()).decode(),
        }
        for name, array in weights.items()
    }
    return {"options": options, "chars": list(chars), "weights": as_text, "text": "abc"}


def small_net(options):
    """Such a network as a file, and in NumPy: with the very same float16 numbers, in float64."""
    model = CharRNN(8, 6, seed=1, **options)
    arrays = {name: w.numpy().astype(np.float16) for name, w in model.state_dict().items()}
    in_full = {name: array.astype(np.float64) for name, array in arrays.items()}
    if options.get("tied"):
        del arrays["head.weight"]
    return packed(model.options, arrays), NumpyNet(model.options, in_full)


@pytest.fixture(scope="module")
def trained():
    """The network of the package: as a file, in NumPy in float64, and its vocabulary."""
    file = pack_net()
    narrow, vocab = load_net("austen")
    params = narrow.layers[0]
    weights = {
        "rnn.weight_ih_l0": params.W_ih,
        "rnn.weight_hh_l0": params.W_hh,
        "rnn.bias_ih_l0": params.b_ih,
        "rnn.bias_hh_l0": params.b_hh,
        "head.weight": narrow.head[0],
        "head.bias": narrow.head[1],
        "embedding.weight": narrow.vectors,
    }
    in_full = {name: array.astype(np.float64) for name, array in weights.items()}
    in_full = {name: array for name, array in in_full.items() if name in file["weights"]}
    return file, NumpyNet(file["options"], in_full), vocab


def test_every_float16_is_decoded(js):
    every = np.arange(2**16, dtype=np.uint16)
    found = js(
        "data => Array.from(decode(data), x => Object.is(x, -0) ? '-0' : String(x))",
        base64.b64encode(every.astype("<u2").tobytes()).decode(),
    )
    numbers = np.array([float(text.replace("Infinity", "inf")) for text in found])
    expected = every.view(np.float16).astype(np.float64)
    np.testing.assert_array_equal(numbers, expected)
    np.testing.assert_array_equal(np.signbit(numbers[expected == 0]), [False, True])


def assert_reads_as(found, net, ids):
    """Compare what JavaScript read with the network in NumPy; return the largest difference."""
    logits, states = net.read(ids)
    p = reference.softmax(logits)
    H = states.shape[1]
    found_states = np.reshape(found["states"], (-1, H))
    assert not found_states[0].any()
    costs = -np.log2(p[np.arange(len(ids) - 1), ids[1:]])
    assert found["costs"][0] is None  # NaN: nothing foresees the first character
    np.testing.assert_allclose(found["costs"][1:], costs, rtol=0, atol=1e-9)
    return max(np.abs(found_states[1:] - states).max(), np.abs(np.array(found["p"]) - p).max())


def test_the_trained_network_reads_as_in_numpy_with_and_without_a_unit(js, trained):
    file, net, vocab = trained
    ids = vocab.encode(load_text("pride-test")[:600])
    for without in ([], [7]):
        found = js("read", {"file": file, "ids": ids.tolist(), "without": without})
        assert assert_reads_as(found, net.without_units(without), ids) <= 1e-10


@pytest.mark.parametrize("options", NETS.values(), ids=NETS)
def test_a_small_network_of_each_kind_reads_as_in_numpy_and_goes_on_from_a_common_beginning(
    js, options
):
    file, net = small_net(options)
    ids = np.random.default_rng(0).integers(8, size=60)
    found = js("read", {"file": file, "ids": ids.tolist()})
    assert assert_reads_as(found, net, ids) <= 1e-12
    go_on = """({file, ids}) => {
        const model = modelFrom(file);
        let reading = null;
        return ids.map(list => {
            reading = startReading(model, Int32Array.from(list), reading);
            const before = reading.done;
            while (!reading.advance(5));
            return [before, reading.states, reading.costs, reading.bits()];
        });
    }"""
    texts = [[1, 2, 3, 4, 5], [1, 2, 3, 7, 7, 0], [1, 2, 3, 7], [1, 2, 3, 7, 5], [6], [6, 1]]
    shared = [0, 3, 4, 4, 0, 1]
    for ids, common, (before, states, costs, bits) in zip(
        texts, shared, js(go_on, {"file": file, "ids": texts}), strict=True
    ):
        logits, expected = net.read(ids)
        assert before == common
        np.testing.assert_allclose(np.reshape(states, (-1, 6))[1:], expected, rtol=0, atol=1e-12)
        p = reference.softmax(logits)[np.arange(len(ids) - 1), ids[1:]]
        np.testing.assert_allclose(costs[1:], -np.log2(p), rtol=0, atol=1e-12)
        assert bits == (pytest.approx(-np.log2(p).mean(), abs=1e-12) if len(ids) > 1 else None)


# --- a text of the reader's -----------------------------------------------------------------------


def test_a_text_is_cut_and_what_the_network_does_not_know_is_counted(js):
    parse = "text => parseText(text, ['\\n', 'a', 'b'])"
    odd = js(parse, "a€\r\n🙂a€\ud800")
    assert odd["letters"] == [*"a€\n🙂a€\ud800"]
    assert odd["places"] == [0, -1, 1, -1, 2, -1, -1]
    assert odd["ids"] == [1, 0, 1]
    assert odd["messages"] == [
        "The network does not know 4 of these characters (€ 🙂 �): they are shown and skipped."
    ]
    assert js(parse, "")["messages"] == ["The text is empty, so there is nothing to read."]
    long = js(parse, "ab" * 10_001)
    assert len(long["letters"]) == len(long["ids"]) == 20_000
    assert "20,002 characters, and only the first 20,000 are read" in long["messages"][0]


# --- what can be known beforehand -----------------------------------------------------------------


def test_loss_floor_is_the_references(js):
    for V in (1, 2, 10, 60):
        assert js("lossFloor", V) == pytest.approx(reference.loss_floor(V), rel=1e-14)


@pytest.mark.parametrize("text", [TEXT, "ab", "aaab", "abcabd"])
def test_contexts_mark_targets_that_the_preceding_characters_leave_ambiguous(js, text):
    ids = Vocabulary.from_text(text).encode(text).tolist()
    for length in range(8):
        found = js("([ids, length]) => contexts(ids, length)", [ids, length])
        keys = [text[max(0, t + 1 - length) : t + 1] for t in range(len(text) - 1)]
        pairs, seen = Counter(zip(keys, text[1:], strict=True)), Counter(keys)
        shares = [pairs[key, char] / seen[key] for key, char in zip(keys, text[1:], strict=True)]
        assert found["ambiguous"] == [share < 1 for share in shares]
        assert found["loss"] == pytest.approx(-np.log(shares).mean(), rel=0, abs=1e-14)


# --- shapes ---------------------------------------------------------------------------------------

VALUES = {"mode": CELLS, "input_size": [5], "hidden_size": [4], "num_layers": (1, 2, 3)}
VALUES |= dict.fromkeys(("bias", "batch_first", "bidirectional"), FLAGS)
VALUES |= {"proj_size": (0, 3), "batch_size": (None, 1, 2), "length": [6]}
EVERY_LAYER = [
    layer
    for values in itertools.product(*VALUES.values())
    if (layer := dict(zip(VALUES, values, strict=True)))["mode"] == "LSTM" or not layer["proj_size"]
]


def test_shapes_of_every_combination_of_options_are_torchs(js):
    for found, options in zip(js(many("layerShapes"), EVERY_LAYER), EVERY_LAYER, strict=True):
        layer = eval(f"nn.{found['call']}").double()  # torch warns of projections in float32
        assert [(p["name"], p["shape"], p["count"]) for p in found["parameters"]] == [
            (name, list(p.shape), p.numel()) for name, p in layer.named_parameters()
        ]
        assert found["parameter_count"] == sum(p.numel() for p in layer.parameters())
        shapes = {tensor["name"]: tensor["shape"] for tensor in found["tensors"]}
        output, state = layer(torch.zeros(shapes["input"], dtype=torch.float64))
        h_n, c_n = state if options["mode"] == "LSTM" else (state, None)
        for name, tensor in {"output": output, "h_n": h_n, "h_0": h_n, "c_n": c_n}.items():
            assert tensor is None or list(tensor.shape) == shapes[name]
        shapes = LayerShapes(**options)
        assert (found["call"], found["parameter_count"]) == (shapes.call, shapes.parameter_count)
        for name in ("parameters", "tensors"):
            rows = [{**asdict(row), "shape": list(row.shape)} for row in getattr(shapes, name)]
            assert found[name] == rows


# --- the script -----------------------------------------------------------------------------------

ODD = "a\nb\tc\u2028\0\x7f\ufeff🙂🙃"
SCRIPTS = [
    NOTEBOOK,
    DEFAULT | {"cell": "GRU", "optimizer": "adam", "lr": 0.05, "clip": 0.5, "epochs": 33},
    DEFAULT | {"cell": "LSTM", "outputLayer": False, "seed": 2**40 + 5, "skip": 7, "epochs": 4},
    DEFAULT | {"text": "\"'''\\\n{x}${y}\\</script>", "momentum": 0, "epochs": 1, "skip": 1},
    DEFAULT | {"text": ODD, "order": ODD[::-1], "epochs": 9},
]


@pytest.mark.parametrize("run", SCRIPTS, ids=range(len(SCRIPTS)))
def test_the_script_shown_prints_the_log_shown(js, run):
    script = js("settings => scriptOf(settings)", run)
    assert "charseq" not in script
    assert ("torch.rand" in script) == (run["skip"] not in (0, 16))
    assert max(map(len, script.splitlines())) <= 100
    printed, names = io.StringIO(newline=""), {}
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(printed):
        exec(compile(script, "script", "exec"), names)
    assert printed.getvalue() == js("all", run)["log"] + "\n"
    assert names["text"] == run["text"]
    assert "".join(names["chars"]) == (run["order"] or "".join(sorted(set(run["text"]))))


# --- settings from outside ------------------------------------------------------------------------

# What an address says, what is used of it instead, and the message.
SETTINGS = """
cell= gru &outputLayer=FALSE → cell=GRU&outputLayer=false:
lr= 1E-3&seed=2e1&clip=none → lr=0.001&seed=20:
cell=CNN → : cell must be one of RNN, GRU, LSTM: got "CNN", so RNN is used
lr=0x10 → : lr must be a number from 0 to 10: got "0x10", so 0.1 is used
hidden=65 → hidden=64: hidden must be a whole number from 1 to 64: got "65", so 64 is used
clip=1e999 → clip=1000: must be a number from 0.001 to 1000, or none: got "1e999", so 1000 is used
epochs=7.6 → epochs=8: epochs must be a whole number from 1 to 400: got "7.6", so 8 is used
lr=11 → lr=10: lr must be a number from 0 to 10: got "11", so 10 is used
momentum=1 → momentum=0.999: a number from 0 to 0.999: got "1", so 0.999 is used
skip=1001 → skip=1000: a whole number from 0 to 1000: got "1001", so 1000 is used
text=a → : text must have 2 to 60 characters: got 1, so " learned deep learning" is used
text=abba&order=ab2 → text=abba: hold each character of the text once: got "ab2", so "ab" is used
text=abba&order=ba → text=abba&order=ba:
epoch=3&toString=x&constructor=y → :
"""
LAYERS = """
mode=lstm&proj_size=15 → mode=LSTM&proj_size=15:
mode=LSTM&hidden_size=3&proj_size=3 → mode=LSTM&hidden_size=3&proj_size=2: so 2 is used
proj_size=1 → : proj_size must be 0, except in an LSTM: got 1, so 0 is used
"""


def parsed(js, found, parse="parseSettings"):
    """Parse an object, and again as the text of an address."""
    one, other = js(f"found => [found, new URLSearchParams(found)].map({parse})", found)
    assert one == other
    return tuple(one.values())


@pytest.mark.parametrize(
    ("parse", "case"),
    [
        *(("parseSettings", line) for line in SETTINGS.strip().splitlines()),
        *(("parseLayer", line) for line in LAYERS.strip().splitlines()),
    ],
)
def test_a_setting_is_brought_into_bounds_with_a_message(js, parse, case):
    given, _, rest = case.partition(" → ")
    used, _, said = rest.partition(":")
    defaults, _ = parsed(js, {}, parse)
    settings, messages = parsed(js, dict(parse_qsl(given)), parse)
    changed = {k: json.dumps(v).strip('"') for k, v in settings.items() if v != defaults[k]}
    assert changed == dict(parse_qsl(used))
    assert len(messages) == bool(said)
    assert "".join(messages).endswith(said.strip())


def test_each_run_that_a_page_links_to_has_settings_that_are_used_as_they_are(js):
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md"))
    links = {*re.findall(r"\{playground\}`[^`<]*<([^>`]*)>`", pages)}
    assert len(links) >= 5
    for link in links:
        assert parsed(js, dict(parse_qsl(link)))[1] == [], link


def test_half_a_surrogate_pair_is_replaced(js):
    found = js(r"() => parseSettings({text: 'a\ud800b🙂', order: '\udc00ba🙂'})")
    run = DEFAULT | {"text": "a\ufffdb🙂", "order": "\ufffdba🙂"}
    assert found == {"settings": run, "messages": []}


@pytest.mark.parametrize(("cell", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_epochs_are_bounded_by_the_work_they_make(js, cell, gates):
    letters = "".join(chr(48 + k) for k in range(60))
    for head, H in ((True, 64), (False, 60)):
        given = {"cell": cell, "outputLayer": head, "hidden": 64, "text": letters, "epochs": 400}
        run, messages = js("parseSettings", given).values()
        most = 300_000_000 // (59 * H * (gates * H + (60 if head else 0)))
        assert run["epochs"] == min(400, most)
        assert messages == [
            f"epochs must be at most {most} for a network of this size: got 400, so {most} is used"
        ] * (most < 400)
    # 50 steps, 60 units, 4 x 60 rows and 10 characters: exactly 3e8 / 400
    found = {"cell": "LSTM", "hidden": 60, "text": "0123456789" * 5 + "0", "epochs": 400}
    assert parsed(js, found | {"epochs": "400", "hidden": "60"}) == (DEFAULT | found, [])


@given(
    st.dictionaries(
        st.sampled_from([*DEFAULT, "mode"]),
        st.text(st.characters(codec="utf-8")) | st.floats().map(str),
    )
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_input_gives_usable_settings_that_survive_a_round_trip(js, found):
    run, messages = parsed(js, found)
    again = js("settings => parseSettings(toParams(settings))", run)
    assert again == {"settings": run, "messages": []}
    assert all("is used" in message for message in messages)
    js("s => { const run = new Run(s); run.step(); return run.diverged }", run)


# --- modules --------------------------------------------------------------------------------------


def test_a_module_imports_only_from_the_rooms_below_its_own():
    rooms = ["core", "ui", "exercises", "look", "widgets", "search", "bundles"]
    for file in WEB.rglob("*.js"):
        text = file.read_text("utf-8")
        for name in re.findall(r'^(?:import (?:.* from )?|\} from )"(\..*)";', text, re.MULTILINE):
            other = (file.parent / name).resolve()
            assert other.is_file()
            ranks = [rooms.index(path.parent.name) for path in (other, file)]
            assert ranks == sorted(ranks), f"{file.name} imports {other.name}"


def test_a_module_exports_nothing_that_nobody_uses():
    texts = {file: file.read_text("utf-8") for file in WEB.rglob("*.js")}
    python = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("docs/_ext/*/*.py")]
    words = {file: {*re.findall(r"\w+", text)} for file, text in texts.items()}
    tests = set().union(*(re.findall(r"\w+", file.read_text("utf-8")) for file in python))
    uses = Counter(word for of_file in words.values() for word in of_file)
    export = re.compile(r"^export (?:async )?(?:const|function|class) (\w+)", re.M)
    exported = [(file.name, name) for file, text in texts.items() for name in export.findall(text)]
    assert [pair for pair in exported if pair[1] not in tests and uses[pair[1]] < 2] == []


# --- types ----------------------------------------------------------------------------------------


def test_the_core_knows_nothing_of_a_page(tmp_path):
    # dev.py lint checks the types of all modules. Without "dom" among the libraries, one that
    # touches the page has a mistake.
    options = {"checkJs": True, "strict": True}
    (tmp_path / "deno.json").write_text(json.dumps({"compilerOptions": options}))
    checked = subprocess.run(
        [deno.find_deno_bin(), "check", "--quiet", "--config", tmp_path / "deno.json", *CORE],
        env=os.environ | bundles.ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
