"""Training on a corpus: the steps, learning rates, evaluation, and errors."""

import math
from functools import partial
from itertools import islice

import numpy as np
import pytest
import torch
from small_runs import (
    CORPUS,
    LONG,
    SMALL,
    all_equal,
    cosine_schedule,
    fused_adamw,
    language_model,
    record_values,
    run_of,
    train_by_hand,
    weights,
)
from torch import nn

from charseq import (
    CharRNN,
    Corpus,
    Diverged,
    Run,
    Settings,
    Vocabulary,
    evaluate,
    language_model_steps,
)
from charseq._errors import UserError
from charseq.corpus import windows
from charseq.language_model import PIECES, WARM_UP, grow, learning_rate, measure, sample_size

BATCHES_PER_EPOCH = (len(LONG) - 1) // 4 // 11  # 8, so that 20 steps begin three epochs


def assert_trains_like(run, make_optimizer, rate, *how):
    """Train, and compare every record and weight with a loop written by hand."""
    records = record_values(language_model_steps(run, CORPUS))
    expected, twin = train_by_hand(run, make_optimizer, rate, *how)
    assert records == expected
    assert all_equal(weights(run.model), weights(twin))


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
def test_language_model_steps_exactly_match_a_loop_written_by_hand(model, clip_norm):
    run = run_of(model, clip_norm=clip_norm)
    assert_trains_like(run, fused_adamw, cosine_schedule(2e-3, 20), clip_norm)
    assert BATCHES_PER_EPOCH == 8


def test_settings_say_how_much_the_weights_decay():
    run = run_of(lr=0.05, schedule="constant", weight_decay=0.1)
    decaying = partial(torch.optim.AdamW, fused=True, lr=0, weight_decay=0.1)
    assert_trains_like(run, decaying, lambda _: 0.05, 1.0)


def test_windows_are_drawn_from_seed_and_step_and_start_with_a_zero_state():
    def draw_batch(ids, step):
        rng = np.random.default_rng([3, step])
        return map(torch.from_numpy, next(windows(ids.numpy(), 4, 11, rng)))

    run = run_of(order="windows")
    assert_trains_like(run, fused_adamw, cosine_schedule(2e-3, 20), 1.0, draw_batch)


@pytest.mark.parametrize("order", ["streams", "windows"])
def test_neither_pauses_nor_global_generators_change_a_run(order):
    options = {"dropout": 0.4, "num_layers": 2}
    before = torch.get_rng_state()
    whole = run_of(options, order=order)
    expected = list(language_model_steps(whole, CORPUS))
    assert torch.equal(torch.get_rng_state(), before)
    run, records = run_of(options, order=order), []
    for pause in (1, 7, 1, 3, 100):
        for record in islice(language_model_steps(run, CORPUS), pause):
            records.append(record)
            torch.rand(7)
            run.model.dropout.eval()  # each step trains the whole network again
    assert repr(records) == repr(expected)
    assert all_equal(weights(run.model), weights(whole.model))
    assert list(language_model_steps(run, CORPUS)) == []


def test_dropout_follows_the_seed_and_differs_from_step_to_step():
    masks = []
    for seed in (3, 3, 4):
        run = run_of({"dropout": 0.5}, seed=seed)
        run.model.dropout.register_forward_hook(lambda _, args, out: masks.append(out == 0))
        list(islice(language_model_steps(run, CORPUS), 2))
    first, second, again, _, other, _ = masks
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)


def test_divergence_quotes_its_rate_and_leaves_the_run_at_its_last_good_step():
    run = run_of(lr=1e38, clip_norm=None, warmup=20)
    records, before = [], weights(run.model)
    with pytest.raises(Diverged, match=r"step \d+: the loss is .* or clip_norm=1.0") as caught:  # noqa: PT012
        for record in language_model_steps(run, CORPUS):
            records.append(record)
            before, step, hidden = weights(run.model), run.step, run.hidden
    assert str(caught.value).startswith(f"step {len(records) + 1}: ")
    assert f"(it is {learning_rate(run.settings, run.step + 1):g})" in str(caught.value)
    assert run.step == step == len(records) >= 1
    assert run.hidden is hidden
    assert all_equal(weights(run.model), before)


# --- learning rates, and more characters ----------------------------------------------------------


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


@pytest.mark.parametrize(
    "options", [{}, {"embedding_size": 5}, {"embedding_size": 7, "tied": True}]
)
def test_a_grown_model_computes_the_same_logits_and_has_new_ones(options):
    model = language_model(**options).double()
    known = len(CORPUS.vocab)
    grown = grow(model, known + 3, seed=4)
    assert grown.vocab_size == known + 3
    ids = torch.from_numpy(CORPUS.ids.astype(np.int64))[None, :50]
    assert torch.equal(grown(ids)[0][..., :known], model(ids)[0])
    new = torch.full((1, 2), known + 2)
    assert grown(new)[0].isfinite().all()
    fresh = CharRNN(**{**model.options, "seed": 4, "vocab_size": known + 3})
    assert torch.equal(grown.head.weight[known:], fresh.head.weight[known:].double())
    assert model.vocab_size == known


