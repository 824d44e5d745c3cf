"""The history of a run: the exact text of its log, and a file that stores it exactly."""

import csv
import math
import os
import stat

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charseq import EpochRecord, History, UpdateRecord

HEAD = "epoch,loss,gradient_norm,prediction\r\n"
STEP_HEAD = "step,loss,gradient_norm,lr,valid_loss,seconds\r\n"
texts = st.text(st.characters(exclude_categories=()))  # lone surrogates as well
records = st.builds(EpochRecord, st.integers(), st.floats(), st.floats(), texts)
steps = st.builds(UpdateRecord, st.integers(), *[st.floats()] * 5)


def run_of(epochs, **fields):
    row = {"loss": 1.5, "gradient_norm": 0.5, "prediction": "ab", **fields}
    return History(tuple(EpochRecord(epoch=epoch, **row) for epoch in range(1, epochs + 1)))


def identical(first, second):
    """Compare field by field, with NaN equal to NaN, and the types, too."""
    seconds = [[getattr(record, "seconds", None) for record in rows] for rows in (first, second)]
    return repr((first, seconds[0])) == repr((second, seconds[1]))


# --- rows -----------------------------------------------------------------------------------------


def test_history_is_a_sequence_of_its_records():
    rows = [EpochRecord(1, 2.5, 0.5, "ab"), EpochRecord(2, 1.5, 0.25, "cd")]
    history = History(iter(rows))
    assert history.records == tuple(rows)
    assert list(history) == rows
    assert len(history) == 2
    assert history[0] == rows[0]
    assert history[-1] == rows[1]
    with pytest.raises(IndexError):
        history[2]
    assert history == History(tuple(rows))
    assert hash(history) == hash(History(tuple(rows)))


@pytest.mark.parametrize(
    "rows", [(EpochRecord(1, 2.5, 0.5, "ab"), EpochRecord(2, 1.5, 0.25, "cd")), ()]
)
def test_columns_are_arrays_of_the_fields_of_the_records(rows):
    history = History(rows)
    for column, name, dtype in [
        (history.numbers, "epoch", np.int64),
        (history.losses, "loss", np.float64),
        (history.gradient_norms, "gradient_norm", np.float64),
    ]:
        assert column.tolist() == [getattr(record, name) for record in rows]
        assert column.dtype == dtype
    assert history.predictions == [record.prediction for record in rows]
    assert History((EpochRecord(1, 2, 3, "ab"),)).losses.dtype == np.float64
    assert str(History(())) == ""


# --- the log --------------------------------------------------------------------------------------


def test_the_log_line_of_an_epoch_has_the_expected_text():
    assert str(EpochRecord(5, 2.0064, 9, "eee")) == "epoch 5    loss:2.006  prediction:eee"
    assert str(EpochRecord(50, 0.92949, 9, "le")) == "epoch 50   loss:0.929  prediction:le"
    assert str(EpochRecord(1000, 0.9, 9, "")) == "epoch 1000  loss:0.900  prediction:"


@pytest.mark.parametrize(
    ("epochs", "every", "shown"),
    [
        (50, 5, range(5, 51, 5)),
        (50, None, range(5, 51, 5)),
        (57, None, [*range(6, 55, 6), 57]),
        (20, None, range(2, 21, 2)),
        (19, None, [*range(2, 19, 2), 19]),
        (9, None, range(1, 10)),
        (1, None, [1]),
        (3, 1, [1, 2, 3]),
        (3, 4, []),
        (0, None, []),
    ],
)
def test_log_shows_every_nth_epoch(epochs, every, shown):
    history = run_of(epochs)
    lines = [str(history[epoch - 1]) for epoch in shown]
    assert history.log(every=every) == "\n".join(lines)
    if every is None:
        assert str(history) == history.log()


@pytest.mark.parametrize("every", [0, -1])
def test_log_refuses_an_interval_below_one_epoch(every):
    with pytest.raises(ValueError, match=f"every is a number of epochs, at least 1, got {every}"):
        run_of(3).log(every=every)


def test_plot_draws_the_losses_with_the_given_options():
    _, axes = plt.subplots()
    assert run_of(4).plot(axes, label="mine") is axes
    assert axes.lines[0].get_ydata().tolist() == [1.5] * 4
    assert [text.get_text() for text in axes.texts] == ["mine"]
    assert run_of(4).plot() is not axes
    plt.close("all")


