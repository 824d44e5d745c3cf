"""The whole programs of examples/scratch: how long they are, where they differ, and PyTorch."""

import re
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lint import ROOT
from torch import nn

import gallery

FOLDER = ROOT / "examples" / "scratch"
LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
each_cell = pytest.mark.parametrize("name", LAYERS)


def script(name):
    return FOLDER / f"{name}_from_scratch.py"


def blocks(name):
    """Return title and text of each block; the docstring comes first, with the imports."""
    parts = re.split(r"^# %%\n# ", script(name).read_text("utf-8"), flags=re.M)
    return [tuple(part.split("\n", 1)) for part in parts]


@each_cell
def test_nothing_but_introduction_and_cell_differs(name):
    plain, other = blocks("rnn"), blocks(name)
    assert [title for title, _ in plain] == [title for title, _ in other]
    apart = [a[0] for a, b in zip(plain, other, strict=True) if a != b]
    assert apart == ([] if name == "rnn" else ['r"""', "The cell"])
    code = [part[0][1].split('"""\n')[-1] for part in (plain, other)]
    assert code[0] == code[1]


@each_cell
def test_fewer_than_a_hundred_lines_without_the_picture(name):
    before = script(name).read_text("utf-8").split("# What it has learned")[0]
    lines = before.split('"""')[2].splitlines()
    code = [line for line in lines if re.match(r"\s*[^#\s]", line)]
    assert sum("# for the picture" not in line for line in code) < 100


@each_cell
def test_gradients_and_first_updates_are_those_of_torch(name):
    """A window sums 25 steps of at most 4 * 64 products, in float64: 25 * 256 roundings or 1e-12.

    Ten updates of at most 0.15 * 10 times a gradient each add such errors up, and the loss turns
    them into gradients again: two more powers of ten.
    """
    source = script(name).read_text("utf-8")
    before, _, training = source.partition("# %%\n# Train\n")
    training = training.split("for update, sample")[0].replace("< 1000", "< 10")
    program = {}
    exec(compile(before, name, "exec"), program)
    ids, V, H, T = (program[key] for key in ("ids", "V", "H", "T"))
    layer, head = LAYERS[name](V, H, batch_first=True).double(), nn.Linear(H, V).double()
    parameters = [*layer.parameters(), *head.parameters()]
    for parameter, weight in zip(parameters, program["weights"], strict=True):
        parameter.data = torch.tensor(weight)
    window = ids[: T + 1]
    optimizer = torch.optim.SGD(parameters, lr=0.15, momentum=0.9)

    def gradient_of(window, state):
        x = torch.eye(V, dtype=torch.float64)[window[:-1]][None]
        outputs, state = layer(x, state)
        loss = nn.functional.cross_entropy(head(outputs)[0], torch.tensor(window[1:]))
        optimizer.zero_grad()
        loss.backward()
        pair = state if isinstance(state, tuple) else (state,)
        state = tuple(part.detach() for part in pair)
        return loss.item(), state if name == "lstm" else state[0]

    loss, state = gradient_of(window, None)
    ours, our_state, tape = program["forward"](window, program["start"])
    assert abs(ours - loss) < 1e-12
    state = state if name == "lstm" else (state,)
    np.testing.assert_allclose(our_state, [part[0, 0] for part in state], atol=1e-12)
    for derived, parameter in zip(program["backward"](tape), parameters, strict=True):
        np.testing.assert_allclose(derived, parameter.grad, atol=1e-12)
    exec(compile(training, name, "exec"), program)
    losses = []
    for _ in range(2):
        state = None
        for begin in range(0, len(ids) - 1, T):
            loss, state = gradient_of(ids[begin : begin + T + 1], state)
            losses.append(loss)
            norm = torch.cat([p.grad.flatten() for p in parameters]).norm()
            for parameter in parameters:
                parameter.grad /= max(1, norm)
            optimizer.step()
    np.testing.assert_allclose(program["curve"], losses, atol=1e-10)
    for parameter, weight in zip(parameters, program["weights"], strict=True):
        np.testing.assert_allclose(weight, parameter.detach(), atol=1e-10)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_the_difference_on_the_page_makes_one_program_from_the_other(name, tmp_path):
    folder = tmp_path / "gallery" / "scratch"
    folder.mkdir(parents=True)
    for cell in ("rnn", name):
        (folder / script(cell).name).write_bytes(script(cell).read_bytes())
    seen = []
    app = SimpleNamespace(srcdir=tmp_path, env=SimpleNamespace(note_dependency=seen.append))
    page = ["before\n\n.. _sphx_glr_download_x:\n\nafter"]
    gallery.show_difference(app, f"gallery/scratch/{name}_from_scratch", page)
    head, _, rest = page[0].partition(".. code-block:: diff\n\n")
    difference, _, tail = rest.partition("\n\n.. _sphx_glr_download_x:")
    assert (head[:6], tail[-5:]) == ("before", "after")
    assert seen == [str(folder / "rnn_from_scratch.py")]
    patch = "\n".join(line[4:] or " " for line in difference.split("\n")) + "\n"
    plain = tmp_path / script("rnn").name
    plain.write_text("\n".join(gallery.code_lines(script("rnn"))) + "\n", "utf-8")
    patch = patch.replace(f"+++ {name}_from", "+++ rnn_from")
    command = ["git", "apply", "-p0", "--unidiff-zero", "-"]
    subprocess.run(command, cwd=tmp_path, input=patch, text=True, check=True)
    assert plain.read_text("utf-8").splitlines() == gallery.code_lines(script(name))
