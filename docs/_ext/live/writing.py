"""The part `writing`: the network of the hero writes, and what it draws becomes its next input.

The page shows the loop after a prompt, with its bars, from the start. docs/_web/widgets/writing.js
moves the same elements, so nothing moves away when the network takes over.
"""

from html import escape

import numpy as np

import widgets
from charseq.reference import softmax
from hero import small_net

PROMPT = "It is a truth"
BARS = 8
LABELED = 0.035  # of the width: a narrower segment has no room for its letter
ALT = (
    "A letter goes into the network, which gives each character a probability. A random number "
    "falls on one of them, and this character goes back into the network as its next input."
)


def summary(p, chars):
    """Say what is likeliest, and how unsure the network is."""
    some = p[p > 0]
    nats = max(0.0, -(some * np.log(some)).sum())
    first = widgets.shown(chars[p.argmax()])
    return (
        f"“{first}” is the likeliest, with {p.max():.3f}. The network is as unsure as between "
        f"{np.exp(nats):.2f} equally likely characters: {nats / np.log(2):.2f} bits."
    )


def still(_):
    """Return the loop as HTML, after the prompt."""
    net, vocab, _ = small_net()
    p = softmax(net.read(vocab.encode(PROMPT))[0][-1])
    shown = [escape(widgets.shown(char)) for char in vocab.chars]
    bars = "".join(
        f'<li><b>{shown[k]}</b><i><u style="width:{100 * p[k]:.4f}%"></u>'
        f'<s style="left:{100 * p[k]:.4f}%"></s></i><span>{p[k]:.3f}</span></li>'
        for k in np.argsort(-p, kind="stable")[:BARS]
    )
    segments = "".join(
        f'<i style="width:{100 * share:.4f}%">{char if share >= LABELED else ""}</i>'
        for char, share in zip(shown, p, strict=True)
    )
    buttons = "".join(
        f'<button type="button" class="play-button" disabled>{label}</button>'
        for label in ("Draw", "Write 120", "Start again")
    )
    return f"""\
<div class="writing" role="group" aria-label="The network writes">
<p class="writing-text"><span>{PROMPT}</span><mark></mark></p>
<div class="writing-loop" role="img" aria-label="{ALT}">
<p class="writing-in"><small>input</small><b>{PROMPT[-1]}</b></p>
<p class="writing-net"><small>network</small><span>and its state</span></p>
<div class="writing-out">
<small>probabilities, the likeliest first (black mark: the network's own, τ = 1)</small>
<ol class="writing-bars">{bars}</ol>
<small>all {len(p)}, in the order of the alphabet: the random number falls here</small>
<div class="writing-all"><em></em>{segments}</div></div>
<p class="writing-back"><small>output becomes input</small></p>
</div>
<p class="writing-says">{summary(p, vocab.chars)}</p>
<div class="writing-hand on-screen"><label>temperature τ <b>1.00</b>
<input type="range" min="0" max="2" step="0.05" value="1" disabled></label>{buttons}</div>
<ol class="writing-lines on-screen"></ol>
</div>
"""


def setup(app):
    widgets.STILLS["writing"] = still
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
