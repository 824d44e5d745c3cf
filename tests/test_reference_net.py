"""The network that comes with the package: its README against its files, and its two texts."""

import hashlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from charseq import Corpus, NGram, load_net, load_text
from charseq.checkpoint import load_model, read_config, read_history
from charseq.language_model import evaluate
from charseq.texts import PYTHON_REFERENCE, REFERENCE_NET, reference_paragraphs

README = (REFERENCE_NET / "README.md").read_text("utf-8")
FILES = {path.name: path.read_bytes() for path in REFERENCE_NET.iterdir()}


def stated(what):
    """Return the number in the row of the README's table that begins with `what`."""
    (row,) = re.findall(rf"^\| {re.escape(what)} \| ([\d,.]+)", README, re.MULTILINE)
    return float(row.replace(",", ""))


# --- the network ----------------------------------------------------------------------------------


def test_the_folder_is_within_its_size():
    assert sum(map(len, FILES.values())) <= 400_000


def test_the_readme_states_the_size_of_the_folder_and_of_the_network():
    others = sum(len(data) for name, data in FILES.items() if name != "README.md")
    assert stated("bytes of all other files") == others
    net, _ = load_net("reference-net")
    config = read_config("reference-net")["model"]
    assert f"{config['cell']} of {net.hidden_size} units" in README
    assert f"an embedding of {config['embedding_size']} numbers" in README


def test_the_readme_states_the_digest_of_the_weights():
    assert hashlib.sha256(FILES["weights.safetensors"]).hexdigest()[:16] in README


def test_the_readme_states_the_bits_per_character_on_the_test_part():
    model, vocab = load_model("reference-net")
    test = Corpus.from_text(load_text("reference-test"), vocab)
    bits = evaluate(model.double(), test, batch_size=1) / np.log(2)
    assert f"{bits:.3f}" == f"{stated('bits per character on the test part'):.3f}"


def test_the_readme_states_the_command_that_made_the_network():
    (command,) = re.findall(r"^\$ charseq train ((?:.*\\\n)*.*)$", README, re.MULTILINE)
    words = command.replace("\\\n", " ").split()
    options = dict(zip(words[1::2], words[2::2], strict=True))
    config = read_config("reference-net")
    model, settings = config["model"], config["settings"]
    assert words[0] == config["text"]["text"] == "reference-train"
    assert options.pop("--cell") == model["cell"].lower()
    assert float(options.pop("--valid")) == config["text"]["valid"]
    del options["--out"]
    for option, value in options.items():
        name = option.removeprefix("--").replace("-", "_")
        name = {"hidden": "hidden_size", "embedding": "embedding_size"}.get(name, name)
        known = model[name] if name in model else settings[name]
        assert str(known) == value or float(known) == float(value), option


def test_the_history_ends_at_the_step_of_the_weights_and_holds_only_measurements():
    history = read_history("reference-net")
    assert all(np.isfinite(record.valid_loss) for record in history)
    bits = min(record.valid_loss for record in history) / np.log(2)
    assert f"{bits:.3f}" == f"{stated('bits per character on the held-back part'):.3f}"


def test_the_network_is_measured_the_same_without_torch():
    net, vocab = load_net("reference-net")
    ids = vocab.encode(load_text("reference-test"))
    logits, _ = net.read(ids[:-1])
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    nats = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(logits)), ids[1:]]
    bits = nats.mean() / np.log(2)
    assert abs(bits - stated("bits per character on the test part")) < 1e-3


def test_the_network_writes_the_same_text_in_another_folder_without_importing_torch(tmp_path):
    code = (
        "import sys; from charseq.cli import main; sys.argv[1:] = ['sample', 'reference-net',"
        "'--seed', '1', '--length', '100']\n"
        "try: main()\nfinally: print('torch' in sys.modules)"
    )
    texts = []
    for folder in (tmp_path, tmp_path / "other"):
        folder.mkdir(exist_ok=True)
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
        )
        texts.append(ran.stdout)
    assert texts[0] == texts[1]
    assert len(texts[0]) > 100
    assert texts[0].endswith("False\n")


def test_a_folder_called_like_the_network_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reference-net").mkdir()
    with pytest.raises(ValueError, match="reference-net is not a run folder"):
        load_net("reference-net")


def test_the_license_of_the_text_comes_with_it():
    license = PYTHON_REFERENCE.with_name("LICENSE.txt").read_text("utf-8")
    assert "Python Software Foundation" in license
    assert "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in license


# --- its texts ------------------------------------------------------------------------------------


def test_the_test_part_does_not_stand_in_the_training_part():
    train, test = load_text("reference-train"), load_text("reference-test")
    for paragraph in test.split("\n\n"):
        words = " ".join(paragraph.split())
        if len(words) >= 20:
            assert f"\n\n{paragraph}\n\n" not in train
    assert set(test) <= set(json.loads(FILES["vocab.json"])["chars"])


def test_no_paragraph_stands_twice_in_the_training_part():
    words = [" ".join(part.split()) for part in load_text("reference-train").split("\n\n")]
    long = [part for part in words if len(part) >= 20]
    assert len(long) == len(set(long)) > 1_000


def test_repeats_are_left_out_of_the_shorter_topic_but_kept_with_short_paragraphs(monkeypatch):
    topics = [
        "A sentence of the long topic.\n\nNote:\n\nAnother sentence of it." + "\n" * 40,
        "Note:\n\nA  sentence of the long\ntopic.\n\nOnly in the shorter one.",
        "Note:\n\nAnother sentence of it.",
    ]
    monkeypatch.setattr("charseq.texts.python_topics", lambda: topics)
    long = ["A sentence of the long topic.", "Note:", "Another sentence of it."]
    assert reference_paragraphs() == [*long, "Note:", "Only in the shorter one."]
    without = reference_paragraphs(without=["Another sentence of it."])
    assert without == [*long[:2], "Note:", "Only in the shorter one."]


def test_the_texts_are_those_that_the_readme_and_the_run_name():
    text, test = load_text("python-reference"), load_text("reference-test")
    assert f"{len(text):,} characters (`python-reference`)" in README
    assert hashlib.sha256(text.encode()).hexdigest()[:16] in README
    assert f"{len(test):,} characters (`reference-test`)" in README
    read = read_config("reference-net")["text"]
    _, vocab = load_net("reference-net")
    train = Corpus.from_text(load_text("reference-train"), vocab)
    assert len(train) == read["characters"]
    assert train.digest() == read["sha256"]


def test_the_readme_states_what_the_tables_reach():
    _, vocab = load_net("reference-net")
    test = Corpus.from_text(load_text("reference-test"), vocab)
    train, _ = Corpus.from_text(load_text("reference-train"), vocab).split(valid=0.06)
    for order in (5, 8):
        bits = NGram(order, train).bits_per_character(test.ids)
        assert f"{bits:.3f}" == f"{stated(f'bits per character of the {order}-gram'):.3f}"
