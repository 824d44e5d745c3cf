"""Several documents as one text: nothing flows from one into the next, and nothing else changes."""

import json
import math
import os
import warnings
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_runs import detached, weights
from test_cli import run_ok
from test_messages import message_of
from torch import nn

from charseq import (
    CharRNN,
    Corpus,
    NumpyNet,
    Run,
    Settings,
    Vocabulary,
    evaluate,
    generate,
    language_model_steps,
)
from charseq._batches import batches, state_before
from charseq._documents import DocumentBatches, bounds_of_documents, document_windows
from charseq._run_text import describe
from charseq.checkpoint import load_model, load_net, read_config
from charseq.cli_train import _keep_standard_input
from charseq.language_model import measure, sample_size
from charseq.sampling import sampling_steps
from charseq.texts import CleanedText

documents = st.lists(st.text("abcde", min_size=1, max_size=30), min_size=1, max_size=12)
cells = st.sampled_from(["RNN", "GRU", "LSTM"])
SMALL = ["--hidden=8", "--batch-size=4", "--length=10", "--steps=20", "--evaluate-every=10"]
POEMS = {
    "a.txt": "the rose is red\n" * 5,
    "b/b.txt": "the violet's blue\n" * 3,
    "b/c.txt": "x",
    "d.txt": "the honey's sweet\n" * 9,
    "e.txt": "and so are you\n" * 6,
}


def model_of(corpus, cell="GRU", **options):
    return CharRNN(len(corpus.vocab), 6, cell=cell, seed=1, **options).double()


def read_alone(model, vocab, document, length=None):
    """Yield the summed loss of each piece of a document, read from zeros by a plain loop."""
    ids = torch.tensor(vocab.encode(f"\x03{document}\x03"))
    state = None
    for x, y in zip(ids[:-1].split(length or 999), ids[1:].split(length or 999), strict=True):
        logits, state = model(x[None], state)
        yield nn.functional.cross_entropy(logits[0], y, reduction="sum")
        state = detached(state)


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
    return folder


# --- a corpus of documents ------------------------------------------------------------------------


@given(documents)
def test_a_border_is_before_and_after_each_document(texts):
    corpus = Corpus.from_text(texts)
    assert corpus.vocab.border == "\x03"
    assert corpus.decode() == "\x03" + "\x03".join(texts) + "\x03"
    assert corpus.count_documents() == len(texts)
    assert Corpus.from_text(texts[0], corpus.vocab).decode() == f"\x03{texts[0]}\x03"


@pytest.mark.parametrize(
    ("text", "vocab", "message"),
    [
        (["ab", "", "c"], None, "document 1 is empty"),
        (["ab", "a\x03b"], None, r"document 1 holds '\\x03' \(U\+0003\) at position 1"),
        ([], None, "got an empty text"),
        (["a"], Vocabulary("ab"), "the vocabulary has no border"),
        ("", Vocabulary("ab\x03", border="\x03"), "the text is empty"),
    ],
)
def test_documents_that_cannot_be_told_apart_are_refused(text, vocab, message):
    with pytest.raises(ValueError, match=message):
        Corpus.from_text(text, vocab)


@given(st.lists(st.text("abcde", min_size=1, max_size=30), min_size=2, max_size=12), st.data())
def test_documents_are_split_between_two_of_them_where_the_share_is_nearest(texts, data):
    valid = data.draw(st.floats(0.05, 0.95))
    corpus = Corpus.from_text(texts)
    wanted = int(len(corpus) * valid)
    if wanted < 2 or len(corpus) - wanted < 2:
        return
    train, held_back = corpus.split(valid=valid)
    k = train.count_documents()
    assert train.decode() == Corpus.from_text(texts[:k]).decode()
    assert held_back.decode() == Corpus.from_text(texts[k:]).decode()
    errors = [
        abs(len(Corpus.from_text(texts[:j])) - 1 - (len(corpus) - wanted))
        for j in range(1, len(texts))
    ]
    assert errors[k - 1] == min(errors)


