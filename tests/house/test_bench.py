"""The speed benchmark: both programs do the same work, and a ratio is that of CPU seconds."""

import pytest

from benchmarks import bench
from charseq import Corpus

TEXT = "How fast does it read this text, and how fast does it write? " * 200
CORPUS = Corpus.from_text(TEXT)


@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_both_programs_lower_the_same_losses(cell, monkeypatch):
    monkeypatch.setitem(bench.SIZES, "toy", (cell, 8, 2, 4, 16))
    plain, ours = bench.plain_training("toy", CORPUS), bench.charseq_training("toy", CORPUS)
    # Sums of at most 4 * 16 * 40 float32 numbers, twice over in five updates.
    assert bench.disagreement(plain, ours) < 2 * 4 * 16 * 40 * 1.2e-7
    losses = [next(ours) for _ in range(200)]
    assert losses[-1] < losses[0] - 0.3


@pytest.mark.parametrize("write", [bench.plain_writing, bench.charseq_writing])
def test_both_programs_write_as_many_texts_and_characters(write, monkeypatch):
    monkeypatch.setitem(bench.SIZES, "toy", ("GRU", 8, 1, 4, 16))
    texts = next(write("toy", CORPUS, 3))
    assert [len(text) for text in texts] == [bench.WRITTEN] * 3
    assert set("".join(texts)) <= set(TEXT)
