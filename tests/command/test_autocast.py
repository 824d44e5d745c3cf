"""Runs in bfloat16 against plain torch under autocast; what is saved of them is float32."""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from small_runs import (
    CORPUS,
    LONG,
    all_equal,
    cosine_schedule,
    detached,
    fused_adamw,
    language_model,
    record_values,
    run_of,
    weights,
)
from torch import nn
from torch.testing import assert_close

from charseq import (
    CharRNN,
    Corpus,
    Settings,
    evaluate,
    language_model_steps,
    layers,
    load_run,
    save_run,
    start_folder,
)
from charseq import _devices as devices
from charseq import model as model_module
from charseq.history import History
from charseq.language_model import measure

CELLS = [
    {"cell": "RNN"},
    {"cell": "GRU", "num_layers": 2},
    {"cell": "LSTM", "hidden_size": 5, "embedding_size": 5, "tied": True},
]


def autocast():
    return torch.autocast("cpu", dtype=torch.bfloat16)


def train_under_autocast(run):
    """Train a twin of the run's model as torch's documentation of autocast says."""
    model, settings = CharRNN(**run.model.options), run.settings
    B, T, optimizer = settings.batch_size, settings.length, fused_adamw(model.parameters())
    ids = torch.from_numpy(CORPUS.ids.astype(np.int64))
    columns = (len(ids) - 1) // B // T * T
    x, y = (ids[k : k + B * columns].view(B, columns) for k in (0, 1))
    rate, rows, state = cosine_schedule(settings.lr, settings.steps), [], None
    for step in range(settings.steps):
        now = slice(step * T, step * T + T)
        with autocast():
            vectors = nn.functional.one_hot(x[:, now], model.vocab_size).float()
            if model.embedding is not None:
                vectors = model.embedding(x[:, now])
            outputs, state = model.rnn(vectors, state)
            logits = model.head(outputs).reshape(B * T, -1)
            loss = nn.functional.cross_entropy(logits, y[:, now].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = rate(step)
        optimizer.step()
        state = detached(state)
        rows.append((step + 1, loss.item(), norm.item(), rate(step)))
    return rows, model


@pytest.mark.parametrize("options", CELLS)
def test_training_equals_plain_torch_under_autocast(options):
    settings = {"precision": "bfloat16", "steps": 6}
    run = run_of(options, **settings)
    records = record_values(language_model_steps(run, CORPUS))
    kind = type(run.model.rnn)
    if not devices.autocast_fits(kind, torch.device("cpu"), torch.bfloat16):
        pytest.skip("this processor has no LSTM in 16 bits to compare with")
    expected, twin = train_under_autocast(run)
    assert records == expected
    assert all_equal(weights(run.model), weights(twin))
    assert {weight.dtype for weight in weights(run.model)} == {torch.float32}
    in_float32 = run_of(options, **settings | {"precision": "float32"})
    assert record_values(language_model_steps(in_float32, CORPUS)) != records


@pytest.mark.parametrize("options", CELLS)
def test_measuring_in_a_run_equals_plain_torch_under_autocast(options):
    model = language_model(**options).eval()
    settings = Settings(precision="bfloat16", evaluate_on="all")
    text = Corpus.from_text(LONG[: 16 * 20 + 1], CORPUS.vocab)
    ids = torch.from_numpy(text.ids.astype(np.int64))
    x, y = (ids[k : k + 16 * 20].view(16, 20) for k in (0, 1))
    with torch.no_grad(), autocast():
        logits, _ = model(x)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1).double(), y.flatten())
    assert measure(model, text, settings) == pytest.approx(loss.item(), rel=1e-12)
    assert measure(model, text, Settings(evaluate_on="all")) == evaluate(model, text)
    assert evaluate(model, text) != pytest.approx(loss.item(), rel=1e-9)


