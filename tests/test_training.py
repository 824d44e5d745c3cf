"""The training loops against the same loops written by hand."""

import io
import math
import os
import subprocess
import sys
from dataclasses import astuple
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from precision import assert_rounds_like
from torch import nn

from charseq import (
    CharRNN,
    Corpus,
    Diverged,
    History,
    Run,
    Settings,
    Vocabulary,
    evaluate,
    language_model_steps,
    train,
    training_steps,
)
from charseq import training as module
from charseq.corpus import windows
from charseq.training import learning_rate

TEXT = "hello, world"
VOCAB = Vocabulary.from_text(TEXT)


def make(cell="RNN", seed=0):
    return CharRNN(len(VOCAB), 8, cell=cell, seed=seed).double()


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def same(some, others):
    return all(map(torch.equal, some, others))


def loss_of(model):
    ids = torch.from_numpy(VOCAB.encode(TEXT))
    logits = model(ids[None, :-1])[0][0]
    return nn.functional.cross_entropy(logits, ids[1:]), logits


def by_hand(model, optimizer, epochs, max_norm=None):
    """Train as the notebook does, and note what each record should say."""
    rows = []
    for epoch in range(1, epochs + 1):
        loss, logits = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item()
        if max_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        rows.append((epoch, loss.item(), norm, "".join(VOCAB.chars[i] for i in logits.argmax(1))))
    return rows


def assert_same_run(history, model, rows, twin):
    assert [(r.epoch, r.loss, r.prediction) for r in history] == [(e, s, p) for e, s, _, p in rows]
    assert [r.gradient_norm for r in history] == pytest.approx([n for *_, n, _ in rows], rel=1e-12)
    assert same(weights(model), weights(twin))


@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_training_steps_equal_a_loop_written_by_hand_to_the_bit(cell):
    model, twin = make(cell), make(cell)
    history = list(training_steps(model, VOCAB, TEXT, epochs=12))
    rows = by_hand(twin, torch.optim.SGD(twin.parameters(), lr=0.5, momentum=0.9), 12)
    assert_same_run(history, model, rows, twin)


def test_any_optimizer_of_torch_may_be_given():
    model, twin = make(), make()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    history = train(model, VOCAB, TEXT, epochs=8, optimizer=optimizer)
    rows = by_hand(twin, torch.optim.Adam(twin.parameters(), lr=0.02), 8)
    assert_same_run(history, model, rows, twin)


@pytest.mark.parametrize("clip_norm", [0.05, 1.0, 1e6])
def test_clip_norm_clips_as_torch_does(clip_norm):
    model, twin = make(), make()
    history = train(model, VOCAB, TEXT, epochs=8, clip_norm=clip_norm)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.5, momentum=0.9)
    rows = by_hand(twin, optimizer, 8, max_norm=clip_norm)
    assert_same_run(history, model, rows, twin)


def test_clip_norm_shortens_the_step_but_not_the_norm_that_is_recorded():
    model = make()
    before = weights(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    (record,) = training_steps(model, VOCAB, TEXT, epochs=1, optimizer=optimizer, clip_norm=0.01)
    moved = torch.cat([(a - b).flatten() for a, b in zip(weights(model), before, strict=True)])
    assert moved.norm().item() == pytest.approx(0.01, rel=1e-3)
    assert record.gradient_norm > 0.1


def test_a_record_tells_how_things_stood_before_the_update():
    model = make()
    before = loss_of(model)[0].item()
    for record in training_steps(model, VOCAB, TEXT, epochs=3):
        assert record.loss == before
        before = loss_of(model)[0].item()
        assert before < record.loss


def test_gradient_norm_agrees_with_finite_differences():
    model = make()
    (record,) = training_steps(make(), VOCAB, TEXT, epochs=1)
    squares, step = 0.0, 1e-6
    with torch.no_grad():
        for parameter in model.parameters():
            flat = parameter.view(-1)
            for i in range(len(flat)):
                flat[i] += step
                above = loss_of(model)[0].item()
                flat[i] -= 2 * step
                below = loss_of(model)[0].item()
                flat[i] += step
                squares += ((above - below) / (2 * step)) ** 2
    assert record.gradient_norm == pytest.approx(math.sqrt(squares), rel=1e-6)


def test_train_keeps_every_record_of_training_steps():
    history = train(make(), VOCAB, TEXT)
    assert history == History(tuple(training_steps(make(), VOCAB, TEXT)))
    assert history.numbers.tolist() == list(range(1, 51))


def test_old_gradients_do_not_leak_into_the_first_step():
    model = make()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 100.0)
    assert next(training_steps(model, VOCAB, TEXT)) == next(training_steps(make(), VOCAB, TEXT))


