"""The programs of examples/own: one skeleton, wrong files, what is saved, and who kills a run.

`python write.py FILE` learns, `python write.py write.pt WORDS` answers. A program gets a row in
PROGRAMS, and every test below asks it.
"""

import ast
import importlib.util
import re
from functools import cache
from typing import NamedTuple

import pytest
import torch
from lint import ROOT, lines_of_code

from charseq import BytePairEncoding, CharRNN, Corpus, Run, Settings, language_model_steps

FOLDER = ROOT / "examples" / "own"
SHARED = ("read", "split", "batches", "Net", "measure", "train", "baseline", "save", "load")
SHARED += ("picture", "main")
LAST = 'main([] if "ipykernel" in sys.modules else sys.argv[1:])'
IMPORTS = {"argparse", "collections", "copy", "csv", "datetime", "itertools", "math", "os"}
IMPORTS |= {"pathlib", "random", "re", "sys", "matplotlib", "numpy", "torch"}


class Program(NamedTuple):
    """What a program is tried with."""

    lines: int  # of code, at most
    sample: str  # a small file that it learns from
    asked: list  # what a saved network is asked
    wrong: dict  # files that it refuses, by what its sentence says of them
    imports: frozenset = frozenset()  # besides those of all
    suffix: str = ".txt"


def proverb(number):
    return f"{number} birds in the hand are worth {number * 2} in the bush.\n"


TEXT = "".join(map(proverb, range(60)))
TEXTS = {  # wrong files for what learns from a text
    "21 that begin with 'birds in the hand ar'": "birds in the hand are",
    "999 that begin with": TEXT[:999],
    "1,020 that begin with '    ": " " * 1020,
    "1,021 that begin with '\\n\\n": "\n" * 1021,
    "1,200 that begin with 'aaaa": "a" * 1200,
    "1,100 that begin with '\\t\\t": "\t" * 1100,
    "1,300 that begin with 'one\\n": "one\n" * 325,
    "that begin with '\\x00\\x01": "\0\1\2\3" * 400,
}
PAIRS = "".join(f"number {k}\t{k:03}\n" for k in range(300))
PAIRS_WRONG = {  # wrong files for what learns from pairs
    "expected source, tab and target, 1 to 100 letters each, got 3 in 'abc'": PAIRS + "abc",
    "line 302: expected": f"{PAIRS}\na\tb\tc",
    "0 and 4 in '\\t1998": f"{PAIRS}\t1998\n",
    "in '1998\\t'": f"{PAIRS}1998\t\n",
    "got 101 and 1 in 'aaa": f"{PAIRS}{'a' * 101}\tb\n",
    "in '1,2'": "1,2\n" * 200,
    "got 99 with 99": "".join(PAIRS.splitlines(keepends=True)[:99]),
    "got 1 with 1 targets": "one\t1\n" * 200,
    "got 200 with 1 targets": "".join(f"{k}\tsame\n" for k in range(200)),
}
TABLE = (FOLDER / "weather.csv").read_text("utf-8").splitlines()[:300]


def with_line(number, line):
    return "\n".join([*TABLE[: number - 1], line, *TABLE[number:]])