# --- the file -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@given(st.lists(records, max_size=5) | st.lists(steps, max_size=5))
@example([EpochRecord(1, math.nan, -math.inf, 'a,"b"\r\n\r\nc\n\rd\x00')])
@example([EpochRecord(1, 5e-324, -0.0, "\ud83d\ude00\ufeff")])
@example([EpochRecord(1, 0.1, 0.2, '"'), EpochRecord(2, 1e308, math.inf, "'\t;")])
@example([UpdateRecord(1, math.nan, -0.0, 5e-324, math.inf)])
def test_csv_stores_records_exactly(folder, rows):
    path = folder / "run.csv"
    history = History(tuple(rows))
    history.to_csv(path)
    assert identical(History.from_csv(path), history)
    assert list(folder.iterdir()) == [path]


def test_csv_stores_texts_longer_than_the_csv_module_allows(tmp_path):
    limit = csv.field_size_limit()
    history = run_of(1, prediction="a\ud800" * limit)
    history.to_csv(tmp_path / "run.csv")
    assert History.from_csv(str(tmp_path / "run.csv")) == history
    assert csv.field_size_limit() == limit


def test_a_csv_file_has_the_expected_text_and_quotes_in_the_standard_way(tmp_path):
    run_of(1, prediction='a,"b').to_csv(str(tmp_path / "run.csv"))
    assert (tmp_path / "run.csv").read_bytes().decode() == HEAD + '1,1.5,0.5,"a,""b"\r\n'
    steps = UpdateRecord(1, 0.5, 2.0, 1e-3), UpdateRecord(2, 0.25, 1.0, 1e-3, 0.75, 0.004)
    History(steps).to_csv(tmp_path / "steps.csv")
    rows = "1,0.5,2.0,0.001,nan,nan\r\n2,0.25,1.0,0.001,0.75,0.004\r\n"
    assert (tmp_path / "steps.csv").read_bytes().decode() == STEP_HEAD + rows


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such permissions")
def test_csv_file_has_the_permissions_of_any_new_file(tmp_path):
    run_of(1).to_csv(tmp_path / "run.csv")
    (tmp_path / "plain.txt").touch()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in sorted(tmp_path.iterdir())]
    assert modes[0] == modes[1]


def test_a_failed_replacement_leaves_only_the_old_folder(tmp_path):
    path = tmp_path / "run.csv"
    path.mkdir()  # a file cannot replace a folder
    with pytest.raises(OSError, match=r"run\.csv"):
        run_of(1).to_csv(path)
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_complete_before_it_gets_its_name(tmp_path, monkeypatch):
    path = tmp_path / "run.csv"
    path.write_text("old")
    seen = []
    replace = type(path).replace

    def watch(source, target):
        seen.append((source.parent, path.read_text(), identical(History.from_csv(source), run)))
        return replace(source, target)

    run = run_of(3)
    monkeypatch.setattr(type(path), "replace", watch)
    run.to_csv(path)
    assert seen == [(tmp_path, "old", True)]
    assert identical(History.from_csv(path), run)


EPOCH, STEP = HEAD.encode(), STEP_HEAD.encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"line 1: expected the columns \['epoch', 'loss', .*\], got \[\]"),
        (b"a,b\r\n1,2\r\n", r"line 1: expected the columns .* got \['a', 'b'\]"),
        (b"\x89PNG\r\n", "line 1: expected UTF-8 text, got 0x89"),
        (EPOCH + b"1,1,1,ab\r\n2,1,1,a\xff\r\n", "line 3: expected UTF-8 .* got 0xff"),
        (EPOCH + b"1,1,1\r\n", r"line 2: expected epoch \(int\), .* got \['1', '1', '1'\]"),
        (EPOCH + b"1,1,1,a,b\r\n", r"line 2: expected epoch \(int\), loss \(float\)"),
        (EPOCH + b"1,1,1,a\r\n\r\n", r"line 3: .* got \[\]"),
        (EPOCH + b"1,1,1,a\r\n1.5,1,1,a\r\n", r"line 3: .* got \['1.5', '1', '1', 'a'\]"),
        (EPOCH + b"1,one,1,a\r\n", r"line 2: expected epoch \(int\)"),
        (EPOCH + b"1,1,one,a\r\n", r"line 2: expected epoch \(int\)"),
        (EPOCH + b'1,1,1,"a\nb"\r\nx,1,1,a\r\n', "line 4: expected epoch"),
        (EPOCH + b'1,1,1,a\r\n2,1,1,"cut of', "line 3: unexpected end of data"),
        (EPOCH + b'1,1,1,"a"b\r\n', "line 2: .*expected after"),
        (b"step,loss\r\n", r"line 1: expected .* \['step', .*'seconds'\], got \['step', "),
        (STEP + b"1,1,1,1,1\r\n", r"line 2: expected step \(int\), .*, seconds \(float\), got"),
        (STEP + b"1,1,1,1,1,1\r\n1,1,1,1,x,1\r\n", "line 3: expected step"),
        (STEP + b"1,1,1,1,1,1\r\n1,1,1,1,1,x\r\n", "line 3: expected step"),
    ],
)
def test_an_invalid_file_is_refused_and_its_line_named(content, message, tmp_path):
    path = tmp_path / "run.csv"
    path.write_bytes(content)
    limit = csv.field_size_limit()
    with pytest.raises(ValueError, match=message) as caught:
        History.from_csv(path)
    assert str(caught.value).startswith(f"{path}, line ")
    assert csv.field_size_limit() == limit


