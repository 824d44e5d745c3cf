"""Everything on a second device: the CPU under another name, and CUDA and MPS where they are.

``python -m pytest tests/command/test_devices.py`` with a graphics card runs all there.
"""

import contextlib
import json
import os
import subprocess
import sys
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from elsewhere import There, elsewhere
from precision import assert_rounds_like
from small_runs import CORPUS, LONG, SMALL, all_equal, in_float64, language_model, run_of, weights
from test_cli import run_main
from torch import nn

from charseq import (
    CharRNN,
    Corpus,
    Run,
    Settings,
    Vocabulary,
    evaluate,
    generate,
    language_model_steps,
    layers,
    load_run,
    monitor,
    save_run,
    score,
    start_folder,
    train,
)
from charseq import _devices as devices
from charseq.checkpoint import load_model
from charseq.history import History
from charseq.language_model import grow, measure


def works(kind):
    """Return whether a device is there and has memory, which that of a hosted machine may lack."""
    try:
        return torch.ones(2, device=kind).sum().item() == 2
    except (RuntimeError, AssertionError):
        return False


THERE = {kind: works(kind) for kind in ("cuda", "mps")}
CELLS = [
    {"cell": "RNN", "fast": True},
    {"cell": "GRU", "num_layers": 2, "embedding_size": 5},
    {"cell": "LSTM", "hidden_size": 5, "embedding_size": 5, "tied": True},
]
VALID = Corpus.from_text(LONG[3:300], CORPUS.vocab)


@pytest.fixture(
    params=[
        "the CPU under another name",
        *(
            pytest.param(kind, marks=pytest.mark.skipif(not there, reason=f"there is no {kind}"))
            for kind, there in THERE.items()
        ),
    ]
)
def second(request):
    """A device that is not the CPU; whether it has float64, and whether it is a real one."""
    real = request.param in THERE
    with contextlib.nullcontext() if real else elsewhere() as device:
        device = torch.device(request.param, 0) if real else device
        yield SimpleNamespace(
            device=device,
            has_float64=device.type not in devices.WITHOUT_FLOAT64,
            is_real=real,
        )


def assert_same_there(second, compute):
    """Compare the numbers that ``compute(move)`` returns on both devices, up to rounding.

    It has to call `move` with each model, which converts it to the type and moves it.
    """

    def in_type(dtype, device="cpu"):
        numbers = compute(lambda model: model.to(dtype).to(device))
        assert numbers.device.type == "cpu"
        return numbers.detach().to(dtype)

    exact = in_type(torch.float64)
    if second.has_float64:
        result = in_type(torch.float64, second.device)
        torch.testing.assert_close(result, exact, rtol=1e-9, atol=1e-12)
    else:
        assert_rounds_like(in_type(torch.float32, second.device), in_type(torch.float32), exact)


def flat(tensors):
    return torch.cat([tensor.detach().cpu().flatten() for tensor in tensors])


def state_of(run):
    """All numbers of a run, on the CPU."""
    kept = [of_one[name] for of_one in run.optimizer.state.values() for name in sorted(of_one)]
    return flat([*run.model.parameters(), *kept, *layers.parts_of(run.hidden)])


# --- the second device is one ---------------------------------------------------------------------


def test_the_second_device_refuses_what_a_graphics_card_refuses(second):
    there = torch.ones(3, device=second.device)
    assert isinstance(there, There) != second.is_real
    with pytest.raises((TypeError, RuntimeError), match="numpy"):
        there.numpy()
    with pytest.raises(RuntimeError, match="same device"):
        there + torch.ones(3)
    with pytest.raises(RuntimeError, match="device"):
        CharRNN(5, 3).to(second.device)(torch.zeros(1, 2, dtype=torch.int64))
    assert (there + torch.tensor(1.0)).cpu().tolist() == [2, 2, 2]


# --- training and measuring -----------------------------------------------------------------------


@pytest.mark.parametrize("order", ["streams", "windows"])
@pytest.mark.parametrize("options", CELLS)
def test_training_goes_as_on_the_cpu(options, order, second):
    def compute(move):
        model = move(language_model(**options))
        run = Run(model, CORPUS.vocab, Settings(**{**SMALL, "steps": 3, "order": order}))
        records = list(language_model_steps(run, CORPUS))
        losses = torch.tensor([(r.loss, r.gradient_norm) for r in records], dtype=torch.float64)
        return torch.cat([losses.flatten().to(flat(model.parameters()).dtype), state_of(run)])

    assert_same_there(second, compute)


