r"""
How small a file does a language model make of a chapter?
=========================================================

Bits per character are bits of a file: *arithmetic coding* turns anything
that predicts the next character into a compressor. That makes a loss
something that you can check without taking anybody's word for it: pack a
text that the model has never seen, weigh the file, and unpack it again.

The text is the first 20,000 characters of the chapters of *Pride and
Prejudice* that the network ``austen`` has never read
(:doc:`/learn/real-text`).
"""

import bz2
import lzma
import zlib
from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np

from charseq import Corpus, NGram, load_net, load_text
from charseq.net import Reader
from charseq.plotting import GRAY, INK, show
from charseq.reference import softmax

learned, text = load_text("pride-train"), load_text("pride-test")[:20_000]
net, vocab = load_net("austen")
first = vocab.encode("\n")[0]  # packing and unpacking start after it

# %%
# A model, one character at a time
# --------------------------------
# All that a coder wants from a model is a function that reads a character
# and returns the probabilities of the next one. An n-gram would do as well.


def reader():
    """Return such a function, for a text that begins now."""
    network = Reader(net, 1)

    def after(i):
        network.read(i)
        return softmax(network.logits)

    return after


# %%
# Arithmetic coding
# -----------------
# Think of the line from 0 to 1. The first character takes a part of it as
# wide as the character's probability, the second takes such a part of this
# part, and so on. A probable text ends with a wide part, and few digits are
# enough to name a number inside. Here the line has :math:`2^{32}` places
# and the probabilities are whole numbers, because both sides must agree to
# the last digit. As soon as a part is narrower than :math:`2^{24}`,
# everything is made 256 times as wide, and the file grows by a byte. A
# later carry may still change it, so ``low`` is kept as one long number.


def bounds(p):
    """Deal 65,536 shares to the characters, at least one to each."""
    shares = 1 + np.floor(p * (2**16 - len(p))).astype(int)
    shares[shares.argmax()] += 2**16 - shares.sum()  # the rest
    return [0, *shares.cumsum().tolist()]


def pack(ids, after):
    low, width, size = 0, 2**32, 4
    for before, i in zip([first, *ids], ids, strict=False):
        ends = bounds(after(before))
        step = width >> 16
        low, width = low + step * ends[i], step * (ends[i + 1] - ends[i])
        while width < 2**24:
            low, width, size = low << 8, width << 8, size + 1
    # Of the numbers in this part, one with many zeros at its end.
    zeros = width.bit_length() - 1
    number = (low + 2**zeros - 1) >> zeros << zeros
    return number.to_bytes(size, "big").rstrip(b"\0")


def unpack(file, length, after):
    code, width = int.from_bytes(file[:4].ljust(4, b"\0"), "big"), 2**32
    ids, more = [first], iter(file[4:])
    while len(ids) <= length:
        ends = bounds(after(ids[-1]))
        step = width >> 16
        share = min(code // step, 2**16 - 1)
        i = int(np.searchsorted(ends, share, side="right")) - 1
        code, width = code - step * ends[i], step * (ends[i + 1] - ends[i])
        while width < 2**24:
            code, width = code << 8 | next(more, 0), width << 8
        ids.append(i)
    return vocab.decode(ids[1:])


# %%
# There and back
# --------------
# The loss promises a size. The file may be a little larger, since the
# probabilities have been rounded to whole numbers. (It does not hold its
# own length, which is two or three bytes more.)

ids = vocab.encode(text).tolist()
file = pack(ids, reader())
p = softmax(net.read([first, *ids[:-1]])[0])[range(len(ids)), ids]
promised = -np.log2(p).sum() / 8
unpacked = unpack(file, len(ids), reader())
print(f"{len(text):,} characters, {promised / len(text) * 8:.3f} bits each")
print(f"promised {promised:.0f} bytes, packed {len(file)}")
print("unpacked, bit for bit:", unpacked == text)

# %%
# A decoder that is slightly off
# ------------------------------
# Both sides must round their probabilities to the same shares, or all is
# lost from there on, and another processor may add in a different order.
# Here, the probabilities of the decoder are off by one part in a hundred
# thousand:


def nearly():
    exact = reader()
    factors = np.where(np.arange(len(vocab)) % 2, 1 + 1e-5, 1 - 1e-5)
    return lambda i: exact(i) * factors


garbled = unpack(file, 1000, nearly())
print("the first ten characters:", repr(garbled[:10]))
print("all 1,000 right:", garbled == text[:1000])

# %%
# The last digit of float32, in which the network computes, is a hundred
# times smaller than that. But one wrong share in 20,000 characters is
# enough, so unpack such a file where it was packed, unless its network
# computes in whole numbers.

# %%
# Against the packers that every computer has
# --------------------------------------------
# Those learn from nothing but the text itself, whereas our network has read
# most of the novel. To be fair, the best of them may read it, too: bz2
# packs what was learned and the text together, and we count what the text
# has added. A table of counts, the 7-gram, gets the size that its loss
# promises.

known, new = learned.encode(), text.encode()
table = NGram(7, Corpus(vocab, vocab.encode(learned)))
counted = table.bits_per_character(vocab.encode(text)) * len(text) / 8
packers = {
    "zlib": zlib.compress,
    "bz2": bz2.compress,
    "lzma": lzma.compress,
}
sizes = {name: len(press(new)) for name, press in packers.items()}
both = len(bz2.compress(known + new)) - len(bz2.compress(known))
sizes["bz2 that has read the novel"] = both
sizes |= {"7-gram": round(counted), "network": len(file)}
for name, size in sizes.items():
    print(f"{name:26} {size:6} bytes, {size / len(new):.0%}")

# %%

fig, ax = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
colors = [GRAY] * 5 + [INK]
bars = ax.barh(list(sizes), list(sizes.values()), color=colors)
for bar in bars[:3]:  # those that have read nothing before
    bar.set_alpha(0.5)
ax.bar_label(bars, padding=4)
ax.invert_yaxis()
ax.set(xlabel="bytes", xlim=(0, 10_000))
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Bars of file sizes for a text of 20,000 bytes. zlib, bz2, lzma have "
    "7,500 to 8,500, bz2 that has read the novel about 4,800, the 7-gram "
    "about 4,300, and the network about 3,900."
)
show()

# %%
# **What to notice.** The file is as large as the loss says, to a few bytes.
# The network beats the table of counts, and the table beats a packer that
# has read the same novel. But whoever unpacks needs what the packer
# has read, too: the novel or the table, or the network, whose weights are
# 486,848 bytes. It pays only where one network packs many texts.

assert unpacked == text
assert garbled != text[:1000]
assert abs(len(file) - promised) < 20
assert len(file) < min(
    size for name, size in sizes.items() if name[0] != "n"
)
weights = files("charseq") / "austen" / "best.safetensors"
assert len(weights.read_bytes()) == 486_848