def test_a_missing_file_is_reported_as_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.csv"):
        History.from_csv(tmp_path / "absent.csv")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run_of(1).to_csv(tmp_path / "nowhere" / "run.csv")


# --- steps ----------------------------------------------------------------------------------------


def test_the_log_line_of_a_training_step_has_the_expected_text():
    assert str(UpdateRecord(7, math.log(2), 9, 0.1)) == "step 7       loss:0.693  bpc:1.000"
    measured = UpdateRecord(123456, 2 * math.log(2), 9, 0.1, 3 * math.log(2))
    assert str(measured) == "step 123456  loss:1.386  bpc:2.000  valid:3.000"


def test_equal_steps_may_take_unequal_time():
    first, second = (UpdateRecord(1, 2.0, 1.0, 0.1, seconds=n) for n in (0.5, 0.7))
    assert first == second
    assert repr(first) == repr(second)


def test_a_history_of_training_steps_counts_steps():
    history = History((UpdateRecord(4, 2.0, 1.0, 0.1), UpdateRecord(8, 1.0, 1.0, 0.1)))
    assert history.unit == "step"
    assert history.numbers.tolist() == [4, 8]
    assert history.losses.tolist() == [2.0, 1.0]
    assert history.log(every=8) == str(history[1])
    with pytest.raises(ValueError, match="every is a number of steps, at least 1, got 0"):
        history.log(every=0)
    assert run_of(1).unit == History(()).unit == "epoch"


def test_records_of_two_kinds_cannot_be_mixed():
    mixed = (UpdateRecord(1, 1.0, 1.0, 0.1), EpochRecord(2, 1.0, 1.0, "a"))
    for records in (mixed, mixed[::-1]):
        with pytest.raises(
            TypeError, match="records of one kind, got EpochRecord and UpdateRecord"
        ):
            History(records)


@given(st.lists(st.floats(), min_size=2, max_size=9), st.data())
def test_to_csv_overwrites_an_incomplete_earlier_attempt(tmp_path_factory, losses, data):
    path = tmp_path_factory.getbasetemp() / "added.csv"
    rows = tuple(UpdateRecord(n, x, x, x) for n, x in enumerate(losses, 1))
    after = data.draw(st.integers(1, len(rows)))
    History(rows[:after]).to_csv(path)
    least = path.stat().st_size
    History(rows).to_csv(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(least, len(whole)))])
    assert identical(History.from_csv(path, upto=after), History(rows[:after]))
    History(rows).to_csv(path, after=after)
    assert path.read_bytes() == whole


def test_to_csv_writes_the_whole_file_unless_it_holds_the_earlier_rows(tmp_path):
    rows = tuple(UpdateRecord(n, 1 / n, 2.0, 1e-3) for n in (1, 2, 3))
    others = tuple(UpdateRecord(n, 9.0, 9.0, 9.0) for n in (1, 2))
    for before in (rows[:1], others, None):
        (tmp_path / "a.csv").unlink(missing_ok=True)
        if before:
            History(before).to_csv(tmp_path / "a.csv")
        History(rows).to_csv(tmp_path / "a.csv", after=2)
        assert identical(History.from_csv(tmp_path / "a.csv"), History(rows))
