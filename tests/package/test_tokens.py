"""Pieces of words: merges against the chapter's code, bits per character against sums by hand."""

import contextlib
import io
import json
import math
import random
import re
import sys
from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

import pieces
from charseq import (
    BytePairEncoding,
    CharRNN,
    Corpus,
    History,
    NGram,
    Run,
    Settings,
    Vocabulary,
    evaluate,
    generate,
    language_model_steps,
    load_net,
    load_run,
    monitor,
    save_run,
    score,
    start_folder,
    training_steps,
)
from charseq.checkpoint import RunFolderError
from charseq.cli import main
from charseq.corpus import streams, windows
from charseq.history import UpdateRecord
from charseq.language_model import measure
from charseq.tokens import name_of_tokens, parse_tokens

LEARNED, HELD_BACK = pieces.texts()
VOCAB = BytePairEncoding.learn(LEARNED, 300, more_chars=HELD_BACK)
WORDS = ["the", "then", "there", "net", "reads", "a", "reader", "and", "writes", "as"]
SMALL = (
    "--hidden=8 --batch-size=4 --length=10 --steps=20 --evaluate-every=5 --save-every=4 --lr=0.05"
)


# --- merges and tokens ----------------------------------------------------------------------------


def test_merges_and_tokens_are_those_of_the_chapter():
    vocab = BytePairEncoding.learn(LEARNED, 2000)
    assert list(vocab.merges) == pieces.merges(2000)
    sample = HELD_BACK[:20_000]
    assert vocab.cut(sample) == pieces.page_code()["encode"](sample, pieces.merges(2000))


@given(
    st.text("ab ", max_size=80) | st.text("aA b.\n1é", max_size=60),
    st.integers(0, 30),
    st.text("ab ", max_size=40),
)
def test_equal_counts_are_decided_as_in_the_chapter(text, most, other):
    if not text:
        return
    learn, cut = (pieces.page_code()[name] for name in ("learn_merges", "encode"))
    text = text.replace("é", "e")  # the chapter knows English letters only
    vocab = BytePairEncoding.learn(text, most)
    assert list(vocab.merges) == learn(text, most)
    assert vocab.cut(other) == cut(other, vocab.merges)


@given(st.text(st.sampled_from(VOCAB.chars), max_size=200))
def test_each_text_of_known_characters_comes_back(text):
    ids = VOCAB.encode(text)
    assert VOCAB.decode(ids) == text
    assert VOCAB.count_characters(ids) == len(text)
    assert [VOCAB.tokens[k] for k in ids] == VOCAB.cut(text)


@given(st.text(max_size=60))
def test_characters_of_all_languages_come_back(text):
    vocab = BytePairEncoding.learn(text + "größer größte 北京 北京", 50)
    assert vocab.decode(vocab.encode(text)) == text
    assert BytePairEncoding.from_json(vocab.to_json()) == vocab


def test_words_have_letters_of_any_language_and_the_space_before_them():
    vocab = BytePairEncoding.learn("die Größe, die Größe 11 11 \n\n  -- -- 北京 北京", 99)
    longer = [token for token in vocab.tokens if len(token) > 1]
    assert {" Größe", " 北京"} <= {*longer}
    assert not [token for token in longer if not token.removeprefix(" ").isalpha()]
    assert vocab.cut("11  -- die") == ["1", "1", " ", " ", "-", "-", *vocab.cut(" die")]


def test_tokens_are_the_characters_and_then_each_merge_once():
    assert VOCAB.tokens == (*VOCAB.chars, *map("".join, VOCAB.merges))
    assert len(VOCAB) == len(set(VOCAB.tokens)) == len(VOCAB.chars) + 300
    assert VOCAB.one_hot(VOCAB.encode("the")).shape == (1, len(VOCAB))
    assert VOCAB.line_start() == "\n"
    assert VOCAB.skip_unknown("it ☃ is") == ("it  is", {"☃": 1})
    assert Counter(VOCAB.chars) == Counter(set(LEARNED + HELD_BACK))


