"""The network that comes with the package: its README against its files."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

import charseq
from charseq import Corpus, NGram, load_net, load_text
from charseq.checkpoint import NETWORKS, load_model, read_config
from charseq.language_model import evaluate
from charseq.settings import recipe

TEXTS = {"austen": ("pride-train", "pride-test")}  # what a network read, and what judges it


class Network:
    """A network of the package: its folder, the bytes of its files, and what its README states."""

    def __init__(self, name):
        self.name, self.folder = name, Path(charseq.__file__).parent / name
        self.files = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        self.readme = self.files["README.md"].decode()
        self.train, self.test = TEXTS[name]

    def stated(self, what):
        """Return the number in the row of the README's table that begins with `what`."""
        (row,) = re.findall(rf"^\| {re.escape(what)} \| ([\d,.]+)", self.readme, re.MULTILINE)
        return float(row.replace(",", ""))


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    return Network(request.param)


# --- the networks ---------------------------------------------------------------------------------


def test_the_readme_states_size_and_digest_of_the_files_and_the_network(network):
    others = sum(len(data) for name, data in network.files.items() if name != "README.md")
    assert network.stated("bytes of all other files") == others < 1_000_000
    digest = hashlib.sha256(network.files["best.safetensors"]).hexdigest()
    assert digest[:16] in network.readme
    net, _ = load_net(network.name)
    config = read_config(network.name)["model"]
    assert f"{config['cell']} of {net.hidden_size} units" in network.readme
    assert f"an embedding of {config['embedding_size']} numbers" in network.readme


def test_the_readme_states_the_bits_per_character_on_what_the_network_has_not_learned(network):
    model, vocab = load_model(network.name)
    test = Corpus.from_text(load_text(network.test), vocab)
    bits = {
        "test": evaluate(model.double(), test, batch_size=1) / np.log(2),
        "held-back": read_config(network.name)["best_loss"] / np.log(2),
    }
    for part, found in bits.items():
        assert network.stated(f"bits per character on the {part} part") == round(found, 3)


def test_the_readme_states_the_command_that_made_the_network(network):
    (command,) = re.findall(r"^\$ charseq train ((?:.*\\\n)*.*)$", network.readme, re.MULTILINE)
    words = command.replace("\\\n", " ").split()
    options = dict(zip(words[1::2], words[2::2], strict=True))
    config = read_config(network.name)
    model, settings = config["model"], config["settings"]
    assert words[0] == config["text"]["text"] == network.train
    assert float(options.pop("--valid")) == config["text"]["valid"]
    del options["--out"]
    given = {name[2:].replace("-", "_"): float(value) for name, value in options.items()}
    train, _ = Corpus.from_text(load_text(network.train)).split(valid=config["text"]["valid"])
    chosen, more = recipe(len(train), int(given["steps"]))
    for name, value in (chosen | more | given).items():
        assert (model | settings)[name] == value, name


def test_the_text_that_a_network_read_is_the_one_that_its_run_names(network):
    read, text = read_config(network.name)["text"], load_text(network.train)
    assert len(text) == read["characters"]
    assert hashlib.sha256(text.encode()).hexdigest() == read["sha256"]


def test_the_readme_states_what_the_tables_reach(network):
    _, vocab = load_net(network.name)
    test = Corpus.from_text(load_text(network.test), vocab)
    valid = read_config(network.name)["text"]["valid"]
    train, _ = Corpus.from_text(load_text(network.train), vocab).split(valid=valid)
    for order in (5, 8):
        bits = NGram(order, train).bits_per_character(test.ids)
        stated = network.stated(f"bits per character of the {order}-gram")
        assert f"{bits:.3f}" == f"{stated:.3f}"