def test_one_document_is_split_within_and_three_parts_need_three_documents():
    train, held_back = Corpus.from_text(["abcdefgh"]).split(valid=0.3)
    assert (train.decode(), held_back.decode()) == ("\x03abcdef", "gh\x03")
    parts = Corpus.from_text(["ab", "cd", "ef"]).split(valid=0.3, test=0.3)
    assert [part.decode() for part in parts] == ["\x03ab\x03", "\x03cd\x03", "\x03ef\x03"]
    with pytest.raises(ValueError, match="of 2 documents leaves none for one part"):
        Corpus.from_text(["abcdefghi", "cd"]).split(valid=0.3, test=0.3)


# --- measuring ------------------------------------------------------------------------------------


@given(documents, cells, st.integers(1, 20), st.integers(1, 40))
def test_evaluate_reads_each_document_from_zeros(texts, cell, rows, length):
    corpus = Corpus.from_text(texts)
    model = model_of(corpus, cell, num_layers=2)
    with torch.no_grad():
        total = sum(sum(read_alone(model, corpus.vocab, text)).item() for text in texts)
    expected = total / sum(len(text) + 1 for text in texts)
    for warm_up in (0, 5):
        loss = evaluate(model, corpus, batch_size=rows, length=length, warm_up=warm_up)
        assert loss == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("size", [3, 40, 900])