def test_a_pair_that_occurs_once_is_not_joined():
    assert BytePairEncoding.learn("abc", 9).merges == ()
    assert BytePairEncoding.learn("abc abc", 9).merges == (("a", "b"), ("ab", "c"))


@pytest.mark.parametrize(
    ("merges", "message"),
    [
        ([("a", "c")], r"merges\[0\] must be two tokens, .* got \('a', 'c'\)"),
        ([("ab", "a"), ("a", "b")], r"merges\[0\] must be two tokens"),
        (["ab", "ab"], r"merges\[0\] must be two tokens, .* got 'ab'"),
        ([("a", "b", "a")], r"merges\[0\] must be two tokens"),
        ([("a", ["b"])], r"merges\[0\] must be two tokens"),
        ([("a", "b"), ("a", "b")], r"merges\[1\] makes 'ab', which is a token already"),
    ],
)
def test_merges_that_cannot_be_made_are_refused(merges, message):
    with pytest.raises(ValueError, match=message):
        BytePairEncoding("ab", merges)
    with pytest.raises(ValueError, match="merges"):
        BytePairEncoding.from_json(json.dumps({"chars": ["a", "b"], "merges": merges}))


def test_what_is_no_vocabulary_or_no_text_is_refused():
    with pytest.raises(TypeError, match="merges must be a list of pairs, got int"):
        BytePairEncoding("ab", 5)
    for text in ("{", "[]", '{"chars": ["a"]}', '{"chars": ["a"], "merges": "ab"}'):
        with pytest.raises(ValueError, match=r"expected|not the JSON"):
            BytePairEncoding.from_json(text)
    with pytest.raises(ValueError, match="most must be an integer of at least 0, got -1"):
        BytePairEncoding.learn("ab", -1)
    with pytest.raises(ValueError, match="expected 0 to 367 for a vocabulary of 368 tokens"):
        VOCAB.decode([368])
    with pytest.raises(ValueError, match=r"expected ids of shape \(T,\)"):
        VOCAB.decode([[1]])
    with pytest.raises(ValueError, match=r"character '☃' \(U\+2603\) at position 3"):
        VOCAB.encode("the☃")


@pytest.mark.parametrize("tokens", ["bpe", "bpe:", "bpe:0", "bpe:-5", "bpe:5.5", "words", "5", ""])
def test_other_kinds_of_tokens_are_refused(tokens):
    with pytest.raises(ValueError, match=f"tokens must be characters, or bpe:N .* got '{tokens}'"):
        parse_tokens(tokens)


def test_kinds_of_tokens_have_names():
    assert parse_tokens("characters") is None
    assert parse_tokens(name_of_tokens(VOCAB)) == 300
    assert name_of_tokens(Vocabulary("ab")) == "characters"


# --- bits per character ---------------------------------------------------------------------------


def nats(model, ids):
    """Return the loss of each token but the first, of a text that is read in one piece."""
    with torch.no_grad():
        logits, _ = model(torch.tensor(ids[None, :-1].astype(np.int64)))
    return cross_entropy(
        logits[0].double(), torch.tensor(ids[1:].astype(np.int64)), reduction="none"
    )


def make_run(vocab, **settings):
    model = CharRNN(len(vocab), 8, cell="GRU", seed=0).double()
    return Run(model, vocab, Settings(**{"batch_size": 4, "length": 10, "steps": 3} | settings))


def test_evaluate_divides_by_the_characters_of_the_predicted_tokens():
    corpus = Corpus.from_text(HELD_BACK[:3000], VOCAB)
    model = make_run(VOCAB).model
    expected = nats(model, corpus.ids).sum().item() / (3000 - len(VOCAB.tokens[corpus.ids[0]]))
    assert evaluate(model, corpus, batch_size=1) == pytest.approx(expected, rel=1e-12)
    assert len(corpus) < 2000