def test_training_switches_the_model_to_training_mode():
    model = make().eval()
    next(training_steps(model, VOCAB, TEXT))
    assert model.training


def test_two_characters_are_enough():
    vocab = Vocabulary("ab")
    history = train(CharRNN(2, 4, seed=0), vocab, "ab", epochs=20)
    assert history[-1].prediction == "b"


# --- divergence -----------------------------------------------------------------------------------


def reckless(model):
    return torch.optim.SGD(model.parameters(), lr=1e308)


def test_divergence_is_raised_with_its_epoch_advice_and_what_came_before():
    model = make()
    with pytest.raises(Diverged) as caught:
        train(model, VOCAB, TEXT, optimizer=reckless(model))
    good = caught.value.history
    message = str(caught.value)
    assert isinstance(good, History)
    assert good.numbers.tolist() == list(range(1, len(good) + 1))
    assert len(good) >= 1
    assert good[0] == next(training_steps(make(), VOCAB, TEXT))
    assert message.startswith(f"epoch {len(good) + 1}: the loss is ")
    assert "try a lower learning rate (it is 1e+308) or clip_norm=1.0, and check" in message


def test_divergence_of_the_generator_has_handed_its_records_out_already():
    model = make()
    with pytest.raises(Diverged) as caught:
        for _ in training_steps(model, VOCAB, TEXT, optimizer=reckless(model)):
            pass
    assert caught.value.history == History(())


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_divergence_leaves_the_weights_as_they_were(value, clip_norm):
    model = make()
    with torch.no_grad():
        model.head.bias[0] = value
    before = weights(model)
    with pytest.raises(Diverged, match="epoch 1: the loss is nan and its gradient norm nan"):
        train(model, VOCAB, TEXT, clip_norm=clip_norm)
    assert all(
        torch.equal(a.isnan(), b.isnan()) for a, b in zip(before, weights(model), strict=True)
    )
    assert same([w.nan_to_num() for w in before], [w.nan_to_num() for w in weights(model)])


def test_a_finite_loss_with_an_infinite_gradient_is_divergence_too():
    model = CharRNN(len(VOCAB), len(VOCAB), output_layer=False, seed=0)
    model.rnn.weight_hh_l0.register_hook(lambda grad: torch.full_like(grad, math.inf))
    with pytest.raises(Diverged, match=r"epoch 1: the loss is \d\.\d+ and its gradient norm inf"):
        train(model, VOCAB, TEXT)


def test_an_infinite_loss_with_a_finite_gradient_is_divergence_too(monkeypatch):
    real = nn.functional.cross_entropy
    monkeypatch.setattr(nn.functional, "cross_entropy", lambda *a: real(*a) + math.inf)
    with pytest.raises(Diverged, match=r"the loss is inf and its gradient norm \d"):
        train(make(), VOCAB, TEXT)


def test_divergence_under_clipping_does_not_advise_clipping():
    model = make()
    with torch.no_grad():
        model.head.bias[0] = math.nan
    with pytest.raises(Diverged, match=r"learning rate \(it is 0.5\), and check that the initial"):
        train(model, VOCAB, TEXT, clip_norm=1.0)


def test_divergence_quotes_the_first_of_several_learning_rates():
    model = make()
    groups = [{"params": model.rnn.parameters(), "lr": 1e308}, {"params": model.head.parameters()}]
    with pytest.raises(Diverged, match=r"it is 1e\+308\)"):
        train(model, VOCAB, TEXT, optimizer=torch.optim.SGD(groups, lr=1e307))


def test_divergence_is_a_floating_point_error():
    assert issubclass(Diverged, FloatingPointError)


# --- what is refused, at the call -----------------------------------------------------------------


@pytest.mark.parametrize("run", [training_steps, train])
@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"model": nn.RNN(3, 3)}, TypeError, "model must be a CharRNN, got RNN"),
        ({"vocab": Vocabulary("ab")}, ValueError, "has 2 characters and the model 9: .*len.vocab"),
        ({"text": "h"}, ValueError, "at least 2 characters, .* got 'h'"),
        ({"text": ""}, ValueError, "at least 2 characters, .* got ''"),
        ({"text": "help"}, ValueError, "'p' .* at position 3"),
        ({"text": b"hello"}, TypeError, "got bytes"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"epochs": 2.5}, TypeError, "float"),
        ({"clip_norm": 0.0}, ValueError, "clip_norm must be positive, got 0.0"),
        ({"clip_norm": -1.0}, ValueError, "clip_norm must be positive, got -1.0"),
        ({"clip_norm": math.nan}, ValueError, "clip_norm must be positive, got nan"),
    ],
)
def test_mistakes_are_reported_where_they_are_made(run, changed, error, message):
    arguments = {"model": make(), "vocab": VOCAB, "text": TEXT, **changed}
    with pytest.raises(error, match=message):
        run(**arguments)


