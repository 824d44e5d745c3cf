"""The network that learns a reader's text, computed in Deno, against torch and the package."""

import numpy as np
import pytest
import torch
from javascript import WEB, calling
from torch import nn

from charseq import CharRNN, Corpus, NGram, Vocabulary, load_text
from charseq.checkpoint import load_model
from charseq.language_model import learning_rate
from charseq.settings import Settings

CORE = [WEB / "core" / f"{name}.js" for name in ("own-text", "text-run", "count-table")]
SIZE = {"minutes": 0, "hidden": 9, "streams": 5, "length": 7, "lr": 0.01, "updates": 200}
HELPERS = """
const runOf = ({text, size}) => {
    const {learned} = prepare(text);
    return [learned, new TextRun(learned.train, learned.chars.length, size, 3)];
};
const train = wanted => {
    const [learned, run] = runOf(wanted);
    const losses = Array.from({length: wanted.size.updates}, () => run.step());
    return {losses, bits: bitsOf(run.model, learned.valid), chars: learned.chars};
};
"""
TEXT = load_text("pride-test")[:3000]


@pytest.fixture(scope="module")
def core():
    with calling(*CORE, helpers=HELPERS) as call:
        yield call


def test_two_hundred_updates_have_the_losses_of_torch(core):
    found = core("train", {"text": TEXT, "size": SIZE})
    vocab = Vocabulary.from_text(TEXT)
    assert found["chars"] == list(vocab.chars)
    ids = torch.tensor(vocab.encode(TEXT))
    train, valid = ids[:2700], ids[2700:]
    model = CharRNN(len(vocab), SIZE["hidden"], cell="GRU", seed=3).double()
    settings = Settings(steps=SIZE["updates"], lr=SIZE["lr"])
    optimizer = torch.optim.Adam(model.parameters())
    B, T = SIZE["streams"], SIZE["length"]
    apart, place, state, losses = 2699 // B, 0, None, []
    for step in range(1, SIZE["updates"] + 1):
        if place + T > apart:
            place, state = 0, None
        rows = torch.stack([train[b * apart + place :][: T + 1] for b in range(B)])  # (B, T + 1)
        place += T
        logits, state = model(rows[:, :-1], state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = learning_rate(settings, step)
        optimizer.step()
        losses.append(loss.item())
        state = state.detach()
    np.testing.assert_allclose(found["losses"], losses, rtol=0, atol=1e-9)

    rows = torch.stack([valid[b * 74 :][:75] for b in range(4)])
    logits, _ = model(rows[:, :-1])
    nats = nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten()).item()
    assert found["bits"] == pytest.approx(nats / np.log(2), abs=1e-9)


def test_its_table_of_counts_is_that_of_the_package(core):
    train, valid = Corpus.from_text(TEXT).split(valid=0.1)
    arguments = [train.ids.tolist(), valid.ids.tolist(), len(train.vocab), 6]
    found = core("all => tableBits(...all)", arguments)
    expected = [NGram(order, train).bits_per_character(valid.ids) for order in range(1, 7)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_its_file_is_read_by_the_package_and_by_torch(core, tmp_path):
    text = "🙂é\n" + TEXT
    code = """wanted => {
        const [{chars}, {model}] = runOf(wanted);
        return runFile(model, chars, {});
    }"""
    found = core(code, {"text": text, "size": SIZE})
    (tmp_path / "best.safetensors").write_bytes(bytes(found))
    model, vocab = load_model(tmp_path)
    expected = CharRNN(len(vocab), SIZE["hidden"], cell="GRU", seed=3)
    assert vocab.chars == Vocabulary.from_text(text).chars
    for weight, other in zip(model.parameters(), expected.parameters(), strict=True):
        assert torch.equal(weight, other)


@pytest.mark.parametrize(
    ("text", "says", "learned"),
    [
        ("", "no text yet", None),
        ("ten letters", "has 11 characters, too few", None),
        ("A long one. " * 900_000, "learns from its first 1,000,000 characters", 1_000_000),
        ("🙂\ud83d yes! " * 400, "", 3200),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 3000))), "has 3,000 different characters", 3000),
    ],
    ids=["empty", "short", "ten megabytes", "emoji and half of one", "Chinese"],
)
def test_a_text_that_is_strange_gets_one_sentence(text, says, learned, core):
    code = """text => {
        const {learned, messages} = prepare(text);
        return [messages, learned && learned.train.length + learned.valid.length];
    }"""
    messages, length = core(code, text)
    assert len(messages) == bool(says)
    assert says in "".join(messages)
    assert length == learned