def test_a_sample_of_documents_is_cut_at_borders_and_begins_with_what_is_before_it(size):
    rng = np.random.default_rng(0)
    texts = [
        "".join(rng.choice(list("abcd"), size=n)) for n in rng.integers(1, size, 30000 // size)
    ]
    corpus = Corpus.from_text(texts)
    model = model_of(corpus)
    settings = Settings(evaluate_on=160, seed=4)
    assert sample_size(settings, len(corpus)) == 160
    begins, _ = bounds_of_documents(corpus.ids, 0)
    part = (len(corpus) - 1) // 16
    starts = np.random.default_rng([4, 0]).integers(256, part - 10, size=16, endpoint=True)
    total = 0.0
    for start in starts + part * np.arange(16):
        for place in range(start, start + 10):
            document = begins[begins <= place][-1]
            first = max(document, start - 256)
            x = torch.tensor(corpus.ids[first : place + 1].astype(int))
            with torch.no_grad():
                logits = model(x[None])[0][0, -1]
            total -= logits.log_softmax(0)[int(corpus.ids[place + 1])].item()
    assert measure(model, corpus, settings) == pytest.approx(total / 160, abs=1e-10)


# --- learning -------------------------------------------------------------------------------------


@given(documents, st.integers(1, 6), st.integers(1, 12))
def test_an_epoch_reads_each_character_once_and_rows_go_on_or_begin(texts, B, T):
    corpus = Corpus.from_text(texts)
    pieces = sum(math.ceil((len(text) + 1) / T) for text in texts)
    if pieces < B:
        with pytest.raises(ValueError, match=f"batch_size that fits is {pieces}"):
            DocumentBatches(corpus.ids, 0, B, T)
        return
    epoch = DocumentBatches(corpus.ids, 0, B, T)
    assert len(epoch) == math.ceil(pieces / B)
    rows, next_ones, places = [""] * B, [""] * B, 0
    for k in range(len(epoch)):
        begins, x, y = epoch[k]
        real = y >= 0
        assert real.any(axis=0).all()  # no column is all padding
        for row, count in enumerate(real.sum(axis=1).tolist()):
            assert real[row, :count].all()
            read = corpus.vocab.decode(x[row, :count])
            assert "\x03" not in read[1:]
            assert begins[row] or (k and (not count or read[0] == next_ones[row] != "\x03"))
            rows[row] += read
            next_ones[row] = corpus.vocab.decode(y[row, max(0, count - 1) : count])
        places += x.size
    assert "".join(rows) + "\x03" == corpus.decode()
    assert epoch.padding() == pytest.approx(1 - (len(corpus) - 1) / places)


@given(documents, cells, st.integers(1, 4))
def test_gradients_of_an_epoch_are_those_of_documents_read_one_after_another(texts, cell, B):
    corpus = Corpus.from_text(texts)
    T = 31  # no document is longer
    if len(texts) < B:
        return
    model = model_of(corpus, cell)
    state, steps = None, math.ceil(len(texts) / B)
    settings = Settings(batch_size=B, length=T)
    for begins, x, y in islice(batches(corpus, settings, 0), steps):
        loss, state = model.loss(x, y, state_before(state, begins))
        (loss * (y >= 0).sum()).backward()
        state = detached(state)
    found = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    for text in texts:
        sum(read_alone(model, corpus.vocab, text)).backward()
    for gradient, parameter in zip(found, model.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("fast", [False, True])
def test_a_run_over_documents_matches_a_plain_loop(cell, fast):
    texts = ["abcabcabcab", "b", "cabbac", "ab" * 13]
    corpus, T = Corpus.from_text(texts), 5
    settings = Settings(steps=22, batch_size=1, length=T, optimizer="sgd", lr=0.3, momentum=0)
    run = Run(model_of(corpus, cell, fast=fast), corpus.vocab, settings)
    records = list(language_model_steps(run, corpus))
    model, losses = model_of(corpus, cell), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    sizes = [min(T, len(text) + 1 - k) for text in texts for k in range(0, len(text) + 1, T)]
    for _ in range(2):
        for text in texts:
            for loss in read_alone(model, corpus.vocab, text, T):
                if len(losses) == len(records):
                    break
                mean = loss / sizes[len(losses) % len(sizes)]
                optimizer.param_groups[0]["lr"] = records[len(losses)].lr
                optimizer.zero_grad()
                mean.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                losses.append(mean.item())
    assert len(sizes) < len(losses)  # a second epoch began
    assert [record.loss for record in records] == pytest.approx(losses, abs=1e-10)


@pytest.mark.parametrize("order", ["streams", "windows"])
def test_a_run_over_documents_that_paused_is_the_same(order):
    corpus = Corpus.from_text(["abcabcabcab" * 5, "b", "cabbac", "ab" * 13])
    settings = Settings(steps=17, batch_size=3, length=4, order=order, seed=5)
    runs = [Run(model_of(corpus), corpus.vocab, settings) for _ in range(2)]
    list(language_model_steps(runs[0], corpus))
    for pause in (1, 3, 5, 8):
        list(islice(language_model_steps(runs[1], corpus), pause))
    assert all(map(torch.equal, *(weights(run.model) for run in runs)))


@given(documents, st.integers(1, 12))
def test_windows_stay_within_a_document_and_hold_a_short_one_whole(texts, T):
    corpus = Corpus.from_text(texts)
    bounds = bounds_of_documents(corpus.ids, 0)
    x, y = document_windows(corpus.ids, bounds, 5, T, np.random.default_rng(0))
    for row in range(5):
        count = int((y[row] >= 0).sum())
        window = corpus.vocab.decode([x[row, 0], *y[row, :count]])
        whole = [f"\x03{text}\x03" for text in texts]
        assert any(window in text for text in whole)
        assert "\x03" not in window[1:-1]
        assert window in whole or count == T


def test_windows_are_drawn_from_seed_and_step():
    corpus = Corpus.from_text(["abcab" * 9, "cab" * 7])
    bounds = bounds_of_documents(corpus.ids, 0)
    settings = Settings(batch_size=3, length=4, order="windows", seed=5)
    for step, (begins, x, y) in enumerate(islice(batches(corpus, settings, 2), 3), start=3):
        rng = np.random.default_rng([5, step])
        expected = document_windows(corpus.ids, bounds, 3, 4, rng)
        assert begins is True
        np.testing.assert_array_equal((x, y), expected)


def test_windows_reach_beginnings_and_short_documents_as_often_as_they_are_long():
    corpus = Corpus.from_text(["abc", "defghijk" * 4])
    bounds, rng = bounds_of_documents(corpus.ids, 0), np.random.default_rng(0)
    rows, T = 20_000, 8
    x, y = document_windows(corpus.ids, bounds, rows, T, rng)
    share = np.isin(y, corpus.vocab.encode("abc")).any(axis=1).mean()
    chance = 4 / (len(corpus) - 1)  # four of its characters may be the one that a window is around
    assert abs(share - chance) < 5 * math.sqrt(chance * (1 - chance) / rows)
    # A window around the place i of a document reaches its border with a chance of (T - i) / T.
    share = (x[:, 0] == 0).mean() - share
    chance = (T + 1) / 2 / (len(corpus) - 1)
    assert abs(share - chance) < 5 * math.sqrt(chance * (1 - chance) / rows)


# --- writing --------------------------------------------------------------------------------------


def test_a_text_begins_after_a_border_and_ends_before_the_next():
    vocab = Vocabulary("ab\x03", border="\x03")
    model = CharRNN(3, 4, seed=0)
    with torch.no_grad():
        model.head.bias[2] += 1
    net = NumpyNet.from_model(model)
    for prompt in (None, "a"):
        texts = generate(net, vocab, prompt, streams=40, rng=np.random.default_rng(0))
        before = "\x03" + (prompt or "")
        plain = Vocabulary(vocab.chars)
        same = generate(net, plain, before, streams=40, stop="\x03", rng=np.random.default_rng(0))
        assert texts == same
        assert min(map(len, texts)) < 5
        draw = next(sampling_steps(net, vocab, prompt))
        expected = net.read(vocab.encode(before))[0][-1]
        np.testing.assert_allclose(draw.logits[0], expected, rtol=1e-6)


# --- files and runs -------------------------------------------------------------------------------


def test_a_folder_is_its_files_in_the_order_of_their_paths(tmp_path):
    write(tmp_path / "poems", POEMS)
    plain = Corpus.from_files(tmp_path / "poems")
    assert plain.decode() == Corpus.from_text(list(POEMS.values())).decode()
    assert (plain.ids.flags.writeable, plain.vocab.border) == (False, "\x03")
    write(tmp_path / "poems", {".DS_Store": "no", ".git/x": "no", "b/.x": "no", "b/empty.txt": ""})
    assert Corpus.from_files([tmp_path / "poems"]).decode() == plain.decode()
    twice = Corpus.from_files([tmp_path / "poems/d.txt", tmp_path / "poems/b"], vocab=plain.vocab)
    names = ["d.txt", "b/b.txt", "b/c.txt"]
    assert twice.decode() == Corpus.from_text([POEMS[name] for name in names]).decode()
    alone = Corpus.from_file(tmp_path / "poems/d.txt", vocab=plain.vocab, cache=tmp_path / "cache")
    assert alone.decode() == f"\x03{POEMS['d.txt']}\x03"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.txt": "fine", "b.bin": "a\0b"}, r"b.bin' looks binary: .* position 1"),
        ({"a.txt": "fine", "b.txt": "a\x03b"}, r"b.txt' holds '\\x03' \(U\+0003\) at position 1"),
        ({".hidden": "fine"}, "is a folder without a file of text"),
    ],
)
def test_a_folder_with_what_is_no_document_is_refused_by_its_name(tmp_path, files, message):
    write(tmp_path / "texts", files)
    with pytest.raises((ValueError, OSError), match=message):
        Corpus.from_files(tmp_path / "texts")


