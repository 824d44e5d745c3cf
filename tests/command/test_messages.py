"""What the command says of a mistake to who knows only the shell, and what Python says."""

import json
import re
import sys
from pathlib import Path

import pytest
import typer
from small_runs import rewrite
from test_cli import run_in_new_process, run_main, run_ok

import charseq
from charseq import cli, load_text
from charseq._errors import in_words_of_the_shell
from charseq._usage import OTHER_NAMES

TO_FULL = '"$0" -c "from charseq.cli import main; main()" "$@" > /dev/full'
TRAIN = [
    (["--hidden=0"], r"--hidden must be at least 1, got 0"),
    (["--layers=0"], r"--layers must be at least 1, got 0"),
    (["--embedding=-3"], r"--embedding must be at least 1, or 0, got -3"),
    (["--batch-size=0"], r"--batch-size must be an integer of at least 1, got 0"),
    (["--batch-size=99999"], r"the largest --batch-size that fits is \d+"),
    (["--lr=-1"], r"--lr must be positive and finite, got -1.0"),
    (["--cell=foo"], r"--cell must be one of RNN, GRU, LSTM, got 'foo'"),
    (["--optimizer=foo"], r"--optimizer must be one of .*, got 'foo'"),
    (["--valid=1.5"], r"--valid must be at least 0 and below 1, got 1.5"),
    (["--valid=0.0001"], r"too short: with --valid 0.0001, 0 of its 900 characters are held back"),
    (["--valid=50"], r"got 50.0; it is a share, and 0.1 is 10 %$"),
    (
        ["--layers=1000", "--hidden=9000"],
        r"needs about 10,364 GB of memory .*: make --hidden or --layers smaller$",
    ),
    (["--dropout=1"], r"--dropout must be at least 0 and below 1"),
    (
        ["--tied"],
        r"^--tied needs --embedding to equal --hidden, but they are 0 and 128: give --embedding "
        r"128, or leave out --tied$",
    ),
    (["--forget-bias=1", "--cell=gru"], r"got --forget-bias for cell 'GRU'"),
    (["--clip-norm=-1"], r"--clip-norm must be positive, or 0, got -1.0"),
    (["--patience=-1"], r"--patience must be an integer of at least 1, or 0, got -1"),
    (["--save-every=0"], r"--save-every must be an integer of at least 1, got 0"),
    (["--evaluate-every=-1"], r"--evaluate-every must be an integer of at least 0, got -1"),
    (["--weight-decay=-1"], r"--weight-decay must be 0 or more and finite"),
]
OTHERS = [
    ("sample austen --temperature=-1", r"--temperature must be 0 or more and finite, got -1.0"),
    ("sample austen --top-k=-1", r"--top-k must be at least 1, or 0, got -1"),
    (
        "sample austen --top-p=1.5",
        r"--top-p must be above 0 and at most 1, got 1.5; it is a share, and 0.9 is 90 %$",
    ),
    ("sample austen --length=-1", r"--length must not be negative, got -1"),
    ("sample austen --streams=0", r"--streams must be at least 1, got 0"),
    ("sample austen --streams=1000000000", r"there is not enough memory: make the network, the "),
    ("eval austen names --rows=0", r"--rows must be at least 1, got 0"),
    ("shapes lstm 3 4 --batch=-1", r"--batch must be at least 0, got -1"),
    ("shapes foo 1 1", r"LAYER must be RNN, GRU or LSTM, got 'foo'"),
    ("shapes lstm 3 0", r"HIDDEN_SIZE must be at least 1, got 0"),
    ("shapes lstm 3 4 --proj-size 9", r"--proj-size must be smaller than HIDDEN_SIZE, got 9 and 4"),
]


def message_of(*arguments):
    code, out, err = run_main(*arguments)
    assert (code, out) == (1, "")
    assert re.fullmatch(r"charseq: [^\n]+\n", err)
    return err.removeprefix("charseq: ").rstrip()


@pytest.fixture
def text(tmp_path):
    (tmp_path / "t.txt").write_text("what you see is what you said\n" * 30)
    return tmp_path / "t.txt"


# --- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "message"), TRAIN)
def test_train_calls_an_option_what_the_shell_calls_it(options, message, text, tmp_path):
    said = message_of("train", text, "--out", tmp_path / "run", *options)
    assert re.search(message, said), said
    assert not re.search(r"\w_\w", said.replace(str(text), ""))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("command", "message"), OTHERS)
