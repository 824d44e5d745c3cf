"""The history of a run: the exact text of its log, and a file that stores it exactly."""

import csv
import io
import math

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


def run_of(epochs, prediction="ab"):
    return History(tuple(EpochRecord(n, 1.5, 0.5, prediction) for n in range(1, epochs + 1)))


# --- rows and the log -----------------------------------------------------------------------------


def test_history_is_a_sequence_of_its_records_and_arrays_of_their_fields():
    rows = [EpochRecord(1, 2.5, 0.5, "ab"), EpochRecord(2, 1, 0.25, "cd")]
    history = History(iter(rows))
    assert [*history] == rows == [history[0], history[-1]]
    assert len(history) == 2
    assert history == History(tuple(rows))
    for column, expected, dtype in (
        (history.numbers, [1, 2], np.int64),
        (history.losses, [2.5, 1], np.float64),
        (History(()).losses, [], np.float64),
    ):
        assert column.tolist() == expected
        assert column.dtype == dtype
    counted = History((UpdateRecord(4, 2.0, 1.0, 0.1), UpdateRecord(8, 1.0, 1.0, 0.1)))
    assert (counted.unit, history.unit, History(()).unit) == ("step", "epoch", "epoch")
    assert counted.numbers.tolist() == [4, 8]
    assert counted.log(every=8) == str(counted[1])
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        counted.log(every=0)
    with pytest.raises(TypeError, match="of one kind, got EpochRecord and UpdateRecord"):
        History((*counted, *history))


def test_lines_of_the_log_have_the_expected_text():
    assert str(EpochRecord(5, 2.0064, 9, "eee")) == "epoch 5    loss:2.006  prediction:eee"
    assert str(EpochRecord(1000, 0.9, 9, "")) == "epoch 1000  loss:0.900  prediction:"
    assert str(UpdateRecord(7, math.log(2), 9, 0.1)) == "step 7       loss:0.693  bpc:1.000"
    measured = UpdateRecord(123456, 2 * math.log(2), 9, 0.1, 3 * math.log(2))
    assert str(measured) == "step 123456  loss:1.386  bpc:2.000  valid:3.000"
    assert UpdateRecord(1, 2.0, 1.0, 0.1, seconds=1) == UpdateRecord(1, 2.0, 1.0, 0.1, seconds=2)


@pytest.mark.parametrize(
    ("epochs", "every", "shown"),
    [
        (50, 5, range(5, 51, 5)),
        (50, None, range(5, 51, 5)),
        (57, None, [*range(6, 55, 6), 57]),
        (9, None, range(1, 10)),
        (3, 4, []),
        (0, None, []),
    ],
)
def test_log_shows_every_nth_epoch_and_a_summary_how_the_run_ended(epochs, every, shown):
    history = run_of(epochs)
    lines = "\n".join(str(history[epoch - 1]) for epoch in shown)
    assert history.log(every=every) == lines
    assert every is not None or str(history) == lines


# --- the file -------------------------------------------------------------------------------------


@given(st.lists(records, max_size=5) | st.lists(steps, max_size=5))
@example([EpochRecord(1, math.nan, -math.inf, 'a,"b"\r\n\r\nc\n\rd\x00')])
@example([EpochRecord(1, 5e-324, -0.0, "\ud83d\ude00\ufeff")])
@example([UpdateRecord(1, math.nan, -0.0, 5e-324, math.inf)])
def test_csv_stores_records_exactly(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "run.csv"
    History(tuple(rows)).to_csv(path)
    text = path.read_bytes().decode("utf-8", "surrogatepass")
    names, *found = csv.reader(io.StringIO(text, newline=""))
    assert found == [[str(getattr(row, name)) for name in names] for row in rows]


def test_a_csv_file_has_the_expected_text_and_quotes_in_the_standard_way(tmp_path):
    run_of(1, 'a,"b').to_csv(str(tmp_path / "run.csv"))
    assert (tmp_path / "run.csv").read_bytes().decode() == HEAD + '1,1.5,0.5,"a,""b"\r\n'
    steps = UpdateRecord(1, 0.5, 2.0, 1e-3), UpdateRecord(2, 0.25, 1.0, 1e-3, 0.75, 0.004)
    History(steps).to_csv(tmp_path / "run.csv")
    rows = "1,0.5,2.0,0.001,nan,nan\r\n2,0.25,1.0,0.001,0.75,0.004\r\n"
    assert (tmp_path / "run.csv").read_bytes().decode() == STEP_HEAD + rows
    assert [*tmp_path.iterdir()] == [tmp_path / "run.csv"]
