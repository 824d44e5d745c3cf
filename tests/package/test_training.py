"""Training on one sentence, against the same loop written by hand."""

import io
import math
import re

import numpy as np
import pytest
import torch
from small_runs import all_equal, weights
from torch import nn

from charseq import CharRNN, Diverged, History, Vocabulary, train, training_steps
from charseq.training import clip_gradient

TEXT = "hello, world"
VOCAB = Vocabulary.from_text(TEXT)


def make_model(cell="RNN", seed=0):
    return CharRNN(len(VOCAB), 8, cell=cell, seed=seed).double()


def loss_of(model):
    ids = torch.from_numpy(VOCAB.encode(TEXT))
    logits = model(ids[None, :-1])[0][0]
    return nn.functional.cross_entropy(logits, ids[1:]), logits


def by_hand(model, optimizer, epochs, max_norm=None):
    """Train like the notebook, and return what each record should hold."""
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
    assert all_equal(weights(model), weights(twin))


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.5, momentum=0.9)


@pytest.mark.parametrize(
    ("cell", "make_optimizer", "clip_norm"),
    [
        *((cell, None, None) for cell in ("RNN", "GRU", "LSTM")),
        ("RNN", lambda parameters: torch.optim.Adam(parameters, lr=0.02), None),
        *(("RNN", None, clip_norm) for clip_norm in (0.05, 1.0, 1e6)),
    ],
)
def test_training_steps_exactly_match_a_loop_written_by_hand(cell, make_optimizer, clip_norm):
    model, twin = make_model(cell), make_model(cell)
    optimizer = make_optimizer(model.parameters()) if make_optimizer else None
    options = {"epochs": 12, "optimizer": optimizer, "clip_norm": clip_norm}
    history = list(training_steps(model, VOCAB, TEXT, **options))
    rows = by_hand(twin, (make_optimizer or sgd)(twin.parameters()), 12, clip_norm)
    assert_same_run(history, model, rows, twin)


def test_gradient_norm_agrees_with_finite_differences():
    model = make_model()
    (record,) = training_steps(make_model(), VOCAB, TEXT, epochs=1)
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


def test_an_optimizer_may_hold_a_part_of_the_parameters():
    model, before = make_model(), weights(make_model())
    train(model, VOCAB, TEXT, epochs=1, optimizer=sgd(model.head.parameters()))
    changed = [not torch.equal(a, b) for a, b in zip(weights(model), before, strict=True)]
    assert changed == [name.startswith("head") for name, _ in model.named_parameters()]


def test_train_returns_every_record_of_training_steps():
    history = train(make_model(), VOCAB, TEXT)
    assert history == History(tuple(training_steps(make_model(), VOCAB, TEXT)))
    assert history.numbers.tolist() == list(range(1, 51))


def test_old_gradients_do_not_affect_the_first_step():
    model = make_model()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 100.0)
    assert next(training_steps(model, VOCAB, TEXT)) == next(
        training_steps(make_model(), VOCAB, TEXT)
    )


def test_training_puts_the_model_in_training_mode():
    model = make_model().eval()
    next(training_steps(model, VOCAB, TEXT))
    assert model.training


def test_a_text_of_two_characters_is_enough():
    vocab = Vocabulary("ab")
    history = train(CharRNN(2, 4, seed=0), vocab, "ab", epochs=20)
    assert history[-1].prediction == "b"


# --- divergence -----------------------------------------------------------------------------------


def diverging_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=1e308)


def test_divergence_reports_its_epoch_and_advice_and_keeps_the_history():
    model = make_model()
    with pytest.raises(Diverged) as caught:
        train(model, VOCAB, TEXT, optimizer=diverging_optimizer(model))
    good = caught.value.history
    message = str(caught.value)
    assert isinstance(good, History)
    assert good.numbers.tolist() == list(range(1, len(good) + 1))
    assert len(good) >= 1
    assert good[0] == next(training_steps(make_model(), VOCAB, TEXT))
    assert message.startswith(f"epoch {len(good) + 1}: the loss is ")
    assert "try a lower learning rate (it is 1e+308) or clip_norm=1.0, and check" in message