TABLES_WRONG = {  # wrong files for what learns from a series
    "line 9: expected a date and 3 numbers, got '1990-01-08,,1,1'": with_line(9, "1990-01-08,,1,1"),
    "got '1990-01-08,nan,1,1'": with_line(9, "1990-01-08,nan,1,1"),
    "got '1990-01-08,1,1'": with_line(9, "1990-01-08,1,1"),
    "got '1990-01-08,1,1,1,1'": with_line(9, "1990-01-08,1,1,1,1"),
    "got '8.1.1990,1,1,1'": with_line(9, "8.1.1990,1,1,1"),
    "over the column that is asked, got ['date', '',": with_line(1, "date,,cos,sin"),
    "line 9: expected a row each 24 hours, as elsewhere, got 48 hours": with_line(
        9, "1990-01-09,1,1,1"
    ),
    "got -": "\n".join([TABLE[0], *TABLE[:0:-1]]),
    "expected 240 rows, got 239": "\n".join(TABLE[:240]),
    "under them a date like 1998-03-17": "\n".join(TABLE[1:]),
    "got ['date;wind": "\n".join(TABLE).replace(",", ";"),
    "got 1 in all rows": "\n".join([TABLE[0], *(f"{line[:10]},1,1,1" for line in TABLE[1:])]),
}
LABELED = [
    (f"{w}{n}", k) for n in range(30) for w, k in (("old oak ", "tree"), ("rose ", "flower"))
]
CSV = "".join(f"{text},{label}\n" for text, label in LABELED)
CSVS = {  # wrong files for what learns from texts and their labels
    "line 61: expected text,label or text,label,group, got ['elm']": CSV + "elm\n",
    "got ['elm', 'tree', '1', '2']": CSV + "elm,tree,1,2\n",
    "line 2: expected text,label or text,label,group, got ['', 'tree']": "an elm,tree\n,tree\n"
    + CSV,
    "line 1: expected text,label or text,label,group, got ['elm', ' ']": "elm, \n" + CSV,
    "of 5 rows or more, got 'treee' of 1, 'trea' of 1": CSV + "elm,treee\nelm,trea\n",
    "line 1: expected a label of 5 rows or more, got 'kind' of 1": "name,kind\n" + CSV,
    "got 60, 1 and 60": CSV.replace("flower", "tree"),
    "10 groups or more, got 60, 2 and 9": "".join(
        f"{line},{k % 9}\n" for k, line in enumerate(CSV.splitlines())
    ),
    "unexpected end of data": CSV + '"elm,tree\n',
}
TAGGED = "".join(f"{n}\tNUMBER\nbirds\tNOUN\nsing\tVERB\n\n" for n in range(40))
TSVS = {  # wrong files for what learns from words and their labels
    "line 161: expected a word, a tab and a label, got 'elm'": TAGGED + "elm\n",
    "got 'elm\\tan\\tNOUN'": TAGGED + "elm\tan\tNOUN\n",
    "got '\\tNOUN'": TAGGED + "\tNOUN\n",
    "got 'elm\\t'": TAGGED + "elm\t\n",
    "line 161: expected a label of 5 words or more, got 'NON' of 1": TAGGED + "elm\tNON\n",
    "got 1 with 3": TAGGED.replace("\n\n", "\n"),
    "got 40 with 1": TAGGED.replace("NUMBER", "NOUN").replace("VERB", "NOUN"),
}
STRIPS = "".join(f"a b\t{'90 ' * (n % 3 + 1)}00 {'09 ' * (n % 4 + 1)}\n" for n in range(40))
STEPS = {  # wrong files for what learns from numbers and labels that are not aligned
    "line 41: expected labels, a tab and numbers, got 'a b', 0 tabs": STRIPS + "a b\n",
    "got 'a\\t90\\t09', 2 tabs": STRIPS + "a\t90\t09\n",
    "got 'a\\t9x'": STRIPS + "a\t9x\n",
    "got 'a\\tnan,1'": STRIPS + "a\tnan,1\n",
    "got 'a\\t90 9'": STRIPS + "a\t90 9\n",
    "expected 1 label or more, 1 steps or more of 2, got 1, 1 of 3": STRIPS + "a\t909\n",
    "expected 1 label or more, 3 steps or more of 2, got 2, 2 of 2": STRIPS + "a a\t90 90\n",
    "got 0, 1 of 2": STRIPS + "\t90\n",
    "got 19": "".join(STRIPS.splitlines(keepends=True)[:19]),
}
PROGRAMS = {
    "write": Program(170, TEXT, ["2 birds", "4 b"], TEXTS),
    "translate": Program(198, PAIRS, ["number 7", "12"], PAIRS_WRONG, suffix=".tsv"),
    "forecast": Program(
        263, "\n".join(TABLE), [str(FOLDER / "weather.csv")], TABLES_WRONG, suffix=".csv"
    ),
    "pieces": Program(194, TEXT, ["2 birds", "4 b"], TEXTS, frozenset({"tokenizers"})),
    "transformer": Program(204, TEXT, ["2 birds", "4 b" * 70], TEXTS),
    "classify": Program(211, CSV, ["rose 3", "elm"], CSVS, suffix=".csv"),
    "tag": Program(227, TAGGED, ["7 birds sing"], TSVS, suffix=".tsv"),
    "ctc": Program(228, STRIPS, ["90 90 00 09"], STEPS, suffix=".tsv"),
}
# Wrong files for all of them: name, content, and a word of the sentence. None is there.
WRONG = {
    "there is none": ("none", None, "No such file"),
    "a folder": ("folder", "", "Is a directory"),
    "empty": ("empty", b"", "got"),
    "a byte order mark": ("mark", "\ufeff".encode(), "got"),
    "Latin": ("latin", "Où est-il né ?\n".encode("latin-1") * 100, "0xf9"),
    "Cyrillic": ("cyrillic", "Все люди.\n".encode("cp1251") * 200, "0xc2"),
    "Japanese": ("japanese", "吾輩は猫\n".encode("shift-jis") * 200, "0x8c"),
    "UTF-16": ("utf16", TEXT.encode("utf-16"), "0xff"),
    "a picture": ("picture", b"\x89PNG\r\n\x1a\n" * 200, "0x89"),
    "packed": ("packed", b"\x1f\x8b\x08\x00" * 400, "0x8b"),
    "cut within a letter": ("cut", TEXT.encode() + b"\xc3", "0xc3"),
    "lone surrogates": ("surrogates", b"\xed\xa0\x80" + TEXT.encode(), "0xed"),
}
each_program = pytest.mark.parametrize("name", PROGRAMS)