@pytest.mark.parametrize("options", CELLS)
def test_the_handwritten_layers_are_not_used_under_autocast(options, monkeypatch):
    """Autocast converts torch's functions, and would not reach into theirs."""
    used = []
    monkeypatch.setattr(model_module, "fast_forward", lambda *_: used.append(True) or 1 / 0)
    run = run_of({**options, "fast": True}, precision="bfloat16", steps=1)
    next(language_model_steps(run, CORPUS))
    assert not used
    if options["cell"] != "LSTM":  # one as small as this is left to torch anyway
        with pytest.raises(ZeroDivisionError):
            next(language_model_steps(run_of({**options, "fast": True}), CORPUS))


@pytest.mark.parametrize("options", CELLS)
def test_the_state_that_goes_on_has_the_type_of_the_weights(options):
    model = language_model(**options)
    ids = torch.zeros(2, 3, dtype=torch.int64)
    with autocast():
        _, state = model(ids)
        model(ids, state)  # it is accepted again
    assert {part.dtype for part in layers.parts_of(state)} == {torch.float32}


def test_where_autocast_does_not_fit_the_recurrent_layer_keeps_its_type(monkeypatch):
    """As with cuDNN, which takes float16, and an LSTM of oneDNN on older processors."""
    model = language_model(cell="LSTM").eval()
    ids = torch.zeros(2, 3, dtype=torch.int64)
    expected, _ = model.states(ids)
    monkeypatch.setattr(devices, "autocast_fits", lambda *_: False)
    with autocast():
        outputs, _ = model.states(ids)
        assert model(ids)[0].dtype == torch.bfloat16
    assert_close(outputs, expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("returned", "fits"), [(torch.bfloat16, True), (torch.float32, True), (torch.float16, False)]
)
def test_whether_autocast_fits_is_tried(returned, fits):
    class Layer(nn.GRU):
        def forward(self, x):
            outputs, state = super().forward(x)
            return outputs.to(returned), state

    assert devices.autocast_fits(Layer, torch.device("cpu"), torch.bfloat16) == fits


def test_autocast_does_not_fit_a_layer_that_refuses_it():
    class Layer(nn.GRU):
        def forward(self, x):
            raise RuntimeError("could not create a primitive descriptor")

    assert not devices.autocast_fits(Layer, torch.device("cpu"), torch.bfloat16)


@pytest.mark.slow
def test_an_lstm_is_trained_in_bfloat16_on_older_processors():
    """Their oneDNN refuses an LSTM in 16 bits, so it stays in 32, and the rest is in 16."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from small_runs import *\n"
        "from charseq import language_model_steps\n"
        "run = run_of({'cell': 'LSTM'}, precision='bfloat16', steps=2)\n"
        "print(len(list(language_model_steps(run, CORPUS))))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)],
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.stderr) == ("2\n", "")


def test_a_saved_run_is_in_float32_and_resumes_bit_for_bit(tmp_path):
    options, settings = {"cell": "LSTM", "dropout": 0.3}, {"precision": "bfloat16", "steps": 8}
    whole, broken = run_of(options, **settings), run_of(options, **settings)
    start_folder(tmp_path, broken)
    history = History(list(islice(language_model_steps(broken, CORPUS), 5)))
    save_run(tmp_path, broken, history, best=True)
    for file in tmp_path.glob("*.safetensors"):
        kinds = {array.dtype for name, array in load_file(file).items() if name[:7] != "history"}
        assert kinds == {np.dtype(np.float32)}
    resumed, _ = load_run(tmp_path)
    assert resumed.settings.precision == "bfloat16"
    for run in (whole, resumed):
        for _ in language_model_steps(run, CORPUS):
            pass
    assert all_equal(weights(whole.model), weights(resumed.model))
    assert all_equal(layers.parts_of(whole.hidden), layers.parts_of(resumed.hidden))


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="precision must be one of float32, bfloat16, got 'half'"):
        Settings(precision="half")


def test_an_autocast_of_ones_own_around_the_loop_stays(tmp_path):
    plain, around = run_of(precision="bfloat16", steps=2), run_of(steps=2)
    expected = next(language_model_steps(plain, CORPUS)).loss
    with autocast():
        assert next(language_model_steps(around, CORPUS)).loss == expected
