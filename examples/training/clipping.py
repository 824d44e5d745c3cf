r"""
What does clipping the gradient do?
===================================

Most steps of a training run are small and good, until a single gradient is
many times as long as the others and the step along it destroys what the net
has learned. *Clipping* shortens such a gradient and leaves the others
alone.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from charseq import CharRNN, Vocabulary
from charseq.plotting import GRAY, INK, show

text = " learned deep learning"
vocab = Vocabulary.from_text(text)
ids = torch.from_numpy(vocab.encode(text))

# %%
# One run, with and without
# -------------------------
# The net learns with SGD at rate 0.5 and momentum 0.9, :eq:`sgd-momentum`.
# At this rate a few seeds blow up. We take one of them and change only the
# line between ``backward`` and ``step``.
#
# Each step also records the *spectral radius* of :math:`W_{hh}`, the
# magnitude of its largest eigenvalue. If it is above 1, some vectors grow
# with each product.


def run(clip):
    """Train for 50 epochs, with `clip` called before each step."""
    model = CharRNN(len(vocab), 10, seed=13).double()
    parameters = list(model.parameters())
    optimizer = torch.optim.SGD(parameters, lr=0.5, momentum=0.9)
    losses, gradients, radii = [], [], []
    for _ in range(50):
        logits, _ = model(ids[None, :-1])  # (1, T) -> (1, T, V)
        loss = nn.functional.cross_entropy(logits[0], ids[1:])
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        gradients.append(torch.cat([p.grad.flatten() for p in parameters]))
        W_hh = model.rnn.weight_hh_l0.detach()
        radii.append(torch.linalg.eigvals(W_hh).abs().max().item())
        clip(parameters)
        optimizer.step()
    return np.array(losses), torch.stack(gradients), radii


ways = {
    "not clipped": lambda parameters: None,
    "clipped at 1": lambda parameters: nn.utils.clip_grad_norm_(
        parameters, 1.0
    ),
}
losses, norms, gradients = {}, {}, {}
for name, clip in ways.items():
    losses[name], gradients[name], radii = run(clip)
    norms[name] = gradients[name].norm(dim=1).numpy()
    at = np.flatnonzero(norms[name] > 1)[0]
    worse = losses[name][20:].max() > losses[name][0]
    print(f"{name}: half of the gradients", end=" ")
    print(f"are shorter than {np.median(norms[name]):.1f}")
    print(f"  first one longer than 1: {norms[name][at]:.1f}", end=", ")
    print(f"at epoch {at + 1}")
    print(f"  spectral radius {radii[0]:.1f} at first", end=", ")
    print(f"{radii[at]:.1f} at that epoch")
    print(f"  after epoch 20, some loss is above the first one: {worse}")

name = "clipped at 1"
print(f"{name}: {(norms[name] > 1).sum()} of 50 gradients are", end=" ")
print(f"longer than 1, last loss {losses[name][-1]:.3f}")

# %%
# Only the figure shows the losses of the run that blows up: each long step
# makes a rounding error larger, so the last digits depend on your
# processor.
#
# In the backward pass the gradient is multiplied by :math:`W_{hh}^{\top}`
# once per step, :eq:`rnn-backward`. A radius above 1 can make it longer
# each time. Whether it does also depends on how saturated the units are.

# %%
# The length, not the direction
# -----------------------------
# There are two ways to clip. *By norm* divides all entries of a gradient by
# the same number, so its direction stays the same. *By value* cuts each
# entry at a limit of its own, which shrinks the large ones alone, and so
# turns the gradient. In two dimensions, with a limit of 1:


def by_norm(gradient, limit=1.0):
    """Shorten a gradient to the limit, as ``clip_grad_norm_`` does."""
    return gradient * min(1.0, limit / gradient.norm())


def by_value(gradient, limit=1.0):
    """Cut each entry at the limit, as ``clip_grad_value_`` does."""
    return gradient.clamp(-limit, limit)


def turned(gradient, clipped):
    """Return by how many degrees clipping has turned a gradient."""
    cosine = gradient @ clipped / (gradient.norm() * clipped.norm())
    return torch.rad2deg(torch.acos(cosine.clamp(-1, 1))).item()


small = torch.tensor([3.0, 0.4], dtype=torch.float64)
at = (norms["not clipped"] > 10).argmax()  # the first longer than 10
burst = gradients["not clipped"][at]
angle = {}
for way in (by_norm, by_value):
    pair = [round(entry, 3) for entry in way(small).tolist()]
    angle[way] = turned(burst, way(burst))
    print(f"{way.__name__}: (3, 0.4) becomes {pair}")
    print(f"  turned by {turned(small, way(small)):.1f} degrees", end=", ")
    print(f"the first gradient longer than 10 by {angle[way]:.0f}")

# %%
# The two runs
# ------------

fig, (top, bottom) = plt.subplots(
    2, 1, figsize=(5.4, 5), sharex=True, layout="constrained"
)
colors = {"not clipped": GRAY, "clipped at 1": INK}
for name, color in colors.items():
    top.plot(range(1, 51), losses[name], color=color)
    bottom.plot(range(1, 51), norms[name], color=color)
words = {"ha": "right", "weight": "bold"}
peak = losses["not clipped"].max()
top.text(50, 0.85 * peak, "not clipped", color=GRAY, **words)
top.text(50, 0.1 * peak, "clipped at 1", color=INK, **words)
bottom.axhline(1, color=GRAY, linestyle=(0, (4, 3)), linewidth=1)
bottom.text(1, 1.2, "clipped above this", color=GRAY)
top.set(ylabel="loss", ylim=(0, None))
top.set_title("A few long steps undo what was learned", loc="left")
bottom.set(yscale="log", ylabel="gradient norm", xlabel="epoch")
for ax in (top, bottom):
    ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Above, two losses that are one curve for 25 epochs. Without clipping "
    "the loss then jumps to well above its start and stays there; with "
    "clipping it falls to nearly zero. Below, the gradient norms: without "
    "clipping they leap to more than ten times their usual size."
)
show()

# %%
# **What to notice.** As long as no gradient is longer than 1, the two
# curves are the same. Then clipping shortens seven steps, and although
# nothing else differs, one loss ends near zero and the other rises above
# its start.
#
# A good limit lies a little above the usual norm, so print the norms first.
# Clipping does not help if the rate is too large at every step, and it
# cannot repair a gradient that is already ``nan``.

plain, clipped = losses.values()
first = (norms["clipped at 1"] > 1).argmax()
assert first >= 20
assert (norms["clipped at 1"] > 1).sum() == 7
assert np.array_equal(plain[: first + 1], clipped[: first + 1])
assert (norms["clipped at 1"] > 1).sum() <= 12
assert plain[20:].max() > np.log(10) > clipped[20:].max()
assert clipped[-1] < 0.2
assert norms["not clipped"].max() > 10
assert angle[by_norm] < 1e-3
assert angle[by_value] > 10

parameter = nn.Parameter(torch.zeros_like(burst))
for clip, way in (
    (nn.utils.clip_grad_norm_, by_norm),
    (nn.utils.clip_grad_value_, by_value),
):
    parameter.grad = burst.clone()
    clip([parameter], 1.0)
    assert torch.allclose(parameter.grad, way(burst), rtol=1e-5)