def test_a_sample_divides_by_the_characters_that_it_predicts():
    corpus = Corpus.from_text(HELD_BACK[:40_000], VOCAB)
    run = make_run(VOCAB)
    seen = []

    def forward(ids, state=None):
        seen.append(ids)
        return torch.zeros(*ids.shape, len(VOCAB), dtype=torch.float64), torch.zeros(1, 16, 8)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run.model, "forward", forward)
        loss = measure(run.model, corpus, Settings(evaluate_on=1600, seed=4))
    read = torch.cat(seen[1:], dim=1)  # without the warm-up; (16, 100)
    assert read.shape == (16, 100)
    # The targets are the tokens read, but for the first of each piece, and the one after its last.
    texts = HELD_BACK[:40_000]
    characters = 0
    for row in read:
        joined = "".join(VOCAB.tokens[k] for k in row)
        start = texts.index(joined)
        after = VOCAB.encode(texts[start + len(joined) : start + len(joined) + 40])[0]
        characters += len(joined) - len(VOCAB.tokens[row[0]]) + len(VOCAB.tokens[after])
    assert characters != sum(len(VOCAB.tokens[k]) for k in read.flatten())  # of what was read
    assert loss == pytest.approx(1600 * math.log(len(VOCAB)) / characters, rel=1e-12)


@pytest.mark.parametrize("order", ["streams", "windows"])
def test_a_step_reports_nats_per_character_and_updates_as_for_nats_per_token(order):
    corpus = Corpus.from_text(LEARNED[:5000], VOCAB)
    run, twin = (make_run(VOCAB, order=order, steps=1) for _ in range(2))
    record = next(language_model_steps(run, corpus))
    if order == "streams":
        x, y = next(streams(corpus.ids, 4, 10))
    else:
        x, y = next(windows(corpus.ids, 4, 10, np.random.default_rng([0, 1])))
    loss, _ = twin.model.loss(torch.from_numpy(x), torch.from_numpy(y))
    characters = sum(len(VOCAB.tokens[k]) for k in y.flat)
    assert record.loss == pytest.approx(loss.item() * 40 / characters, rel=1e-12)
    loss.backward()
    norm = torch.nn.utils.get_total_norm([p.grad for p in twin.model.parameters()])
    assert record.gradient_norm == pytest.approx(norm.item(), rel=1e-9)


def test_without_merges_each_number_is_that_of_characters_bit_for_bit():
    chars = "".join(sorted(set(LEARNED)))
    records = []
    for vocab in (Vocabulary(chars), BytePairEncoding(chars)):
        train, valid = (Corpus.from_text(text, vocab) for text in (LEARNED[:9000], HELD_BACK[:900]))
        run = make_run(vocab, steps=6, evaluate_every=3)
        records.append([*language_model_steps(run, train, valid)])
        records[-1] = [(r.loss, r.valid_loss, r.gradient_norm, r.lr) for r in records[-1]]
    np.testing.assert_array_equal(*records)


def test_an_ngram_of_pieces_is_compared_per_character():
    train, valid = (Corpus.from_text(text, VOCAB) for text in (LEARNED[:90_000], HELD_BACK[:9000]))
    table = NGram(2, train)
    ids = valid.ids.astype(int)
    chances = [table.probabilities(ids[:k])[ids[k]] for k in range(200)]
    expected = -np.log2(chances).sum() / len(valid.decode(0, 200))
    assert table.bits_per_character(ids[:200]) == pytest.approx(expected, rel=1e-12)
    assert repr(table) == "NGram(order 2, 368 tokens)"


def test_knowing_nothing_costs_less_per_character_if_a_token_has_several():
    records = [UpdateRecord(100, loss=3.0, gradient_norm=1.0, lr=0.1)]
    assert monitor.find_high_loss(records, 368) == ""
    found = monitor.find_high_loss(records, 368, 0.4)
    assert "nothing has 2.36, which is ln 368 for each of 0.40 tokens per character;" in found
    assert monitor.find_high_loss(records, 368, 0.41) == ""  # 1.25 * 2.42 is above 3


