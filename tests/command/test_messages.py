"""What the user of the command is told: one sentence for each wrong call, and what is left out."""

import json
import re
import sys
from pathlib import Path

import pytest
from test_cli import run_in_new_process, run_main, run_ok

import charseq
from charseq._errors import explain
from charseq.trainer import train_folder

SMALL = "--hidden-size=4 --batch-size=2 --block-size=8 --steps=2 --eval-interval=0"
WRONG = [
    # what typer refuses
    ("trian t.txt", 2, "No such command 'trian'. Did you mean 'train'?"),
    ("train t.txt --hiden 5", 2, "No such option: --hiden"),
    ("train", 2, "Missing argument 'text'"),
    ("export austen", 2, "Missing argument 'file'"),
    ("train t.txt --lr=0,01", 2, "Invalid value for '--lr'"),
    ("train t.txt --hidden-size=0", 2, "Invalid value for '--hidden-size'"),
    ("train t.txt --cell=gro", 1, "cell must be one of RNN, GRU, LSTM, got 'GRO'"),
    ("sample austen --top-p=1.5", 2, "Invalid value for '--top-p'"),
    ("sample austen --top-k=-3", 2, "Invalid value for '--top-k'"),
    ("score austen t.txt --worst=-1", 2, "Invalid value for '--worst'"),
    # texts
    ("train tt.txt", 1, "'tt.txt' is neither a file nor one of the texts"),
    ("eval austen pride-tst", 1, "'pride-tst' is neither a file nor one of the texts that come"),
    ("train shakespeare", 1, "'shakespeare' is neither a file nor one of the texts that come"),
    ("train empty", 1, "'empty' is a folder without a file of text"),
    ("train nothing.txt", 1, "'nothing.txt' is empty: expected some text"),
    ("train latin.txt", 1, "'latin.txt' is not utf-8 text (byte 0xf6 at offset 1): give its encod"),
    ("train t.txt --encoding=utf-9", 1, "no text encoding is called 'utf-9': expected utf-8"),
    ("train one.txt", 1, "one.txt' is too short: with valid=0.1, "),
    ("train same.txt", 1, "'same.txt' holds only 'a', again and again: there is nothing to learn"),
    ("train t.txt --block-size=2000", 1, "length=2000, the command's --block-size, need 16001 ch"),
    ("train t.txt --valid=1", 1, "valid must be at least 0 and below 1, got 1.0; it is a share"),
    # networks, training and runs
    ("train t.txt --dropout=20", 1, "dropout must be at least 0 and below 1, got 20.0; it is"),
    ("train t.txt --lr=0", 1, "lr must be positive and finite, got 0.0"),
    ("train t.txt --minutes=1 --steps=9", 1, "--minutes and --steps both say how long"),
    ("train t.txt --minutes=0", 1, "minutes must be positive and finite, got 0.0"),
    ("export austen net.pt", 1, "expected a name that ends in .safetensors or .onnx"),
    ("train t.txt --tokens=bpe", 1, "tokens must be characters, or bpe:N with a number"),
    ("train t.txt --init-from=austen --num-layers=2", 1, "the network to start from keeps its nu"),
    ("train t.txt --init-from=absent", 1, "absent does not exist"),
    ("train t.txt --seed=18446744073709551616", 1, "seed must fit into 64 bits"),
    ("train t.txt --hidden-size=10000000", 1, "there is not enough memory"),
    ("train t.txt --out=t.txt/run", 1, "Not a directory"),
    ("sample austin", 1, "austin does not exist; expected a run folder made by charseq tra"),
    ("info empty", 1, "empty is not a run folder: it has no last.safetensors; expected one made"),
    ("resume austen", 1, "austen"),
    ("sample austen --prompt=a☃", 1, "the prompt has '☃' (U+2603) at position 1, which is not"),
    ("sample austen --prompt=", 1, "the prompt is empty"),
    ("sample austen --top-p=0", 1, "top_p must be above 0 and at most 1, got 0.0"),
    ("sample austen --prompt=It --prompt=a☃", 1, "the prompt 'a☃' has '☃' (U+2603) at position 1"),
    ("sample austen --streams=1000000000", 1, "there is not enough memory"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Work in a folder with some texts."""
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_text("what you see is what you said\n" * 30)
    Path("latin.txt").write_bytes("Wörter ".encode("latin-1") * 30)
    Path("one.txt").write_text("a")
    Path("same.txt").write_text("a" * 3000)
    Path("nothing.txt").write_text("")
    Path("empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(("command", "exit_code", "message"), WRONG)
def test_a_wrong_call_ends_with_one_sentence_and_leaves_nothing(
    command, exit_code, message, folder
):
    before = sorted(folder.rglob("*"))
    code, out, err = run_main(*command.split())
    assert (code, out) == (exit_code, ""), err
    last = err.splitlines()[-1]
    assert message in last
    assert err == f"{last}\n" if exit_code == 1 else err.startswith("Usage: charseq ")
    assert sorted(folder.rglob("*")) == before


def test_a_fault_of_charseq_shows_its_traceback_and_an_error_does_if_asked(folder, monkeypatch):
    monkeypatch.setenv("CHARSEQ_DEBUG", "1")
    with pytest.raises(ValueError, match="does not exist"):
        run_main("sample", "nowhere")
    monkeypatch.delenv("CHARSEQ_DEBUG")
    monkeypatch.setattr("charseq.texts.load_texts", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_main("eval", "austen", "t.txt")


def test_an_error_of_the_system_names_its_file():
    assert explain(PermissionError(13, "Permission denied", "a/b")) == "Permission denied: a/b"
    assert explain(OSError(28, "No space left on device")) == "No space left on device"
    assert explain(ModuleNotFoundError(name="json")) == explain(ValueError("a fault")) == ""


def test_a_run_whose_text_has_changed_says_what_can_be_done(folder):
    run_ok("train", "t.txt", *SMALL.split())
    Path("t.txt").write_text("another text\n" * 30)
    for command, sentence in [
        (
            ["resume", "run"],
            "t.txt' is not the text that this run learns from: it has 390",
        ),
        (["resume", "run", "--text=one.txt"], "one.txt' is not the text that this run learns fro"),
        (["eval", "run"], "and that had 900 others; name a text to measure on"),
    ]:
        code, _, err = run_main(*command)
        assert (code, sentence in err) == (1, True), err
    Path("t.txt").write_text("what you see is what you sbid\n" * 30)
    assert "it has 900 characters, and that had 900 others" in run_main("resume", "run")[2]
    Path("t.txt").unlink()
    assert run_main("eval", "run")[2].endswith("; name a text to measure on\n")


def test_a_prompt_in_another_form_of_unicode_gets_a_hint(folder):
    Path("t.txt").write_text("un caf\u00e9, man\u0303ana\n" * 60, "utf-8")
    run_ok("train", "t.txt", *SMALL.split())
    for prompt, form in (("cafe\u0301", "NFC"), ("ma\u00f1", "NFD")):
        err = run_main("sample", "run", "--prompt", prompt)[2]
        assert err.endswith(f"code points: unicodedata.normalize({form!r}, text) fixes it\n")


# --- output ---------------------------------------------------------------------------------------

TO = '"$0" -m charseq "$@" '


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("redirect", "arguments", "expected"),
    [
        ("> /dev/full", ["info", "austen"], (1, "error: No space left on device\n")),
        (">&-", ["sample", "austen", "--length=9"], (0, "")),
        ("2>&-", ["sample", "austen", "--length=9"], (0, "")),
    ],
)
def test_output_that_cannot_be_written(redirect, arguments, expected):
    start = ["sh", "-c", TO + redirect, sys.executable]
    assert run_in_new_process(*arguments, start=start)[::2] == expected


def test_what_an_encoding_cannot_show_is_printed_as_its_number(folder, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    Path("t.txt").write_text("☃")
    code, out, _ = run_in_new_process("score", "austen", "t.txt", "--skip-unknown")
    assert (code, r"\u2603" in out) == (1, False)
    code, _, err = run_in_new_process("sample", "austen", "--prompt=☃")
    assert (code, r"\u2603" in err) == (1, True)


def test_the_version_is_printed():
    assert run_ok("--version") == f"charseq {charseq.__version__}\n"


# --- what is left out of a text -------------------------------------------------------------------


@pytest.mark.filterwarnings("always::charseq.texts.CleanedText")
def test_train_says_what_it_leaves_out_and_keeps_it_if_asked(folder):
    Path("t.txt").write_bytes(("\ufeff" + "some words\r\n" * 40).encode())
    code, _, err = run_main("train", "t.txt", *SMALL.split())
    assert code == 0
    assert err == (
        "charseq: 't.txt' has a byte order mark and 40 carriage returns, left out here (raw keeps "
        "them)\n"
    )
    assert "\r" not in charseq.load_net("run")[1]
    train_folder(Path("kept"), "t.txt", {"hidden_size": 4}, {"steps": 2}, raw=True)
    _, vocab = charseq.load_net("kept")
    assert {"\r", "\ufeff"} <= {*vocab.chars}
    facts = json.loads(run_ok("eval", "kept", "t.txt", "--json"))  # what the network knows is kept
    assert facts["characters"] == 1 + 12 * 40


def test_eval_and_sample_skip_unknown_characters_and_count_them(folder):
    Path("a.txt").write_text("It is a truth that is known.\n" * 4)
    Path("b.txt").write_text("It is ☃a truthü that is known.\n" * 4, "utf-8")
    code, _, err = run_main("eval", "austen", "b.txt")
    assert (code, "has '☃' (U+2603) at position 6" in err) == (1, True)
    whole = json.loads(run_ok("eval", "austen", "a.txt", "--json"))
    part = json.loads(run_ok("eval", "austen", "b.txt", "--skip-unknown", "--json"))
    assert part == whole | {"skipped": 8}
    sample = ["sample", "austen", "--length=9", "--seed=1", "--json"]
    plain = json.loads(run_ok(*sample, "--prompt=Elizabeth"))
    assert json.loads(run_ok(*sample, "--prompt=Eli☃zabeth", "--skip-unknown")) == plain


def test_a_run_of_few_steps_says_that_its_loss_has_exploded(folder):
    small = SMALL.replace("--steps=2", "--steps=9").split()
    code, _, err = run_main("train", "t.txt", "--out=bad", *small, "--lr=1e4")
    assert code == 0
    assert re.search(r"after step 9 the loss is \d+\.\d\d, but a network that knows nothing", err)
    assert run_main("train", "t.txt", "--out=good", *small)[2] == ""