def test_other_commands_do_so_too(command, message):
    said = message_of(*command.split())
    assert re.match(message, said), said


def test_python_is_told_the_names_of_arguments():
    with pytest.raises(ValueError, match=r"^hidden_size must be at least 1, got 0"):
        charseq.CharRNN(3, 0)
    with pytest.raises(ValueError, match=r"^top_k must be at least 1, got 0"):
        charseq.sampling.probabilities([1.0, 2.0], top_k=0)


def test_what_a_message_quotes_is_left_as_it_is():
    options = {"hidden": "--hidden", "length": "--length", "seed": "--seed"}
    for before, after in {
        "'hidden_size' is a file": "'hidden_size' is a file",
        "length must be 1, got 0": "--length must be 1, got 0",
        "a length of 3 and seed=4": "a length of 3 and --seed 4",
        "num_layers and top_k": "num_layers and top_k",  # options that this command lacks
    }.items():
        assert in_words_of_the_shell(before, options) == after


# --- texts ----------------------------------------------------------------------------------------


def test_a_misspelt_text_finds_the_one_that_was_meant(tmp_path):
    assert message_of("train", "python-referense", "--out", tmp_path / "run").endswith(
        "python-referense' is not a file; did you mean python-reference?"
    )
    assert message_of("eval", "austen", "pride_tst").endswith("did you mean pride-test?")
    with pytest.raises(
        FileNotFoundError, match=r"^'timezones' is not a file; did you mean time-zones\?$"
    ):
        load_text("timezones")


def test_a_name_unlike_any_text_lists_them_all(tmp_path):
    said = message_of("train", "shakespeare", "--out", tmp_path / "run")
    assert re.search("is neither a file nor one of the texts that .*pride-train.*names", said)
    said = message_of("train", "shakespeare.txt", "--out", tmp_path / "run")
    assert said.endswith("shakespeare.txt' is not a file")
    for command in (["train", "To be or not"], ["score", "austen", "To be or not"]):
        assert message_of(*command).endswith(
            "write - for it and pipe it in: echo TEXT | charseq ..."
        )