@cache
def program(name):
    """Import a program, as another one of its reader would."""
    spec = importlib.util.spec_from_file_location(f"own_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def refused(name, *arguments):
    """Return the sentence that a program ends with; its exit code is 1 then."""
    with pytest.raises(SystemExit) as error:
        program(name).main([*map(str, arguments)])
    assert isinstance(error.value.code, str)
    assert "\n" not in error.value.code
    return error.value.code


def learn(name, folder, *options):
    sample = folder / f"sample{PROGRAMS[name].suffix}"
    sample.write_text(PROGRAMS[name].sample, "utf-8")
    program(name).main([str(sample), "--out", str(folder / "net.pt"), *options])
    return folder / "net.pt"


@each_program
def test_it_is_short_and_alone_and_has_the_parts_of_all_in_their_order(name):
    about, source = PROGRAMS[name], (FOLDER / f"{name}.py").read_text("utf-8")
    tree = ast.parse(source)
    assert lines_of_code(source) <= about.lines
    imported = set(re.findall(r"^ *(?:import|from) (\w+)", source, re.M))
    assert imported <= IMPORTS | about.imports
    parts = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    assert [part for part in parts if part in SHARED] == [*SHARED]
    assert source.rstrip().endswith(LAST)
    assert "fig.set_label(" in source


@each_program
@pytest.mark.parametrize("kind", WRONG)
def test_a_file_that_cannot_be_read_is_answered_with_a_sentence(name, kind, tmp_path):
    stem, content, told = WRONG[kind]
    path = tmp_path / f"{stem}{PROGRAMS[name].suffix}"
    if stem == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    said = refused(name, path, "--out", tmp_path / "net.pt")
    assert path.name in said
    assert told in said
    assert not (tmp_path / "net.pt").exists()


@pytest.mark.parametrize(
    ("name", "told"), [(name, told) for name in PROGRAMS for told in PROGRAMS[name].wrong]
)
def test_a_file_with_a_mistake_is_answered_with_what_was_found(name, told, tmp_path):
    path = tmp_path / f"wrong{PROGRAMS[name].suffix}"
    path.write_text(PROGRAMS[name].wrong[told], "utf-8", newline="")
    said = refused(name, path, "--out", tmp_path / "net.pt")
    assert path.name in said
    assert told in said


@each_program
def test_it_learns_and_what_is_saved_answers_the_same_once_more(name, tmp_path, capsys):
    path = learn(name, tmp_path, "--epochs", "2")
    losses = re.findall(r"^epoch +\d+ +loss +(\S+)", capsys.readouterr().out, re.M)
    assert len(losses) == 2
    assert float(losses[1]) < float(losses[0])
    assert (tmp_path / "net.png").stat().st_size > 1000
    program(name).save(program(name).load(path), tmp_path / "again.pt")
    answers = []
    for file in (path, tmp_path / "again.pt"):
        program(name).main([str(file), *PROGRAMS[name].asked])
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1] != ""
    assert name == "forecast" or refused(name, path).endswith("got ''")  # nothing was asked
    assert not [*tmp_path.glob("*.part")]
    assert "sample" in refused(name, tmp_path / "sample.pt")
    (tmp_path / "torn.pt").write_bytes(path.read_bytes()[:1000])
    assert "torn.pt" in refused(name, tmp_path / "torn.pt")


