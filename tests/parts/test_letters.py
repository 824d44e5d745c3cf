"""The part `letters`, in Deno, against the package."""

import numpy as np
import torch
from test_play_core import js, net  # noqa: F401 - js is a fixture

from charseq import Vocabulary

TEXT = " learned deep learning"


def test_ids_vectors_and_columns_are_the_packages(js):
    vocab = Vocabulary.from_text(TEXT)
    with torch.random.fork_rng(devices=[]):
        W_ih = net(len(vocab), 3, seed=0).rnn.weight_ih_l0.detach().double().numpy()
    for word in ("garden", "e", ""):
        found = js("([text, word]) => lookUp(word, table(text, 3))", [TEXT, word])
        ids = vocab.encode(word)
        assert found["ids"] == ids.tolist()
        one_hot = vocab.one_hot(ids)  # (T, V)
        assert found["oneHot"] == one_hot.T.ravel().tolist()
        np.testing.assert_allclose(
            found["products"], (W_ih @ one_hot.T).ravel(), rtol=0, atol=1e-12
        )
    assert js("text => lookUp('ew', table(text, 3)).ids", TEXT) == [3, -1]
