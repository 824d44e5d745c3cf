"""Who told it? What the package has recorded of three networks, against the one that it carries."""

import hashlib

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup

import told
from charseq.checkpoint import load_model

CELLS = ("RNN", "GRU", "LSTM")
PLACES = (0, 113)  # after which the network predicts


@pytest.fixture(scope="module")
def record():
    return told.read_record()


@pytest.fixture(scope="module")
def austen():
    model, vocab = load_model("austen")
    return model.double(), vocab


def predict(model, vectors):
    return model.head(model.rnn(vectors)[0][:, -1]).log_softmax(dim=1)


def gradient_lengths(model, ids):
    vectors = model.embedding(ids[None]).detach().requires_grad_()
    predict(model, vectors).max().backward()
    return vectors.grad[0].norm(dim=1).numpy()


@torch.no_grad()
def moves(model, ids, others):
    p, moved = predict(model, model.embedding(ids[None])).exp(), []
    for place in range(len(ids)):
        edited = ids.repeat(len(others), 1)
        edited[:, place] = torch.tensor(others)
        q = predict(model, model.embedding(edited[edited[:, place] != ids[place]])).exp()
        moved.append(0.5 * float((q - p).abs().sum(dim=1).mean()))
    return np.array(moved)


def test_the_grus_rows_are_those_of_the_network_in_the_package(record, austen):
    model, vocab = austen
    ids = torch.tensor(vocab.encode(record["text"]))
    others = vocab.encode(record["others"]).tolist()
    network = record["networks"]["GRU"]
    half_a_level = record["decades"] / (len(record["levels"]) - 1) / 2  # in powers of ten
    for t in PLACES:
        read = ids[: t + 1]
        found = {"gradient": gradient_lengths(model, read), "edit": moves(model, read, others)}
        for kind, numbers in found.items():
            shares = np.log10(numbers / numbers.max())
            recorded = told.shares(record, network[kind][t])
            small = recorded == 0
            off = np.abs(shares[~small] - np.log10(recorded[~small]))
            assert off.max() <= half_a_level + 1e-6, (t, kind)
            assert (shares[small] <= half_a_level - record["decades"] + 1e-6).all(), (t, kind)
        p = predict(model, model.embedding(read[None])).exp()[0].detach().numpy()
        assert network["expects"][t] == vocab.chars[p.argmax()]
        assert abs(network["percent"][t] - 100 * p.max()) <= 0.5 + 1e-6


def test_the_record_names_the_weights_of_the_grus_network(record):
    model, _ = load_model("austen")
    weights = b"".join(weight.numpy().tobytes() for weight in model.state_dict().values())
    digest = hashlib.sha256(weights).hexdigest()[:16]
    assert record["networks"]["GRU"]["float32"] == digest


def test_each_network_has_a_row_for_each_prediction_with_a_letter_for_each_character(record):
    length = len(record["text"])
    assert tuple(record["networks"]) == CELLS
    for network in record["networks"].values():
        assert (len(network["expects"]), len(network["percent"])) == (length, length)
        for kind in told.WAYS:
            assert [len(row) for row in network[kind]] == [*range(1, length + 1)]
            for row in network[kind]:
                assert {*row} <= {*record["levels"]}
                assert told.shares(record, row).max() == 1


def test_the_still_colors_each_character_by_its_share(record):
    page = BeautifulSoup(told.still(""), "html.parser")
    at = record["text"].index(told.AFTER) + len(told.AFTER) - 1
    for part, network in zip(page.select(".told-one"), record["networks"].values(), strict=True):
        cells = part.select(".told-text span")
        assert "".join(cell.text for cell in cells) == record["text"].replace("\n", "↵")
        strengths = [
            float(cell.get("style", " 0)").rpartition(" ")[2].rstrip(")")) for cell in cells
        ]
        shares = np.zeros(len(cells))
        shares[: at + 1] = told.shares(record, network["gradient"][at])
        np.testing.assert_allclose(strengths, told.FULL * shares, rtol=0, atol=0.005 + 1e-9)
        assert cells[at]["class"] == ["told-here"]
