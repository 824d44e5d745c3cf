"""Training on one sentence, against the same loop written by hand."""

import io
import math

import pytest
import torch
from small_runs import all_equal, weights
from torch import nn

from charseq import (
    CharRNN,
    Diverged,
    History,
    Vocabulary,
    train,
    training_steps,
)

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


@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_training_steps_exactly_match_a_loop_written_by_hand(cell):
    model, twin = make_model(cell), make_model(cell)
    history = list(training_steps(model, VOCAB, TEXT, epochs=12))
    rows = by_hand(twin, torch.optim.SGD(twin.parameters(), lr=0.5, momentum=0.9), 12)
    assert_same_run(history, model, rows, twin)


def test_any_torch_optimizer_may_be_given():
    model, twin = make_model(), make_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    history = train(model, VOCAB, TEXT, epochs=8, optimizer=optimizer)
    rows = by_hand(twin, torch.optim.Adam(twin.parameters(), lr=0.02), 8)
    assert_same_run(history, model, rows, twin)


@pytest.mark.parametrize("clip_norm", [0.05, 1.0, 1e6])
def test_clip_norm_clips_gradients_like_torch(clip_norm):
    model, twin = make_model(), make_model()
    history = train(model, VOCAB, TEXT, epochs=8, clip_norm=clip_norm)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.5, momentum=0.9)
    rows = by_hand(twin, optimizer, 8, max_norm=clip_norm)
    assert_same_run(history, model, rows, twin)


def test_clip_norm_limits_the_update_but_not_the_recorded_norm():
    model = make_model()
    before = weights(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    (record,) = training_steps(model, VOCAB, TEXT, epochs=1, optimizer=optimizer, clip_norm=0.01)
    moved = torch.cat([(a - b).flatten() for a, b in zip(weights(model), before, strict=True)])
    assert moved.norm().item() == pytest.approx(0.01, rel=1e-3)
    assert record.gradient_norm > 0.1


def test_a_record_holds_the_loss_before_the_update():
    model = make_model()
    before = loss_of(model)[0].item()
    for record in training_steps(model, VOCAB, TEXT, epochs=3):
        assert record.loss == before
        before = loss_of(model)[0].item()
        assert before < record.loss


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
    with pytest.raises(Diverged) as caught:
        for _ in training_steps(model, VOCAB, TEXT, optimizer=diverging_optimizer(model)):
            pass
    assert caught.value.history == History(())


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_divergence_does_not_change_the_weights(value, clip_norm):
    model = make_model()
    with torch.no_grad():
        model.head.bias[0] = value
    before = weights(model)
    with pytest.raises(Diverged, match="epoch 1: the loss is nan and its gradient norm nan"):
        train(model, VOCAB, TEXT, clip_norm=clip_norm)
    assert all(
        torch.equal(a.isnan(), b.isnan()) for a, b in zip(before, weights(model), strict=True)
    )
    assert all_equal([w.nan_to_num() for w in before], [w.nan_to_num() for w in weights(model)])


def test_an_infinite_gradient_with_a_finite_loss_is_divergence_too():
    model = CharRNN(len(VOCAB), len(VOCAB), output_layer=False, seed=0)
    model.rnn.weight_hh_l0.register_hook(lambda grad: torch.full_like(grad, math.inf))
    with pytest.raises(Diverged, match=r"epoch 1: the loss is \d\.\d+ and its gradient norm inf"):
        train(model, VOCAB, TEXT)


def test_an_infinite_loss_with_a_finite_gradient_is_divergence(monkeypatch):
    real = nn.functional.cross_entropy
    monkeypatch.setattr(nn.functional, "cross_entropy", lambda *a: real(*a) + math.inf)
    with pytest.raises(Diverged, match=r"the loss is inf and its gradient norm \d"):
        train(make_model(), VOCAB, TEXT)


def test_divergence_with_clipping_does_not_advise_clipping():
    model = make_model()
    with torch.no_grad():
        model.head.bias[0] = math.nan
    with pytest.raises(Diverged, match=r"learning rate \(it is 0.5\), and check that the initial"):
        train(model, VOCAB, TEXT, clip_norm=1.0)


def test_divergence_with_several_learning_rates_quotes_the_first():
    model = make_model()
    groups = [{"params": model.rnn.parameters(), "lr": 1e308}, {"params": model.head.parameters()}]
    with pytest.raises(Diverged, match=r"it is 1e\+308\)"):
        train(model, VOCAB, TEXT, optimizer=torch.optim.SGD(groups, lr=1e307))


def test_divergence_is_a_floating_point_error():
    assert issubclass(Diverged, FloatingPointError)


# --- errors ---------------------------------------------------------------------------------------


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
def test_invalid_arguments_are_refused_at_the_call(run, changed, error, message):
    arguments = {"model": make_model(), "vocab": VOCAB, "text": TEXT, **changed}
    with pytest.raises(error, match=message):
        run(**arguments)


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


def test_arguments_of_the_wrong_type_are_refused_at_the_call(sentence_model):
    model, vocab, text = sentence_model
    with pytest.raises(TypeError, match="vocab must be a Vocabulary, got str"):
        training_steps(model, "abc", text)
    with pytest.raises(TypeError, match=r"optimizer must be a torch.optim.Optimizer"):
        training_steps(model, vocab, text, optimizer=torch.optim.SGD)
    other_model = CharRNN(len(vocab), 4)
    other_optimizer = torch.optim.SGD(other_model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="none of this model's parameters"):
        training_steps(model, vocab, text, optimizer=other_optimizer)


@pytest.fixture
def sentence_model():
    vocab = Vocabulary.from_text("hello")
    return CharRNN(len(vocab), 4, seed=0), vocab, "hello"