@each_program
def test_a_run_that_is_killed_while_it_saves_leaves_what_was_best(name, tmp_path, monkeypatch):
    saved, save = [], torch.save

    def killed(kept, path):
        saved.append(kept["weights"])
        if len(saved) == 2:
            with open(path, "wb") as file:  # noqa: PTH123 - `path` is a text or a path
                file.write(b"half of")
            raise KeyboardInterrupt
        save(kept, path)
        saved[0] = {key: value.clone() for key, value in saved[0].items()}

    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        learn(name, tmp_path, "--epochs", "6")
    found = program(name).load(tmp_path / "net.pt").state_dict()
    assert all(torch.equal(found[key], weight) for key, weight in saved[0].items())


def test_the_first_hundred_losses_of_write_are_those_of_charseq(monkeypatch, tmp_path):
    """In float64 both compute the same sums; what differs are roundings of 1e-16."""
    write, text = program("write"), "".join(map(proverb, range(97)))[: 4 * 64 * 5 + 1]
    torch.manual_seed(0)
    net = write.Net("".join(sorted(set(text))), 32, 0.0, 4).double()
    losses, entropy = [], write.cross_entropy

    def noted(scores, y, **options):
        loss = entropy(scores, y, **options)
        losses.extend([] if options else [loss.item()])
        return loss

    monkeypatch.setattr(write, "cross_entropy", noted)
    pairs = write.batches(net.encode(text), 4)
    write.train(net, pairs, pairs[:1], 20, tmp_path / "net.pt", patience=99)

    corpus = Corpus.from_text(text)
    model = CharRNN(len(corpus.vocab), 32, cell="GRU", embedding_size=64, seed=0).double()
    settings = Settings(steps=100, batch_size=4, length=64, lr=0.005, weight_decay=0.15, warmup=10)
    steps = language_model_steps(Run(model, corpus.vocab, settings), corpus)
    assert losses == pytest.approx([step.loss for step in steps], abs=1e-6)
    assert losses[-1] < losses[0] * 0.7


def test_a_transformer_with_a_cache_scores_as_one_that_reads_all():
    net = program("transformer").Net("abc").double().eval()
    x = torch.tensor([[0, 1, 2, 1, 0]])
    whole, _ = net(x)
    caches, scores = (None, None), []
    for part in x.split((2, 1, 1, 1), dim=1):
        new, caches = net(part, caches)
        scores.append(new)
    assert torch.allclose(torch.cat(scores, 2), whole, rtol=0, atol=1e-12)


def test_pieces_are_those_of_charseq():
    pieces = program("pieces")
    net = pieces.Net(pieces.find_pieces(TEXT, sorted({*TEXT, "é"}), 30), 8, 0.0, 2)
    vocab = BytePairEncoding.learn(TEXT, 30, more_chars="é")
    assert [*vocab.tokens] == net.texts
    assert vocab.encode(TEXT + "é").tolist() == net.encode(TEXT + "é").tolist()