def test_grow_refuses_fewer_characters_and_a_model_without_an_output_layer():
    with pytest.raises(ValueError, match=r"knows \d+ characters, got 2"):
        grow(language_model(), 2)
    model = language_model(hidden_size=len(CORPUS.vocab), output_layer=False)
    with pytest.raises(ValueError, match="without an output layer"):
        grow(model, 100)


def test_each_record_has_the_seconds_of_its_step_without_the_measurement(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("charseq.language_model.perf_counter", lambda: next(clock))
    monkeypatch.setattr("charseq.language_model.evaluate", lambda *_, **__: float(next(clock)))
    run = run_of(evaluate_every=1)
    assert {record.seconds for record in language_model_steps(run, CORPUS, CORPUS)} == {1}


# --- evaluation -----------------------------------------------------------------------------------


def losses_by_hand(model, ids, bounds):
    """Sum the losses of pieces of a text, each read from zeros."""
    total = 0.0
    for start, stop in bounds:
        with torch.no_grad():
            logits = model(ids[None, start:stop])[0][0]
        total += nn.functional.cross_entropy(logits, ids[start + 1 : stop + 1], reduction="sum")
    return float(total)


@pytest.mark.parametrize("cell", ["GRU", "LSTM"])
@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("size", [2, 360])
def test_evaluate_counts_every_character_after_the_first_exactly_once(cell, rows, size):
    model = language_model(cell=cell, num_layers=2).double()
    corpus = Corpus.from_text(LONG[:size], CORPUS.vocab)
    ids = torch.from_numpy(corpus.ids.astype(np.int64))
    # Each row starts from zeros, and the last goes on to the end of the text.
    rows = min(rows, size - 1)
    starts = (size - 1) // rows * np.arange(rows)
    total = losses_by_hand(model, ids, zip(starts, [*starts[1:], size - 1], strict=True))
    for length in (1, 256):
        calls = []
        how = {"batch_size": rows, "length": length}
        loss = evaluate(model, corpus, **how, watch=lambda *n, calls=calls: calls.append(n))
        assert loss == pytest.approx(total / (size - 1), abs=1e-10)
        assert calls[-1] == (size - 1, size - 1)
        assert calls == sorted(set(calls))


@pytest.mark.parametrize(
    ("settings", "characters", "size"),
    [
        ({}, 10**8, 20_480),  # a tenth of 100 steps of 32 x 64
        ({}, 20_480 + PIECES * WARM_UP + 2, 20_480),
        ({}, 20_480 + PIECES * WARM_UP + 1, 20_480 + PIECES * WARM_UP),  # that is the whole text
        ({"evaluate_every": 1000}, 10**8, 204_800),
        ({"evaluate_every": 10**6, "steps": 1000}, 10**8, 204_800),
        ({"batch_size": 1}, 10**8, 10_000),  # never fewer
    ],
    ids=str,
)
def test_the_size_of_a_sample_follows_from_counts(settings, characters, size):
    assert sample_size(Settings(**settings), characters) == size


def long_corpus(size):
    ids = np.random.default_rng(0).integers(len(CORPUS.vocab), size=size)
    return Corpus(CORPUS.vocab, ids.astype(np.uint8))


@pytest.fixture
def small_samples(monkeypatch):
    monkeypatch.setattr("charseq.language_model.LEAST_SAMPLE", 1600)


@pytest.mark.usefixtures("small_samples")
def test_a_sample_has_a_piece_of_each_sixteenth_read_after_what_comes_before_it():
    corpus, settings = long_corpus(12_000), Settings(evaluate_every=0, steps=1)
    model, seen = language_model().double(), []
    states = model.states

    def remember(ids, state=None):
        seen.append((ids, state))
        return states(ids, state)

    model.states = remember
    loss = measure(model, corpus, settings)
    (before, start), (ids, after) = seen
    assert (before.shape, ids.shape) == ((16, WARM_UP), (16, 100))
    assert start is None
    assert after is not None
    text, total = corpus.ids.astype(int), 0.0
    for row in range(16):
        piece = torch.cat([before[row], ids[row]]).numpy()
        part = text[row * 749 : (row + 1) * 749 + 1]
        (place,) = np.flatnonzero(
            (np.lib.stride_tricks.sliding_window_view(part, 356) == piece).all(1)
        )
        y = torch.from_numpy(part[place + 1 :][:356])
        with torch.no_grad():
            logits = model(torch.from_numpy(piece)[None])[0][0]
        total += nn.functional.cross_entropy(logits[WARM_UP:], y[WARM_UP:], reduction="sum").item()
    assert loss == pytest.approx(total / 1600, abs=1e-10)


@pytest.mark.usefixtures("small_samples")
def test_a_run_measures_the_same_sample_each_time_and_another_seed_another_one():
    corpus = long_corpus(12_000)
    run = run_of(evaluate_every=10)
    *_, last = language_model_steps(run, CORPUS, corpus)
    assert last.valid_loss == run.best_loss or run.since_best
    assert last.valid_loss == measure(run.model, corpus, run.settings)
    other = Settings(**{**SMALL, "evaluate_every": 10, "seed": 4})
    assert measure(run.model, corpus, other) != last.valid_loss
    assert measure(run.model, corpus, Settings()) == evaluate(run.model, corpus)  # short enough
    assert last.valid_loss == pytest.approx(evaluate(run.model, corpus), rel=0.1)


@pytest.mark.parametrize("training", [True, False])
def test_evaluate_does_not_change_the_model(training):
    model = language_model(dropout=0.5, num_layers=2).train(training)
    before = weights(model)
    assert evaluate(model, CORPUS) == evaluate(model, CORPUS)  # so dropout is off
    assert model.training is training
    assert all_equal(weights(model), before)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("options", "text", "message"),
    [
        ({}, "t", "evaluation needs at least 2 characters, got 1"),
    ],
)
def test_evaluate_refuses_too_short_texts_and_sizes_below_one(options, text, message):
    with pytest.raises(ValueError, match=message):
        evaluate(language_model(), Corpus.from_text(text, CORPUS.vocab), **options)
    with pytest.raises(TypeError, match=r"expected a Corpus, got str: make one with Corpus\.from_"):
        evaluate(language_model(), "to be")