# --- a score of each piece ------------------------------------------------------------------------

SHORT = HELD_BACK[:2000]


def test_each_piece_is_scored_as_by_plain_torch():
    model, ids = make_run(VOCAB).model, VOCAB.encode("\n" + SHORT)
    scored = score(model, VOCAB, SHORT)
    np.testing.assert_allclose(scored.bits, nats(model, ids) / math.log(2), rtol=0, atol=1e-9)
    assert scored.tokens == tuple(VOCAB.cut(SHORT))
    assert all(set(likeliest) <= set(VOCAB.tokens) for likeliest in scored.likeliest)
    assert {len(likeliest) for likeliest in scored.likeliest} == {3}
    assert len(scored) == len(SHORT) > 1.5 * len(scored.tokens)
    expected = evaluate(model, Corpus.from_text("\n" + SHORT, VOCAB), batch_size=1)
    assert scored.loss == pytest.approx(expected, rel=1e-12)


def test_a_line_costs_what_its_pieces_cost_divided_by_its_characters():
    scored = score(make_run(VOCAB).model, VOCAB, SHORT)
    lines = scored.lines()
    assert "\n".join(line.text for line in lines) == SHORT
    for line in lines:
        pieces = [*VOCAB.cut(line.text), "\n"][: len(line.bits)]
        assert [*line.tokens] == pieces
        np.testing.assert_array_equal(line.bits, scored.bits[line.start :][: len(pieces)])
        characters = len("".join(pieces))
        assert line.bits_per_character == pytest.approx(line.bits.sum() / characters)
        entropy = scored.entropy[line.start :][: len(pieces)]
        assert line.excess == (line.bits - entropy).max() == (line.bits - entropy)[line.place]
        assert (line.char, line.expected) == (
            line.tokens[line.place],
            scored.likeliest[line.start + line.place][0],
        )


def test_lines_of_pieces_alone_score_as_if_each_were_the_only_one():
    model = make_run(VOCAB).model
    scored = score(model, VOCAB, SHORT, alone=True)
    alone = [score(model, VOCAB, line) for line in SHORT.splitlines(keepends=True)]
    expected = np.concatenate([line.bits for line in alone])
    np.testing.assert_allclose(scored.bits, expected, rtol=0, atol=1e-9)


def test_a_piece_ends_at_a_character_that_is_skipped():
    model = make_run(VOCAB).model
    scored = score(model, VOCAB, "the\N{SNOWMAN}re they\N{SNOWMAN}", skip_unknown=True)
    expected = [*VOCAB.cut("the"), "\N{SNOWMAN}", *VOCAB.cut("re they"), "\N{SNOWMAN}"]
    assert [*scored.tokens] == expected
    skipped = [k for k, token in enumerate(expected) if token == "\N{SNOWMAN}"]
    assert np.flatnonzero(np.isnan(scored.bits)).tolist() == skipped
    assert [scored.likeliest[k] for k in skipped] == [(), ()]
    known = ~np.isnan(scored.bits)
    ids = [VOCAB.tokens.index(token) for token in ["\n", *expected] if token in VOCAB.tokens]
    expected_bits = nats(model, np.array(ids)) / math.log(2)
    np.testing.assert_allclose(scored.bits[known], expected_bits, rtol=0, atol=1e-9)
    assert scored.bits_per_character == pytest.approx(scored.bits[known].sum() / 10)


# --- what does not take pieces --------------------------------------------------------------------


def test_what_needs_one_character_per_token_says_so():
    run = make_run(VOCAB)
    with pytest.raises(TypeError, match="vocab must be a Vocabulary, got BytePairEncoding"):
        training_steps(run.model, VOCAB, "It is a truth", epochs=1)