def test_a_folder_that_cannot_be_read_is_named_and_a_link_to_a_folder_is_left_out(
    tmp_path, monkeypatch
):
    poems = write(tmp_path / "poems", {"a.txt": "fine", "locked/b.txt": "lost"})
    write(tmp_path / "elsewhere", {"c.txt": "other"})
    (poems / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert Corpus.from_files(poems).count_documents() == 2
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(OSError, match=r"locked' is a folder that cannot be read: Permission den"):
        Corpus.from_files(poems)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_pipe_among_the_files_is_named(tmp_path):
    write(tmp_path, {"a.txt": "fine"})
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"pipe' is a pipe or a device, .* save it in a file"):
        Corpus.from_files([tmp_path / "a.txt", tmp_path / "pipe"])


def test_several_processes_do_not_share_standard_input(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(ValueError, match="several processes cannot read standard input: save it"),
        _keep_standard_input(["-"], tmp_path / "run"),
    ):
        pass
    assert not (tmp_path / "run").exists()


def test_a_measurement_of_documents_reads_no_more_than_it_announces():
    corpus = Corpus.from_text(["abcde" * 600] * 40)
    calls = []
    settings = Settings(batch_size=4, length=16)
    measure(model_of(corpus), corpus, settings, watch=lambda *numbers: calls.append(numbers))
    assert all(done <= total for done, total in calls)
    assert calls[-1][0] > 10_000