def test_a_model_that_is_moved_takes_its_run_with_it(second):
    def compute(move):
        run = in_float64(run_of()) if second.has_float64 else run_of()
        for _ in islice(language_model_steps(run, CORPUS), 2):
            pass
        move(run.model)
        for _ in islice(language_model_steps(run, CORPUS), 2):
            pass
        where = devices.device_of(run.model)
        assert run.hidden.device == where
        fused = {group["fused"] for group in run.optimizer.param_groups}
        made = Run(run.model, CORPUS.vocab, run.settings).optimizer
        assert fused == {made.defaults["fused"]} == {where.type in ("cpu", "cuda")}
        return state_of(run)

    if second.has_float64:
        assert_same_there(second, compute)
    else:
        compute(lambda model: model.to(second.device))


@pytest.mark.parametrize("options", CELLS)
def test_held_back_text_is_measured_as_on_the_cpu(options, second):
    settings = Settings(**{**SMALL, "evaluate_on": 16})

    def compute(move):
        model = move(language_model(**options))
        text = Corpus.from_text(LONG * 20, CORPUS.vocab)
        losses = (evaluate(model, VALID, warm_up=20), measure(model, text, settings))
        return torch.tensor(losses, dtype=torch.float64)

    assert_same_there(second, compute)


def test_one_sentence_is_learned_as_on_the_cpu(second):
    vocab = Vocabulary.from_text("hello")

    def compute(move):
        history = train(move(CharRNN(len(vocab), 8, seed=0)), vocab, "hello", epochs=3)
        assert len(history[-1].prediction) == 4
        return torch.tensor(np.array(history.losses))

    assert_same_there(second, compute)


def test_the_noise_of_a_step_follows_from_its_seed(second):
    model = language_model(dropout=0.5).to(second.device)
    ones = torch.ones(100, device=second.device)

    def noise(seed):
        with devices.drawing_from(seed, second.device):
            return model.dropout(ones).cpu()

    first, other = noise(1), noise(2)
    torch.rand(1, device=second.device)  # draws from the same generator in between
    assert torch.equal(noise(1), first)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("device", [torch.device("cuda", 1), torch.device("mps", 0)])
def test_the_generator_of_a_card_is_seeded_and_restored(device, monkeypatch):
    """Whether or not there is one: here it is a list of what it was asked for."""
    asked = []

    @contextlib.contextmanager
    def current(device):
        asked.append(("use", device))
        yield

    card = torch.get_device_module(device.type)
    monkeypatch.setattr(card, "device", current, raising=False)
    monkeypatch.setattr(card, "manual_seed", lambda seed: asked.append(("seed", seed)))
    monkeypatch.setattr(card, "get_rng_state", lambda device: ("state of", device))
    monkeypatch.setattr(card, "set_rng_state", lambda *how: asked.append(("restore", *how)))
    with devices.drawing_from(7, device):
        asked.append("draw")
    used = [("use", device)] if device.type == "cuda" else []
    expected = [*used, ("seed", 7), "draw", ("restore", ("state of", device), device)]
    assert asked == expected


def test_the_faster_layers_are_left_to_the_cpu(second):
    layer = nn.GRU(3, 4, batch_first=True)
    assert layers.is_faster(layer)
    assert not layers.is_faster(layer.to(second.device))


def test_saturated_units_are_found(second):
    run = run_of()
    run.hidden = torch.ones(1, 4, 7, device=second.device)
    assert "100 % of the units are saturated" in monitor.find_saturated_units(run)


def test_a_model_grows_where_it_is(second):
    model = language_model().to(second.device)
    larger = grow(model, model.vocab_size + 2, seed=0)
    assert devices.device_of(larger) == devices.device_of(model)
    assert torch.equal(larger.head.weight[:-2].cpu(), model.head.weight.cpu())


# --- saving on one device, and going on on another ------------------------------------------------


def trained(device, steps=4, **options):
    run = run_of({"cell": "LSTM", "num_layers": 2, **options})
    run.model.to(device)
    records = list(islice(language_model_steps(run, CORPUS), steps))
    return run, History(records)