def test_one_epoch_and_a_small_clip_norm_are_allowed():
    assert len(train(make(), VOCAB, TEXT, epochs=1, clip_norm=1e-9)) == 1


# --- progress -------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def slow_model(monkeypatch):
    """A model that takes a second for each step, by the progress bar's clock."""
    model, clock = make(), [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])
    model.register_forward_hook(lambda *_: clock.append(clock.pop() + 1))
    return model


def test_progress_is_never_shown_where_there_is_no_terminal(slow_model, capfd):
    train(slow_model, VOCAB, TEXT)
    assert capfd.readouterr() == ("", "")


def test_progress_is_shown_in_a_terminal_after_two_seconds_and_wiped(
    slow_model, monkeypatch, capsys
):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    train(slow_model, VOCAB, TEXT)
    first, *_, wiped, end = terminal.getvalue().lstrip("\r").split("\r")
    assert "2/50 [00:02<00:48,  1.00epoch/s]" in first
    assert wiped.strip() == end == ""
    assert capsys.readouterr().out == ""


def test_progress_of_a_short_run_is_not_shown_in_a_terminal(slow_model, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    train(slow_model, VOCAB, TEXT, epochs=1)
    assert terminal.getvalue().strip() == ""


def test_arguments_of_the_wrong_kind_are_named_at_the_call(sentence_model):
    model, vocab, text = sentence_model
    with pytest.raises(TypeError, match="vocab must be a Vocabulary, got str"):
        training_steps(model, "abc", text)
    with pytest.raises(TypeError, match="optimizer must be made already"):
        training_steps(model, vocab, text, optimizer=torch.optim.SGD)
    other = CharRNN(len(vocab), 4)
    stranger = torch.optim.SGD(other.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="none of this model's parameters"):
        training_steps(model, vocab, text, optimizer=stranger)


@pytest.fixture
def sentence_model():
    vocab = Vocabulary.from_text("hello")
    return CharRNN(len(vocab), 4, seed=0), vocab, "hello"


# --- language models ------------------------------------------------------------------------------

LONG = "the quick brown fox jumps over the lazy dog; " * 8
CORPUS = Corpus.from_text(LONG)
SMALL = {"steps": 20, "batch_size": 4, "length": 11, "evaluate_every": 0, "seed": 3}
BATCHES_IN_A_PASS = (len(LONG) - 1) // 4 // 11  # 8, so that 20 steps begin three passes


def language_model(**options):
    return CharRNN(len(CORPUS.vocab), **{"hidden_size": 7, "cell": "GRU", "seed": 2, **options})


def run_of(model=(), **settings):
    return Run(language_model(**dict(model)), CORPUS.vocab, Settings(**{**SMALL, **settings}))


def detached(state):
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


def truncated_by_hand(run, make_optimizer, rate, max_norm=None, draws=None):
    """Train a twin of the run's model by truncated backpropagation, with nothing but torch."""
    model, settings = CharRNN(**run.model.options), run.settings
    B, T, optimizer = settings.batch_size, settings.length, make_optimizer(model.parameters())
    ids = torch.from_numpy(CORPUS.ids.astype(np.int64))
    columns = (len(ids) - 1) // B // T * T
    x = torch.stack([ids[b * columns : b * columns + columns] for b in range(B)])
    y = torch.stack([ids[b * columns + 1 : b * columns + columns + 1] for b in range(B)])
    rows = []
    model.train()
    for step in range(settings.steps):
        start = step * T % columns
        if start == 0:
            state = None
        read, target = x[:, start : start + T], y[:, start : start + T]
        if draws is not None:
            read, target = draws(ids, step + 1)
            state = None
        logits, state = model(read, state)
        loss = nn.functional.cross_entropy(logits.reshape(B * T, -1), target.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm or math.inf)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.step()
        state = detached(state)
        rows.append((step + 1, loss.item(), norm.item(), rate(step)))
    return rows, model


def rows_of(records):
    return [(r.step, r.loss, r.gradient_norm, r.lr) for r in records]


def falling(lr, steps):
    return lambda step: lr * ((1 + math.cos(math.pi * (step / steps))) / 2)


@pytest.mark.parametrize(
    "model",
    [
        {"cell": "RNN"},
        {"cell": "GRU", "num_layers": 2},
        {"cell": "LSTM", "forget_bias": 1.0},
        {"embedding_size": 7, "tied": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("clip_norm", [None, 0.05])
def test_language_model_steps_equal_a_loop_written_by_hand_to_the_bit(model, clip_norm):
    run = run_of(model, clip_norm=clip_norm)
    found = rows_of(language_model_steps(run, CORPUS))
    expected, twin = truncated_by_hand(
        run,
        lambda parameters: torch.optim.AdamW(parameters, fused=True, lr=0, weight_decay=0.0),
        falling(2e-3, 20),
        clip_norm,
    )
    assert BATCHES_IN_A_PASS == 8
    assert found == expected
    assert same(weights(run.model), weights(twin))


@pytest.mark.parametrize(
    ("settings", "make_optimizer"),
    [
        ({"optimizer": "sgd"}, lambda p: torch.optim.SGD(p, fused=True, lr=0, momentum=0.9)),
        (
            {"optimizer": "sgd", "momentum": 0.5, "weight_decay": 0.1},
            lambda p: torch.optim.SGD(p, fused=True, lr=0, momentum=0.5, weight_decay=0.1),
        ),
        ({"optimizer": "sgd", "momentum": 0.0}, lambda p: torch.optim.SGD(p, fused=True, lr=0)),
        (
            {"optimizer": "adam", "weight_decay": 0.1},
            lambda p: torch.optim.Adam(p, fused=True, lr=0, weight_decay=0.1),
        ),
        (
            {"optimizer": "adamw", "weight_decay": 0.1},
            lambda p: torch.optim.AdamW(p, fused=True, lr=0, weight_decay=0.1),
        ),
    ],
    ids=lambda part: str(part) if isinstance(part, dict) else "by torch",
)
def test_language_models_are_trained_by_torchs_optimizers(settings, make_optimizer):
    run = run_of(lr=0.05, schedule="constant", clip_norm=1.0, **settings)
    found = rows_of(language_model_steps(run, CORPUS))
    expected, twin = truncated_by_hand(run, make_optimizer, lambda _: 0.05, 1.0)
    assert found == expected
    assert same(weights(run.model), weights(twin))


def test_windows_start_from_zeros_at_places_drawn_from_seed_and_step():
    def draws(ids, step):
        chance = np.random.default_rng([3, step])
        return map(torch.from_numpy, next(windows(ids.numpy(), 4, 11, chance)))

    run = run_of(order="windows")
    found = rows_of(language_model_steps(run, CORPUS))
    expected, twin = truncated_by_hand(
        run,
        lambda parameters: torch.optim.AdamW(parameters, fused=True, lr=0, weight_decay=0.0),
        falling(2e-3, 20),
        1.0,
        draws,
    )
    assert found == expected
    assert same(weights(run.model), weights(twin))


@pytest.mark.parametrize("cell", ["GRU", "LSTM"])
def test_the_state_is_carried_within_a_pass_and_zero_at_the_start_of_each(cell):
    run, given = run_of({"cell": cell}), []
    run.model.rnn.register_forward_pre_hook(lambda _, args: given.append(args[1]))
    ended = []
    run.model.rnn.register_forward_hook(lambda _, args, out: ended.append(out[1]))
    steps = list(language_model_steps(run, CORPUS))
    assert len(steps) == len(given) == 20
    for step, state in enumerate(given):
        if step % BATCHES_IN_A_PASS == 0:
            assert state is None
            continue
        parts = zip(state, ended[step - 1], strict=True) if cell == "LSTM" else [
            (state, ended[step - 1])
        ]  # fmt: skip
        for part, before in parts:
            assert torch.equal(part, before)
            assert not part.requires_grad
            assert before.requires_grad


def test_a_run_that_stops_anywhere_goes_on_as_if_it_had_not():
    whole = run_of({"dropout": 0.3})
    expected = list(language_model_steps(whole, CORPUS))
    run, records = run_of({"dropout": 0.3}), []
    for pause in (1, 7, 1, 3, 100):
        records += islice(language_model_steps(run, CORPUS), pause)
    assert repr(records) == repr(expected)
    assert same(weights(run.model), weights(whole.model))
    assert list(language_model_steps(run, CORPUS)) == []


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    def trained(seed, **options):
        run = run_of({"dropout": 0.2}, seed=seed, **options)
        list(language_model_steps(run, CORPUS))
        return weights(run.model)

    assert same(trained(3), trained(3))
    assert not same(trained(3), trained(4))  # by dropout alone: streams draw nothing
    assert same(trained(3, order="windows"), trained(3, order="windows"))


@pytest.mark.parametrize("order", ["streams", "windows"])
def test_chance_derives_from_seed_and_step_alone_and_torchs_generator_is_left_alone(order):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run = run_of({"dropout": 0.4, "num_layers": 2}, order=order)
    expected = list(islice(language_model_steps(run, CORPUS), 6))
    assert torch.equal(torch.get_rng_state(), before)
    other, found = run_of({"dropout": 0.4, "num_layers": 2}, order=order), []
    for record in islice(language_model_steps(other, CORPUS), 6):
        found.append(record)
        torch.rand(7)
        np.random.default_rng(0).random()
    assert repr(found) == repr(expected)


def test_dropout_differs_from_step_to_step():
    masks, run = [], run_of({"dropout": 0.5})
    run.model.dropout.register_forward_hook(lambda _, args, out: masks.append(out == 0))
    list(islice(language_model_steps(run, CORPUS), 3))
    assert not torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[1], masks[2])


def test_divergence_leaves_the_run_at_its_last_good_step():
    run = run_of(optimizer="sgd", lr=1e38, clip_norm=None, schedule="constant")
    records, before = [], weights(run.model)
    with pytest.raises(Diverged, match=r"step \d+: the loss is .* or clip_norm=1.0") as caught:  # noqa: PT012
        for record in language_model_steps(run, CORPUS):
            records.append(record)
            before, step, hidden = weights(run.model), run.step, run.hidden
    assert str(caught.value).startswith(f"step {len(records) + 1}: ")
    assert run.step == step == len(records) >= 1
    assert run.hidden is hidden
    assert same(weights(run.model), before)


def test_divergence_quotes_the_rate_of_the_step_that_diverged():
    run = run_of(optimizer="sgd", lr=1e38, clip_norm=None, warmup=20)
    with pytest.raises(Diverged) as caught:
        list(language_model_steps(run, CORPUS))
    rate = learning_rate(run.settings, run.step + 1)
    assert f"(it is {rate:g})" in str(caught.value)


# --- learning rates -------------------------------------------------------------------------------


@pytest.mark.parametrize("warmup", [0, 1, 5])
@pytest.mark.parametrize(
    ("schedule", "share"),
    [
        ("constant", lambda done: 1.0),
        ("linear", lambda done: 1 - done),
        ("cosine", lambda done: math.cos(math.pi * done / 2) ** 2),
    ],
)
def test_learning_rate_follows_its_closed_form(schedule, share, warmup):
    settings = Settings(steps=20, lr=0.3, schedule=schedule, warmup=warmup)
    for step in range(1, 21):
        if step <= warmup:
            expected = 0.3 * step / warmup
        else:
            expected = 0.3 * share((step - 1 - warmup) / (20 - warmup))
        assert learning_rate(settings, step) == pytest.approx(expected, rel=1e-12)
        assert 0 < learning_rate(settings, step) <= 0.3


def test_learning_rate_of_a_warmup_that_never_ends_only_grows():
    settings = Settings(steps=3, lr=1.0, warmup=4)
    assert [learning_rate(settings, step) for step in (1, 2, 3)] == [0.25, 0.5, 0.75]
    assert learning_rate(Settings(steps=4, lr=1.0, warmup=4), 5) == 1.0


def test_each_step_is_made_at_its_own_rate():
    options = {"optimizer": "sgd", "momentum": 0.0, "schedule": "linear", "lr": 0.8, "warmup": 4}
    run = double(run_of(clip_norm=None, **options))
    before = weights(run.model)
    for record in language_model_steps(run, CORPUS):
        after = weights(run.model)
        moved = torch.cat([(a - b).flatten() for a, b in zip(after, before, strict=True)]).norm()
        assert record.lr == learning_rate(run.settings, record.step)
        assert moved.item() == pytest.approx(record.lr * record.gradient_norm, rel=1e-9)
        before = after


# --- measuring ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("length", [1, 5, 256, len(LONG)])
def test_evaluate_in_one_row_equals_reading_the_text_in_one_go(cell, length):
    model = language_model(cell=cell, num_layers=2).double()
    ids = torch.from_numpy(CORPUS.ids.astype(np.int64))
    with torch.no_grad():
        logits = model(ids[None, :-1])[0][0]
    expected = nn.functional.cross_entropy(logits, ids[1:]).item()
    found = evaluate(model, CORPUS, batch_size=1, length=length)
    assert found == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("cell", ["GRU", "LSTM"])
@pytest.mark.parametrize("batch_size", [2, 7, 16, 1000])
@pytest.mark.parametrize("size", [2, 3, 17, 18, 33, 360])
def test_evaluate_counts_each_character_but_the_first_once_at_any_length(cell, batch_size, size):
    model = language_model(cell=cell).double()
    corpus = Corpus.from_text(LONG[:size], CORPUS.vocab)
    ids = torch.from_numpy(corpus.ids.astype(np.int64))
    rows = min(batch_size, size - 1)
    columns = (size - 1) // rows
    # By hand: each row from a state of zeros; the last row goes on to the end of the text.
    total, count = 0.0, 0
    for row in range(rows):
        stop = size - 1 if row == rows - 1 else (row + 1) * columns
        piece = ids[row * columns : stop + 1]
        with torch.no_grad():
            logits = model(piece[None, :-1])[0][0]
        total += nn.functional.cross_entropy(logits, piece[1:], reduction="sum").item()
        count += len(piece) - 1
    assert count == size - 1
    for length in (1, 4, 256):
        found = evaluate(model, corpus, batch_size=batch_size, length=length)
        assert found == pytest.approx(total / count, abs=1e-10)


@pytest.mark.parametrize("training", [True, False])
def test_evaluate_leaves_the_model_as_it_was(training):
    model = language_model(dropout=0.5, num_layers=2).train(training)
    before = weights(model)
    assert evaluate(model, CORPUS) == evaluate(model, CORPUS)  # no dropout
    assert model.training is training
    assert same(weights(model), before)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_evaluate_of_a_net_that_knows_nothing_is_the_entropy_of_even_chances():
    model = language_model().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert evaluate(model, CORPUS) == pytest.approx(math.log(len(CORPUS.vocab)), rel=1e-12)


@pytest.mark.parametrize(
    ("options", "text", "message"),
    [
        ({}, "t", "evaluation needs at least 2 characters, got 1"),
        ({"batch_size": 0}, "the", "batch_size must be at least 1, got 0"),
        ({"length": 0}, "the", "length must be at least 1, got 0"),
        ({"length": -5}, "the", "length must be at least 1, got -5"),
    ],
)
def test_evaluate_refuses_what_it_cannot_measure(options, text, message):
    with pytest.raises(ValueError, match=message):
        evaluate(language_model(), Corpus.from_text(text, CORPUS.vocab), **options)


@pytest.mark.parametrize(("every", "measured"), [(0, []), (3, [3, 6, 9, 10]), (5, [5, 10])])
def test_held_back_text_is_measured_after_each_so_many_steps_and_the_last(every, measured):
    learn, valid = CORPUS.split(valid=0.2)
    run = run_of({"dropout": 0.5}, steps=10, evaluate_every=every)
    for record in language_model_steps(run, learn, valid):
        if record.step in measured:
            assert record.valid_loss == evaluate(run.model, valid)
        else:
            assert math.isnan(record.valid_loss)
        assert run.model.training or record.step in measured
    without = run_of({"dropout": 0.5}, steps=10, evaluate_every=every)
    list(language_model_steps(without, learn))
    assert same(weights(run.model), weights(without.model))


def test_training_stops_when_patience_runs_out(monkeypatch):
    losses = iter([3.0, 2.0, 2.5, 2.0, 1.9, 5.0, math.nan, 1.9, 0.1])
    monkeypatch.setattr("charseq.training.evaluate", lambda *_: next(losses))
    run = run_of(evaluate_every=2, patience=3)
    seen = [
        (run.best_loss, run.since_best)
        for record in language_model_steps(run, CORPUS, CORPUS)
        if record.step % 2 == 0
    ]
    assert seen == [(3.0, 0), (2.0, 0), (2.0, 1), (2.0, 2), (1.9, 0), (1.9, 1), (1.9, 2), (1.9, 3)]
    assert run.step == 16
    assert run.finished
    assert next(losses) == 0.1
    assert list(language_model_steps(run, CORPUS, CORPUS)) == []


def test_without_patience_all_steps_are_made(monkeypatch):
    monkeypatch.setattr("charseq.training.evaluate", lambda *_: 1.0)
    run = run_of(evaluate_every=1)
    assert len(list(language_model_steps(run, CORPUS, CORPUS))) == 20
    assert run.since_best == 19


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        *(
            ({name: value}, f"{name} must be an integer of at least {least}, got {value!r}")
            for name, least in [
                ("steps", 1), ("batch_size", 1), ("length", 1), ("warmup", 0),
                ("evaluate_every", 0), ("seed", 0), ("patience", 1),
            ]
            for value in (least - 1, 2.0, "3", True)
        ),
        ({"order": "random"}, "order must be one of streams, windows, got 'random'"),
        ({"optimizer": "lion"}, "optimizer must be one of sgd, adam, adamw, got 'lion'"),
        ({"schedule": None}, "schedule must be one of cosine, linear, constant, got None"),
        ({"lr": 0.0}, "lr must be positive and finite, got 0.0"),
        ({"lr": -1.0}, "lr must be positive and finite, got -1.0"),
        ({"lr": math.nan}, "lr must be positive and finite, got nan"),
        ({"lr": math.inf}, "lr must be positive and finite, got inf"),
        ({"momentum": 1.0}, "momentum must be 0 to below 1, got 1.0"),
        ({"momentum": -0.1}, "momentum must be 0 to below 1, got -0.1"),
        ({"momentum": math.nan}, "momentum must be 0 to below 1, got nan"),
        ({"weight_decay": -1.0}, "weight_decay must be 0 or more and finite, got -1.0"),
        ({"weight_decay": math.nan}, "weight_decay must be 0 or more and finite, got nan"),
        ({"weight_decay": math.inf}, "weight_decay must be 0 or more and finite, got inf"),
        ({"clip_norm": 0.0}, "clip_norm must be positive, got 0.0"),
        ({"clip_norm": math.nan}, "clip_norm must be positive, got nan"),
    ],
    ids=str,
)  # fmt: skip
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Settings(**setting)


def test_a_run_needs_a_model_as_wide_as_its_vocabulary():
    with pytest.raises(ValueError, match=r"vocabulary has 2 characters and the model \d+: make"):
        Run(language_model(), Vocabulary("ab"), Settings())


def test_an_optimizer_of_your_own_is_kept():
    model = language_model()
    optimizer = torch.optim.RMSprop(model.parameters())
    run = Run(model, CORPUS.vocab, Settings(**SMALL), optimizer)
    before = weights(model)
    list(islice(language_model_steps(run, CORPUS), 1))
    assert run.optimizer is optimizer
    assert optimizer.state
    assert not same(weights(model), before)


@pytest.mark.parametrize(
    ("settings", "corpora", "message"),
    [
        ({}, [Corpus.from_text("the cat")], "another vocabulary"),
        ({}, [CORPUS, Corpus.from_text("the cat")], "another vocabulary"),
        ({"length": 1000}, [CORPUS], "length 1000 needs 1001 characters"),
        ({"length": 1000, "order": "windows"}, [CORPUS], "length 1000 needs 1001 characters"),
        ({"batch_size": 100}, [CORPUS], "the largest batch_size that fits is 32"),
        ({}, [CORPUS, Corpus.from_text("t", CORPUS.vocab)], "needs at least 2 characters, got 1"),
    ],
)
def test_texts_that_do_not_fit_are_refused_at_the_call(settings, corpora, message):
    with pytest.raises(ValueError, match=message):
        language_model_steps(run_of(**settings), *corpora)


# --- several processes ----------------------------------------------------------------------------


@pytest.fixture
def group():
    """This process, alone in a group, so that a sum over all processes is its own share."""
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def gradients(run):
    return torch.cat([parameter.grad.flatten() for parameter in run.model.parameters()])


def parts_of(state):
    return torch.cat(state) if isinstance(state, tuple) else state


def double(run):
    run.model.double()
    return run


@pytest.mark.usefixtures("group")
@pytest.mark.parametrize("cell", ["GRU", "LSTM"])
@pytest.mark.parametrize(("batch_size", "world"), [(4, 2), (4, 4), (5, 2), (5, 3)])
def test_the_shares_of_all_processes_add_up_to_the_step_of_one(
    cell, batch_size, world, monkeypatch
):
    settings = {"batch_size": batch_size, "clip_norm": None, "steps": 2}
    whole = double(run_of({"cell": cell}, **settings))
    expected = list(language_model_steps(whole, CORPUS))
    monkeypatch.setattr(module, "_begin_alike", lambda run: None)
    runs, records = [], []
    for rank in range(world):
        runs.append(double(run_of({"cell": cell}, **settings)))
        monkeypatch.setattr(module, "process", lambda rank=rank: (rank, world))
        steps = language_model_steps(runs[-1], CORPUS)
        records.append(next(steps))
    first = double(run_of({"cell": cell}, **settings))
    monkeypatch.undo()
    next(language_model_steps(first, CORPUS))
    torch.testing.assert_close(sum(map(gradients, runs)), gradients(first), rtol=1e-12, atol=1e-15)
    assert sum(record.loss for record in records) == pytest.approx(expected[0].loss, rel=1e-12)
    found, wanted = sum(parts_of(run.hidden) for run in runs), parts_of(first.hidden)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.usefixtures("group")
def test_a_group_of_one_trains_as_a_process_without_a_group():
    assert module.process() == (0, 1)
    run = run_of()
    found = rows_of(language_model_steps(run, CORPUS))
    expected, twin = truncated_by_hand(
        run,
        lambda parameters: torch.optim.AdamW(parameters, fused=True, lr=0, weight_decay=0.0),
        falling(2e-3, 20),
        1.0,
    )
    assert found == expected
    assert same(weights(run.model), weights(twin))


@pytest.mark.usefixtures("group")
@pytest.mark.parametrize("rank", [0, 1])
def test_processes_begin_with_the_weights_of_the_first(rank, monkeypatch):
    run = run_of()
    before = weights(run.model)
    monkeypatch.setattr(module, "process", lambda: (rank, 2))
    module._begin_alike(run)
    assert same(weights(run.model), before if rank == 0 else [w * 0 for w in before])


@pytest.mark.usefixtures("group")
def test_a_process_at_another_step_is_refused(monkeypatch):
    run = run_of()
    run.step = 3
    monkeypatch.setattr(module, "process", lambda: (1, 2))
    with pytest.raises(ValueError, match="processes stand at the steps 0, 3: give each the same"):
        next(language_model_steps(run, CORPUS))


def test_more_processes_than_rows_are_refused(monkeypatch):
    monkeypatch.setattr(module, "process", lambda: (0, 5))
    with pytest.raises(ValueError, match=r"batch_size must be at least 5, .* each process, got 4"):
        language_model_steps(run_of(), CORPUS)


@pytest.mark.slow
def test_training_alone_loads_nothing_of_torch_distributed_that_torch_does_not():
    code = (
        "import sys, torch; before = {name for name in sys.modules if 'distributed' in name};"
        "import charseq.training;"
        "print(*{name for name in sys.modules if 'distributed' in name} - before)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


def kinds_of_runs():
    """Name the runs that several processes make; each name comes with a function that makes it."""
    return {
        "float32": lambda: run_of(clip_norm=None, steps=1),
        "float64": lambda: double(run_of(clip_norm=None, steps=1)),
        "long": lambda: double(run_of({"cell": "LSTM", "num_layers": 2}, batch_size=5)),
        "measured": lambda: double(run_of(evaluate_every=2, patience=1, lr=1.0)),
        "windows": lambda: double(run_of({"embedding_size": 7, "tied": True}, order="windows")),
        "dropout": lambda: run_of({"dropout": 0.4, "num_layers": 2}),
        "dropout again": lambda: run_of({"dropout": 0.4, "num_layers": 2}),
    }


def trained(run, valid=None):
    records = list(language_model_steps(run, CORPUS, valid))
    return {
        "records": records,
        "gradients": gradients(run),
        "weights": nn.utils.parameters_to_vector(run.model.parameters()).detach(),
        "hidden": parts_of(run.hidden),
    }


VALID = Corpus.from_text(LONG[3:80], CORPUS.vocab)


def one_of_several(folder):
    """Be one of the processes that torch's launcher starts, and note what it finds."""
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    found = {name: trained(make(), VALID) for name, make in kinds_of_runs().items()}
    other = run_of({"seed": 100 + rank})
    found["other weights"] = trained(other)
    if rank == 1:
        torch.save(found, folder / "1.pt")
        os._exit(0)  # without a word
    try:
        trained(run_of())
    except ConnectionError as error:
        found["error"] = str(error)
    torch.save(found, folder / "0.pt")
    os._exit(0)


LAUNCHER = "import sys; from torch.distributed.run import main; main()"
CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_training
test_training.one_of_several(Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """What two processes found, and what one does."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "child.py").write_text(CHILD)
    flags = ["--standalone", "--nproc-per-node=2", folder / "child.py", Path(__file__).parent]
    ran = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *flags, folder],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    alone = {name: trained(make(), VALID) for name, make in kinds_of_runs().items()}
    return alone, [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in (0, 1)]


@pytest.mark.slow
def test_the_gradient_of_two_processes_is_that_of_one(two_processes):
    alone, found = two_processes
    exact = alone["float64"]["gradients"]
    for process in found:
        difference = (process["float64"]["gradients"] - exact).norm() / exact.norm()
        assert difference <= 1e-12
        assert_rounds_like(process["float32"]["gradients"], alone["float32"]["gradients"], exact)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["long", "measured", "windows"])
def test_two_processes_train_as_one_does(kind, two_processes):
    alone, found = two_processes
    for process in found:
        numbers = [np.array([*map(astuple, each[kind]["records"])]) for each in (process, alone)]
        np.testing.assert_allclose(*numbers, rtol=1e-9)
        for name in ("weights", "hidden"):
            torch.testing.assert_close(process[kind][name], alone[kind][name], rtol=1e-8, atol=1e-9)


def test_all_processes_hold_the_same_to_the_bit(two_processes):
    _, (one, two) = two_processes
    for kind in (*kinds_of_runs(), "other weights"):
        assert repr(one[kind]["records"]) == repr(two[kind]["records"])
        for name in ("weights", "gradients", "hidden"):
            assert torch.equal(one[kind][name], two[kind][name])


def test_dropout_of_two_processes_is_their_own_and_the_same_each_time(two_processes):
    alone, (one, _) = two_processes
    assert repr(one["dropout"]["records"]) == repr(one["dropout again"]["records"])
    assert torch.equal(one["dropout"]["weights"], one["dropout again"]["weights"])
    assert one["dropout"]["records"] != alone["dropout"]["records"]


def test_a_process_whose_fellow_has_ended_says_so(two_processes):
    _, (one, _) = two_processes
    assert one["error"] == "another process has ended, or cannot be reached"