def test_a_file_in_another_encoding_is_named(tmp_path):
    write(tmp_path, {"a.txt": "fine"})
    (tmp_path / "b.txt").write_bytes("ä".encode("latin-1"))
    with pytest.raises(ValueError, match=r"b.txt' is not utf-8 text \(byte 0xe4"):
        Corpus.from_files([tmp_path / "a.txt", tmp_path / "b.txt"])
    with pytest.raises(ValueError, match=r"empty.txt' is empty"):
        Corpus.from_files(write(tmp_path, {"empty.txt": ""}) / "empty.txt")


def test_what_is_left_out_of_many_files_is_said_once(tmp_path):
    write(tmp_path, {f"{k}.txt": "a\r\nb\r\n" for k in range(3)} | {"4.txt": "a\n"})
    with pytest.warns(CleanedText, match=r"0.txt' has 2 carriage returns, .*; 2 more of") as caught:
        assert "\r" not in Corpus.from_files(tmp_path).decode()
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "\r" in Corpus.from_files(tmp_path, raw=True).decode()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Train on a folder of five poems."""
    monkeypatch.setattr("charseq.language_model.perf_counter", lambda: 0.0)
    monkeypatch.chdir(write(tmp_path, {f"poems/{name}": text for name, text in POEMS.items()}))
    out = run_ok("train", "poems", "--out=run", *SMALL)
    documents, characters = len(POEMS), sum(map(len, POEMS.values()))
    corpus = Corpus.from_text(list(POEMS.values()))
    train, held_back = corpus.split()
    padding = DocumentBatches(train.ids, 0, 4, 10).padding()
    assert out.splitlines()[0] == (
        f"{documents} documents, {characters} characters; the last one is held back, "
        f"{len(held_back) / len(corpus):.1%} of all; {padding:.1%} of what a step reads is padding"
    ).replace("%", " %")
    return tmp_path / "run"


@pytest.mark.parametrize("order", ["streams", "windows"])
def test_each_batch_of_documents_releases_the_pages_that_it_has_read(order, monkeypatch):
    corpus, released = Corpus.from_text(["some words\n"] * 9), []
    monkeypatch.setattr("charseq._documents.release_pages", released.append)
    settings = Settings(batch_size=2, length=4, order=order)
    for count, _ in enumerate(islice(batches(corpus, settings, 0), 3), start=1):
        assert len(released) == count
        assert released[-1] is corpus.ids


@pytest.mark.parametrize(
    ("texts", "which"),
    [(5, "the last one is"), (20, "the last 2 are")],
)
def test_a_run_says_how_many_documents_are_held_back(texts, which):
    corpus = Corpus.from_text(["some words\n"] * texts)
    (line,) = describe(corpus, corpus.split(), Settings(batch_size=2, length=4), None)
    assert f"; {which} held back, " in line


def test_a_run_over_a_folder_is_that_over_its_documents(run):
    train, held_back = Corpus.from_text(list(POEMS.values())).split()
    model = CharRNN(len(train.vocab), 8, cell="LSTM", seed=0, fast=True)
    settings = Settings(steps=20, batch_size=4, length=10, evaluate_every=10)
    records = list(language_model_steps(Run(model, train.vocab, settings), train, held_back))
    net, vocab = load_net(run, best=False)
    assert vocab == train.vocab
    np.testing.assert_array_equal(net.head[1], model.head.bias.detach())
    facts = json.loads(run_ok("info", run, "--json"))
    assert facts["best_valid_bits_per_character"] == pytest.approx(
        min(record.valid_loss for record in records[9::10]) / math.log(2), abs=1e-4
    )
    assert (facts["documents"], facts["text"]) == (5, str(run.parent / "poems"))
    assert facts["epochs"] == round(20 / len(DocumentBatches(train.ids, 0, 4, 10)), 4)
    measured = json.loads(run_ok("eval", run, "--json"))
    assert measured["documents"] == 1
    assert measured == json.loads(run_ok("eval", run, run.parent / "poems/e.txt", "--json"))
    whole = json.loads(run_ok("eval", run, "poems", "--json"))
    assert whole["loss"] == pytest.approx(
        evaluate(load_model(run)[0], Corpus.from_files("poems"), batch_size=1), rel=1e-5
    )


def test_a_resumed_run_over_a_folder_is_the_same_and_finds_it_where_it_is(run, tmp_path):
    run_ok("train", "poems", "--out=whole", *SMALL, "--steps=30", "--schedule=constant")
    run_ok("train", "poems", "--out=runs/poems", *SMALL)
    run_ok("train", "poems", "--out=part", *SMALL, "--schedule=constant")
    run_ok("resume", "part", "--steps=25")
    (tmp_path / "poems").rename(tmp_path / "moved")
    assert "'poems', which this run learns from, is gone" in message_of(
        "resume", "part", "--steps=30"
    ).replace(str(tmp_path / "poems"), "poems")
    assert "is gone" in message_of("resume", "runs/poems", "--steps=30")  # no text, but the run
    run_ok("resume", "part", "--steps=30", "--text=moved")
    parts = [load_net(name, best=False)[0].head[0] for name in ("whole", "part")]
    np.testing.assert_array_equal(*parts)


def test_a_folder_with_other_files_is_not_the_text_of_a_run(run, tmp_path):
    write(tmp_path, {"poems/f.txt": "one more"})
    said = message_of("resume", run, "--steps=30")
    assert "has changed since this run began (6 files, not 5): put the old" in said
    (tmp_path / "poems/f.txt").unlink()
    (tmp_path / "poems/a.txt").rename(tmp_path / "poems/z.txt")
    assert "as many characters, but not the same" in message_of("resume", run, "--steps=30")


def test_files_are_documents_in_the_order_given_and_found_beside_a_moved_run(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path, POEMS))
    run_ok("train", "e.txt", "a.txt", "d.txt", "--out=run", *SMALL)
    source = read_config("run")["text"]
    assert source["text"] == [str(tmp_path / name) for name in ("e.txt", "a.txt", "d.txt")]
    (tmp_path / "other").mkdir()
    for name in ("e.txt", "a.txt", "d.txt", "run"):
        (tmp_path / name).rename(tmp_path / "other" / name)
    run_ok("resume", "other/run", "--steps=25")
    texts = [f"--text=other/{name}" for name in ("e.txt", "a.txt", "d.txt")]
    run_ok("resume", "other/run", "--steps=26", *texts)
    assert "not the same" in message_of("resume", "other/run", "--steps=27", *texts[::-1])


def test_a_run_within_the_folder_of_its_text_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path, POEMS))
    assert "so its files would be read as texts" in message_of("train", ".", *SMALL)
    assert "so its files would be read as texts" in message_of("train", "b", "--out=b/c/d", *SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b", "d.txt", "e.txt"]


def test_pieces_of_words_go_with_one_text_only(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path, POEMS))
    said = "takes one file with all its characters"
    assert said in message_of("train", "b", "--tokens=bpe:5", *SMALL)
    assert said in message_of("train", "d.txt", "--tokens=bpe:5", "--unknown=2", *SMALL)
    run_ok("train", "d.txt", "--out=run", "--tokens=bpe:5", *SMALL, "--length=5")
    assert said in message_of("train", "b", "d.txt", "--init-from=run", "--out=more", *SMALL[1:])
    assert "no border" in message_of("eval", "run", "d.txt", "d.txt")


def test_files_without_a_border_or_without_a_file_are_refused(tmp_path):
    file = write(tmp_path, POEMS) / "a.txt"
    with pytest.raises(ValueError, match="the vocabulary has no border"):
        Corpus.from_files([file, file], vocab=Vocabulary.from_text(POEMS["a.txt"]))
    with pytest.raises(ValueError, match="there is no file: expected one or more"):
        Corpus.from_files([])


def test_a_name_or_standard_input_beside_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path, POEMS))
    assert "pride-test comes with charseq" in message_of("train", "a.txt", "pride-test")
    assert "standard input is one text" in message_of("train", "a.txt", "-")
    assert "largest --batch-size that fits is" in message_of("train", "a.txt", "d.txt")


def test_a_network_of_one_text_is_not_asked_about_documents(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path, POEMS))
    run_ok("train", "d.txt", "--out=run", *SMALL)
    assert "vocabulary has no border" in message_of("eval", "run", "d.txt", "d.txt")
    run_ok("train", "b", "d.txt", "--out=more", "--init-from=run", *SMALL[1:])
    assert load_net("more")[1].border == "\x03"
    assert load_net("more")[1].chars.startswith(load_net("run")[1].chars)