@pytest.mark.parametrize(("every", "measured"), [(0, []), (3, [3, 6, 9, 10]), (5, [5, 10])])
def test_held_back_text_is_evaluated_every_n_steps_and_after_the_last(every, measured):
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
    assert all_equal(weights(run.model), weights(without.model))


def test_training_stops_when_patience_runs_out(monkeypatch):
    losses = iter([3.0, 2.0, 2.5, 2.0, 1.9, 5.0, math.nan, 1.9, 0.1])
    monkeypatch.setattr("charseq.language_model.evaluate", lambda *_, **__: next(losses))
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


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"steps": 0}, "steps must be an integer of at least 1, got 0"),
        ({"patience": 0}, "patience must be an integer of at least 1, got 0"),
        ({"evaluate_every": -1}, "evaluate_every must be an integer of at least 0, got -1"),
        ({"length": 2.0}, "length must be an integer of at least 1, got 2.0"),
        ({"order": "random"}, "order must be one of streams, windows, got 'random'"),
        ({"clip_norm": "a"}, "clip_norm must be a number, got 'a'"),
        ({"lr": math.nan}, "lr must be positive and finite, got nan"),
        ({"weight_decay": -1.0}, "weight_decay must be 0 or more and finite, got -1.0"),
        ({"clip_norm": 0.0}, "clip_norm must be positive, got 0.0"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(UserError, match=f"^{message}$"):
        Settings(**setting)


def test_a_given_optimizer_is_used():
    model = language_model()
    optimizer = torch.optim.RMSprop(model.parameters())
    run = Run(model, CORPUS.vocab, Settings(**SMALL), optimizer)
    before = weights(model)
    list(islice(language_model_steps(run, CORPUS), 1))
    assert run.optimizer is optimizer
    assert optimizer.state
    assert not all_equal(weights(model), before)


@pytest.mark.parametrize(
    ("settings", "corpora", "message"),
    [
        ({}, [Corpus.from_text("the cat")], "not encoded with the vocabulary of the run"),
        ({}, [CORPUS, Corpus.from_text("the cat")], "not encoded with the vocabulary of the run"),
        ({"batch_size": 100}, [CORPUS], "at most batch_size=32 or length=3$"),
        ({}, [CORPUS, Corpus.from_text("t", CORPUS.vocab)], "needs at least 2 characters, got 1"),
    ],
)
def test_unsuitable_texts_are_refused_at_the_call(settings, corpora, message):
    with pytest.raises(ValueError, match=message):
        language_model_steps(run_of(**settings), *corpora)
    next(language_model_steps(run_of(), CORPUS, Corpus.from_text("th", CORPUS.vocab)))  # enough
    with pytest.raises(ValueError, match=r"vocabulary has 2 characters and the model \d+: make"):
        Run(language_model(), Vocabulary("ab"), Settings())
