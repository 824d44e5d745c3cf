"""Everything on a graphics card, where there is one.

``python -m pytest tests/command/test_devices.py`` with a graphics card runs all there.
"""

import json
from itertools import islice

import numpy as np
import pytest
import torch
from small_runs import (
    CORPUS,
    LONG,
    SMALL,
    language_model,
    record_values,
    run_of,
)
from test_cli import run_main, run_ok

from charseq import (
    Corpus,
    Run,
    Settings,
    evaluate,
    generate,
    language_model_steps,
    layers,
    load_run,
    save_run,
    score,
    start_folder,
)
from charseq import _devices as devices
from charseq import model as model_module
from charseq.history import History
from charseq.language_model import measure


def works(kind):
    """Return whether a device is there and has memory, which that of a hosted machine may lack."""
    try:
        return torch.ones(2, device=kind).sum().item() == 2
    except (RuntimeError, AssertionError):
        return False


CELLS = [
    {"cell": "RNN"},
    {"cell": "GRU", "num_layers": 2},
    {"cell": "LSTM", "hidden_size": 5, "embedding_size": 5, "tied": True},
]
CARDS = [
    pytest.param(kind, marks=pytest.mark.skipif(not works(kind), reason=f"there is no {kind}"))
    for kind in ("cuda", "mps")
]
VALID = Corpus.from_text(LONG[3:300], CORPUS.vocab)


def state_of(run):
    """All numbers of a run, on the CPU."""
    kept = [of_one[name] for of_one in run.optimizer.state.values() for name in sorted(of_one)]
    parts = [*run.model.parameters(), *kept, *layers.parts_of(run.hidden)]
    return torch.cat([part.detach().cpu().flatten().double() for part in parts])


# --- a card ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CARDS)
@pytest.mark.parametrize("order", ["streams", "windows"])
@pytest.mark.parametrize("options", CELLS)
def test_a_card_trains_measures_writes_and_scores_as_the_processor_does(options, order, kind):
    dtype = torch.float32 if kind in devices.WITHOUT_FLOAT64 else torch.float64
    # Of sums of some dozen numbers, float32 keeps five digits.
    close = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 1e-8, "atol": 1e-9}
    found = []
    for device in ("cpu", kind):
        settings = Settings(**{**SMALL, "steps": 3, "order": order})
        run = Run(language_model(**options).to(dtype).to(device), CORPUS.vocab, settings)
        records = record_values(language_model_steps(run, CORPUS, VALID))
        assert devices.device_of(run.model).type == run.hidden[0].device.type == device
        losses = [evaluate(run.model, VALID), measure(run.model, VALID, settings)]
        bits = score(run.model, CORPUS.vocab, LONG[:60]).bits
        found.append((np.array(records), state_of(run).numpy(), losses, bits))
        texts = generate(run.model, CORPUS.vocab, length=9, rng=np.random.default_rng(5), streams=3)
        assert list(map(len, texts)) == [9, 9, 9]
    for here, there in zip(*found, strict=True):
        np.testing.assert_allclose(there, here, **close)


@pytest.mark.parametrize("kind", CARDS)
def test_a_run_is_saved_and_loaded_bit_for_bit_and_goes_on_elsewhere(kind, tmp_path):
    for first, then in ((kind, "cpu"), ("cpu", kind)):
        folder = tmp_path / first
        run = run_of({"cell": "LSTM", "num_layers": 2})
        start_folder(folder, run)
        run.model.to(first)
        history = History(list(islice(language_model_steps(run, CORPUS), 4)))
        save_run(folder, run, history, best=True)
        loaded, _ = load_run(folder)
        loaded.model.to(then)
        steps = language_model_steps(loaded, CORPUS)  # all that the run holds follows
        assert torch.equal(state_of(loaded), state_of(run))
        assert next(steps).step == 5
        fused = {group["fused"] for group in loaded.optimizer.param_groups}
        assert fused == {then in devices.FUSED}


@pytest.mark.parametrize("kind", CARDS)
def test_the_noise_of_a_step_follows_from_its_seed(kind):
    device = torch.device(kind, 0)

    def noise(seed):
        with devices.drawing_from(seed, device):
            return torch.rand(100, device=device).cpu()

    before = torch.get_rng_state()
    first, other = noise(1), noise(2)
    torch.rand(1, device=device)  # draws from the same generator in between
    assert torch.equal(noise(1), first)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", CARDS)
def test_each_command_computes_on_the_card(kind, tmp_path):
    (tmp_path / "t.txt").write_text(LONG)
    options = ["--hidden-size=8", "--batch-size=4", "--block-size=10", "--device", kind]
    run_ok("train", tmp_path / "t.txt", "--out", tmp_path / "run", *options, "--steps=4")
    run_ok("resume", tmp_path / "run", "--steps=5", "--device", kind)
    here, there = (
        json.loads(run_ok("eval", tmp_path / "run", "--json", "--device", device))["loss"]
        for device in ("cpu", kind)
    )
    assert there == pytest.approx(here, rel=1e-5)


@pytest.fixture
def two_cards(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)


@pytest.mark.usefixtures("two_cards")
def test_a_device_is_found_by_its_name(monkeypatch):
    names = {"cpu": "cpu", "cuda": "cuda:0", "cuda:1": "cuda:1", "auto": "cuda:0"}
    assert {name: str(devices.find_device(name)) for name in names} == names
    for name in ("cuda:2", "mps", "cpu:1"):
        with pytest.raises(ValueError, match=f"device '{name}': this PyTorch sees 2 cuda, the cpu"):
            devices.find_device(name)
    with pytest.raises(ValueError, match="device 'gpu': expected auto, cpu, cuda or mps"):
        devices.find_device("gpu")
    monkeypatch.setenv("WORLD_SIZE", "3")
    for rank in (0, 1):  # each process of torchrun takes a card of its own
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        assert str(devices.find_device("cuda")) == f"cuda:{rank}"
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ValueError, match="this PyTorch sees 2 cuda"):
        devices.find_device("cuda")


def test_a_device_that_is_not_there_is_named_before_anything_is_read():
    for command in (["train", "no.txt"], ["resume", "no"], ["eval", "no", "no.txt"]):
        code, _, err = run_main(*command, "--device=cuda:99")
        assert (code, "device 'cuda:99': this PyTorch sees" in err) == (1, True)


def test_the_handwritten_layers_are_not_used_under_autocast(monkeypatch):
    """Autocast converts torch's functions, and would not reach into theirs."""
    monkeypatch.setattr(model_module, "fast_forward", lambda *_: 1 / 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        next(language_model_steps(run_of({"fast": True}), CORPUS))
    with pytest.raises(ZeroDivisionError):
        next(language_model_steps(run_of({"fast": True}), CORPUS))
