"""The package's own models in the forms that run without its code."""

import copy
import warnings

import pytest
import torch

from charseq import CharRNN
from tests.precision import assert_rounds_like

KINDS = [("RNN", True), ("GRU", True), ("GRU", False), ("LSTM", False)]
# Torch's layers check their input with Python's `if`, whatever module they are in; and tracing is
# what torch calls deprecated, although it is the only form that keeps the length free.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Converting a tensor to a Python boolean"),
    pytest.mark.filterwarnings("ignore:`torch.jit.trace"),
    pytest.mark.filterwarnings("ignore:The tensor attributes self.rnn._flat_weights"),
]


def model_of(cell, fast, **options):
    return CharRNN(10, 8, cell=cell, fast=fast, seed=0, **options).double().eval()


def ids_of(*shape):
    return torch.randint(10, shape, generator=torch.Generator().manual_seed(0))


def flat(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize(("cell", "fast"), KINDS)
def test_an_exported_step_reads_a_text_as_the_model_does(cell, fast):
    model = model_of(cell, fast, embedding_size=4, num_layers=2)
    ids = ids_of(1, 9)
    with torch.no_grad():
        whole, _ = model(ids)
        _, state = model(ids[:, :1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            step = torch.export.export(model, (ids[:, :1], state), strict=False).module()
        logits, state = model(ids[:, :1])
        for t in range(1, 9):
            torch.testing.assert_close(logits, whole[:, t - 1 : t])
            logits, state = step(ids[:, t : t + 1], state)
    torch.testing.assert_close(logits, whole[:, 8:])


@pytest.mark.world
@pytest.mark.parametrize("embedding_size", [None, 4])
@pytest.mark.parametrize("cell", ["RNN", "GRU", "LSTM"])
def test_an_onnx_file_of_the_older_exporter_reads_any_length_and_batch_from_any_state(
    cell, embedding_size, tmp_path
):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    exact = model_of(cell, True, embedding_size=embedding_size, num_layers=2)
    model = copy.deepcopy(exact).float()
    states = ["h", "c"][: 2 if cell == "LSTM" else 1]
    free = {"ids": {0: "B", 1: "T"}, "logits": {0: "B", 1: "T"}}
    free |= {end + name: {1: "B"} for name in states for end in ("before_", "after_")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (ids_of(2, 5), model(ids_of(2, 3))[1]),
            tmp_path / "own.onnx",
            dynamo=False,
            input_names=["ids", *("before_" + name for name in states)],
            output_names=["logits", *("after_" + name for name in states)],
            dynamic_axes=free,
        )
    session = runtime.InferenceSession(tmp_path / "own.onnx")
    for shape in ((2, 5), (1, 5), (2, 9), (4, 30), (3, 1)):
        ids = ids_of(*shape)
        with torch.no_grad():
            _, before = exact(ids_of(shape[0], 3))
            wanted, after = exact(ids, before)
            single = [part.float() for part in flat(before)]
            plain, plain_after = model(ids, tuple(single) if cell == "LSTM" else single[0])
        names = ["ids", *("before_" + name for name in states)]
        values = [ids.numpy(), *(part.numpy() for part in single)]
        results = session.run(None, dict(zip(names, values, strict=True)))
        for result, like, true in zip(
            results, (plain, *flat(plain_after)), (wanted, *flat(after)), strict=True
        ):
            assert_rounds_like(result, like, true)