@pytest.mark.parametrize("back", [False, True])
def test_what_is_saved_on_one_device_is_loaded_bit_for_bit_on_another(back, second, tmp_path):
    device = second.device if back else torch.device("cpu")
    run, history = trained(device)
    start_folder(tmp_path / "run", run_of({"cell": "LSTM", "num_layers": 2}))
    save_run(tmp_path / "run", run, history, best=True)
    loaded, _ = load_run(tmp_path / "run")
    if not back:
        loaded.model.to(second.device)
        language_model_steps(loaded, CORPUS)  # all that the run holds follows
    assert devices.device_of(loaded.model).type == ("cpu" if back else second.device.type)
    assert torch.equal(state_of(loaded), state_of(run))
    best = load_model(tmp_path / "run")[0]
    assert all_equal(weights(best), [weight.cpu() for weight in weights(run.model)])


@pytest.mark.parametrize("back", [False, True])
def test_a_run_goes_on_on_another_device(back, second, tmp_path):
    """It ends as the run that stayed on the CPU, up to rounding; on MPS, it only has to end."""
    places = [torch.device("cpu"), second.device]
    first, then = places[::-1] if back else places
    runs = []
    for start, rest in ((first, then), ("cpu", "cpu")):
        folder = tmp_path / str(rest != start)
        run = run_of({"cell": "GRU"})
        run.model.to(torch.float64 if second.has_float64 else torch.float32).to(start)
        start_folder(folder, run)
        history = History(list(islice(language_model_steps(run, CORPUS), 3)))
        save_run(folder, run, history)
        loaded, _ = load_run(folder)
        loaded.model.to(rest)
        for _ in islice(language_model_steps(loaded, CORPUS), 3):
            pass
        runs.append(state_of(loaded))
    if second.has_float64:
        torch.testing.assert_close(*runs, rtol=1e-8, atol=1e-10)
    assert torch.isfinite(runs[0]).all()


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", CELLS)
def test_scores_equal_those_of_the_cpu(options, second):
    model = language_model(**options)
    expected = score(model, CORPUS.vocab, LONG[:60])
    model.to(second.device)
    result = score(model, CORPUS.vocab, LONG[:60])
    # Without float64, a sum of some dozen numbers is rounded to six digits.
    tolerance = {"rtol": 0, "atol": 1e-9 if second.has_float64 else 1e-4}
    np.testing.assert_allclose(result.bits, expected.bits, **tolerance)
    np.testing.assert_allclose(result.entropy, expected.entropy, **tolerance)
    assert next(model.parameters()).dtype == torch.float32


def test_lines_are_scored_side_by_side_and_alone(second):
    vocab = Vocabulary("\n abc")
    model = CharRNN(len(vocab), 6, cell="LSTM", seed=1)
    text = "a b c\nabc\n\ncab a"
    expected = score(model, vocab, text, alone=True)
    result = score(model.to(second.device), vocab, text, alone=True)
    atol = 1e-9 if second.has_float64 else 1e-4
    np.testing.assert_allclose(result.bits, expected.bits, rtol=0, atol=atol)


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("options", [{}, {"top_k": 4}])
def test_the_same_text_is_written_as_on_the_cpu(options, streams, second):
    model = language_model(cell="GRU", dropout=0.5)
    model = model.double() if second.has_float64 else model

    def write(model):
        rng = np.random.default_rng(5)
        how = {"length": 40, "streams": streams, "rng": rng, **options}
        return generate(model, CORPUS.vocab, ["the ", "a"], **how)

    here = write(model)
    there = write(model.to(second.device))
    assert model.training  # the network that writes is a copy
    assert list(map(len, there)) == list(map(len, here))
    assert there == here or not second.has_float64


def test_a_device_without_float64_reads_in_float32(second, monkeypatch):
    monkeypatch.setattr(devices, "WITHOUT_FLOAT64", (second.device.type,))
    model = language_model().to(second.device)
    assert devices.in_float64(torch.ones(2, device=second.device)).device.type == "cpu"
    assert evaluate(model, VALID) == pytest.approx(evaluate(language_model(), VALID), rel=1e-5)
    here = score(language_model(), CORPUS.vocab, LONG[:40])
    there = score(model, CORPUS.vocab, LONG[:40])
    np.testing.assert_allclose(there.bits, here.bits, rtol=0, atol=1e-4)