def test_divergence_in_the_generator_carries_no_history():
    model = make_model()
    with pytest.raises(FloatingPointError) as caught:
        list(training_steps(model, VOCAB, TEXT, optimizer=diverging_optimizer(model)))
    assert caught.value.history == History(())


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("clip_norm", "advice"), [(None, r" or clip_norm=1\.0, and"), (1.0, r", and check that the i")]
)
def test_divergence_gives_advice_and_does_not_change_the_weights(value, clip_norm, advice):
    model = make_model()
    with torch.no_grad():
        model.head.bias[0] = value
    before = weights(model)
    message = rf"epoch 1: the loss is nan and its gradient norm nan.*\(it is 0\.5\){advice}"
    with pytest.raises(Diverged, match=message):
        train(model, VOCAB, TEXT, clip_norm=clip_norm)
    for a, b in zip(before, weights(model), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


def test_an_infinite_gradient_or_loss_alone_is_divergence_too(monkeypatch):
    model = CharRNN(len(VOCAB), len(VOCAB), output_layer=False, seed=0)
    model.rnn.weight_hh_l0.register_hook(lambda grad: torch.full_like(grad, math.inf))
    with pytest.raises(Diverged, match=r"epoch 1: the loss is \d\.\d+ and its gradient norm inf"):
        train(model, VOCAB, TEXT)
    real = nn.functional.cross_entropy
    monkeypatch.setattr(nn.functional, "cross_entropy", lambda *a: real(*a) + math.inf)
    with pytest.raises(Diverged, match=r"the loss is inf and its gradient norm \d"):
        train(make_model(), VOCAB, TEXT)


def test_divergence_with_several_learning_rates_quotes_the_first():
    model = make_model()
    groups = [{"params": model.rnn.parameters(), "lr": 1e308}, {"params": model.head.parameters()}]
    with pytest.raises(Diverged, match=r"it is 1e\+308\)"):
        train(model, VOCAB, TEXT, optimizer=torch.optim.SGD(groups, lr=1e307))


# --- errors ---------------------------------------------------------------------------------------


ELSEWHERE = torch.optim.SGD(make_model().parameters(), lr=0.1)


@pytest.mark.parametrize("run", [training_steps, train])
@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"model": nn.RNN(3, 3)}, TypeError, "model must be a CharRNN, got RNN"),
        ({"vocab": Vocabulary("ab")}, ValueError, "has 2 characters and the model 9: .*len.vocab"),
        ({"vocab": "abc"}, TypeError, "vocab must be a Vocabulary, got str"),
        ({"text": "h"}, ValueError, "at least 2 characters, .* got 'h'"),
        ({"text": ""}, ValueError, "at least 2 characters, .* got ''"),
        ({"text": "help"}, ValueError, "'p' .* at position 3"),
        ({"text": b"hello"}, TypeError, "got bytes"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"epochs": 2.5}, TypeError, "float"),
        ({"clip_norm": 0.0}, ValueError, "clip_norm must be positive, got 0.0"),
        ({"clip_norm": -1.0}, ValueError, "clip_norm must be positive, got -1.0"),
        ({"clip_norm": math.nan}, ValueError, "clip_norm must be positive, got nan"),
        ({"optimizer": torch.optim.SGD}, TypeError, "optimizer must be a torch.optim.Optimizer"),
        ({"optimizer": ELSEWHERE}, ValueError, "none of this model's parameters"),
    ],
)
def test_invalid_arguments_are_refused_at_the_call(run, changed, error, message):
    arguments = {"model": make_model(), "vocab": VOCAB, "text": TEXT, **changed}
    with pytest.raises(error, match=message):
        run(**arguments)


def weights_with_gradients(dtype, scale=1.0):
    """Make three weights with the same gradients at each call, and one that is frozen."""
    generator = torch.Generator().manual_seed(0)
    for shape in ((12, 9), (12,), (7, 12), None):
        weight = nn.Parameter(torch.zeros(shape or 1, dtype=dtype))
        if shape:
            weight.grad = (scale * torch.randn(shape, generator=generator)).to(dtype)
        yield weight


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("share", [0.5, 0.99, 0.999, 1.0, 1.001, 1.01, 1.02, 2.0, math.inf])
@pytest.mark.parametrize("scale", [1.0, 1e-6, math.inf, math.nan])
def test_gradients_are_clipped_as_by_torch_bit_for_bit(dtype, share, scale):
    ours, theirs = ([*weights_with_gradients(dtype, scale)] for _ in range(2))
    norm = nn.utils.clip_grad_norm_([*weights_with_gradients(dtype, scale)], math.inf).item()
    max_norm = share * norm if math.isfinite(norm) else share
    expected = nn.utils.clip_grad_norm_(theirs, max_norm).item()
    found = clip_gradient(ours, None if max_norm == math.inf else max_norm)
    np.testing.assert_array_equal(found, expected)
    for a, b in zip(ours[:-1], theirs[:-1], strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=0, atol=0, equal_nan=True)


def test_without_gradients_there_is_nothing_to_clip():
    assert clip_gradient([nn.Parameter(torch.zeros(2))], 1.0) == 0


def test_one_epoch_and_a_small_clip_norm_are_allowed():
    assert len(train(make_model(), VOCAB, TEXT, epochs=1, clip_norm=1e-9)) == 1


# --- progress -------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def slow_model(monkeypatch):
    """A model whose every step takes one second on the progress bar's clock."""
    model, clock = make_model(), [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])
    model.register_forward_hook(lambda *_: clock.append(clock.pop() + 1))
    return model


def test_progress_is_never_shown_without_a_terminal(slow_model, capfd):
    train(slow_model, VOCAB, TEXT)
    assert capfd.readouterr() == ("", "")


def test_progress_appears_in_a_terminal_after_two_seconds_and_is_removed_at_the_end(
    slow_model, monkeypatch, capsys
):
    for epochs in (1, 50):
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        train(slow_model, VOCAB, TEXT, epochs=epochs)
        if epochs == 1:
            assert terminal.getvalue().strip() == ""
    first, *_, wiped, end = terminal.getvalue().lstrip("\r").split("\r")
    assert re.search(r"2/50 \[00:02<00:48,  1.00epoch/s\]", first)
    assert wiped.strip() == end == ""
    assert capsys.readouterr().out == ""
