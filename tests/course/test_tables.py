"""Numbers of tables that no cell of their page computes."""

import re
from itertools import pairwise

import numpy as np
import torch
from lint import ROOT

from charseq import load_net
from charseq.reference import softmax

SENTENCE = '"You are very kind, Mr. Darcy," said she.'


def rows_of(page, head):
    """Return the cells of the rows of a table whose head begins so."""
    text = (ROOT / "docs/learn" / f"{page}.md").read_text("utf-8")
    lines = text[text.index(head) :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_what_letters_cost_if_the_state_is_carried_lost_always_or_once():
    net, vocab = load_net("austen")
    ids = vocab.encode("\n\n" + SENTENCE)

    def costs(lost):
        state, bits = net.start(), []
        for t, (now, following) in enumerate(pairwise(ids)):
            if lost(t - 2):
                state = net.start()
            logits, state = net.step([now], state)
            bits.append(-np.log2(softmax(np.asarray(logits[0], float))[following]))
        return bits[1:]  # from the first letter of the sentence on

    r, closing = SENTENCE.index("rcy"), SENTENCE.rindex('"')
    kind = SENTENCE.index("kind")
    rules = (lambda k: False, lambda k: k > 0, lambda k: k == kind)
    for rule, row in zip(rules, rows_of("use-it", "| the state is"), strict=True):
        bits = costs(rule)
        found = [bits[k] for k in (r, r + 1, r + 2, closing)]
        assert [f"{x:.2f}" for x in (*found, np.mean(bits))] == row[1:]


def test_a_wrong_batch_first_changes_the_shape_of_the_last_state_alone():
    x = torch.zeros(3, 5, 4)
    for row in rows_of("shapes", "| `batch_first` | the tensor"):
        first = row[0] == "`True`"
        output, h_n = torch.nn.RNN(4, 2, batch_first=first)(x)
        assert [str(tuple(part.shape)) for part in (output, h_n)] == row[-2:]
        assert re.match(r"3 texts of 5|5 texts of 3", row[1])[0][0] == str(h_n.shape[1])
