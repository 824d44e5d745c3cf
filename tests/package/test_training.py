"""Training on one sentence, against the same loop written by hand."""

import io
import math
import re

import pytest
import torch
from torch import nn

from charseq import CharRNN, Diverged, History, Vocabulary, train, training_steps

TEXT = "hello, world"
VOCAB = Vocabulary.from_text(TEXT)


def make_model(cell="RNN"):
    return CharRNN(len(VOCAB), 8, cell=cell, seed=0).double()


def by_hand(model, optimizer, epochs, max_norm):
    """Train like the notebook, and return what each record should hold."""
    rows, ids = [], torch.from_numpy(VOCAB.encode(TEXT))
    for epoch in range(1, epochs + 1):
        logits = model(ids[None, :-1])[0][0]
        loss = nn.functional.cross_entropy(logits, ids[1:])
        optimizer.zero_grad()
        loss.backward()
        norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item()
        for parameter in model.parameters():
            if norm > max_norm:
                parameter.grad *= max_norm / (norm + 1e-6)
        optimizer.step()
        rows.append((epoch, loss.item(), norm, "".join(VOCAB.chars[i] for i in logits.argmax(1))))
    return rows


@pytest.mark.parametrize(
    ("cell", "make_optimizer", "clip_norm"),
    [
        *((cell, None, None) for cell in ("RNN", "GRU", "LSTM")),
        ("RNN", lambda parameters: torch.optim.Adam(parameters, lr=0.02), None),
        *(("RNN", None, clip_norm) for clip_norm in (0.05, 1.0, 1e6)),
    ],
)
def test_training_steps_match_a_loop_written_by_hand(cell, make_optimizer, clip_norm):
    model, twin = make_model(cell).eval(), make_model(cell)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 100.0)  # an old gradient, which must not count
    optimizer = make_optimizer(model.parameters()) if make_optimizer else None
    options = {"epochs": 12, "optimizer": optimizer, "clip_norm": clip_norm}
    history = train(model, VOCAB, TEXT, **options)
    assert model.training
    make = make_optimizer or (lambda parameters: torch.optim.SGD(parameters, 0.5, momentum=0.9))
    rows = by_hand(twin, make(twin.parameters()), 12, clip_norm or math.inf)
    for record, (epoch, *numbers, prediction) in zip(history, rows, strict=True):
        assert (record.epoch, record.prediction) == (epoch, prediction)
        assert [record.loss, record.gradient_norm] == pytest.approx(numbers, rel=1e-10)
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_an_optimizer_may_hold_a_part_of_the_parameters():
    model, before = make_model(), make_model()
    optimizer = torch.optim.SGD(model.head.parameters(), lr=0.5)
    train(model, VOCAB, TEXT, epochs=1, optimizer=optimizer)
    pairs = zip(model.named_parameters(), before.parameters(), strict=True)
    assert all(torch.equal(a, b) != name.startswith("head") for (name, a), b in pairs)


# --- divergence -----------------------------------------------------------------------------------


def test_divergence_reports_its_epoch_and_advice_and_keeps_the_history():
    model = make_model()
    groups = [{"params": model.rnn.parameters(), "lr": 1e308}, {"params": model.head.parameters()}]
    optimizer = torch.optim.SGD(groups, lr=1e307)
    with pytest.raises(Diverged) as caught:
        train(model, VOCAB, TEXT, optimizer=optimizer)
    good, message = caught.value.history, str(caught.value)
    assert good.numbers.tolist() == list(range(1, len(good) + 1))
    assert good[0] == next(training_steps(make_model(), VOCAB, TEXT))
    assert message.startswith(f"epoch {len(good) + 1}: the loss is ")
    assert "try a lower learning rate (it is 1e+308) or clip_norm=1.0, and check" in message
    with pytest.raises(FloatingPointError) as caught:
        list(training_steps(model, VOCAB, TEXT))
    assert caught.value.history == History(())


def test_divergence_does_not_change_the_weights():
    model, before = make_model(), make_model()
    with torch.no_grad():
        model.head.bias[0] = before.head.bias[0] = math.nan
    message = r"epoch 1: the loss is nan and its gradient norm nan.*\(it is 0\.5\), and check that"
    with pytest.raises(Diverged, match=message):
        train(model, VOCAB, TEXT, clip_norm=1.0)
    for a, b in zip(model.parameters(), before.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


def test_an_infinite_gradient_or_loss_alone_is_divergence_too(monkeypatch):
    model = make_model()
    model.rnn.weight_hh_l0.register_hook(lambda grad: torch.full_like(grad, math.inf))
    with pytest.raises(Diverged, match=r"epoch 1: the loss is \d\.\d+ and its gradient norm inf"):
        train(model, VOCAB, TEXT)
    real = nn.functional.cross_entropy
    monkeypatch.setattr(nn.functional, "cross_entropy", lambda *a: real(*a) + math.inf)
    with pytest.raises(Diverged, match=r"the loss is inf and its gradient norm \d"):
        train(make_model(), VOCAB, TEXT)


# --- errors and progress --------------------------------------------------------------------------

ELSEWHERE = torch.optim.SGD(make_model().parameters(), lr=0.1)


@pytest.mark.parametrize("run", [training_steps, train])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": nn.RNN(3, 3)}, "model must be a CharRNN, got RNN"),
        ({"vocab": Vocabulary("ab")}, "has 2 characters and the model 9: .*len.vocab"),
        ({"text": "h"}, "at least 2 characters, .* got 'h'"),
        ({"text": "help"}, "'p' .* at position 3"),
        ({"text": b"hello"}, "got bytes"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"clip_norm": 0.0}, "clip_norm must be positive, got 0.0"),
        ({"optimizer": torch.optim.SGD}, "optimizer must be a torch.optim.Optimizer"),
        ({"optimizer": ELSEWHERE}, "none of this model's parameters"),
    ],
)
def test_invalid_arguments_are_refused_at_the_call(run, changed, message):
    arguments = {"model": make_model(), "vocab": VOCAB, "text": TEXT, **changed}
    with pytest.raises((TypeError, ValueError), match=message):
        run(**arguments)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_appears_only_in_a_terminal_after_two_seconds_and_is_removed_at_the_end(
    monkeypatch, capsys
):
    model, clock = make_model(), [0.0]  # every step takes one second on the progress bar's clock
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])
    model.register_forward_hook(lambda *_: clock.append(clock.pop() + 1))
    train(model, VOCAB, TEXT)
    assert capsys.readouterr() == ("", "")
    terminals = Terminal(), Terminal()
    for epochs, terminal in zip((1, 50), terminals, strict=True):
        monkeypatch.setattr("sys.stderr", terminal)
        train(model, VOCAB, TEXT, epochs=epochs)
    assert terminals[0].getvalue().strip() == ""
    first, *_, wiped, end = terminals[1].getvalue().lstrip("\r").split("\r")
    assert re.search(r"2/50 \[00:02<00:48,  1.00epoch/s\]", first)
    assert wiped.strip() == end == ""
    assert capsys.readouterr().out == ""