# --- the command ----------------------------------------------------------------------------------

OPTIONS = ["--cell=gru", "--hidden=8", "--batch-size=4", "--length=10", "--lr=0.05", "--plain"]


@pytest.fixture
def name(second, monkeypatch):
    """What ``--device`` gets; the CPU under another name is found under that of CUDA."""
    if second.is_real:
        return second.device.type
    monkeypatch.setattr(devices, "find_device", lambda name: torch.device("meta"))
    return "cuda"


def test_each_command_computes_on_the_device(second, name, tmp_path, monkeypatch):
    seen = set()
    states = CharRNN.states

    def noting(model, *arguments):
        seen.add(devices.device_of(model).type)
        return states(model, *arguments)

    monkeypatch.setattr(CharRNN, "states", noting)
    file, run = tmp_path / "text.txt", tmp_path / "run"
    file.write_text(LONG)
    for command in (
        ["train", file, "--out", run, *OPTIONS, "--steps=4", "--evaluate-every=2"],
        ["resume", run, "--steps=5"],
        ["eval", run, file, "--json"],
        ["sample", run, "--length=30", "--seed=1"],
        ["score", run, file, "--worst=1"],
    ):
        seen.clear()
        code, out, err = run_main(*command, "--device", name)
        assert (code, err) == (0, "")
        assert out
        assert seen == {second.device.type}
        if command[0] == "eval":
            there = json.loads(out)
    here = json.loads(run_main("eval", run, file, "--json")[1])
    assert there["loss"] == pytest.approx(here["loss"], rel=1e-5)


@pytest.mark.parametrize(
    "command",
    [
        ["train", "no.txt"], ["resume", "no"], ["eval", "no", "no.txt"],
        ["sample", "no"], ["score", "no", "no.txt"],
    ],
)  # fmt: skip
def test_a_device_that_is_not_there_is_named_before_anything_is_read(command, monkeypatch):
    monkeypatch.setattr(devices, "_count_devices", lambda kind: int(kind == "cpu"))
    code, _, err = run_main(*command, "--device", "cuda")
    assert code == 1
    assert err == "charseq: --device cuda: this PyTorch sees no CUDA device; it has cpu\n"


# --- which device ---------------------------------------------------------------------------------


def machine(monkeypatch, cuda=0, mps=0, **variables):
    monkeypatch.setattr(devices, "_count_devices", {"cuda": cuda, "mps": mps, "cpu": 1}.get)
    for variable in ("WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, str(value))


@pytest.mark.parametrize(
    ("name", "has", "found"),
    [
        ("auto", {}, "cpu"), ("auto", {"mps": 1}, "mps:0"), ("auto", {"cuda": 2}, "cuda:0"),
        ("cpu", {"cuda": 1}, "cpu"), ("cpu:0", {}, "cpu"), ("cuda", {"cuda": 1}, "cuda:0"),
        ("cuda:1", {"cuda": 2}, "cuda:1"), ("mps", {"mps": 1}, "mps:0"),
        ("cuda", {"cuda": 4, "WORLD_SIZE": 4, "LOCAL_RANK": 3}, "cuda:3"),
        ("auto", {"cuda": 4, "WORLD_SIZE": 2, "LOCAL_RANK": 1}, "cuda:1"),
        ("cpu", {"cuda": 1, "WORLD_SIZE": 4, "LOCAL_RANK": 3}, "cpu"),
    ],
)  # fmt: skip
def test_devices_are_found_by_name(name, has, found, monkeypatch):
    machine(monkeypatch, **has)
    assert str(devices.find_device(name)) == found


@pytest.mark.parametrize(
    ("name", "has", "message"),
    [
        ("cuda", {}, "device=cuda: this PyTorch sees no CUDA device; it has cpu"),
        ("mps", {"cuda": 1}, "device=mps: this PyTorch sees no MPS device; it has cuda, cpu"),
        ("cuda:2", {"cuda": 2}, "the last CUDA device that this PyTorch sees is cuda:1"),
        ("cpu:1", {}, "the last CPU device that this PyTorch sees is cpu:0"),
        ("gpu", {}, "device=gpu: expected auto, cpu, cuda or mps, or one of several, such as cuda"),
        ("cuda:x", {"cuda": 1}, "device=cuda:x: expected auto"),
        ("mps", {"mps": 1, "WORLD_SIZE": 2}, "cannot share a gradient there: take cpu"),
        ("cuda:0", {"cuda": 2, "WORLD_SIZE": 2}, "so name none: expected cuda"),
        ("cuda", {"cuda": 1, "WORLD_SIZE": 2, "LOCAL_RANK": 1}, "may start at most 1 processes"),
    ],
)
def test_a_device_that_cannot_be_used_is_refused(name, has, message, monkeypatch):
    machine(monkeypatch, **has)
    with pytest.raises(ValueError, match=message):
        devices.find_device(name)


def test_auto_says_what_it_took(monkeypatch):
    machine(monkeypatch)
    code, out, err = run_main("sample", "austen", "--length=5", "--seed=1", "--device=auto")
    assert (code, err) == (0, "charseq: the device is cpu\n")
    assert out == run_main("sample", "austen", "--length=5", "--seed=1")[1]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["sample austen --length 5", "score austen pride-train"])
