"""The part `guess`: a game of Claude Shannon's on sentences of the novel that were held back.

The build computes what a table of counts and the network of the package would have paid for each
letter, and the prices of the reader's guesses: docs/_web/widgets/guess.js plays with them.
"""

from string import ascii_lowercase

import numpy as np

import widgets
from charseq import Corpus, NGram, load_text
from charseq.reference import softmax

FILE = "guess.js"
SYMBOLS = ascii_lowercase + " "  # as in docs/_web/core/guessing.js
ORDER = 7  # of the table: the best one for this novel, as the chapter on real text shows
VALID = 0.077  # of pride-train: neither has learned from it
PRICED = slice(25_000, 45_000)  # of pride-test: where the network's guesses are counted
PASSAGES = (  # of pride-test, elsewhere: from where on, and what is hidden
    ("The next morning, as she was", "came out of his library with"),
    ("But Jane could think", "would have much to suffer when"),
    ("The only pain was", "almost promised to answer her letter"),
    ("In Meryton they parted", "Elizabeth continued her walk alone"),
    ("Elizabeth, feeling really", "walking was her only alternative"),
)


def symbol_of(char):
    """Return what the game makes of a character: small letters, and a space for a line's end."""
    symbol = " " if char == "\n" else char.lower()
    return symbol if symbol in SYMBOLS else ""


def among_symbols(p, chars):
    """Return the probabilities of the 27 symbols, (T, V) -> (T, 27), given that one comes."""
    made = np.array([[symbol_of(char) == symbol for symbol in SYMBOLS] for char in chars])
    shares = p @ made
    return shares / shares.sum(axis=-1, keepdims=True)


def bits_and_guesses(p, came):
    """Return what each symbol costs, and as which guess it comes, the likeliest first."""
    order = np.argsort(-p, axis=1, kind="stable")
    return -np.log2(p[range(len(came)), came]), (order == came[:, None]).argmax(axis=1) + 1


def prices(net, vocab):
    """Return what 1, 2, … guesses cost: minus the logarithm of how often the network needs them.

    Each number of guesses is counted once more than it came, so that none costs infinitely much.
    """
    ids = vocab.encode(load_text("pride-test")[PRICED])
    came = [symbol_of(vocab.chars[k]) for k in ids[1:]]
    use = [t for t, symbol in enumerate(came) if symbol]
    p = among_symbols(softmax(net.read(ids)[0][use]), vocab.chars)
    _, guesses = bits_and_guesses(p, np.array([SYMBOLS.index(came[t]) for t in use]))
    counts = 1 + np.bincount(guesses, minlength=len(SYMBOLS) + 1)[1:]
    return -np.log2(counts / counts.sum())


def passages():
    """Return each passage: what is shown before it, and what is hidden in the novel's own signs."""
    text = load_text("pride-test")
    for start, hidden in PASSAGES:
        begin = text.index(start)
        words = text[begin:].replace("\n", " ")
        end = begin + words.index(hidden) + len(hidden)
        yield text[begin : end - len(hidden)], text[end - len(hidden) : end]


def data():
    net, vocab = widgets.numpy_net()
    train, _ = Corpus.from_text(load_text("pride-train"), vocab).split(valid=VALID)
    table = NGram(ORDER, train)
    listed = []
    for before, hidden in passages():
        ids = vocab.encode("\n\n" + before + hidden)  # a paragraph begins
        places = range(len(ids) - len(hidden), len(ids))
        came = np.array([SYMBOLS.index(symbol_of(char)) for char in hidden])
        expected = {
            "table": np.array([table.probabilities(ids[:t]) for t in places]),
            "network": softmax(net.read(ids)[0][[t - 1 for t in places]]),
        }
        passage = {"before": before, "text": "".join(SYMBOLS[k] for k in came)}
        for name, p in expected.items():
            bits, guesses = bits_and_guesses(among_symbols(p, vocab.chars), came)
            passage[name] = {"bits": bits.round(6).tolist(), "guesses": guesses.tolist()}
        listed.append(passage)
    return {"passages": listed, "prices": prices(net, vocab).round(6).tolist()}


def setup(app):
    widgets.hand_over(FILE, data)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