def test_a_text_with_too_few_tokens_is_refused_in_tokens():
    corpus = Corpus.from_text("the the the", VOCAB)
    assert repr(corpus) == "Corpus(3 tokens, 368 distinct)"
    message = r"length=10 needs 11 tokens, .* but the text to learn from has 3"
    with pytest.raises(ValueError, match=message):
        language_model_steps(make_run(VOCAB), corpus)
    with pytest.raises(ValueError, match="takes 5 tokens, but the text has 3"):
        language_model_steps(make_run(VOCAB, length=1), corpus)
    long = Corpus.from_text(LEARNED[:5000], VOCAB)
    one = Corpus.from_text("the", VOCAB)
    with pytest.raises(ValueError, match="needs at least 2 tokens, got 1"):
        language_model_steps(make_run(VOCAB), long, one)


# --- a run ----------------------------------------------------------------------------------------


def charseq(*arguments):
    """Run the command in this process; return its exit code and all that it printed."""
    printed, code = io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
    ):
        patch.setattr(sys, "argv", ["charseq", *" ".join(map(str, arguments)).split()])
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return code, printed.getvalue()


def facts_of(*arguments):
    code, printed = charseq(*arguments, "--json")
    assert code == 0, printed
    return json.loads(printed)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A text whose last tenth has characters of its own."""
    rng = random.Random(0)
    file = tmp_path_factory.mktemp("text") / "words.txt"
    lines = [" ".join(rng.choices(WORDS, k=6)) for _ in range(300)]
    file.write_text("\n".join([*lines, "zebras", *lines[:20]]))
    return file


@pytest.fixture(scope="module")
def folder(text, tmp_path_factory):
    """The folder of a run with pieces, which no test changes."""
    folder = tmp_path_factory.mktemp("run") / "run"
    code, printed = charseq("train", text, "--tokens bpe:40 --out", folder, SMALL)
    assert code == 0, printed
    return folder


def test_merges_are_learned_from_the_training_part_and_characters_from_all(text, folder):
    whole = text.read_text()
    learned = whole[: len(whole) - len(whole) // 10]
    _, vocab = load_net(folder)
    assert "z" not in learned
    assert vocab == BytePairEncoding.learn(learned, 40, more_chars="zb")
    assert "z" in vocab
    config = json.loads((folder / "config.json").read_text())["text"]
    assert (config["tokens"], config["characters"]) == (f"bpe:{len(vocab.merges)}", len(whole))
    assert config["train_tokens"] == len(vocab.encode(learned))


def test_the_command_scores_pieces_in_each_form(folder, tmp_path):
    file, page = tmp_path / "t.txt", tmp_path / "page.html"
    file.write_text("the reader reads\nthe net bwrites\n")
    scored = score(*load_net(folder), file.read_text())
    pieces = [[*line.tokens] for line in scored.lines()]
    code, printed = charseq("score", folder, file)
    assert code == 0
    line, row = scored.lines()[1], printed.splitlines()[2]
    before = len("".join(line.tokens[: line.place]))
    assert f"{line.bits[line.place]:4.1f} at {before + 1}, " in row
    assert before > line.place
    facts = dict(row.rsplit("  ", 1) for row in printed.splitlines()[-3:])
    assert {name.strip(): float(value) for name, value in facts.items()} == {
        "characters": 33,
        "tokens": len(scored.tokens),
        "bits per character": pytest.approx(scored.bits_per_character, abs=1e-4),
    }
    rows = [json.loads(row) for row in charseq("score", folder, file, "--json")[1].splitlines()]
    assert [row["pieces"] for row in rows] == pieces
    expected = [likeliest[0] for likeliest in scored.likeliest]
    assert [piece for row in rows for piece in row["expected"]] == expected
    assert charseq("score", folder, file, "--html", page)[0] == 0
    html = page.read_text("utf-8")
    shown = [part.replace("↵", "\n") for part in re.findall('<a class="s[^>]*>([^<]*)</a>', html)]
    assert shown == [*scored.tokens]
    assert "Point at a piece to read" in html


def test_eval_and_the_history_are_in_nats_per_character(text, folder):
    whole = text.read_text()
    held_back = whole[len(whole) - len(whole) // 10 :]
    run, history = load_run(folder)
    ids = run.vocab.encode(held_back)
    expected = nats(run.model, ids).sum().item() / len(held_back[len(run.vocab.tokens[ids[0]]) :])
    facts = facts_of("eval", folder, "--last")
    assert facts["loss"] == pytest.approx(expected, rel=1e-4)  # the weights are float32
    assert (facts["characters"], facts["tokens"]) == (len(held_back), len(ids))
    assert facts["bits_per_character"] == pytest.approx(facts["loss"] / math.log(2))
    assert history[-1].valid_loss == pytest.approx(expected, rel=0.05)  # in 16 cold pieces
    assert history.losses.max() < math.log(len(run.vocab))


def test_info_says_which_tokens_and_counts_epochs_in_them(folder):
    facts = facts_of("info", folder)
    _, vocab = load_net(folder)
    assert facts["tokens"] == name_of_tokens(vocab)
    assert facts["vocabulary"] == len(vocab)
    train_tokens = json.loads((folder / "config.json").read_text())["text"]["train_tokens"]
    assert facts["epochs"] == round(20 * 40 / train_tokens, 4)


@pytest.mark.parametrize("count", [1, 3])
def test_sample_continues_a_prompt_by_as_many_tokens(count, folder):
    net, vocab = load_net(folder)
    options = {"length": 60, "streams": count, "rng": np.random.default_rng(4)}
    expected = generate(net, vocab, "the", **options)
    found = facts_of("sample", folder, "--length 60 --seed 4 --prompt the --streams", count)
    assert found["texts"] == expected
    assert sum(map(len, expected)) > 60 * count
    assert vocab.decode(vocab.encode("the")) == "the"


def test_a_text_of_pieces_stops_at_a_string_that_is_no_piece(folder):
    net, vocab = load_net(folder)
    whole, cut = (
        generate(net, vocab, "the", length=60, stop=stop, rng=np.random.default_rng(4))[0]
        for stop in ((), ("s a",))
    )
    assert "s a" in whole
    assert "s a" not in vocab.tokens
    assert cut == whole.split("s a")[0]


def test_an_unknown_character_in_a_prompt_is_named(folder):
    code, printed = charseq("sample", folder, "--prompt the☃")
    assert code == 1
    assert f"not among the {len(load_net(folder)[1].chars)} characters" in printed


def test_sampling_needs_no_more_than_numpy(folder):
    _, printed = charseq("sample", folder, "--temperature 0 --length 20")
    net, vocab = load_net(folder)
    assert printed == generate(net, vocab, temperature=0, length=20)[0] + "\n"


def test_a_resumed_run_is_the_run_that_never_stopped(text, folder, tmp_path):
    short = SMALL.replace("--steps=20", "--steps=20 --schedule=constant")
    for name, steps in (("whole", 20), ("halves", 9)):
        of_it = short.replace("--steps=20", f"--steps={steps}")
        assert charseq("train", text, "--tokens bpe:40 --out", tmp_path / name, of_it)[0] == 0
    assert charseq("resume", tmp_path / "halves", "--steps 20")[0] == 0
    for name in ("weights.safetensors", "vocab.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "halves" / name).read_bytes()
    file = tmp_path / "other.txt"
    file.write_text(text.read_text().replace("reads", "raeds"))
    code, printed = charseq("resume", tmp_path / "halves", "--steps 30 --text", file)
    assert code == 1
    assert "is not the text that this run learns from" in printed


def test_training_goes_on_from_a_network_of_the_same_pieces_only(text, folder, tmp_path):
    _, vocab = load_net(folder)
    begin = ("train", text, "--init-from", folder, "--out", tmp_path / "new", *SMALL.split()[1:])
    assert charseq(*begin)[0] == 0
    assert load_net(tmp_path / "new")[1] == vocab
    assert facts_of("info", tmp_path / "new")["tokens"] == name_of_tokens(vocab)
    assert charseq("resume", tmp_path / "new", "--steps 22")[0] == 0
    again = [*begin[:5], tmp_path / "newer", *begin[6:]]
    code, printed = charseq(*again, "--tokens characters")
    assert code == 1
    expected = f"got --tokens 'characters', but the network of {folder} reads bpe:"
    assert expected in printed
    code, printed = charseq(*again, "--tokens bpe:7")
    assert (code, "--tokens 'bpe:7'" in printed) == (1, True)
    file = tmp_path / "more.txt"
    file.write_text(text.read_text() + "ü")
    code, printed = charseq(*[again[0], file, *again[2:]])
    assert code == 1
    assert "the text has 'ü' (U+00FC), which the network of" in printed
    assert not (tmp_path / "newer").exists()


def test_a_network_of_characters_cannot_go_on_with_pieces(text, tmp_path):
    code, printed = charseq(
        "train", text, "--init-from austen --steps=1 --tokens bpe:40 --out", tmp_path / "a"
    )
    assert code == 1
    assert "got --tokens 'bpe:40', but the network of austen reads characters" in printed
    code, printed = charseq("train", text, "--tokens bpe --out", tmp_path / "a")
    assert code == 1
    assert printed.startswith("charseq: --tokens must be characters, or bpe:N with a number")
    assert not (tmp_path / "a").exists()


def test_a_run_of_characters_is_stored_as_before(text, tmp_path):
    for name, options in (("default", ""), ("said", "--tokens characters")):
        assert charseq("train", text, options, "--out", tmp_path / name, SMALL)[0] == 0
    for name in ("vocab.json", "config.json", "weights.safetensors"):
        assert (tmp_path / "default" / name).read_bytes() == (tmp_path / "said" / name).read_bytes()
    assert "tokens" not in (tmp_path / "said" / "config.json").read_text()
    vocab = json.loads((tmp_path / "said" / "vocab.json").read_text())
    assert list(vocab) == ["chars"]


def test_a_small_copy_and_a_saved_run_of_ones_own_keep_the_pieces(folder, tmp_path):
    assert charseq("shrink", folder, "--out", tmp_path / "small")[0] == 0
    assert load_net(tmp_path / "small")[1] == load_net(folder)[1]
    run = make_run(VOCAB)
    start_folder(tmp_path / "own", run)
    records = [*islice(language_model_steps(run, Corpus.from_text(LEARNED[:5000], VOCAB)), 2)]
    save_run(tmp_path / "own", run, History(records))
    loaded, _ = load_run(tmp_path / "own")
    assert loaded.vocab == VOCAB


def test_merges_that_were_changed_on_disk_are_found(folder, tmp_path):
    assert charseq("shrink", folder, "--out", tmp_path / "small")[0] == 0
    file = tmp_path / "small" / "vocab.json"
    data = json.loads(file.read_text())
    a, b = next(
        (a, a + 1)
        for a in range(len(data["merges"]) - 1)
        if "".join(data["merges"][a]) not in data["merges"][a + 1]
    )
    data["merges"][a], data["merges"][b] = data["merges"][b], data["merges"][a]
    file.write_text(json.dumps(data))
    with pytest.raises(RunFolderError, match="is damaged: its characters, or their order"):
        load_net(tmp_path / "small")
    data["merges"] = data["merges"][:-1]
    file.write_text(json.dumps(data))
    with pytest.raises(RunFolderError, match=r"vocab\.json has \d+ tokens and the network \d+"):
        load_net(tmp_path / "small")