def test_only_another_device_needs_torch(command):
    if command.startswith("score"):
        command += " --help"
    code = (
        "import sys; sys.argv[1:] = sys.argv[1].split(); from charseq.cli import main\n"
        "try: main()\nexcept SystemExit: pass\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, command], check=True, capture_output=True)


# --- meta: shapes without numbers -----------------------------------------------------------------


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("options", CELLS)
def test_shapes_flow_through_a_model_without_numbers(options, fast):
    model = language_model(**{**options, "fast": fast}).to("meta")
    ids = torch.zeros(3, 4, dtype=torch.int64, device="meta")
    loss, state = model.loss(ids, ids)
    loss.backward()
    for numbers in (loss, *layers.parts_of(state), *(p.grad for p in model.parameters())):
        assert numbers.is_meta
    assert model(ids, state)[0].shape == (3, 4, model.vocab_size)


# --- several cards --------------------------------------------------------------------------------


def test_cards_are_joined_by_nccl_and_processors_by_gloo(monkeypatch):
    from charseq import processes

    distributed, chosen = torch.distributed, []
    rendezvous = sys.modules["torch.distributed.rendezvous"]
    monkeypatch.setattr(rendezvous, "rendezvous", lambda url: iter([(None, 0, 1)]))
    monkeypatch.setattr(
        distributed, "init_process_group", lambda backend, **how: chosen.append(backend)
    )
    monkeypatch.setattr(distributed, "destroy_process_group", lambda: None)
    for has_cards in (False, True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda has_cards=has_cards: has_cards)
        monkeypatch.setattr(distributed, "is_nccl_available", lambda: True)
        with processes.join_processes():
            pass
    assert chosen == ["gloo", "cpu:gloo,cuda:nccl"]


def test_a_group_that_cannot_send_from_a_cpu_says_so_itself(monkeypatch):
    from charseq import processes

    def refuse(numbers):
        raise RuntimeError("No backend type associated with device type cpu")

    monkeypatch.setattr(torch.distributed, "all_reduce", refuse)
    monkeypatch.setattr(processes, "rank_and_world_size", lambda: (0, 2))
    with pytest.raises(RuntimeError, match="No backend type"):
        processes.sum_over_processes(torch.zeros(1))


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are no two CUDA devices")
def test_two_cards_train_like_one(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text(LONG * 4)
    launch = "from torch.distributed.run import main; main()"
    start = [sys.executable, "-c", launch, "--standalone", "--nproc-per-node=2", "-m"]
    command = ["charseq", "train", str(file), *OPTIONS, "--steps=6", "--device=cuda"]
    for name, words in (("two", start), ("one", [sys.executable, "-m"])):
        out = ["--out", str(tmp_path / name)]
        subprocess.run([*words, *command, *out], check=True, env=os.environ)
    two, one = (load_run(tmp_path / name) for name in ("two", "one"))
    # Six steps in float32: the losses differ by far less than learning changes them.
    np.testing.assert_allclose(two[1].losses, one[1].losses, rtol=1e-3)