def test_a_file_is_called_as_it_was_typed(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("one.txt").write_text("a")
    assert message_of("train", "tt.txt") == "'tt.txt' is not a file; did you mean t.txt?"
    small = ["--hidden=4", "--batch-size=2", "--length=8", "--steps=2", "--evaluate-every=0"]
    run_ok("train", "t.txt", *small)
    said = message_of("resume", "run", "--text=one.txt")
    assert said == (
        "'one.txt' is not the text that this run learns from (1 characters, not 900): that was "
        f"'{tmp_path / 't.txt'}'; give it, or start a new run with what this one has "
        "learned: charseq train one.txt --init-from run --out NEW-FOLDER"
    )
    monkeypatch.chdir("/")
    run_ok("resume", tmp_path / "run")  # the saved path is absolute


def test_a_misspelt_file_or_folder_finds_the_one_beside_it(text, tmp_path):
    (tmp_path / "novel-run").mkdir()
    (tmp_path / "t.doc").touch()
    for name, meant in (("tt.txt", "t.txt"), ("t", "t.txt")):
        said = message_of("train", tmp_path / name, "--out", tmp_path / "run")
        assert said.endswith(f"did you mean {tmp_path / meant}?")
    said = message_of("sample", tmp_path / "novl-run")
    assert said.endswith(f"does not exist; did you mean {tmp_path / 'novel-run'}?")
    assert message_of("sample", "austin") == "austin does not exist; did you mean austen?"
    said = message_of("info", tmp_path / "novel-run")
    assert said.endswith(
        "is not a run folder: it has no last.safetensors; expected one made by charseq train"
    )


def test_of_several_prompts_the_one_that_is_refused_is_named():
    said = message_of("sample", "austen", "--prompt=It", "--prompt=a☃", "--length=1")
    assert said.startswith("the prompt 'a☃' has '☃' (U+2603) at position 1")


# --- usage ----------------------------------------------------------------------------------------

USAGE = [
    ("train", "text is missing: expected a text file, or several, or a folder; a built-in text .*"),
    ("trian x", r"there is no command 'trian'; did you mean train\?"),
    ("help", "there is no command 'help'; the commands are train, resume, .*"),
    ("train x --hiden 5", r"charseq train has no option --hiden; did you mean --hidden\?"),
    ("train x -hidden 5", r"charseq train has no option -hidden; did you mean --hidden\?"),
    ("train x --learning-rate 1", r"charseq train has no option --learning-rate; .* --lr\?"),
    ("train x --learning_rate=1", r"charseq train has no option --learning_rate; .* --lr\?"),
    (
        "train x --epochs=5",
        r"charseq train has no option --epochs; did you mean --steps \(training steps, one update "
        r"each\)\?",
    ),
    ("resume x --Epochs 5", r"charseq resume has no .*; did you mean --steps \(go on until .*\)\?"),
    ("train x --model gru", r"charseq train has .*; did you mean --cell \(rnn, gru or lstm\)\?"),
    (
        "sample --model x",
        "charseq sample has no option --model; give RUN without an option: charseq sample RUN",
    ),
    ("train --text x", "charseq train has no .*; give TEXT without an option: charseq train TEXT"),
    ("train x -h", r"charseq train has no option -h; did you mean --help\?"),
    ("resume x --hidden 5", "charseq resume has no option --hidden, only charseq train has"),
    ("eval x --threads 2", "charseq eval has no .*, only charseq train and charseq resume have"),
    ("--hidden 5 train x", "--hidden belongs behind the command, as in charseq train ... --hidden"),
    ("train x --hidden abc", "--hidden must be a whole number such as 5, got 'abc'"),
    ("train x --lr=0,01", "--lr must be a number such as 0.01, got '0,01'"),
    ("train x --layers 5000", "--layers must be less than or equal to 1000, got '5000'"),
    ("shapes lstm 3 four", "hidden_size must be a whole number such as 5, got 'four'"),
    ("train x --out", "--out needs a value: the run folder to make"),
    ("shrink x", "--out is missing: expected the folder to make"),
    ("train x --out=", "--out is empty; if you gave a variable of the shell, it is unset or empty"),
    (
        "sample x y",
        "too many arguments, 'y': a value .* and a text to continue comes after --prompt",
    ),
]


def test_each_option_and_argument_with_other_names_exists():
    commands = typer.main.get_command(cli.app).commands.values()
    names = {name for command in commands for p in command.params for name in (p.name, *p.opts)}
    assert names >= OTHER_NAMES.keys()


@pytest.mark.parametrize(("command", "message"), USAGE)
def test_wrong_usage_says_what_was_given_and_what_was_expected(command, message):
    code, out, err = run_main(*command.split())
    assert (code, out) == (2, "")
    assert re.fullmatch(
        f"(Usage: charseq [^§]+\nTry 'charseq [^§]+\n\n)?Error: {message}\n", err
    ), err


def test_an_empty_argument_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for arguments in (["train", ""], ["sample", ""], ["train", "names", "--out", ""]):
        code, _, err = run_main(*arguments)
        assert code == 2
        assert err.endswith("is empty; if you gave a variable of the shell, it is unset or empty\n")
        assert err.startswith(f"Usage: charseq {arguments[0]} ")
    assert message_of("sample", "austen", "--prompt", "").startswith("the prompt is empty")


# --- what cannot be ------------------------------------------------------------------------------


def test_options_that_contradict_each_other_are_refused(text, tmp_path):
    run = ["train", text, "--out", tmp_path / "run", "--patience=3"]
    assert "--patience 3 counts measurements" in message_of(*run, "--valid=0")
    assert "--evaluate-every 0 never measures" in message_of(*run, "--evaluate-every=0")
    assert not (tmp_path / "run").exists()
    said = message_of("score", "austen", text, "--json", "--html", tmp_path / "page.html")
    assert said == "--html and --json each ask for another output: give one of them"
    said = message_of("train", text, *run[2:4], "--init-from=austen", "--tied", "--forget-bias=1")
    assert re.fullmatch("the .* its --forget-bias none: leave that out", said)
    said = message_of("sample", "austen", "--interactive", "--json")
    assert said.startswith("--interactive asks for each text: leave out")


def test_a_run_of_few_steps_says_that_its_loss_has_exploded(text, tmp_path):
    small = ["--hidden=4", "--batch-size=2", "--length=8", "--steps=9", "--evaluate-every=0"]
    code, _, err = run_main("train", text, "--out", tmp_path / "run", *small, "--lr=1e4")
    assert code == 0
    assert re.search(r"after step 9 the loss is \d+\.\d\d, but a network that knows nothing", err)
    assert run_main("train", text, "--out", tmp_path / "good", *small)[2] == ""


def test_output_that_cannot_be_written_ends_with_one_sentence(monkeypatch):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    code, _, err = run_in_new_process("info", "austen", start=["sh", "-c", TO_FULL, sys.executable])
    assert (code, err) == (
        1,
        "charseq: cannot write the output: no space left on device; free some space there, or send "
        "the output elsewhere\n",
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_output_that_the_shell_has_closed_is_discarded(closed):
    command = TO_FULL.replace("> /dev/full", closed)
    start = ["sh", "-c", command, sys.executable]
    assert run_in_new_process("sample", "austen", "--length=9", start=start)[::2] == (0, "")
    code, out, err = run_in_new_process("sample", "austin", start=start)
    assert (code, out) == (1, "")
    assert ("did you mean austen?" in err) == (closed == ">&-")


def test_a_file_in_place_of_a_folder_and_the_reverse(text, tmp_path):
    said = message_of("train", text, "--out", text / "run", "--batch-size=2")
    assert said.endswith("choose another name, because a part of this path is a file")
    said = message_of("score", "austen", text, "--html", tmp_path)
    assert said == f"cannot write {tmp_path}: it is a folder, so choose another name"


def test_a_run_whose_text_has_changed_says_what_can_be_done(text, tmp_path):
    run, small = tmp_path / "run", ["--hidden=4", "--batch-size=2", "--length=8", "--steps=2"]
    run_ok("train", text, "--out", run, *small, "--evaluate-every=0")
    rewrite(run, settings__steps="many")
    # A file calls a setting as it does, and not as the shell does.
    assert "cannot use it: steps must be an integer of at least 1, got" in message_of("resume", run)
    rewrite(run, settings__steps=2)
    text.write_text("another text\n" * 30)
    assert message_of("resume", run) == (
        f"'{text}' has changed since this run began (390 characters, not 900): put the old text "
        "back, or add --text COPY, a copy of it; or start a new run with what this one has "
        f"learned: charseq train TEXT --init-from {run} --out NEW-FOLDER"
    )
    assert message_of("eval", run).endswith("(390 characters, not 900): name a text to measure on")
    text.unlink()
    assert message_of("eval", run).endswith("is gone: name a text to measure on")


# --- what succeeds says so ------------------------------------------------------------------------


def test_the_version_is_printed():
    assert run_ok("--version") == f"charseq {charseq.__version__}\n"


def test_shrink_says_where_the_network_is(tmp_path):
    out = tmp_path / "net"
    said = run_ok("shrink", "austen", "--out", out)
    assert said == f"the network is in {out}. Next: charseq sample {out}\n"


# --- unknown characters, byte order marks and carriage returns ------------------------------------


def test_eval_skips_unknown_characters_and_counts_them(tmp_path):
    (tmp_path / "a.txt").write_text("It is a truth that is known.\n" * 4)
    (tmp_path / "b.txt").write_text("It is ☃a truthü that is known.\n" * 4, "utf-8")
    said = message_of("eval", "austen", tmp_path / "b.txt")
    assert "has '☃' (U+2603) at position 6" in said
    assert said.endswith("leave it out, or add --skip-unknown")
    whole = json.loads(run_ok("eval", "austen", tmp_path / "a.txt", "--json"))
    part = json.loads(run_ok("eval", "austen", tmp_path / "b.txt", "--skip-unknown", "--json"))
    assert part == whole | {"skipped": 8}
    (tmp_path / "b.txt").write_text("☃ü☃", "utf-8")
    said = message_of("eval", "austen", tmp_path / "b.txt", "--skip-unknown")
    assert said == "the network knows none of the 3 characters of the text"


def test_a_prompt_skips_unknown_characters():
    arguments = ["sample", "austen", "--length=9", "--seed=1", "--json"]
    plain = json.loads(run_ok(*arguments, "--prompt=Elizabeth"))
    assert json.loads(run_ok(*arguments, "--prompt=Eli☃zabeth", "--skip-unknown")) == plain
    assert "add --skip-unknown" in message_of("sample", "austen", "--prompt=☃")
